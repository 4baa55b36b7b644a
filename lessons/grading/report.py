"""One student's report, as text and as JSON."""

import json

from lessons.grading.watch import Report

PRINTED = 3                   # lines of what a failed check's answer printed


def as_text(report: Report, prints: bool = False) -> str:
    """prints: all that was kept of what the file printed, not the first lines where a check failed."""
    lines = [f"{report.lesson}   {report.file}"]
    if report.refused:
        lines.append(f"  not graded. {report.refused[0].upper()}{report.refused[1:]}")
    for row in [] if report.refused else report.checks:
        lines.append(f"  {'right' if row.passed else 'wrong'}  {row.points:g}/{row.of:g}  {row.name}")
        lines += [f"             {line}" for line in row.message.splitlines()]
        printed = row.printed.splitlines()
        if printed and (prints or not row.passed):
            lines += [f"             it printed | {line}" for line in (printed if prints else printed[:PRINTED])]
            lines += [] if prints or len(printed) <= PRINTED else ["             and more: --prints shows it"]
    lines.append(f"{report.points:g} of {report.of:g} points. The same inputs again: --seed {report.seed}")
    return "\n".join(lines)


def as_dict(report: Report) -> dict:
    checks = [{"name": r.name, "points": r.points, "of": r.of, "passed": r.passed, "message": r.message} for r in report.checks]
    return {"lesson": report.lesson, "file": report.file, "points": report.points, "of": report.of, "seed": report.seed,
            "refused": report.refused, "checks": checks}


def as_json(what: dict) -> str:
    return json.dumps(what, indent=2)
