"""One HTML file with everything inside: tables, and each run's best, middle and worst answers, so that means cannot hide them."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from minicolor import report
from minicolor.evaluation import tables
from minicolor.evaluation.answers import BATCH
from minicolor.evaluation.measure import Evaluation
from minicolor.evaluation.tables import number

CASES = 6
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } div.wide { overflow-x: auto }
th, td { padding: .2rem .9rem .2rem 0; border-top: 1px solid #ddd; text-align: right; white-space: nowrap }
th { font-weight: 600 } tr > :first-child { text-align: left }
.cases { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1rem }
figure { margin: 0 } figure img { width: 100%; display: block }
figcaption { color: #555; font-size: .85rem; overflow-wrap: anywhere }
small, .note { color: #555 }
"""


def write(path: Path, evaluations: Sequence[Evaluation], cases: int = CASES) -> None:
    """The page of these runs. cases: so many of the best, the middle and the worst answers of each."""
    parts = ["<h1>Evaluation</h1><p class='note'>↓ lower is better, ↑ higher is better. <i>untouched</i>: the same without the "
             "network (left grey, left noisy, or enlarged by bicubic interpolation). <i>report</i>: what a student report says "
             "of its own run, on its own pictures. 95 %: bootstrap over pictures.</p>"]
    if len(evaluations) > 1:
        parts.append("<h2>All runs</h2>" + _table(tables.comparison(evaluations))
                     + f"<p class='note'>{escape(tables.about_comparison(evaluations))}</p>")
    for e in evaluations:
        parts.append(f"<h2>{escape(e.answers.run)}</h2><p>{escape(tables.heading(e))}</p>"
                     + _table([tables.HEADINGS, *map(tables.cells, e.rows)])
                     + "<ul class='note'>" + "".join(f"<li>{escape(n)}</li>" for n in e.notes) + "</ul>" + _cases(e, cases))
    html = ("<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
            f"<title>Evaluation · minicolor</title><style>{STYLE}</style>" + "".join(parts) + "</html>\n")
    report.write(path, html.encode("utf-8", "backslashreplace"))


def chosen(order: np.ndarray, count: int) -> dict[str, list[int]]:
    """The places of the best, the middle and the worst answers; with few pictures none stands twice."""
    n, count = len(order), max(1, min(count, len(order) // 3))
    middle = (n - count) // 2
    parts = {"best": order[:count], "middle": order[middle : middle + count], "worst": order[n - count :]}
    if n < 3:
        parts = {"best": order}
    return {name: [int(i) for i in places] for name, places in parts.items()}


def _cases(e: Evaluation, count: int) -> str:
    """Three groups of strips: what the network sees, its answer, the truth."""
    task, parts = e.answers.task, chosen(e.order, count)
    rank = {int(place): r + 1 for r, place in enumerate(e.order)}
    pictures = _pictures(e, {i for places in parts.values() for i in places})
    html = [f"<p class='note'>Sorted by {escape(task.title)}. Each: what the network sees, its answer, the truth.</p>"]
    for name, places in parts.items():
        figures = "".join(
            f"<figure><img alt='three pictures: what the network sees, its answer, the truth' src='{pictures[i]}'>"
            f"<figcaption>{escape(e.answers.names[i])}<br>rank {rank[i]} of {len(e.order)}: "
            f"{escape(task.title)} {number(float(e.values[e.sort_by][i]))}</figcaption></figure>" for i in places)
        html.append(f"<h3>{name.capitalize()}</h3><div class='cases'>{figures}</div>")
    return "".join(html)


def _pictures(e: Evaluation, places: set[int]) -> dict[int, str]:
    """Place -> a strip as a data URI. Batches are answered once more: keeping all pictures would need memory for all."""
    found, last = {}, e.answers.batches - 1
    for i in sorted({min(place // BATCH, last) for place in places}):               # the last batch may be longer by one
        shown = e.answers.batch(i).shown
        for place in places:
            if min(place // BATCH, last) == i:
                row = [pictures[place - i * BATCH].float() for pictures in shown]
                found[place] = report.picture_uri(report.side_by_side(row))
    return found


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *lines = rows
    return ("<div class='wide'><table><tr>" + "".join(f"<th>{escape(c)}</th>" for c in head) + "</tr>"
            + "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in line) + "</tr>" for line in lines) + "</table></div>")
