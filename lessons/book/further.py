"""lessons/results/ -> Markdown: the measurements that no lesson recorded, in the schemas of the doors that wrote them.

`figures` are those of `python -m minicolor.evaluate`, `summaries` those of `python -m minicolor.plates`, `rows` and `metrics`
those of a table's lines. Pure functions.
"""

from collections.abc import Mapping

from lessons.book.results import cell, spread, table

BRACKETS = "in brackets the bootstrap 95 % interval of the mean"
HEAD = {"title": "figure", "mean": "measured", "untouched": "input as it is", "true": "true picture", "reported": "reported"}


def section(name: str, r: Mapping) -> str:
    """What it is, how it was made, its table, its verdict. A file of none of these schemas has no table."""
    ids = r.get("experiments") or ([r["experiment"]] if "experiment" in r else [])
    commands = r.get("commands") or ([r["command"]] if "command" in r else [])
    about = [f"Experiment{'s' * (len(ids) > 1)} {', '.join(ids)}" if ids else "", _pictures(r.get("data", "")),
             cell(r.get("device") or r.get("environment", {}).get("processor", ""))]
    parts = [f"## {name}", " ".join(f"{said}." for said in about if said) + f" [{name}.json](results/{name}.json)"]
    parts += ["```bash\n" + "\n".join(commands) + "\n```"] if commands else []
    if "figures" in r:
        parts += [f"**Measured**, mean over {r.get('pictures', 'the')} pictures, {BRACKETS}", _figures(r["figures"])]
    if "summaries" in r:
        parts += [f"**Measured**, mean over {r.get('n', 'the')} pictures, {BRACKETS}", _summaries(r["summaries"])]
    if rows := r.get("rows") or r.get("metrics"):
        parts.append(_rows(rows))
    parts += [f"**Verdict** {cell(r['verdict'])}"] if r.get("verdict") else []
    return "\n\n".join(parts)


def _pictures(data: str | Mapping) -> str:
    if isinstance(data, str):
        return cell(f"Pictures: {data}") if data else ""
    stands = f", standing in for {data['stands_in_for']}" if data.get("stands_in_for") else ""
    return cell(f"Pictures: {data.get('name', '')}{stands}")


def _figures(figures: Mapping[str, Mapping]) -> str:
    """A line for each figure; columns that no figure has are left out."""
    keys = [key for key in HEAD if any(f.get(key) is not None for f in figures.values())]
    return table([HEAD[key] for key in keys],
                 [[spread(f) if key == "mean" else f.get(key) for key in keys] for f in figures.values()])


def _summaries(summaries: Mapping[str, Mapping]) -> str:
    """A line for each way to color, a column for each figure."""
    names = list(dict.fromkeys(name for figures in summaries.values() for name in figures))
    return table(["", *names], [[way, *(spread(figures[f]) if f in figures else None for f in names)]
                                for way, figures in summaries.items()])


def _rows(rows: list[Mapping]) -> str:
    """A line for each; {"sewar": 4.28} becomes "sewar 4.28". Lists are left to the file."""
    lists = {key for row in rows for key, value in row.items() if isinstance(value, list)}
    names = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in lists]
    return table([name.replace("_", " ") for name in names], [[_words(row.get(name)) for name in names] for row in rows])


def _words(value):
    return ", ".join(f"{name} {cell(v)}" for name, v in value.items()) if isinstance(value, Mapping) else value
