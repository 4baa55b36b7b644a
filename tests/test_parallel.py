"""Several processes train as one: the same updates, each picture once, one writer, and a dead worker costs no run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor import checkpoint
from minicolor.parallel import draw, share_of

HERE = Path(__file__).parent
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
TINY = ["size=64", "pictures=40", "base=8", "d_base=8", "batch_size=5"]
RUN = ["-m", "minicolor.train", "pix2pix", "--quick", "--size", "64", "--base", "4", "--d-base", "4", "--batch-size", "5",
       "--pictures", "60", "--device", "cpu"]


def torchrun(n: int, *command: str, flags=(), timeout=300) -> subprocess.CompletedProcess:
    """By so many processes on this machine; torchrun picks a free port."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "0"}
    return subprocess.run([*TORCHRUN, "--standalone", "--nproc-per-node", str(n), *flags, *command], env=env, text=True,
                          capture_output=True, timeout=timeout)


def trained(tmp_path, n: int, recipe: str, dtype: str, *fields: str) -> dict:
    out = tmp_path / f"{n}.pt"
    done = torchrun(n, str(HERE / "processes.py"), recipe, dtype, str(out), *TINY, *fields)
    assert done.returncode == 0, done.stderr
    return torch.load(out)


def farthest(a: dict, b: dict) -> float:
    assert a.keys() == b.keys()
    return max((a[n][k].double() - b[n][k].double()).abs().max().item() for n in a for k in a[n])


@given(batch=st.integers(1, 1000), world=st.integers(1, 64))
@settings(max_examples=200, deadline=None)
def test_shares_make_the_batch(batch, world):
    shares = [share_of(batch, rank, world) for rank in range(world)]
    assert [i for s in shares for i in range(s.first, s.first + s.count)] == list(range(batch))
    assert max(s.count for s in shares) - min(s.count for s in shares) <= 1


def test_one_process_draws_as_ever():
    assert draw((3, 2), torch.ones).shape == (3, 2)


@pytest.mark.parametrize("recipe", ["pix2pix", "recolor_wgan"])
def test_two_processes_are_one(tmp_path, recipe):
    """After 20 updates of batches of 5 (3 + 2): dropout, jitter, BatchNorm, the penalty's dice, everything.

    The networks compute in float64 (losses in float32): what remains is rounding. In float32 the same 20 updates end elsewhere,
    as they do for a single process with another number of threads: the next test says how far, update by update.
    """
    one, two = (trained(tmp_path, n, recipe, "float64") for n in (1, 2))
    assert farthest(one["weights"], two["weights"]) < 1e-5
    for a, b in zip(one["losses"], two["losses"], strict=True):
        assert all(abs(a[k] - b[k]) < 1e-5 * max(1, abs(a[k])) for k in a)
    assert one["seen"][0] == [5] and two["seen"][0] == [3, 2]
    assert [sum(s) for s in one["seen"]] == [sum(s) for s in two["seen"]]


def test_training_through_the_door(tmp_path):
    """Two processes, one run: written once, each picture counted once, and resumed by one process alone."""
    out = tmp_path / "run"
    done = torchrun(2, *RUN, "--epochs", "2", "--out", str(out))
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert results["processes"] == 2 and results["epochs"] == 2 and sum(results["counts"].values()) == 60
    assert done.stdout.count("look at") == 1 and done.stderr.count("epoch 2/2") == 1
    assert checkpoint.load(out / "last.pt")["run"]["epoch"] == 2
    alone = subprocess.run([sys.executable, *RUN, "--epochs", "3", "--out", str(out), "--resume"], capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    assert json.loads((out / "results.json").read_text())["processes"] == 1


def test_a_dead_worker_is_replaced_and_the_run_ends(tmp_path):
    """kill -9 for one of two after the first checkpoint; torchrun begins both anew, and they go on from it."""
    out = tmp_path / "run"
    env = os.environ | {"OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "0"}
    run = subprocess.Popen([*TORCHRUN, "--standalone", "--nproc-per-node", "2", "--max-restarts", "1", *RUN, "--epochs", "4",
                            "--out", str(out)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.monotonic() + 120
    while not (out / "last.pt").exists() and time.monotonic() < until:
        time.sleep(0.05)
    workers = [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/cmdline")
               if str(out).encode() in p.read_bytes() and int(p.parent.name) != run.pid]
    os.kill(max(workers), signal.SIGKILL)
    said, _ = run.communicate(timeout=240)
    assert run.returncode == 0, said
    results = json.loads((out / "results.json").read_text())
    assert results["epochs"] == 4 and [row["epoch"] for row in results["history"]] == [1, 2, 3, 4]


@pytest.mark.parametrize("flags, words", [
    (["--batch-size", "500"], "a batch cannot be larger"),
    (["--batch-size", "1"], "2 processes cannot share batches of 1"),
    (["--search", "lr=1e-3,1e-4"], "without torchrun"),
])
def test_what_processes_cannot_do(tmp_path, flags, words):
    done = torchrun(2, *RUN, "--epochs", "1", "--out", str(tmp_path / "run"), *flags)
    assert done.returncode != 0 and words in done.stderr and "Traceback" not in done.stderr.partition("failed (exitcode")[0]
    assert not (tmp_path / "run" / "last.pt").exists()
