"""What the book's tests build: two tiny lessons, a result, and the way to the door."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))                                # lessons/ is not installed with the library

from lessons.build import NEEDED  # noqa: E402

if not all(map(importlib.util.find_spec, NEEDED)):        # not imported: with a kernel's package, tests of begin() see a notebook
    pytest.skip("the book's packages are not installed: pip install -e '.[lessons]'", allow_module_level=True)

FIRST = '''"""Lesson 00. A figure, and 2 * 3 < 7                     reproduces: report A, A1

Question   What does a notebook show?
Run        python lessons/00_first/lesson.py --quick          a second
Read       minicolor/ops/lab.py, then kernels/lab.cu
"""

# %%
import os
from pathlib import Path

from matplotlib.figure import Figure

from minicolor.lesson import begin

here = begin("00_first")
print("quick:", here.quick, "in", os.getcwd())
"not shown, since it is not printed"

# %% 1. Look: a * in the heading
figure = Figure(figsize=(3, 2))
figure.subplots().plot([1, 2])
here.show("line", figure)

# %% [markdown]
# Text that names `minicolor/ops/srgb.py` and minicolor/ops/nowhere.py.
'''
FAILS = '''"""Lesson 01. It fails."""

# %%
def claim(x):
    assert x > 3, "x should be more than 3"


# %%
print("before")
claim(2)

# %%
print("never " + "reached")
'''
EXERCISE = '"""Exercise 00."""\n\n\ndef double(x: int) -> int:\n    """Twice x."""\n    raise NotImplementedError\n'
CHECKS = '"""What it is graded on."""\n\nTRAINS = "doubling"\nMINUTES = 15\nWRONG = {"a wrong answer": lambda x: x + 2}\n'
ALBUM = "# An album\n\n[a figure](results/A1.json), [a lesson](00_first/lesson.py), [a file](../setup.py), [the web](https://example.org).\n"


def run(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "lessons.build", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def result(experiment: str, seeds: int = 3) -> dict:
    """What Lesson.record writes, without training: tests/test_lesson.py tests that it does."""
    values = [1.0, 2.0, 4.0][:seeds]
    figure = {"mean": sum(values) / seeds, "low": 1.0, "high": max(values), "values": values}
    claim = {"what": "skips | win", "lower": [1.0], "higher": [2.0], "held": True, "words": "skips | win: held, 1 against 2"}
    arm = {"figures": {"psnr": figure}, "curves": [{"mse": [3.0, 2.0, 1.0], "val_psnr": [20.0, 21.0, 22.0]}] * seeds}
    return {"experiment": experiment, "question": "which <sigma>?", "lesson": "00_first", "scale": "small", "command": "python x",
            "data": {"name": "faces", "stands_in_for": "celeba", "n": 7}, "device": "cpu", "environment": {"torch": "2.13"},
            "arms": {"plain": arm, "drawn": {"figures": {"psnr": figure, "mae": figure | {"mean": None}}}},
            "reported": {"PSNR": 23.45, "models": {"other": "words"}}, "claims": [claim, claim | {"held": False}],
            "verdict": "skips | win: held, 1 against 2; skips | win: held, 1 against 2. It follows *little*."}


def two_lessons(folder: Path) -> None:
    for name, text in (("00_first", FIRST), ("01_fails", FAILS)):
        (folder / name).mkdir(parents=True)
        (folder / name / "lesson.py").write_text(text, encoding="utf-8")
