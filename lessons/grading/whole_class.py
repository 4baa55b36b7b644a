"""Grade everybody in a folder: who handed in what, a table for the terminal, a CSV file for a spreadsheet."""

import csv
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lessons.grading.watch import Report
from minicolor.errors import BadInput


def handed_in(folder: Path, lesson: str) -> dict[str, Path]:
    """Student -> file. folder/anna.py is anna's; in folder/anna/ it is 04.py, 4.py, 04_<name>.py, exercise.py or the only file.

    lesson: the lesson's folder, by name. BadInput: there is nothing to grade.
    """
    if not folder.is_dir():
        raise BadInput(f"--class {folder}: no such folder")
    number = lesson.split("_")[0]
    wanted = [f"{number}.py", f"{number.lstrip('0')}.py", f"{lesson}.py", "exercise.py"]
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")):
            continue
        if path.is_dir():
            files = {p.name.lower(): p for p in sorted(path.glob("*.py")) if not p.name.startswith(".")}
            one = [files[w.lower()] for w in wanted if w.lower() in files] or (list(files.values()) if len(files) == 1 else [])
            if one or files:
                found[path.name] = one[0] if one else path / "exercise.py"           # not there, and the report says so
        elif path.suffix == ".py":
            found[path.stem] = path
    if not found:
        raise BadInput(f"--class {folder}: holds no *.py and no <student>/exercise.py")
    return found


def grade_all(students: Mapping[str, Path], one: Callable[[Path], Report], jobs: int,
              after: Callable[[dict[str, Report]], None]) -> dict[str, Report]:
    """`jobs` at a time. after: called with what is there, whenever one more is."""
    reports: dict[str, Report] = {}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for student, report in zip(students, pool.map(one, students.values()), strict=True):
                reports[student] = report
                after(reports)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return reports


def table(reports: Mapping[str, Report]) -> str:
    """One line per student, a column of points per check, the checks' names below."""
    rows = next(r.checks for r in reports.values())
    wide = max(len("student"), *map(len, reports)) + 2
    lines = ["student".ljust(wide) + "".join(f"{n:5d}" for n in range(1, len(rows) + 1)) + "   sum"]
    for student, report in reports.items():
        cells = "".join(f"{row.points if not report.refused else 0:5g}" for row in report.checks)
        lines.append(f"{student.ljust(wide)}{cells}{report.points:6g}   {report.refused}".rstrip())
    mean = sum(r.points for r in reports.values()) / len(reports)
    lines.append(f"{len(reports)} students, {mean:.1f} of {sum(r.of for r in rows):g} points on average")
    return "\n".join(lines + [f"  {n}: {row.name} ({row.of:g})" for n, row in enumerate(rows, 1)])


def write_csv(path: Path, reports: Mapping[str, Report]) -> None:
    """UTF-8 with the mark by which spreadsheets know it."""
    rows = next(r.checks for r in reports.values())
    with path.open("w", encoding="utf-8-sig", newline="", errors="backslashreplace") as f:
        out = csv.writer(f)
        out.writerow(["student", "file", "points", "of", *(harmless(row.name) for row in rows), "remark"])
        for student, r in reports.items():
            cells = [f"{0 if r.refused else row.points:g}" for row in r.checks]
            who = harmless(student), harmless(Path(r.file).name)
            out.writerow([*who, f"{r.points:g}", f"{r.of:g}", *cells, harmless(remark(r))])


def remark(report: Report) -> str:
    """Why it was not graded, or the first line of what each failed check says, none twice."""
    return report.refused or "; ".join(dict.fromkeys(row.message.splitlines()[0] for row in report.checks if row.message))


def harmless(cell: str) -> str:
    """A spreadsheet would calculate what begins like a formula: it gets a quotation mark in front, which shows it as text."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell

