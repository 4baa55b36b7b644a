"""The results as a page: figures with their intervals, agreement, judges, and every judged picture in order."""

import html

from minicolor.judging.pages import page

STYLE = """
.results { max-width: 62rem } .results h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .35rem 1.2rem .35rem 0; border-top: 1px solid #6a6a6a; vertical-align: middle }
th { color: #cfcfcf; font-weight: normal; border: 0 } td.number { font-variant-numeric: tabular-nums; white-space: nowrap }
td.interval { width: 40%; min-width: 9rem } .out { opacity: .55 }
svg { display: block; width: 100%; height: 1.2rem }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem; padding: 0; list-style: none }
.grid img { width: 100%; display: block } .grid small { display: block; line-height: 1.35; overflow-wrap: anywhere }
@media (max-width: 36rem) { td.interval { display: none } td, th { padding-right: .6rem; font-size: .85rem } }
"""


def results_page(found: dict, runs: list[str], pairs: bool, key: str, everyone: bool) -> str:
    """found: results.results()."""
    n = len(found["judges"])
    who = f"{n} judge{'s' * (n != 1)}, {found['answers']} answers, attention checks aside"
    if found["left_out"]:
        who += (f". {found['left_out']} judge{'s' * (found['left_out'] != 1)} left out, who failed more than a quarter of the "
                f"checks (<a href='/results/{key}?everyone=1'>count everyone</a>)")
    elif everyone:
        who += f". Everyone counts (<a href='/results/{key}'>leave out who failed the checks</a>)"
    what = ("Fooling rate: how often the colored picture was taken for more real than the real one beside it. At 50% "
            "nobody can tell." if pairs else
            "Fooling rate: how often a picture was called real. Judges who cannot tell give the colored and the real the same.")
    body = [f"<main class='results'><h1>{'Which looks more real?' if pairs else 'Real or colored?'} · {_e(', '.join(runs))}</h1>",
            f"<p>{who}. <a href='/results/{key}.csv'>All answers as CSV</a></p>",
            f"<h2>How often judges were fooled</h2><p>{what}</p>",
            _shares(found["shares"], pairs),
            "<p><small>Judged are the runs' colors, joined to the photographs' own lightness, as colorize does. 95% intervals by "
            "Wilson. They count every answer as a draw of its own; answers of one judge or about one picture hang together, so "
            "true intervals are wider.</small></p>",
            f"<h2>Do judges agree?</h2><p>{_agreement(found, pairs)}</p>", _judges(found["judges"]),
            *_pictures(found["pictures"], pairs), "</main>"]
    return page("Results · real or colored?", "".join(body))


def percent(share: dict) -> str:
    """48% (12 of 25)."""
    return f"{share['hits'] / share['n']:.0%} ({share['hits']} of {share['n']})" if share["n"] else "no answers yet"


def _shares(shares: list[dict], pairs: bool) -> str:
    def name(row):
        return f"{row['of']} over {row['against']}" if row["against"] else row["of"]

    rows = [f"<tr><td>{_e(name(row))}</td><td class='number'>{percent(row)}</td><td class='interval'>{_bar(row, pairs)}</td>"
            f"<td class='number'>{_interval(row)}</td></tr>" for row in shares]
    return f"<div class='wide'><table>{''.join(rows)}</table></div>"


def _interval(row: dict) -> str:
    return f"{100 * row['low']:.0f} to {row['high']:.0%}" if row["n"] else ""


def _bar(row: dict, middle: bool) -> str:
    """The interval as a line from 0 to 100 %, the share as a dot on it."""
    if not row["n"]:
        return ""
    low, high, at = (f"{100 * v:.2f}%" for v in (row["low"], row["high"], row["hits"] / row["n"]))
    half = "<line x1='50%' x2='50%' y1='0' y2='100%' stroke='#9a9a9a' stroke-dasharray='3 3'/>" if middle else ""
    return (f"<svg role='img' aria-label='{percent(row)}'><line x1='0' x2='100%' y1='50%' y2='50%' stroke='#6a6a6a'/>{half}"
            f"<line x1='{low}' x2='{high}' y1='50%' y2='50%' stroke='#f2f2f2' stroke-width='5' stroke-linecap='round'/>"
            f"<circle cx='{at}' cy='50%' r='6' fill='#ffd75e'/></svg>")


def _agreement(found: dict, pairs: bool) -> str:
    if found["alpha"] is None:
        return ("Not known yet: it takes two judges with answers about the same pictures, and not all of them the same answer. "
                "Judges come in twos that see the same.")
    what = "pairs" if pairs else "pictures"
    return (f"Krippendorff's alpha {found['alpha']:.2f}, from {found['units']} {what} that two judges or more have answered. 1: "
            "they always agree; 0: no more than by chance, as it should be where nobody can tell; below 0: less than that.")


def _judges(judges: list[dict]) -> str:
    rows = ["<tr><th>judge</th><th>answers</th><th>right</th><th>checks passed</th><th>seconds each</th></tr>"]
    for j in judges:
        same = "<br><small>always the same answer</small>" if j["same"] else ""
        right = f"{j['right'] / j['told']:.0%} of {j['told']}" if j["told"] else ""
        seconds = "" if j["seconds"] is None else f"{j['seconds']:.1f}"
        cells = (j["answers"], right, f"{j['passed']} of {j['checks']}", seconds)
        rows.append(f"<tr{'' if j['attentive'] else ' class=out'}><td>{_e(j['name'])}{same}</td>"
                    + "".join(f"<td class='number'>{cell}</td>" for cell in cells) + "</tr>")
    return f"<div class='wide'><table>{''.join(rows)}</table></div>"


def _pictures(pictures: list[dict], pairs: bool) -> list[str]:
    colored, real = [p for p in pictures if p["version"]], [p for p in pictures if not p["version"]]
    did = "taken for the real one" if pairs else "called real"
    return [f"<h2>Colored pictures, the most convincing first</h2>{_grid(colored, did, len({p['of'] for p in colored}) > 1)}"] + (
        [] if pairs else [f"<h2>Real pictures, the most doubted first</h2>{_grid(real[::-1], did, False)}"])


def _grid(pictures: list[dict], did: str, name_runs: bool) -> str:
    items = [f"<li><img loading='lazy' src='/picture/{p['picture']}' alt='{_e(p['photo'])}'><small>{p['hits']} of {p['n']} {did}"
             + (f"<br>{_e(p['of'])}" if name_runs else "") + f"<br>{_e(p['photo'])}</small></li>" for p in pictures]
    return f"<ol class='grid'>{''.join(items)}</ol>" if items else "<p>No answers yet.</p>"


def _e(text: str) -> str:
    return html.escape(text)
