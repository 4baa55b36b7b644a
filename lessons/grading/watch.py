"""Grade one file: start a child, watch the clock, end it with all that it started, go on, add up the points."""

import contextlib
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from lessons.grading.sheet import LESSONS
from minicolor.errors import BadInput

START, LOAD = 120, 10         # seconds: for the imports of the checks, and for the student's file to be loaded
PATIENCE = 5                  # a busy machine, or an answer that waits instead of working, may take so many times as long
LONGEST = 2**20               # bytes of a line that a child may say
RUNNING: set["Child"] = set()


@dataclass
class Row:
    """What came of one check."""

    name: str
    of: float
    passed: bool = False
    message: str = ""
    printed: str = ""

    @property
    def points(self) -> float:
        return self.of if self.passed else 0


@dataclass
class Report:
    """What came of one file. refused: why it was not graded, one sentence, or ""."""

    lesson: str
    file: str
    seed: int
    checks: list[Row] = field(default_factory=list)
    refused: str = ""

    @property
    def points(self) -> float:
        return 0 if self.refused else sum(row.points for row in self.checks)

    @property
    def of(self) -> float:
        return sum(row.of for row in self.checks)


def grade(folder: Path, file: Path, seed: int, hidden: Path | None = None) -> Report:
    """folder: of the lesson. hidden: a file of more checks. BadInput: the checks are not what they should be."""
    report, first = Report(folder.name, str(file), seed), 0
    while not report.refused and (first == 0 or first < len(report.checks)):
        order = {"folder": str(folder.resolve()), "hidden": hidden and str(hidden.resolve()), "file": str(file.resolve()),
                 "seed": seed, "first": first}
        with Child(order) as child:
            first = follow(child, report)
    return report


def follow(child: "Child", report: Report) -> int:
    """Write down what a child says, until it is done, dead or too slow. -> the check with which to go on."""
    now, seconds, limit = None, START, 0.0
    try:
        while True:
            told = child.next(seconds)
            if "bad_input" in told:
                raise BadInput(told["bad_input"])
            elif "sheet" in told:
                limit = told["seconds"]
                report.checks = report.checks or [Row(name, of) for name, of in told["sheet"]]
            elif "loading" in told:
                seconds = LOAD
            elif "refused" in told:
                report.refused = told["refused"]
                return len(report.checks)
            elif "begin" in told:
                now, seconds = told["begin"], limit
            elif "end" in told:
                if told["end"] != now:                       # nobody asked
                    continue
                row = report.checks[now]
                row.passed, row.message, row.printed = told["passed"], told["message"], told["printed"]
            else:
                return len(report.checks)
    except TimeoutError:
        sentence = f"it took longer than {seconds:g} seconds"
    except EOFError as e:
        sentence = f"it ended the process it ran in ({e})"
    if not report.checks:
        raise RuntimeError(f"the checks could not be loaded: {sentence}\n{child.complaint()}")
    if now is None:
        report.refused = f"while the file was loaded: {sentence}"
        return len(report.checks)
    report.checks[now].passed, report.checks[now].message = False, sentence
    return now + 1


class Child:
    """A running child.py. Leaving `with` kills it and every process that it started and that has not hidden from it."""

    def __init__(self, order: dict):
        root = str(LESSONS.parent)
        env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
                            "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "TRITON_INTERPRET": "1",
                            "PYTHONOPTIMIZE": ""}           # with it no assert would be asked
        self.key = secrets.token_hex(16)                    # who does not know it cannot speak for the child
        self.errors = tempfile.TemporaryFile()              # noqa: SIM115  (open as long as the child is)
        self.process = subprocess.Popen([sys.executable, "-m", "lessons.grading.child"], cwd=root, env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        start_new_session=True)
        RUNNING.add(self)
        with contextlib.suppress(BrokenPipeError), self.process.stdin as stdin:       # not through argv: the file could read that
            stdin.write(json.dumps(order | {"key": self.key}).encode())
        self.lines: queue.Queue[dict] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.process.wait()
        RUNNING.discard(self)
        self.errors.close()

    def kill(self) -> None:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()

    def _read(self) -> None:
        for line in iter(lambda: self.process.stdout.readline(LONGEST), b""):
            with contextlib.suppress(ValueError):            # half a line: it died while it wrote
                told = json.loads(line)
                if isinstance(told, dict) and told.pop("key", None) == self.key:
                    self.lines.put(told)

    def next(self, seconds: float) -> dict:
        """What it says next. EOFError: it is dead, and how it died. TimeoutError: it worked for so many seconds and said nothing.

        Seconds of the processor, so that the same answer gets the same points on a busy machine; at most PATIENCE times by the
        clock. Where the processor's are not told (outside of Linux) by the clock alone.
        """
        worked, began = self.worked(), time.monotonic()
        while True:
            dead = self.process.poll() is not None
            try:
                return self.lines.get(timeout=0.5 if dead else min(0.1, seconds))
            except queue.Empty:
                if dead:
                    code = self.process.returncode
                    raise EOFError(f"exit code {code}" if code >= 0 else signal.Signals(-code).name) from None
                if self.worked() - worked > seconds or time.monotonic() - began > PATIENCE * seconds:
                    raise TimeoutError from None

    def worked(self) -> float:
        """Seconds of the processor; by the clock where they are not told."""
        try:
            with open(f"/proc/{self.process.pid}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")           # utime and stime, see proc(5)
        except OSError:
            return time.monotonic()

    def complaint(self) -> str:
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")
