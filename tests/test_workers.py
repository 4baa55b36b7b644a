"""Workers change nothing but the time: full disks, kills and scripts without a main guard end as they would without."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicolor.data import workers
from minicolor.data.pack import is_pack, pack
from minicolor.errors import BadInput

ROOT = Path(__file__).parents[1]
N = 160
DOOR = "from minicolor.data import packing; from minicolor.pack import main; packing.CHUNK, packing.SYNC = 3, 0; main()"


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder of noise, and the files of its pack."""
    room, rng = tmp_path_factory.mktemp("whole"), np.random.default_rng(0)
    (room / "in").mkdir()
    for i in range(N):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(room / "in" / f"{i:04d}.png")
    pack(room / "in", room / "out", size=24, progress=False)
    return room / "in", files(room / "out")


def test_too_large_a_file_is_an_error_and_a_later_run_goes_on(tmp_path, whole):
    """RLIMIT_FSIZE: the same failure as a full disk, at the moment when the space is reserved."""
    source, expected = whole
    command = [sys.executable, "-c", DOOR, source, tmp_path / "out", "--size", "24"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    assert done.returncode == 2 and done.stderr.splitlines()[-1].endswith("nothing written before is lost"), done.stderr
    assert "file too large" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "out" / "pictures.npy").stat().st_size == 0, "what was reserved was not given back"
    pack(source, tmp_path / "out", size=24, progress=False)
    assert files(tmp_path / "out") == expected


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 160 KB, of the 280 KB that are needed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk to fill")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("reserve", [True, False], ids=["space can be reserved", "space cannot be reserved"])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_full_disk_is_an_error_and_a_later_run_goes_on(small_disk, whole, reserve, processes):
    """Where it cannot be reserved, the disk fills while rows are written: through a memory map that would be SIGBUS."""
    source, expected = whole
    code = DOOR if reserve else "import os; del os.posix_fallocate; " + DOOR
    command = [sys.executable, "-c", code, source, small_disk / "out", "--size", "24", "--workers", processes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "no space left" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not is_pack(small_disk / "out")
    subprocess.run(["mount", "-o", "remount,size=2m", small_disk], check=True)
    pack(source, small_disk / "out", size=24, progress=False)
    assert files(small_disk / "out") == expected


def test_a_worker_that_is_killed_is_said_and_nothing_is_lost(tmp_path, whole, monkeypatch):
    source, expected = whole
    monkeypatch.setattr(workers, "START", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(BadInput, match="killed.*run it again"):
        pack(source, tmp_path / "out", size=24, workers=2, progress=False)
    monkeypatch.undo()
    pack(source, tmp_path / "out", size=24, progress=False)
    assert files(tmp_path / "out") == expected


def test_a_script_without_main_guard_and_with_torch_like_threads(tmp_path, whole):
    """multiprocessing's spawn would run such a script, as lessons are, again from its top in every worker."""
    source, _ = whole
    (tmp_path / "lesson.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1,), daemon=True).start()\nprint('once')\n"
        "from minicolor.data.pack import pack\n"
        f"print(len(pack({str(source)!r}, 'out', 24, workers=3, progress=False)))\n")
    done = subprocess.run([sys.executable, "lesson.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=30)
    assert done.stdout == f"once\n{N}\n", done.stderr
