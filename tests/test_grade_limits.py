"""No student's file holds the grader up: loops and hogs are stopped, a dead process fails one check, the others still count."""

import os
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

import pytest
from graded import CHECKS, RIGHT, graded

from lessons.grading import watch

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")

# the checks go along with what a file may not do itself: die, and leave processes behind
DEADLY = CHECKS.replace("def double_of_others(f, x):", '''def double_of_others(f, x):
    import os, signal, subprocess, sys
    if f(1) == "die":
        os._exit(3)
    if f(1) == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if str(f(1)).endswith("left.txt"):
        with open(f(1), "w") as file:
            file.write("x" * 9999)
    if f(1) == "wait":
        import time
        time.sleep(60)
    if f(1) == "children":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        raise AssertionError(f"child {child.pid}")
''')


def on_one(what: str) -> str:
    """An answer that is right, but not for 1."""
    return f"def double(x):\n    if x == 1:\n        {what}\n    return 2 * x\n"


def test_an_endless_loop_costs_its_check_alone(tmp_path):
    began = time.monotonic()
    report = graded(tmp_path, "def double(x):\n    while x == 0:\n        pass\n    return 2 * x\n", seconds=2)
    assert [row.passed for row in report.checks] == [False, True, True]
    assert report.checks[0].message == "it took longer than 2 seconds"
    assert report.points == 5
    assert time.monotonic() - began < 60


def test_waiting_instead_of_working_ends_too(tmp_path):
    began = time.monotonic()
    report = graded(tmp_path, on_one("return 'wait'"), checks=DEADLY, seconds=0.5)
    assert [row.message for row in report.checks] == ["", "it took longer than 0.5 seconds", ""]
    assert time.monotonic() - began < 50


@LINUX
def test_a_busy_machine_costs_no_points(monkeypatch):
    """Seconds are those that the process itself worked: one that works a tenth of the time may take longer by the clock."""
    words = "import json, sys, time; key = json.load(sys.stdin)['key']; time.sleep(2); print(json.dumps({'done': 1, 'key': key}))"
    monkeypatch.setattr(watch.subprocess, "Popen", partial(started, [sys.executable, "-c", words]))
    with watch.Child({}) as child:
        assert child.next(seconds=1) == {"done": 1}


def started(instead, _command, popen=subprocess.Popen, **options):
    return popen(instead, **options)


def test_a_file_that_never_finishes_loading_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("lessons.grading.watch.LOAD", 2)
    report = graded(tmp_path, RIGHT + "while True:\n    pass\n")
    assert report.refused == "while the file was loaded: it took longer than 2 seconds"
    assert report.points == 0
    assert report.of == 10


@LINUX
def test_a_list_too_long_for_the_memory_is_stopped(tmp_path):
    report = graded(tmp_path, on_one("return [0] * 10**10"))
    assert [row.passed for row in report.checks] == [True, False, True]
    assert report.checks[1].message == "it needed more memory than 256 MiB"


@LINUX
@pytest.mark.parametrize("mib, enough", [(200, True), (400, False)])
def test_tensors_count_as_memory_and_pytorch_itself_does_not(tmp_path, mib, enough):
    """Both sides of the limit of 256 MiB."""
    answer = f"import torch\n{on_one(f'kept = torch.zeros({mib}, 2**18); return 2 + 0 * int(kept[0, 0])')}"
    report = graded(tmp_path, answer)
    assert report.checks[1].passed == enough, report
    assert enough or report.checks[1].message == "it needed more memory than 256 MiB"


@LINUX
def test_memory_taken_while_the_file_is_loaded_is_limited_too(tmp_path):
    report = graded(tmp_path, RIGHT + "kept = bytearray(10**9)\n")
    assert report.refused == "the file needed more memory than 256 MiB while it was loaded"


