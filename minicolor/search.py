"""Hyper-parameters by trying them: a grid or random draws of a few fields, on K folds or on the one split, and a table.

    --search lr=1e-4,2e-4 l1_weight=50,100             the grid: 4 candidates
    --search lr=1e-5..1e-3 batch_size=1,4 --trials 8   8 random draws; a range is drawn evenly in its logarithm
    --folds 5                                          each candidate (or the recipe alone) five times, report A, II.B

Folds share out everything but the test part, which no candidate ever sees. Every run is a folder of its own, so a stopped
search goes on where it was: what is finished is read, what is begun is resumed.
"""

import csv
import dataclasses
import hashlib
import io
import itertools
import json
import math
import random
from pathlib import Path

import numpy as np

from minicolor import report
from minicolor.data.pack import Pack
from minicolor.data.split import split
from minicolor.errors import BadInput
from minicolor.fit import fit
from minicolor.recipe import Recipe, to_dict

OF_THE_DATA = ("data", "size", "pictures", "seed", "min_aspect", "max_aspect")   # fields that recipe.open() looks at


def candidates(recipe: Recipe, assignments: list[str], trials: int = 0, seed: int = 0) -> list[dict]:
    """["lr=1e-4,2e-4", ...] -> the settings to try, each a dict of fields. trials: so many random draws; 0: the whole grid.

    BadInput for a field that the recipe does not have, a value that it cannot have, and a range without trials.
    """
    fields = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)}
    choices: dict[str, list | tuple] = {}
    for text in assignments:
        name, equals, values = text.partition("=")
        name = name.replace("-", "_")
        if not equals or not values or name not in fields or name in ("name", "experiment", "source"):
            raise BadInput(f"--search {text}: expected FIELD=VALUE,VALUE or FIELD=LOW..HIGH of a field of {recipe.name}; "
                           "--help lists them")
        low, dots, high = values.partition("..")
        kind = type(fields[name])
        if dots:
            choices[name] = (_value(text, kind, low), _value(text, kind, high))
            if not trials or kind not in (int, float) or not 0 < choices[name][0] < choices[name][1]:
                raise BadInput(f"--search {text}: a range needs two numbers, 0 < LOW < HIGH, and --trials N to draw from it")
        else:
            choices[name] = [_value(text, kind, v) for v in values.split(",")]
    if trials:
        dice = random.Random(seed)
        found = [{name: _draw(dice, c) for name, c in choices.items()} for _ in range(trials)]
    else:
        found = [dict(zip(choices, values)) for values in itertools.product(*choices.values())]
    for settings in found:
        dataclasses.replace(recipe, **settings).check()              # all of them, before the first is trained
    return list({json.dumps(settings, sort_keys=True): settings for settings in found}.values())


def _value(text: str, kind: type, value: str):
    try:
        if kind is bool:
            return {"true": True, "yes": True, "false": False, "no": False}[value.lower()]
        return kind(value)
    except (ValueError, KeyError):
        raise BadInput(f"--search {text}: {value!r} is no {'yes or no' if kind is bool else kind.__name__}") from None


def _draw(dice: random.Random, choice: list | tuple):
    if isinstance(choice, list):
        return dice.choice(choice)
    low, high = choice
    value = math.exp(dice.uniform(math.log(low), math.log(high)))
    return min(high, max(low, round(value))) if isinstance(low, int) else float(f"{value:.3g}")


def folds(pack: Pack, seed: int, count: int) -> list[dict[str, list[int]]]:
    """`count` splits of a pack: the same test part in each; every other picture is in the "val" of exactly one of them.

    As in data/split.py two copies of one picture never stand on both sides: keys are dealt out, not pictures.
    """
    whole = split(pack.keys, seed)
    rest = sorted(int(i) for part in ("train", "val") for i in whole[part])
    keys = sorted({pack.keys[i] for i in rest}, key=lambda key: hashlib.sha256(f"fold {seed} {key}".encode()).digest())
    if not 2 <= count <= len(keys):
        raise BadInput(f"--folds {count}: expected 2 to {len(keys)}, there are {len(keys)} pictures beside the test part")
    shares = [set(keys[k::count]) for k in range(count)]
    return [{"train": [i for i in rest if pack.keys[i] not in share], "val": [i for i in rest if pack.keys[i] in share],
             "test": whole["test"]} for share in shares]


