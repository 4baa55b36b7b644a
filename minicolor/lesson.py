"""What a lesson needs beside its own lines: how large it runs, where its files go, figures, claims, and the record of a result.

    here = begin("04_autoencoders")          reads the command line
    here.quick                               --quick: seconds to a minute on drawn scenes, no report's numbers
    here.small                               --small: photographs, at a size for two CPU cores, as lessons/results/ has them
                                             neither: the report's own settings, for a GPU
    here.show("losses", curves(...))         a figure: saved in runs/lessons/quick/04_autoencoders/figures

In a notebook the command line is the notebook server's; there the variable MINICOLOR_LESSON holds the flags.
"""

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from minicolor import report
from minicolor.checkpoint import environment
from minicolor.compare import Arm, Table, compare, span
from minicolor.errors import BadInput, Parser
from minicolor.precision import choose_device
from minicolor.recipe import Recipe, to_dict

STANDS_FOR = {"faces": "celeba", "landscapes": "landscapes", "objects": "imagenette"}   # data/sets.py's names of the reports' own


@dataclass(frozen=True)
class Lesson:
    """One run of a lesson."""

    name: str
    quick: bool
    small: bool
    data: str | None
    seeds: tuple[int, ...]
    out: Path
    results: Path | None
    device: str
    features: str | None

    @property
    def scale(self) -> str:
        return "quick" if self.quick else "small" if self.small else "full"

    def pictures(self, which: str) -> str:
        """What a recipe's `data` is set to: drawn scenes (--quick), --data's folder `which`, or the report's own set by name."""
        if self.quick:
            return "scenes"
        return str(Path(self.data) / which) if self.data else STANDS_FOR.get(which, which)

    def sized(self, recipes, which: str, quick: Mapping, small: Mapping, **same) -> Recipe:
        """A recipe's module (or a RECIPE and a QUICK in a pair) -> its recipe in this lesson's size, on the pictures `which`."""
        full, laptop = recipes if isinstance(recipes, tuple) else (recipes.RECIPE, recipes.QUICK)
        base = full if self.scale == "full" else laptop
        given = {"quick": quick, "small": small, "full": {}}[self.scale]
        return dataclasses.replace(base, **{"data": self.pictures(which), **same, **given})

    def compare(self, arms: Mapping[str, Recipe], seeds: int | None = None, closely: bool | None = None) -> Table:
        """minicolor.compare.compare() in this lesson's folder. seeds: at most so many of --seeds."""
        closely = not self.quick if closely is None else closely
        return compare(arms, self.seeds[:seeds], self.out, self.device, self.features if closely else None, closely)

    def show(self, name: str, what: Figure | np.ndarray) -> None:
        """Save a matplotlib figure, or a picture (H, W, 3) uint8, as figures/<name>.png; in a notebook show it, too."""
        path = self.out / "figures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, Figure):
            what.savefig(path, dpi=110, bbox_inches="tight")
        else:
            report.write(path, report.png(what))
        if in_notebook():
            from IPython.display import Image, display

            display(Image(filename=str(path), alt=name))
        else:
            print(f"figure: {path}")

    def record(self, experiment: str, question: str, arms: Mapping[str, Arm | Mapping], claims: list["Claim"], reported: Mapping,
               data: Mapping, verdict: str) -> dict:
        """Print what came out beside what the report says; unless --quick, write it to <results>/<experiment>.json.

        arms: name -> an Arm, or figures by name where nothing was trained. data: name, stands_in_for and n of the pictures.
        reported: the report's own figures or words. verdict: what follows, and why, in words; the claims' own come before it.
        """
        words = f"{'; '.join(map(str, claims))}. {verdict}" if claims else verdict
        print(f"\n{experiment}. {question}\n  the report: {dict(reported) or 'no figure'}")
        for claim in claims:
            print(f"  {claim}")
        result = {
            "experiment": experiment, "question": question, "lesson": self.name, "scale": self.scale,
            "command": f"python lessons/{self.name}/lesson.py --{self.scale} --seeds {len(self.seeds)}"
                       + (" --data DATA" if self.data else "") + (f" --features {self.features}" if self.features else ""),
            "data": dict(data), "device": self.device, "environment": environment(),
            "arms": {name: _arm(arm) for name, arm in arms.items()},
            "reported": dict(reported), "claims": [dataclasses.asdict(c) | {"held": c.held, "words": str(c)} for c in claims],
            "verdict": words,
        }
        if not self.quick and self.results:
            self.results.mkdir(parents=True, exist_ok=True)
            report.write_json(self.results / f"{experiment}.json", result)
            print(f"  written: {self.results / f'{experiment}.json'}")
        return result


@dataclass(frozen=True)
class Claim:
    """`what` is claimed to be so in each seed: lower[i] < higher[i]. One figure each where there was one run."""

    what: str
    lower: tuple[float, ...]
    higher: tuple[float, ...]

    @property
    def times(self) -> int:
        return sum(a < b for a, b in zip(self.lower, self.higher, strict=True))

    @property
    def held(self) -> bool:
        return self.times == len(self.lower)

    def __str__(self) -> str:
        n = len(self.lower)
        said = "held" if self.held else "did not hold" if not self.times else f"held in {self.times} of {n} seeds"
        return f"{self.what}: {said}, {span(np.array(self.lower))} against {span(np.array(self.higher))}"


