"""Train several recipes ("arms") under several seeds, and say what came out as a mean and a range over the seeds.

    table = compare({"plain": recipe, "skips": other}, seeds=(0, 1, 2), out=Path("runs/autoencoders"))
    table["skips"]["ab_rmse"]            (3,) test figures, one per seed, in the seeds' order
    print(table.text("ab_rmse", "psnr"))

A seed decides the weights, the order of the pictures and which of them are held out; arms of one seed hold out the same ones, so
figures are compared seed by seed. A finished run is read and not trained again, a begun one is resumed.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from minicolor import report
from minicolor.data.pack import Pack
from minicolor.evaluation.answers import Answers
from minicolor.evaluation.measure import measure
from minicolor.evaluation.networks import Networks, at_hand
from minicolor.recipe import Recipe
from minicolor.search import once


class Arm(dict):
    """One recipe's test figures by name, (seeds,) each; `runs` holds what fit() returned, `folders` where the runs are."""

    def __init__(self, recipe: Recipe, runs: list[dict], folders: list[Path], figures: list[dict[str, float]]):
        super().__init__({name: np.array([f[name] for f in figures]) for name in figures[0]})
        self.recipe, self.runs, self.folders = recipe, runs, folders

    @property
    def tested(self) -> int:
        """How many pictures the figures of one seed are means of."""
        return self.runs[0]["counts"]["test"]

    @property
    def kept(self) -> str:
        """Which epoch's weights were kept and measured, seed by seed: "4, 5, 5 of 8"."""
        return ", ".join(str(run["best_epoch"]) for run in self.runs) + f" of {max(run['epochs'] for run in self.runs)}"

    @property
    def minutes(self) -> float:
        """Of training, all seeds together."""
        return sum(run["minutes"] for run in self.runs)

    def curve(self, name: str) -> np.ndarray:
        """(seeds, epochs): a loss or a validation figure of the log, as far as the shortest run went."""
        columns = [[row[name] for row in run["history"]] for run in self.runs]
        return np.array([column[: min(map(len, columns))] for column in columns])


class Table(dict):
    """Name -> Arm, in the order given."""

    def text(self, *figures: str) -> str:
        """Rows of arms, columns of figures: the mean, and the range over the seeds where there are several."""
        rows = [["", *figures]] + [[name, *(span(arm[f]) if f in arm else "" for f in figures)] for name, arm in self.items()]
        first, *wide = (max(map(len, column)) + 2 for column in zip(*rows))
        return "\n".join(f"{name:{first}s}" + "".join(f"{c:>{w}s}" for c, w in zip(cells, wide)) for name, *cells in rows)


def compare(arms: Mapping[str, Recipe], seeds: Sequence[int], out: Path, device: str = "cpu", features: str | None = None,
            closely: bool = True) -> Table:
    """Train every arm under every seed in out/<arm>-<seed>, then measure it on its test pictures.

    closely: every metric of `python -m minicolor.evaluate` (seconds for a hundred small pictures), not the task's own figures
    alone. features: "squeeze-keras", or a run of classify, adds a perceptual distance and fid_proxy on its features. An arm whose
    `init` or `features` has "{seed}" in it starts from, or looks with, the run of its own seed. BadInput: a folder that holds
    another run.
    """
    table, networks, packs = Table(), at_hand(features=features, device=device) if features else Networks(), {}
    for name, recipe in arms.items():
        runs, folders, figures = [], [], []
        for seed in seeds:
            one = dataclasses.replace(recipe, seed=seed, **_of_this_seed(recipe, seed)).check()
            source = one.data, one.size, one.pictures, seed if one.data == "scenes" else None, type(one).open
            packs = packs if source in packs else {source: one.open()}          # only the newest is kept
            folders.append(out / f"{name}-{seed}")
            runs.append(_told(one, packs[source], folders[-1], device))
            figures.append(_measured(folders[-1], runs[-1], networks, features, device) if closely else runs[-1]["test"])
        table[name] = Arm(recipe, runs, folders, figures)
    return table


def span(values: np.ndarray) -> str:
    """(seeds,) -> "13.1 (12.9 to 13.4)", or the one figure that all have."""
    mean, low, high = (_short(of(values)) for of in (np.mean, np.min, np.max))
    return mean if low == high else f"{mean} ({low} to {high})"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _of_this_seed(recipe: Recipe, seed: int) -> dict[str, str]:
    return {f: getattr(recipe, f).format(seed=seed) for f in ("init", "features") if "{seed}" in getattr(recipe, f, "")}


def _told(recipe: Recipe, pack: Pack, out: Path, device: str) -> dict:
    """search.once(), and a line for a run that is new."""
    new, results, task = not (out / "results.json").exists(), once(recipe, pack, out, device), recipe.task()
    if new:
        print(f"{out.name}: {task.title} {results['test'][task.figure]:.4g} after {results['minutes']:.1f} min", flush=True)
    return results


def _measured(out: Path, results: dict, networks: Networks, features: str | None, device: str) -> dict[str, float]:
    """Kept in out/figures.json: measuring takes longer than a small training."""
    kept, key = out / "figures.json", {"features": features, **{k: results[k] for k in ("recipe", "data_hash", "best_epoch")}}
    if kept.exists() and (found := json.loads(kept.read_text(encoding="utf-8")))["of"] == key:
        return found["figures"]
    evaluation = measure(Answers(out, device=device), networks)
    figures = {row.name: row.summary.mean for row in evaluation.rows}
    figures |= {f"untouched_{row.name}": row.untouched for row in evaluation.rows if row.untouched is not None}
    figures |= results["test"]                                                  # the task's own win: they chose the checkpoint
    report.write_json(kept, {"of": key, "figures": figures})
    return figures
