"""The whole program, shared by processes of torchrun or killed and started again: the pictures of one uninterrupted run."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from archived_runs import coloring
from PIL import Image

ROOT = Path(__file__).parents[1]
COUNT = 14


@pytest.fixture(scope="module")
def shoebox(tmp_path_factory):
    """-> the photographs, the arguments that all runs share, and what one uninterrupted run makes of them."""
    root = tmp_path_factory.mktemp("shoebox")
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        path = root / "in" / str(1900 + i % 3) / f"{i}{('.jpg', '.png', '.tif', '.webp')[i % 4]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (90, 120), np.uint8)).save(path)
    (root / "in" / "1901" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    run = coloring(root / "run")
    assert program(root / "in", root / "whole", run).wait(120) == 1
    return root / "in", run, pictures(root / "whole")


def program(source, out, run, *argv, before=("-m",)):
    command = [sys.executable, *before, "minicolor.colorize", str(source), str(out), "--run", run, *argv]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "OMP_NUM_THREADS": "1"})


def pictures(out: Path) -> dict[str, bytes]:
    """Whatever lies in OUT, hidden or half-written, but manifests and page."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()
            and not p.name.startswith("manifest") and p.suffix != ".html"}


def entries(out: Path, name="manifest*.jsonl") -> list[dict]:
    """The finished lines; a kill may have torn the last one."""
    return [json.loads(line) for p in out.glob(name) for line in p.read_bytes().split(b"\n")[:-1]]


def test_two_processes_of_torchrun(shoebox, tmp_path):
    source, run, whole = shoebox
    torchrun = "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"  # --: --run is not its own
    os.symlink("nowhere.jpg", source / "dead.jpg")
    try:
        done = program(source, tmp_path, run, "--page", before=torchrun)
        said, _ = done.communicate(timeout=180)
    finally:
        (source / "dead.jpg").unlink()
    assert done.returncode == 0 and "Traceback" not in said, said          # a bad file must not end the other process
    assert pictures(tmp_path) == whole
    first, second = ([e["input"] for e in entries(tmp_path, f"manifest-{rank}.jsonl")] for rank in (0, 1))
    assert len(first) > 3 and len(second) > 3 and "dead.jpg" in first
    assert sorted({*first, *second}) == sorted([*first, *second]) and len([*first, *second]) == 16    # 14, broken, dead: once
    assert said.count("broken.png: is ") == 1 and said.count("dead.jpg: cannot") == 1 and said.count("look at") >= 1
    text = (tmp_path / "before_after.html").read_text()            # by whichever process came last
    assert text.count("<figure") == COUNT and "2 without a result" in text and "dead.jpg" in text


def test_killed_at_random_moments_and_started_again(shoebox, tmp_path):
    source, run, whole = shoebox
    rng = random.Random(0)
    for target in 1, 8:                                        # in the middle of the work, not of Python's start
        killed = program(source, tmp_path, run)
        while len(entries(tmp_path)) < target and killed.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.05))
        killed.kill()
        killed.communicate()
        left = {n: b for n, b in pictures(tmp_path).items() if not n.startswith(".")}
        assert left.items() <= whole.items() and len(left) < COUNT # whole ones alone, and the kill came in time
    last = program(source, tmp_path, run)
    said = last.communicate(timeout=120)[0]
    assert last.returncode == 1 and "broken.png" in said and "exist already" in said
    assert pictures(tmp_path) == whole
