"""A lesson of three lines to grade answers with, and the grader's door: what the tests of lessons/grade.py share."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))                          # lessons are part of a checkout, never installed

from lessons.grading import watch  # noqa: E402

CHECKS = '''
from hypothesis import given, settings, strategies as st

NAME, SECONDS, MEMORY = "double", {seconds}, 256

def double_of_zero(f):
    assert f(0) == 0

@given(x=st.integers(1, 10**6))
def double_of_others(f, x):
    assert f(x) == 2 * x, "not twice as much"

def double_of_halves(f):
    assert f(0.5) == 1

CHECKS = [(5, double_of_zero, "nothing stays nothing"), (3, double_of_others, "multiply"),
          (2, double_of_halves, "not only integers")]
'''
RIGHT = "def double(x):\n    return 2 * x\n"


def tiny(folder: Path, checks: str = CHECKS, seconds: float = 20) -> Path:
    """A folder of lessons with 04_tiny in it. -> the lesson's own folder."""
    lesson = folder / "lessons" / "04_tiny"
    lesson.mkdir(parents=True, exist_ok=True)
    (lesson / "checks.py").write_text(checks.replace("{seconds}", str(seconds)), encoding="utf-8")
    (lesson / "exercise.py").write_text("def double(x):\n    raise NotImplementedError\n", encoding="utf-8")
    return lesson


def graded(folder: Path, answer: str | bytes, seconds: float = 20, checks: str = CHECKS, seed: int = 0) -> watch.Report:
    """What grading a file with this text comes to."""
    file = folder / "my file.py"
    file.write_bytes(answer if isinstance(answer, bytes) else answer.encode())
    return watch.grade(tiny(folder, checks, seconds), file, seed)


def door(folder: Path, *words: object, code: int = 0, **variables: str) -> str:
    """python lessons/grade.py, on the lessons of tiny(). -> stdout, or stderr where an exit code other than 0 is expected."""
    done = subprocess.run([sys.executable, "lessons/grade.py", *map(str, words)], cwd=ROOT, capture_output=True, timeout=120,
                          env=environment(MINICOLOR_LESSONS=str(folder / "lessons"), **variables), encoding="utf-8")
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def door_json(folder: Path, *words: object) -> dict:
    return json.loads(door(folder, *words, "--json"))


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONIOENCODING": "utf-8"} | more