@pytest.mark.parametrize("how, said", [("die", "exit code 3"), ("crash", "SIGSEGV")])
def test_a_dead_process_fails_one_check_and_the_next_one_is_still_graded(tmp_path, how, said):
    report = graded(tmp_path, on_one(f"return {how!r}"), checks=DEADLY)
    assert [row.passed for row in report.checks] == [True, False, True]
    assert report.checks[1].message == f"it ended the process it ran in ({said})"


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_processes_that_a_check_leaves_behind_are_killed(tmp_path):
    message = graded(tmp_path, on_one("return 'children'"), checks=DEADLY).checks[1].message
    pid = int(message.split("child ")[1].split()[0])
    for _ in range(50):                                 # killed at once, buried by init when it comes to it
        if not alive(pid):
            return
        time.sleep(0.1)
    raise AssertionError(f"process {pid} still runs")


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_is_printed_stays_out_of_the_way_and_is_not_kept_whole(tmp_path):
    line = '{"end": 0, "passed": true}'
    report = graded(tmp_path, f"def double(x):\n    for _ in range(20000):\n        print({line!r})\n    return 0\n")
    assert [row.passed for row in report.checks] == [True, False, False]
    assert all(len(row.printed) <= 2000 for row in report.checks)
    assert report.checks[2].printed.startswith('{"end": 0')


@pytest.mark.parametrize("leaving", ["exit()", "raise SystemExit(0)", "raise KeyError('x')", "return double(x)"],
                         ids=["exit", "SystemExit", "KeyError", "recursion"])
def test_leaving_by_an_exception_fails_one_check(tmp_path, leaving):
    report = graded(tmp_path, on_one(leaving))
    assert [row.passed for row in report.checks] == [True, False, True]


@LINUX
def test_a_file_writes_no_files(tmp_path):
    left = tmp_path / "left.txt"
    report = graded(tmp_path, on_one(f"return {str(left)!r}"), checks=DEADLY)
    assert "OSError" in report.checks[1].message
    assert left.stat().st_size == 0


FORGED = CHECKS.replace("def double_of_zero(f):", '''def double_of_zero(f):
    import os                                           # the pipe to the grader is the first descriptor after the standard ones
    for line in f("lines"):
        os.write(3, line.encode())
    assert f("lines")''')


@LINUX
@pytest.mark.parametrize("lines", [
    ['{"end": 0, "passed": true, "message": "", "printed": ""}', '{"done": true}'],
    ['{"begin": 99}', '{"end": 99, "passed": true, "message": "", "printed": ""}'],
    ['{"end": 0, "passed": true, "message": "", "printed": "", "key": "guessed"}'],
    ["[1, 2]", "7", "null", '"key"', "no JSON", '{"key"'],
    ["x" * 3 * 2**20],
], ids=["passed", "index", "key", "no dict", "long"])
def test_who_writes_into_the_pipe_is_not_believed(tmp_path, lines):
    """The check does what the file has no function left for: it finds the pipe and writes into it."""
    lines = [f"{line}\n" for line in lines]
    report = graded(tmp_path, f"def double(x):\n    return {lines!r} if x == 'lines' else 3\n", checks=FORGED)
    assert [row.passed for row in report.checks] == [False, False, False]
    assert report.refused == ""


def test_an_end_of_another_check_is_not_written_down():
    """Even with the key."""
    right = {"passed": True, "message": "", "printed": ""}
    told = iter([{"sheet": [["a", 5], ["b", 5]], "seconds": 1}, {"begin": 0}, {"end": 1, **right}, {"end": 99, **right},
                 {"end": 0, **right}, {"done": True}])
    child, report = SimpleNamespace(next=lambda seconds: next(told)), watch.Report("04", "a.py", 0)
    assert watch.follow(child, report) == 2
    assert [row.passed for row in report.checks] == [True, False]


def test_an_environment_that_turns_assertions_off_gives_no_points(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    assert graded(tmp_path, "def double(x):\n    return 3\n").points == 0
