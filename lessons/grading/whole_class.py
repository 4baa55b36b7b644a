"""Grade everybody in a folder: who handed in what, a table for the terminal, a CSV file for a spreadsheet."""

import csv
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lessons.grading.watch import RUNNING, Report, Row
from minicolor.errors import BadInput


def handed_in(folder: Path, lesson: str) -> dict[str, Path]:
    """Student -> file. folder/anna.py is anna's; in folder/anna/ it is 04.py, 4.py, 04_<name>.py, exercise.py or the only file.

    A file that is not there, and a notebook, are listed too: the report says what is wrong with them. lesson: the lesson's
    folder, by name. BadInput: there is nothing to grade, or two entries for one student.
    """
    if not folder.is_dir():
        raise BadInput(f"--class {folder}: no such folder")
    number = lesson.split("_")[0]
    wanted = [f"{number}.py", f"{number.lstrip('0')}.py", f"{lesson}.py", "exercise.py"]
    found, entries = {}, {}
    for path in sorted(folder.iterdir()):
        student = path.name if path.is_dir() else path.stem
        if path.name.startswith((".", "__")) or not (path.is_dir() or path.suffix == ".py"):
            continue
        if student in entries:
            raise BadInput(f"--class {folder}: {entries[student].name} and {path.name} are both {student}'s: which one counts?")
        entries[student] = path
        if path.is_dir():
            files = {p.name.lower(): p for p in sorted(path.glob("*.py")) if not p.name.startswith(".")}
            one = [files[w.lower()] for w in wanted if w.lower() in files] or (list(files.values()) if len(files) == 1 else [])
            found[student] = one[0] if one else path / "exercise.py"
        else:
            found[student] = path
    found |= {path.stem: path for path in sorted(folder.glob("*.ipynb")) if path.stem not in found}
    if not found:
        raise BadInput(f"--class {folder}: holds no *.py and no <student>/exercise.py")
    return dict(sorted(found.items()))


def grade_all(students: Mapping[str, Path], one: Callable[[Path], Report], jobs: int,
              after: Callable[[dict[str, Report]], None]) -> dict[str, Report]:
    """`jobs` at a time. after: called with what is there, whenever one more is. Ctrl-C ends what runs."""
    reports: dict[str, Report] = {}
    pool = ThreadPoolExecutor(jobs)
    futures = {student: pool.submit(one, path) for student, path in students.items()}
    try:
        for student, future in futures.items():
            reports[student] = future.result()
            after(reports)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        while not all(future.done() for future in futures.values()):     # behind a killed check comes the next: kill that too
            for child in RUNNING.copy():
                child.kill()
            time.sleep(0.05)
        raise
    pool.shutdown()
    return reports


def whatever_happens(path: Path, lesson: str, seed: int, grade: Callable[[], Report]) -> Report:
    """A fault that nobody thought of is one student's row, not the end of the class. BadInput: the checks', so everybody's."""
    try:
        return grade()
    except BadInput:
        raise
    except Exception as e:
        sentence = " ".join(f"{type(e).__name__}: {e}".split())
        return Report(lesson, str(path), seed, refused=f"it could not be graded: {sentence}")


def _checks(reports: Mapping[str, Report]) -> list[Row]:
    """Of a report that has them: a student who could not be graded has none."""
    return max((r.checks for r in reports.values()), key=len)


def _points(report: Report, checks: list[Row]) -> list[float]:
    return [0] * len(checks) if report.refused else [row.points for row in report.checks]


def table(reports: Mapping[str, Report]) -> str:
    """One line per student, a column of points per check, the checks' names below."""
    rows = _checks(reports)
    wide = max(len("student"), *map(len, reports)) + 2
    lines = ["student".ljust(wide) + "".join(f"{n:5d}" for n in range(1, len(rows) + 1)) + "   sum"]
    for student, report in reports.items():
        cells = "".join(f"{points:5g}" for points in _points(report, rows))
        lines.append(f"{student.ljust(wide)}{cells}{report.points:6g}   {report.refused}".rstrip())
    mean = sum(r.points for r in reports.values()) / len(reports)
    lines.append(f"{len(reports)} students, {mean:.1f} of {sum(r.of for r in rows):g} points on average")
    return "\n".join(lines + [f"  {n}: {row.name} ({row.of:g})" for n, row in enumerate(rows, 1)])


def write_csv(path: Path, reports: Mapping[str, Report]) -> None:
    """UTF-8 with the mark by which spreadsheets know it."""
    rows = _checks(reports)
    with path.open("w", encoding="utf-8-sig", newline="", errors="backslashreplace") as f:
        out = csv.writer(f)
        out.writerow(["student", "file", "points", "of", *(harmless(row.name) for row in rows), "remark"])
        for student, r in reports.items():
            cells = [f"{points:g}" for points in _points(r, rows)]
            who = harmless(student), harmless(Path(r.file).name)
            out.writerow([*who, f"{r.points:g}", f"{sum(row.of for row in rows):g}", *cells, harmless(remark(r))])


def remark(report: Report) -> str:
    """Why it was not graded, or the first line of what each failed check says, none twice."""
    return report.refused or "; ".join(dict.fromkeys(row.message.splitlines()[0] for row in report.checks if row.message))


def harmless(cell: str) -> str:
    """A spreadsheet would calculate what begins like a formula: it gets a quotation mark in front, which shows it as text."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell

