"""Batches read ahead come in order, as few at a time as promised, with errors where they are due; a resident copy in pieces."""

import threading
import time

import numpy as np
import pytest
import torch

from minicolor.data import loader, stream
from minicolor.data.loader import Loader
from minicolor.data.pack import in_memory
from minicolor.data.stream import ahead

CPU = torch.device("cpu")


def test_every_batch_in_its_order():
    """Though a later one is read faster than an earlier."""
    def read(order: int) -> torch.Tensor:
        time.sleep(0.002 * (order % 3 == 0))
        return torch.full((2,), order)
    found = list(ahead(range(20), read, CPU))
    assert [batch.tolist() for batch in found] == [[i, i] for i in range(20)]


def test_no_orders_no_batches():
    assert list(ahead([], lambda order: 1 / 0, CPU)) == []


@pytest.mark.parametrize("bad", [0, 1, 4])
def test_an_error_is_raised_where_its_batch_is_due(bad):
    """Those before it come all the same, and nothing after it is waited for."""
    def read(order: int) -> torch.Tensor:
        if order == bad:
            raise OSError(5, f"batch {order}")
        return torch.tensor(order)
    found = []
    with pytest.raises(OSError, match=f"batch {bad}"):
        for batch in ahead(range(5), read, CPU):
            found.append(batch.item())
    assert found == list(range(bad))


def test_as_many_are_read_as_there_is_room_for_and_no_more():
    """While batch i is in use, the DEPTH that follow it are read, in a thread, and then reading stops."""
    read, threads = [], set()

    def take(order: int) -> torch.Tensor:
        threads.add(threading.get_ident())
        read.append(order)
        return torch.tensor(order)
    for i, _ in enumerate(ahead(range(12), take, CPU)):
        expected, end = min(12, i + 1 + stream.DEPTH), time.monotonic() + 10
        while len(read) < expected and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(0.01)                                             # long enough to read all of them
        assert read == list(range(expected))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_who_stops_in_the_middle_leaves_no_thread_behind():
    before = threading.active_count()
    batches = ahead(range(1000), torch.tensor, CPU)
    assert next(batches).item() == 0
    batches.close()
    assert threading.active_count() == before


class Watched:
    """Pictures, and how many of them were asked for at a time."""

    def __init__(self, pictures: np.ndarray):
        self.pictures, self.shape, self.asked = pictures, pictures.shape, []

    def __getitem__(self, rows):
        if np.ndim(rows):
            self.asked.append(len(rows))
        return self.pictures[rows]


@pytest.mark.parametrize("count", [1, 4, 9])
def test_a_resident_data_set_never_lies_in_memory_as_a_whole(monkeypatch, count):
    monkeypatch.setattr(loader, "AT_ONCE", 4)
    pictures = np.random.default_rng(0).integers(0, 256, (2 * count, 2, 2, 3), np.uint8)
    pack = in_memory(pictures, [f"{i:02d}" for i in range(2 * count)], "test")
    watched = Watched(pack.pictures)
    object.__setattr__(pack, "pictures", watched)
    held = Loader(pack, range(1, 2 * count, 2), 2, shuffle=False, resident=True).resident
    assert watched.asked == {1: [1], 4: [4], 9: [4, 4, 1]}[count]
    np.testing.assert_array_equal(held, pictures[np.asarray(pack.rows)[1::2]])
