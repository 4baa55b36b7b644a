"""For those who write checks: what the library's own answer and every known wrong one get, and the teachers' table."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import settings

from lessons.grading.run import run
from lessons.grading.sheet import LESSONS, Sheet, read


def answers(sheet: Sheet) -> dict[str, Callable]:
    """Name -> function: the key first."""
    return {"the library's own": sheet.key(), **sheet.wrong}


def passed(sheet: Sheet, answer: Callable, seed: int) -> list[bool]:
    return [outcome.passed for outcome in run(sheet.checks, sheet.asked(answer), seed)]


def what_they_get(folder: Path, hidden: Path | None, seed: int) -> str:
    """A line per answer: points, and the checks that it fails."""
    settings.load_profile("grading")
    sheet = read(folder, hidden)
    lines = []
    for name, answer in answers(sheet).items():
        right = passed(sheet, answer, seed)
        points = sum(c.points for c, good in zip(sheet.checks, right, strict=True) if good)
        fails = ", ".join(c.title for c, good in zip(sheet.checks, right, strict=True) if not good)
        lines.append(f"{points:5g}  {name}" + (f"   fails: {fails}" if fails else ""))
    return "\n".join(lines)


def table(lessons: Path = LESSONS) -> str:
    """Markdown, a row per exercise: what stands in lessons/teachers.md."""
    lines = ["| lesson | write | trains | minutes | points |", "|---|---|---|---|---|"]
    for path in sorted(lessons.glob("[0-9K]*_*/checks.py")):
        m = (sheet := read(path.parent)).module
        lines.append(f"| {sheet.lesson} | `{sheet.name}` | {m.TRAINS} | {m.MINUTES} | {sum(c.points for c in sheet.checks):g} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
