"""Killed at any moment and started again, an archive is byte for byte what it would have been."""

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time

import pytest
from archived import NOW, album, do, invert, pictures

from minicolor.archive import manifest

posix = pytest.mark.skipif(sys.platform == "win32", reason="no fork on this system")
DURABLE = ("fsync", "replace", "unlink", "mkdir", "rmdir", "ftruncate")


def child(source, out, how, target):
    process = multiprocessing.get_context("fork").Process(target=target, args=(source, out, how))
    process.start()
    return process


def dies_at(source, out, how):
    """Do the work, but be gone at a step: before the first call that changes the disk, right after it, before the second ..."""
    step, overwrite = how
    left = iter(range(step))

    def die_if_due():
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(real):
        def call(*args, **kwargs):
            die_if_due()
            done = real(*args, **kwargs)
            die_if_due()
            return done
        return call

    for name in DURABLE:
        setattr(os, name, counted(getattr(os, name)))
    with open(os.devnull, "w") as sys.stdout:
        do(source, out, overwrite=overwrite)
    os._exit(0)


@posix
@pytest.mark.filterwarnings("ignore::DeprecationWarning")          # fork beside torch's threads: the child uses none of them
@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "over older results"])
def test_killed_at_every_step_and_started_again(tmp_path, overwrite):
    """At each kill: whole pictures under their names, and one more start makes the rest and a line for each."""
    source, old = album(tmp_path / "in", 2), tmp_path / "old"
    do(source, tmp_path / "whole")
    old.mkdir()
    if overwrite:
        do(source, old, NOW | {"saturation": 0.0}, load=lambda: unchanged)
    whole, earlier, step, torn = pictures(tmp_path / "whole"), pictures(old), 0, 0
    while True:
        out = tmp_path / f"out{step}"
        shutil.copytree(old, out)
        process = child(source, out, (step, overwrite), dies_at)
        process.join(30)
        left = {n: b for n, b in pictures(out).items() if ".part" not in n}
        assert earlier.keys() <= left.keys(), "an older result went before the new one was there"
        assert all(b in (whole[n], earlier.get(n)) for n, b in left.items()), "a picture that is neither the old nor the new one"
        torn += any(".part" in n for n in pictures(out))
        do(source, out, overwrite=overwrite)
        assert pictures(out) == whole, f"killed at step {step}"
        assert {e["output"] for e in manifest.read(out) if e["settings"] == NOW and not e["error"]} == set(whole)
        if process.exitcode == 0:
            break
        step += 1
    assert step > 30 and torn > 0                                  # it was killed at all, and in the middle of pictures


def unchanged(photo, reuse=False):
    result = invert(photo)
    result.rgb = photo.rgb
    return result


def slowly(source, out, _):
    def slow(photo, reuse=False):
        time.sleep(0.004)
        return invert(photo)

    with open(os.devnull, "w") as sys.stdout:
        do(source, out, load=lambda: slow)
    os._exit(0)


@posix
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_killed_at_random_moments_and_started_again(tmp_path):
    source, out, kills, rng = album(tmp_path / "in", 24), tmp_path / "out", 0, random.Random(0)
    do(source, tmp_path / "whole")
    for attempt in range(400):
        process = child(source, out, None, slowly)
        process.join(rng.uniform(0, 0.06 + 0.02 * attempt))             # longer and longer: a busy machine must get there too
        if process.exitcode is None:
            process.kill()
            kills += 1
        process.join(30)
        if process.exitcode == 0:
            break
    assert process.exitcode == 0 and kills > 3, (process.exitcode, kills)
    assert pictures(out) == pictures(tmp_path / "whole")
    assert sorted(p.name for p in out.iterdir() if p.name.startswith(".")) == []