def claim(what: str, lower, higher) -> Claim:
    """`lower` should be below `higher` in every seed: (seeds,) each, or one number that all seeds are held against."""
    seeds = max(np.size(lower), np.size(higher))
    lower, higher = (np.full(seeds, x) if np.ndim(x) == 0 else np.asarray(x) for x in (lower, higher))
    if lower.shape != higher.shape or not np.isfinite([lower, higher]).all():
        raise ValueError(f"{what}: expected as many figures on both sides, all finite, got {lower} and {higher}")
    return Claim(what, tuple(map(float, lower)), tuple(map(float, higher)))


def must_fail(check: Callable, *spoiled) -> None:
    """An assertion is worth something if it can fail: check(*spoiled) has to raise AssertionError."""
    try:
        check(*spoiled)
    except AssertionError as e:
        print(f"spoiled on purpose, the check notices: {e or 'AssertionError'}")
    else:
        raise AssertionError(f"{check.__name__} holds for what was spoiled on purpose: it checks nothing")


def begin(name: str, argv: list[str] | None = None) -> Lesson:
    """The lesson's own command line. Wrong flags end it with one sentence and exit code 2."""
    parser = Parser(prog=f"python lessons/{name}/lesson.py", allow_abbrev=False)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="seconds to minutes on a laptop, drawn scenes, nothing to download")
    size.add_argument("--small", action="store_true", help="photographs of --data, at a size that two CPU cores manage")
    size.add_argument("--full", action="store_true", help="the reports' own settings [this, where neither is given]")
    parser.add_argument("--data", metavar="FOLDER", help="holds folders of photographs: faces, landscapes, objects ...")
    parser.add_argument("--seeds", type=int, metavar="N", help="runs of each network [1 with --quick, else 3]")
    parser.add_argument("--out", metavar="FOLDER", help=f"runs and figures [runs/lessons/quick/{name}, or small, or full]")
    parser.add_argument("--results", metavar="FOLDER", help="write <experiment>.json there")
    parser.add_argument("--features", metavar="NAME", help="squeeze-keras or a run of classify: adds a perceptual distance")
    parser.add_argument("--device", metavar="cpu|cuda", help="[cuda where there is one]")
    try:
        args = parser.parse_args(_words() if argv is None else argv)
        if args.small and not args.data:
            raise BadInput("--small needs --data FOLDER with the folders faces, landscapes, objects of photographs")
        if idle := [f"--{name}" for name in ("data", "results", "features") if args.quick and getattr(args, name)]:
            raise BadInput(f"--quick draws its own pictures and writes no results: {', '.join(idle)} goes with --small or --full")
        if args.data and not Path(args.data).is_dir():
            raise BadInput(f"--data {args.data}: no such folder")
        if args.seeds is not None and args.seeds < 1:
            raise BadInput(f"--seeds {args.seeds}: expected at least 1")
        device = choose_device(args.device)
    except BadInput as e:
        print(f"error: {e}", file=sys.stderr)
        raise SystemExit(2) from None
    out = Path(args.out or Path("runs") / "lessons" / ("quick" if args.quick else "small" if args.small else "full") / name)
    seeds = range(args.seeds or (1 if args.quick else 3))
    torch.manual_seed(0)
    if argv is None and not in_notebook():
        sys.excepthook = _one_sentence
    return Lesson(name, args.quick, args.small, args.data, tuple(seeds), out, args.results and Path(args.results), device,
                  args.features)


def _words() -> list[str]:
    return os.environ.get("MINICOLOR_LESSON", "").split() if in_notebook() else sys.argv[1:]


def in_notebook() -> bool:
    """Whether this very code runs in one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def _one_sentence(kind, error, trace) -> None:
    """sys.excepthook of a lesson: what its reader can mend is said as every door says it."""
    if not issubclass(kind, BadInput):
        return sys.__excepthook__(kind, error, trace)
    sys.stdout.flush()
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
    os._exit(2)                                       # an excepthook has no other say in the exit code


def _arm(arm: Arm | Mapping) -> dict:
    figures = {name: {"mean": float(np.mean(v)), "low": float(np.min(v)), "high": float(np.max(v)),
                      "values": [float(x) for x in np.atleast_1d(v)]} for name, v in arm.items()}
    if not isinstance(arm, Arm):
        return {"figures": figures}
    return {
        "figures": figures, "recipe": to_dict(arm.recipe) | {"data": Path(arm.recipe.data).name},
        "seeds": [run["recipe"]["seed"] for run in arm.runs], "counts": arm.runs[0]["counts"],
        "epochs": [run["epochs"] for run in arm.runs], "minutes": arm.minutes, "device": arm.runs[0]["device"],
        "environment": arm.runs[0]["environment"], "curves": [_history(run["history"]) for run in arm.runs],
    }


def _history(rows: list[dict]) -> dict[str, list[float]]:
    return {name: [float(f"{row[name]:.5g}") for row in rows] for name in rows[0]
            if name not in ("epoch", "minutes", "images_per_second")}
