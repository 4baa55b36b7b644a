"""Figures as text, CSV and JSON: the same numbers, for people, for spreadsheets and for programs."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from minicolor import checkpoint, report
from minicolor.evaluation.measure import Evaluation, Row, as_json
from minicolor.evaluation.summary import differs
from minicolor.trained import short

HEADINGS = ("", "mean", "sd", "95 % of the mean", "n", "untouched", "report")


def heading(evaluation: Evaluation) -> str:
    a = evaluation.answers
    return (f"{a.run}: {a.recipe.name} ({a.recipe.experiment}), {len(a)} pictures of {a.pack.size}x{a.pack.size}, "
            f"{'all' if a.part == 'all' else a.part + ' part'} of {a.pack.source}")


def cells(row: Row) -> tuple[str, ...]:
    """One line of a run's table, as HEADINGS has its columns."""
    s = row.summary
    arrow = {"lower": " ↓", "higher": " ↑"}.get(row.better, "")
    untouched = number(row.untouched) if row.true is None else f"{row.untouched:.1f}, true {row.true:.1f}"
    return (row.title + arrow, number(s.mean), number(s.sd), "" if s.low is None else f"{number(s.low)} .. {number(s.high)}",
            str(s.n), untouched, number(row.reported))


def number(value: float | None) -> str:
    """Four significant digits, for the eye; .999997 and .000017 of report B's table keep what distinguishes them."""
    if value is None:
        return ""
    return f"{value:.6f}" if 0.9995 < abs(value) < 1 else f"{value:.4g}"


def text(evaluation: Evaluation) -> str:
    """A run's table for a terminal."""
    rows = [HEADINGS, *map(cells, evaluation.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = [f"{row[0]:{widths[0]}s}  " + "  ".join(f"{c:>{w}s}" for c, w in zip(row[1:], widths[1:])) for row in rows]
    return "\n".join([heading(evaluation), *lines, *(f"- {note}" for note in evaluation.notes)])


def comparison(evaluations: Sequence[Evaluation]) -> list[tuple[str, ...]]:
    """All runs side by side, a line for each figure, the headings first; a star where a run differs from the first one.

    It differs if both answered the same pictures and the interval of the mean difference, picture by picture, leaves 0 out.
    """
    first = evaluations[0]
    lines = [("", *short([e.answers.run for e in evaluations]))]
    titles = {row.name: cells(row)[0] for e in evaluations for row in e.rows}
    for name, title in titles.items():
        line = [title]
        for e in evaluations:
            row = next((r for r in e.rows if r.name == name), None)
            star = e is not first and row is not None and _differs(first, e, name)
            line.append("" if row is None else number(row.summary.mean) + ("*" if star else ""))
        lines.append(tuple(line))
    return lines


def alike(a: Evaluation, b: Evaluation) -> bool:
    """Whether two runs were asked the same of the same pictures at the same size."""
    one, other = a.answers, b.answers
    return one.task.question == other.task.question and one.keys == other.keys and one.pack.size == other.pack.size


def about_comparison(evaluations: Sequence[Evaluation]) -> str:
    """What may be read off it."""
    if all(alike(evaluations[0], e) for e in evaluations):
        return ("* differs from the first run: on the same pictures, 0 is outside the 95 % interval of the mean difference (for "
                "each figure by itself: one such interval in twenty misses by chance)")
    return ("not all of these runs were asked the same of the same pictures: only those that were can be compared, and with the "
            "first run alone they are: * differs from it, 0 is outside the 95 % interval of the mean difference")


def _differs(a: Evaluation, b: Evaluation, name: str) -> bool:
    if name not in a.values or name not in b.values or not alike(a, b):
        return False
    return differs(a.values[name], b.values[name])


def write(out: Path, evaluations: Sequence[Evaluation]) -> None:
    """figures.json, figures.csv (a line for each run and figure) and pictures.csv (each picture, best answers first) into out."""
    out.mkdir(parents=True, exist_ok=True)
    report.write_json(out / "figures.json", {"environment": checkpoint.environment(), "device": evaluations[0].answers.device,
                                             "runs": [as_json(e) for e in evaluations]})
    columns = ("run", "recipe", "experiment", "figure", "title", "better", "mean", "sd", "low", "high", "n", "untouched", "true",
               "reported")
    lines = [(e.answers.run, e.answers.recipe.name, e.answers.recipe.experiment, r.name, r.title, r.better, s.mean, s.sd, s.low,
              s.high, s.n, r.untouched, r.true, r.reported) for e in evaluations for r in e.rows for s in [r.summary]]
    report.write(out / "figures.csv", _csv(columns, lines))
    names = list(dict.fromkeys(name for e in evaluations for name in e.values))
    lines = [(e.answers.run, e.answers.names[i], *(e.values[name][i] if name in e.values else None for name in names))
             for e in evaluations for i in e.order]
    report.write(out / "pictures.csv", _csv(("run", "picture", *names), lines))


def _csv(columns: Sequence[str], lines: Sequence[Sequence]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows([f"{float(c):.9g}" if isinstance(c, float) else c for c in line] for line in lines)
    return text.getvalue().encode("utf-8", "surrogateescape")     # a file's name need not be valid text