def search(recipe: Recipe, settings: list[dict], count: int, out: Path, device: str = "cpu", quiet: bool = False) -> list[dict]:
    """Train each of `settings` on `count` folds (0 or 1: on the one split) under `out`; the table's rows, the best first.

    Also written to out/search.json and out/search.csv. A row: the settings, the validation figure at each run's best epoch (mean,
    range, and values in the order of folds), mean epochs and minutes, and the folders.
    """
    rows, packs = [], {}
    for which in settings:
        one = dataclasses.replace(recipe, **which).check()
        source = tuple(getattr(one, field, None) for field in OF_THE_DATA)
        packs = packs if source in packs else {source: one.open()}   # only the newest is kept: pictures are large
        pack = packs[source]
        parts = folds(pack, one.seed, count) if count > 1 else [None]
        runs = [once(one, pack, out / _folder(which, k, count), device, quiet, part) for k, part in enumerate(parts, 1)]
        task = one.task()
        figures = [r["history"][r["best_epoch"] - 1][f"val_{task.figure}"] for r in runs]
        rows.append({
            "settings": which, "figure": task.figure, "mean": float(np.mean(figures)), "low": min(figures), "high": max(figures),
            "values": figures, "epochs": float(np.mean([r["epochs"] for r in runs])), "minutes": sum(r["minutes"] for r in runs),
            "runs": len(runs),
        })
        if not quiet:
            print(f"{_words(which)}: validation {task.title} {rows[-1]['mean']:.4g} ({min(figures):.4g} to {max(figures):.4g})")
    rows.sort(key=lambda row: row["mean"], reverse=recipe.task().higher)
    report.write_json(out / "search.json", {"recipe": to_dict(recipe), "folds": count, "rows": rows})
    _csv(out / "search.csv", rows)
    if not quiet:
        print(table(rows, recipe.task().title) + f"\nthe same is in {out / 'search.csv'}")
    return rows


def table(rows: list[dict], title: str) -> str:
    """The rows as text, for a terminal."""
    lines = [f"{'settings':40s} {title + ', mean':>24s} {'low':>9s} {'high':>9s} {'epochs':>7s} {'minutes':>8s}"]
    lines += [f"{_words(r['settings']):40s} {r['mean']:24.4g} {r['low']:9.4g} {r['high']:9.4g} {r['epochs']:7.1f} "
              f"{r['minutes']:8.1f}" for r in rows]
    return "\n".join(lines)


def once(recipe: Recipe, pack: Pack, out: Path, device: str, quiet: bool = True, parts: dict | None = None) -> dict:
    """fit(), or what it left behind when it was called before."""
    done = out / "results.json"
    if done.exists():
        results = json.loads(done.read_text(encoding="utf-8"))
        if results["recipe"] != to_dict(recipe) or results["data_hash"] != pack.hash:
            raise BadInput(f"{out} holds a run with other settings or other pictures: name another folder with --out")
        return results
    return fit(recipe, pack, out, device, resume=(out / "last.pt").exists(), quiet=quiet, parts=parts)


def _words(settings: dict) -> str:
    words = (f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in settings.items())
    return " ".join(words) or "as it is"


def _folder(settings: dict, fold: int, count: int) -> str:
    name = "_".join(f"{k}-{v}".replace("/", "-") for k, v in settings.items()) or "recipe"
    return f"{name}/fold-{fold}-of-{count}" if count > 1 else name


def _csv(path: Path, rows: list[dict]) -> None:
    flat = [{**row["settings"], **{k: v for k, v in row.items() if k not in ("settings", "values")}} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    report.write(path, text.getvalue().encode())
