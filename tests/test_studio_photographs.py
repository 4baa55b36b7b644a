"""Photographs in the studio take their turn, one at a time; none waits for nothing, and none stays when it should go."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.darkroom.photographs import WAITING, Full, Photographs
from minicolor.errors import BadInput


class Slow:
    """A studio that knows no pictures: what it is asked to do waits until it is let go on, and is written down."""

    def __init__(self, free: bool = True, pixels: int = 30):
        self.log, self.gate, self.inside, self.most, self.pixels = [], threading.Semaphore(10**6 if free else 0), 0, 0, pixels

    def _do(self, what):
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.log.append(what)
        self.gate.acquire()
        self.inside -= 1

    def open(self, data, name):
        self._do(("open", name))
        if data == b"no picture":
            raise BadInput(f"{name}: is not a picture")
        if data == b"huge":
            raise MemoryError
        if data == b"bug":
            raise KeyError("a bug")
        return {"width": 1}, b"before"

    def develop(self, data, name, settings, said):
        said("color")
        self._do(("develop", name, settings))
        if settings == "fail":
            raise BadInput("cannot be done")
        return SimpleNamespace(rgb=np.zeros(self.pixels, np.uint8)), {"did": settings}, b"cut", b"after"

    def encode(self, name, result, form):
        self._do(("encode", name, form))
        return f"{name}.{form}", b"file"


def until(true):
    for _ in range(1000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("has not come about in 5 s")


def open_(photographs, id):
    return photographs.state(id)["state"] == "open"


def test_a_photograph_comes_is_worked_on_and_goes():
    held = Photographs(Slow())
    with held.lock:                                # the first in the queue, and the work has not begun
        id = held.add("a", b"file")
        state = held.state(id)
        assert (state["state"], state["seconds"], state["before_you"]) == ("opening", 0, 0)
    until(lambda: open_(held, id))
    assert held.state(id) == {"state": "open", "stage": "", "before_you": 0, "seconds": 0, "name": "a", "error": "", "width": 1,
                              "result": None}
    assert held.picture(id, "before") == b"before" and held.picture(id, "after") is None and held.save(id, "png") is None
    assert held.develop(id, "so")
    until(lambda: open_(held, id))
    assert held.state(id)["result"] == {"number": 1, "did": "so"}
    assert held.picture(id, "before") == b"cut" and held.picture(id, "after") == b"after"      # cut as the result is
    assert held.save(id, "png") == ("a.png", b"file")
    held.forget(id)
    held.forget(id)
    assert held.state(id) is held.picture(id, "before") is held.save(id, "png") is None and not held.develop(id, "so")
    assert held.held == {}


def test_one_at_a_time_in_turn_and_everyone_knows_how_many_are_before():
    studio = Slow(free=False)
    held = Photographs(studio)
    ids = [held.add(name, b"file") for name in "abc"]
    until(lambda: studio.log)
    assert [held.state(id)["before_you"] for id in ids] == [0, 1, 2]
    assert [held.state(id)["state"] for id in ids] == ["opening", "waiting", "waiting"]
    for _ in ids:
        studio.gate.release()
    until(lambda: all(open_(held, id) for id in ids))
    for id, name in zip(ids, "abc"):
        held.develop(id, name)
    until(lambda: len(studio.log) == 4)
    state = held.state(ids[0])
    assert (state["state"], state["stage"], state["before_you"]) == ("restoring", "color", 0)
    for _ in ids:
        studio.gate.release()
    until(lambda: all(open_(held, id) for id in ids))
    assert [entry[1] for entry in studio.log] == list("abcabc") and studio.most == 1


def test_only_the_last_wish_is_worked_on_and_nothing_for_who_left():
    studio = Slow(free=False)
    held = Photographs(studio)
    first, second = held.add("a", b"file"), held.add("b", b"file")
    for wish in ("one", "two", "three"):
        held.develop(second, wish)
    assert len(held.queue) == 3
    held.forget(first)
    for _ in range(3):
        studio.gate.release()
    until(lambda: open_(held, second) and held.state(second)["result"])
    assert [entry for entry in studio.log if entry[0] == "develop"] == [("develop", "b", "three")]
    held.develop(second, "four")
    held.forget(held.add("c", b"file"))            # forgotten in the queue: nothing is done
    studio.gate.release()
    until(lambda: not held.queue)
    assert ("open", "c") not in studio.log


def test_a_download_waits_its_turn_and_ends_also_when_the_photograph_is_forgotten_meanwhile():
    studio = Slow()
    held = Photographs(studio)
    id, other = held.add("a", b"file"), held.add("b", b"file")
    held.develop(id, "so")
    until(lambda: held.state(id)["result"] and not held.queue)
    studio.gate = threading.Semaphore(0)
    held.develop(other, "so")
    got = []
    download = threading.Thread(target=lambda: got.append(held.save(id, "tif")))
    download.start()
    until(lambda: len(held.queue) == 2)
    held.develop(id, "again")                      # does not push the download out
    assert [job.doing for job in held.queue] == ["restoring", "packing", "restoring"]
    held.forget(id)
    for _ in range(5):
        studio.gate.release()
    download.join(5)
    assert got == [None]


@pytest.mark.parametrize(("data", "says"), [(b"no picture", "a: is not a picture"), (b"huge", "not enough memory"),
                                            (b"bug", "something went wrong")])
def test_what_cannot_be_opened_says_so_and_the_next_goes_on(data, says, capsys):
    held = Photographs(Slow())
    bad, good = held.add("a", data), held.add("b", b"file")
    until(lambda: open_(held, good))
    assert says in held.state(bad)["error"] and held.state(good)["error"] == ""
    assert ("KeyError" in capsys.readouterr().err) == (data == b"bug")        # whoever runs the program sees the bug


def test_a_wish_that_fails_leaves_the_last_result():
    held = Photographs(Slow())
    id = held.add("a", b"file")
    held.develop(id, "so")
    until(lambda: not held.queue)
    held.develop(id, "fail")
    until(lambda: not held.queue)
    state = held.state(id)
    assert state["error"] == "cannot be done" and state["result"] == {"number": 1, "did": "so"}
    held.develop(id, "so")
    until(lambda: not held.queue)
    assert held.state(id)["error"] == "" and held.state(id)["result"]["number"] == 2


def test_what_nobody_asks_for_is_forgotten_and_what_is_in_work_is_not():
    studio = Slow()
    held = Photographs(studio, keep=0.2)
    _, used = held.add("a", b"file"), held.add("b", b"file")
    until(lambda: not held.queue)
    for _ in range(8):
        time.sleep(0.04)
        held.state(used)
        held.sweep()
    assert list(held.held) == [used]
    studio.gate = threading.Semaphore(0)
    held.develop(used, "so")
    time.sleep(0.3)
    held.sweep()
    assert list(held.held) == [used]
    studio.gate.release()
    until(lambda: held.state(used)["result"])


@settings(deadline=None, max_examples=20)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), hold=st.integers(1, 120))
def test_all_together_are_never_more_than_agreed_and_the_newest_stays(sizes, hold):
    held, ids = Photographs(Slow(), hold=hold), []
    for i, size in enumerate(sizes):
        ids.append(held.add(str(i), bytes(size)))
        until(lambda: not held.queue)
        held.sweep()
        left = [id for id in ids if id in held.held]
        assert left == ids[-len(left):]                                        # the oldest went
        total = sum(held.held[id].size for id in left)
        assert total <= hold or left == ids[-1:]


def test_the_end_forgets_all_and_waits_for_nothing():
    studio = Slow(free=False)
    held = Photographs(studio)
    held.add("b", b"file")
    until(lambda: studio.log)
    assert held.close() is True and held.held == {}        # a network is in work: nothing can stop it
    studio.gate.release()
    until(lambda: not held.queue)
    assert held.close() is False


def test_what_is_waiting_has_a_bound_in_bytes():
    studio = Slow(free=False)
    held = Photographs(studio, hold=100)
    with held.room(500), pytest.raises(Full, match="try again"), held.room(1):     # alone, each is welcome
        pass
    ids = [held.add(name, bytes(45)) for name in "ab"]
    for fits in 9, 10:
        with held.room(fits), pytest.raises(Full), held.room(11 - fits):
            pass
    for _ in ids:
        studio.gate.release()
    until(lambda: not held.queue)
    with held.room(90):                                    # what is not in work makes room
        held.sweep()
        assert list(held.held) == ids[1:]


def test_what_is_waiting_has_a_bound_in_number():
    studio = Slow()
    held = Photographs(studio)
    id = held.add("a", b"file")
    held.develop(id, "so")
    until(lambda: held.state(id)["result"] and not held.queue)
    studio.gate = threading.Semaphore(0)
    other = held.add("b", b"file")
    held.develop(id, "one")
    while len(held.queue) < WAITING:
        held.add("c", b"file")
    assert held.develop(id, "two")                         # takes the place of the one before
    for one_more in (lambda: held.develop(other, "so"), lambda: held.save(id, "png"), held.room(0).__enter__):
        pytest.raises(Full, one_more)
    assert len(held.queue) == WAITING
    for _ in range(WAITING):
        studio.gate.release()
    until(lambda: not held.queue)
    assert held.state(id)["result"]["did"] == "two"
    studio.gate = threading.Semaphore(10**6)
    assert held.save(id, "png") == ("a.png", b"file")
