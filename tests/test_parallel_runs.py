"""Runs of several processes, through the door: one writer, one figure, and whoever dies, the run goes on and ends the same."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from processes import begins, environment, photographs, torchrun

from minicolor import checkpoint

TRAIN = ["-m", "minicolor.train", "pix2pix", "--quick", "--size", "32", "--levels", "3", "--base", "4", "--d-base", "4",
         "--batch-size", "3", "--pictures", "70", "--device", "cpu", "--save-minutes", "0"]


def started(n: int, out: Path, *flags: str) -> subprocess.Popen:
    """In the folder where `out` lies. flags: where there are several processes, the first is torchrun's."""
    alone = [sys.executable, *TRAIN, "--out", str(out), *flags]
    command = begins(n, *TRAIN, "--out", out, *flags[1:], flags=flags[:1]) if n > 1 else alone
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            cwd=out.parent)


def until_saved(out: Path, run: subprocess.Popen) -> None:
    """Until a checkpoint is there that was not there before."""
    before, end = (out / "last.pt").exists() and (out / "last.pt").stat().st_mtime_ns, time.monotonic() + 120
    while not (out / "last.pt").exists() or (out / "last.pt").stat().st_mtime_ns == before:
        assert run.poll() is None and time.monotonic() < end, run.communicate()
        time.sleep(0.02)


def workers(out: Path) -> list[int]:
    """The processes that train, not the one that began them."""
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = status.read_bytes().split(b"\0")
        except OSError:                                              # gone meanwhile
            continue
        if str(out).encode() in words and b"torch.distributed.run" not in words:
            found.append(int(status.parent.name))
    return sorted(found)


def weights(out: Path) -> dict[str, torch.Tensor]:
    saved = checkpoint.load(out / "last.pt")
    flat = {f"{n} {k}": v for n, network in saved["networks"].items() for k, v in network.items()}
    for n, optimizer in saved["optimizers"].items():
        flat |= {f"Adam of {n} {i} {k}": v for i, s in optimizer["state"].items() for k, v in s.items()}
    return flat


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two processes, two epochs, nothing in the way -> (folder, what was printed)."""
    out = tmp_path_factory.mktemp("whole") / "run"
    done = torchrun(2, *TRAIN, "--out", out, "--epochs", "2")
    assert done.returncode == 0, done.stderr
    return out, done


def test_one_writes_and_prints(whole):
    out, done = whole
    results = json.loads((out / "results.json").read_text())
    assert results["processes"] == 2 and results["epochs"] == 2 and sum(results["counts"].values()) == 70
    assert done.stdout.count("look at") == 1 and done.stderr.count("epoch 2/2") == 1
    assert checkpoint.load(out / "last.pt")["run"]["epoch"] == 2


def test_those_begun_anew_meet_each_other_and_not_the_dead(tmp_path):
    """torchrun keeps the addresses of the dead; whoever comes first reads them, unless he knows better. Then they take turns."""
    done = torchrun(3, Path(__file__).with_name("processes.py"), "meet", tmp_path, flags=["--max-restarts=1"], timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "met").read_text() == "3 True"
    once = [f"{rank} {what}" for rank in range(3) for what in ("begins", "ends")]
    assert (tmp_path / "turns").read_text().splitlines() == 2 * once


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the workers in /proc, which is Linux's")
def test_a_dead_worker_is_replaced_and_the_run_ends_with_the_same_weights(whole, tmp_path):
    """kill -9 for one of two in mid-epoch; torchrun begins both anew, and they go on: bit for bit as if unharmed."""
    out = tmp_path / "run"
    run = started(2, out, "--max-restarts=1", "--epochs", "2")
    until_saved(out, run)
    alive = workers(out)
    assert len(alive) == 2
    os.kill(alive[-1], signal.SIGKILL)
    said, _ = run.communicate(timeout=240)
    assert run.returncode == 0 and "exitcode: -9" in said, said
    results = json.loads((out / "results.json").read_text())
    assert results["epochs"] == 2 and [row["epoch"] for row in results["history"]] == [1, 2]
    a, b = weights(whole[0]), weights(out)
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_two_processes_then_one_then_three(tmp_path):
    """All killed, each time; another number goes on from the last checkpoint, in mid-epoch or not, and the run ends as one.

    On a folder of photographs, which the first of them packs, and all open.
    """
    out, places = tmp_path / "run", [(0, 0)]
    folder = ["--data", str(photographs(tmp_path / "photographs", 70)), "--epochs", "3"]
    for n, flags in ((2, ["--standalone"]), (1, ["--resume"])):
        run = started(n, out, *flags, *folder)
        until_saved(out, run)
        for process in (run.pid, *workers(out)):                     # torchrun first: it would begin them anew
            with contextlib.suppress(ProcessLookupError):            # one of one process is its own worker
                os.kill(process, signal.SIGKILL)
        run.communicate()
        saved = checkpoint.load(out / "last.pt")["run"]
        places.append((saved["epoch"], saved["seen"]))
    assert places == sorted(set(places))                             # each got further
    done = torchrun(3, *TRAIN, "--out", out, *folder, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert results["processes"] == 3 and [row["epoch"] for row in results["history"]] == [1, 2, 3]
