"""All recipes, one after the other, each small (QUICK), and a table: time, figure, what it had to beat. `train --all`.

The stages that build on each other are chained: `classify` comes first, then what starts from its body or looks with its
features; `segment` before the fusion network. A recipe that fails is a row of the table with its sentence, and the others go on.
Finished runs are read, begun ones resumed: a stopped table goes on where it was.
"""

import dataclasses
import json
import time
from pathlib import Path

from minicolor import checkpoint, recipe, report
from minicolor.errors import BadInput
from minicolor.fit import fit
from minicolor.progress import loss_names

FIRST = ("classify", "segment", "resnet_unet_l1")                    # the others need what these leave behind
STARTS = {"resnet_unet_l1": "classify", "resnet_unet_gan": "resnet_unet_l1", "superres_fusion": "segment"}
ADVERSARIAL = ("d_", "c_", "g_gan", "g_color", "g_grey")             # losses that need not fall: the other side learns too


def every(out: Path, device: str = "cpu", given: dict | None = None, quiet: bool = False) -> list[dict]:
    """Train every recipe's QUICK under out/<recipe>; the table's rows, also in out/table.json. given: fields for all of them."""
    rows = []
    for name in sorted(recipe.names(), key=lambda n: (n not in FIRST, n)):
        quick = recipe.load(name).QUICK
        try:
            chain = {"init": str(out / STARTS[name])} if name in STARTS else {}
            one = dataclasses.replace(quick, **chain, **(given or {}))
            if getattr(one, "lpips_weight", 0):
                one = dataclasses.replace(one, features=str(out / "classify"))
            rows.append(_row(one.check(), out / name, device))
        except (BadInput, ValueError, RuntimeError) as e:            # a bug in one experiment must not cost the other rows
            rows.append({"recipe": name, "experiment": quick.experiment, "error": f"{type(e).__name__}: {e}"})
        if not quiet:
            print(line(rows[-1]), flush=True)
        report.write_json(out / "table.json", {"environment": checkpoint.environment(), "device": device, "rows": rows})
    if not quiet:
        better = sum(row.get("better", False) for row in rows)
        print(f"{better} of {len(rows)} beat what they had to: {out / 'table.json'}")
    return rows


def _row(one, out: Path, device: str) -> dict:
    """Train where that was not done before. The row is kept in out/row.json; its minutes are all sessions', drawing included."""
    kept = out / "row.json"
    row = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {"settings": recipe.to_dict(one), "minutes": 0.0}
    if row["settings"] != recipe.to_dict(one):
        raise BadInput(f"{out} holds a run with other settings: name another folder with --out")
    if not (out / "results.json").exists():
        began = time.monotonic()
        out.mkdir(parents=True, exist_ok=True)
        try:
            fit(one, one.open(), out, device, resume=(out / "last.pt").exists(), quiet=True)
        finally:
            row["minutes"] += (time.monotonic() - began) / 60
            report.write_json(kept, row)
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return {"recipe": one.name, "experiment": one.experiment, **_figures(one, results), "minutes": row["minutes"]}


def _figures(one, results: dict) -> dict:
    task, history = one.task(), results["history"]
    to_beat, words = next(iter(task.to_beat.items()))
    figure, beat = results["test"][task.figure], results["test"][to_beat]
    loss = next(n for n in loss_names(history[0]) if not n.startswith(ADVERSARIAL))
    return {
        "figure": task.figure, "value": figure, "to_beat": beat, "to_beat_is": words, "better": task.better(figure, beat),
        "loss": loss, "loss_first": history[0][loss], "loss_last": history[-1][loss], "epochs": results["epochs"],
        "size": one.size, "pictures": one.pictures, "seed": one.seed,
    }


def line(row: dict) -> str:
    """One row of the table as text."""
    if "error" in row:
        return f"{row['recipe']:20s} {row['experiment']:4s} failed: {row['error']}"
    verdict = "better than" if row["better"] else "NOT better than"
    return (f"{row['recipe']:20s} {row['experiment']:4s} {row['minutes']:5.1f} min  {row['figure']:9s} {row['value']:8.4g}  "
            f"{verdict:15s} {row['to_beat']:8.4g} ({row['to_beat_is']})  "
            f"{row['loss']} {row['loss_first']:.3g} -> {row['loss_last']:.3g}")
