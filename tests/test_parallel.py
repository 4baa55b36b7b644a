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
