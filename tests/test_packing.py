"""Stopped at any moment and run again, a pack ends in the same bytes as one that was never stopped."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from noise_folder import draw, files

from minicolor.data import packing, workers
from minicolor.data.pack import is_pack, open_pack, pack
from minicolor.errors import BadInput

ROOT = Path(__file__).parents[1]
N = 160  # pictures of the folder that is interrupted

# Many small chunks, each noted at once, of slow pictures: so there is something to interrupt.
SLEEPY = """
import time
from minicolor.data import workers
decode = workers.decode
workers.decode = lambda *args, **keys: (time.sleep(0.02), decode(*args, **keys))[1]
"""
SLOW = f"""{SLEEPY}
import sys
from minicolor.data import packing
from minicolor.errors import one_line
from minicolor.data.pack import pack
packing.CHUNK, packing.SYNC = 3, 0
workers.START = workers.START.replace("serve()", {f"exec({SLEEPY!r}); serve()"!r})
with one_line():
    pack(sys.argv[1], sys.argv[2], size=24, workers=int(sys.argv[3]), progress=False)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a broken picture, and the files of a pack that was never interrupted."""
    room = tmp_path_factory.mktemp("whole")
    (draw(room / "in", N) / "0030.png").write_bytes(b"nonsense")
    pack(room / "in", room / "out", size=24, progress=False)
    return room / "in", files(room / "out")


@pytest.fixture
def decoded(monkeypatch):
    """The names of the pictures that were decoded in this process."""
    names, decode = [], workers.decode

    def noted(data, name, **keys):
        names.append(name)
        return decode(data, name, **keys)

    monkeypatch.setattr(workers, "decode", noted)
    return names


def _lines(journal: Path, old: bytes) -> int:
    text = journal.read_bytes() if journal.exists() else b""
    return 0 if text == old else text.count(b"\n")


@pytest.mark.parametrize("stop, processes", [(signal.SIGKILL, 2), (signal.SIGKILL, 1), (signal.SIGINT, 2)])
def test_killed_at_random_moments(tmp_path, whole, stop, processes):
    source, expected = whole
    out, chance, before, old = tmp_path / "out", random.Random(f"{stop} {processes}"), 0, b""
    stops = 0
    for _ in range(60):
        if stops == 3:
            break
        command = [sys.executable, "-c", SLOW, source, out, str(processes)]
        run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)
        lines, journal = chance.randint(0, 9), out / "journal.jsonl"
        while run.poll() is None and _lines(journal, old) < 2 + lines:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.01)
        if stop == signal.SIGINT:
            os.killpg(run.pid, stop)  # as Ctrl-C in a terminal does
        else:
            run.send_signal(stop)
        said = run.communicate()[1].decode()
        if run.returncode == 0:  # this test was held up for longer than the whole run takes: from the beginning
            shutil.rmtree(out)
            before, old, stops = 0, b"", 0
            continue
        stops += 1
        assert (run.returncode, said) == ((130, "interrupted\n") if stop == signal.SIGINT else (-stop, "")), said
        assert not is_pack(out)
        with pytest.raises(BadInput, match="again to finish"):
            open_pack(out)
        done = sum(len(json.loads(line)) for line in journal.read_text().splitlines()[1:] if line.endswith("]"))
        assert done >= before, "work that was noted has been lost"
        before, old = done, journal.read_bytes()
    assert 0 < before < N, "no run was stopped half way"
    pack(source, out, size=24, progress=False)
    assert files(out) == expected


def test_what_was_done_is_not_done_again_and_a_torn_line_is(tmp_path, whole, decoded, monkeypatch):
    source, expected = whole
    monkeypatch.setattr(packing, "CHUNK", 10)
    monkeypatch.setattr(packing, "ALONE", 1000)
    counting = workers.decode

    def stop_at_45(data, name, **keys):
        if len(decoded) == 45:
            raise KeyboardInterrupt
        return counting(data, name, **keys)

    monkeypatch.setattr(workers, "decode", stop_at_45)
    with pytest.raises(KeyboardInterrupt):
        pack(source, tmp_path / "out", size=24, progress=False)
    monkeypatch.setattr(workers, "decode", counting)
    decoded.clear()
    with open(tmp_path / "out" / "journal.jsonl", "a") as journal:
        journal.write('[{"name": "0040.png", "row": 40, "by')  # what a power cut leaves
    pack(source, tmp_path / "out", size=24, progress=False)
    assert decoded == [f"{i:04d}.png" for i in range(40, N)]
    assert files(tmp_path / "out") == expected


def test_a_file_that_changed_while_unfinished_is_done_again(tmp_path, decoded, monkeypatch):
    source = draw(tmp_path / "in", 9)
    write_manifest = packing.write_manifest
    monkeypatch.setattr(packing, "write_manifest", lambda *args: 1 / 0)  # the last moment before it is finished
    with pytest.raises(ZeroDivisionError):
        pack(source, tmp_path / "out", size=24, progress=False)
    monkeypatch.setattr(packing, "write_manifest", write_manifest)
    shutil.copy(source / "0001.png", source / "0005.png")
    os.utime(source / "0005.png", (1, 1))
    decoded.clear()
    pack(source, tmp_path / "out", size=24, progress=False)
    assert decoded == ["0005.png"]
    pack(source, tmp_path / "fresh", size=24, progress=False)
    assert files(tmp_path / "out") == files(tmp_path / "fresh")


def test_a_finished_pack_is_updated_by_what_changed(tmp_path, decoded):
    source, out = draw(tmp_path / "in", 6), tmp_path / "out"
    pack(source, out, size=24, progress=False)
    before = (out / "manifest.json").stat().st_mtime_ns
    decoded.clear()
    pack(source, out, size=24, progress=False)
    assert decoded == [] and (out / "manifest.json").stat().st_mtime_ns == before, "nothing changed, nothing to do"

    draw(tmp_path / "new", 3, seed=1)
    shutil.copy(tmp_path / "new" / "0000.png", source / "0002.png")
    shutil.copy(tmp_path / "new" / "0001.png", source / "0000a.png")
    shutil.copy(tmp_path / "new" / "0002.png", source / "0009.png")
    (source / "0004.png").unlink()
    old_map = np.load(out / "pictures.npy", mmap_mode="r")
    updated = pack(source, out, size=24, progress=False)
    assert sorted(decoded) == ["0000a.png", "0002.png", "0009.png"]
    fresh = pack(source, tmp_path / "fresh", size=24, progress=False)
    assert (updated.names, updated.keys, updated.hash) == (fresh.names, fresh.keys, fresh.hash)
    np.testing.assert_array_equal(updated.pictures[list(updated.rows)], fresh.pictures[list(fresh.rows)])
    assert old_map[0].any(), "a map that was open has lost its file"

    removed = updated.rows[updated.names.index("0005.png")]
    (source / "0005.png").unlink()
    assert not pack(source, out, size=24, progress=False).pictures[removed].any(), "a removed picture is still readable"


def test_an_update_that_is_stopped_goes_on(tmp_path, monkeypatch):
    source = draw(tmp_path / "in", 12)
    for out in "a", "b":
        pack(source, tmp_path / out, size=24, progress=False)
    for i in (3, 5, 7):
        (source / f"{i:04d}.png").unlink()
    shutil.copytree(draw(tmp_path / "new", 6, seed=1), source / "new")
    shutil.copy(tmp_path / "new" / "0000.png", source / "0001.png")
    pack(source, tmp_path / "a", size=24, progress=False)

    decode, calls = workers.decode, []

    def stop(data, name, **keys):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(name)
        return decode(data, name, **keys)

    monkeypatch.setattr(packing, "CHUNK", 2)
    monkeypatch.setattr(workers, "decode", stop)
    with pytest.raises(KeyboardInterrupt):
        pack(source, tmp_path / "b", size=24, progress=False)
    monkeypatch.setattr(workers, "decode", decode)
    assert not is_pack(tmp_path / "b")
    pack(source, tmp_path / "b", size=24, progress=False)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_pixels_that_were_written_but_not_noted_are_not_trusted(tmp_path, monkeypatch):
    source, old = draw(tmp_path / "in", 3), tmp_path / "old.png"
    pack(source, tmp_path / "out", size=24, progress=False)
    expected = files(tmp_path / "out")
    shutil.copy2(source / "0001.png", old)
    shutil.copy(source / "0000.png", source / "0001.png")
    os.utime(source / "0001.png", (1, 1))
    append = packing.append
    monkeypatch.setattr(packing, "append", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pack(source, tmp_path / "out", size=24, progress=False)
    monkeypatch.setattr(packing, "append", append)
    shutil.copy2(old, source / "0001.png")  # as it was, with its old mtime: but its row is not
    pack(source, tmp_path / "out", size=24, progress=False)
    assert files(tmp_path / "out") == expected
