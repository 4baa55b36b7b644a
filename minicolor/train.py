"""python -m minicolor.train RECIPE: train one experiment. The flags are the recipe's own fields."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from minicolor import parallel
from minicolor import recipe as recipes
from minicolor.errors import BadInput, Parser, one_line
from minicolor.every import every
from minicolor.fit import fit
from minicolor.kernels.backend import set_backend
from minicolor.precision import choose_device
from minicolor.resume import claim, resumed
from minicolor.search import candidates, search
from minicolor.start import ready

NOT_FLAGS = ("name", "experiment", "source")  # what a recipe is, not what it is set to


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    with one_line(), parallel.one_voice():
        if "--list" in argv:
            return _list()
        # flags may come first, and a recipe's name may also be a flag's value, as in --out cae
        words = sorted((before.startswith("--"), i, word) for i, (before, word) in enumerate(zip(["", *argv], argv)))
        name = next((w for *_, w in words if w in recipes.names()),
                    next((w for after, _, w in words if not after and w[:1] != "-"), None))
        module = recipes.load(name) if name else None
        args = _parser(name, module).parse_args(argv)
        if args.recipe not in (None, name):
            args = _parser(args.recipe, module := recipes.load(args.recipe)).parse_args(argv)
        if args.all:
            return _all(args, module)
        if module is None:
            raise BadInput(f"name a recipe: {', '.join(recipes.names())}; --list says what they are")
        with parallel.together(choose_device(args.device)) as device:
            run(args, module, device)


def run(args: argparse.Namespace, module, device: str) -> None:
    """Train what `args` ask for: flags the user gave, over the run's own recipe (--resume), or QUICK, or RECIPE."""
    out = Path(args.out or f"runs/{module.RECIPE.name}")
    given = {f.name: v for f in dataclasses.fields(module.RECIPE) if (v := getattr(args, f.name, None)) is not None}
    say = print if parallel.writes() else lambda *_: None
    set_backend(args.backend)
    args.resume |= parallel.remembered("begun") is not None
    if args.resume and (out / "last.pt").exists():
        recipe = resumed(out, module.RECIPE, given)
    else:
        quick = args.quick or (not args.full and device == "cpu")
        recipe = dataclasses.replace(module.QUICK if quick else module.RECIPE, **given).check()
        if quick and not args.quick:
            say("on a CPU: the small version (--quick), some minutes on a laptop; --full insists on the report's settings")
    parallel.agree({"--" + field.replace("_", "-"): v for field, v in (vars(args) | recipes.to_dict(recipe)).items()})
    if Path(recipe.data).is_dir() and out.resolve().is_relative_to(Path(recipe.data).resolve()):
        raise BadInput(f"--out {out} lies inside --data {recipe.data}: the run's own strips would be taken for photographs")
    if not args.resume:
        ready(recipe)
    if args.search or args.folds or args.trials:
        if parallel.world() > 1:
            raise BadInput("--search, --folds and --trials make runs of their own: start them without torchrun")
        return _search(args, recipe, out, device)
    with parallel.in_turn():
        claim(out, args.resume)
    parallel.remember("begun")                                       # if one of us dies, those after us go on with the run
    if args.resume and not (out / "last.pt").exists():
        say(f"nothing to resume in {out}: starting from the beginning")
    say(f"{recipe.name} ({recipe.experiment}) on {recipe.data} at {recipe.size}x{recipe.size}, {recipe.epochs} epochs -> {out}")
    with parallel.in_turn():
        pack = recipe.open()
    say(f"{len(pack)} pictures: {pack.source}")
    try:
        results = fit(recipe, pack, out, device, args.resume, args.save_minutes, args.tensorboard, quiet=False,
                      fast=args.fast, compiled=args.compile)
    except KeyboardInterrupt:
        say(f"\nstopped; the same command with --resume goes on from {out / 'last.pt'}"
            if (out / "last.pt").exists() else "\nstopped before the first checkpoint")
        raise
    test, task = results["test"], recipe.task()
    color = f"\ncolor a photograph: python -m minicolor.colorize PHOTO OUT --run {out}" if hasattr(task, "chroma") else ""
    say(f"test {task.title} {test[task.figure]:.4g}; " + ", ".join(f"{w} {test[n]:.4g}" for n, w in task.to_beat.items())
        + f"\nlook at {out / 'report.html'} and {out / 'strip.png'}{color}")


def _search(args, recipe, out: Path, device: str) -> None:
    if args.trials < 0 or args.folds < 0 or args.folds == 1 or (args.trials and not args.search):
        raise BadInput("--trials N draws N times from what --search names, --folds K makes K runs: expected K of 2 or more")
    search(recipe, candidates(recipe, args.search or [], args.trials, recipe.seed), args.folds, out, device)


def _all(args, module) -> None:
    if module or args.full or args.search or args.folds or args.trials or args.tensorboard:
        raise BadInput("--all trains every recipe's small version, and goes with --out, --device and --backend alone")
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise BadInput("--all makes runs of its own: start it without torchrun")
    set_backend(args.backend)
    every(Path(args.out or "runs/quick"), choose_device(args.device))


def _list() -> None:
    for recipe in (recipes.load(name).RECIPE for name in recipes.names()):
        print(f"{recipe.name:19s} {recipe.experiment:4s} {recipe.source}")


def _parser(name: str | None, module) -> argparse.ArgumentParser:
    recipe = module and module.RECIPE
    prog = f"python -m minicolor.train {name or 'RECIPE'}"
    parser = Parser(prog=prog, usage=f"{prog} [options]", allow_abbrev=False,
                    description=recipe and f"{recipe.experiment}: {recipe.source}",
                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", help="the experiment to train; --list shows all")
    parser.add_argument("--list", action="store_true", help="all recipes with their source")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="the small version, minutes on a laptop (without a GPU: the default)")
    size.add_argument("--full", action="store_true", help="the report's own settings (with a GPU: the default)")
    parser.add_argument("--out", metavar="FOLDER", help="where the run goes [runs/RECIPE]")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out where it stopped")
    parser.add_argument("--device", metavar="cpu|cuda", help="[cuda where there is one]")
    parser.add_argument("--backend", default="auto", metavar="auto|torch|triton",
                        help="what computes: kernels where they help, PyTorch alone, or kernels alone [auto]")
    parser.add_argument("--fast", action=argparse.BooleanOptionalAction, default=True,
                        help="CUDA graph on a GPU, on a CPU fewer multiplications, which round differently [yes]")
    parser.add_argument("--compile", action="store_true", help="torch.compile the networks: minutes at the start")
    parser.add_argument("--save-minutes", type=float, default=10, metavar="M", help="checkpoint at least this often [10]")
    parser.add_argument("--search", nargs="+", metavar="FIELD=V,V", help="train with each of these values, and end in a table")
    parser.add_argument("--trials", type=int, default=0, metavar="N", help="so many random draws of --search, not its whole grid")
    parser.add_argument("--folds", type=int, default=0, metavar="K", help="cross validation: K runs, each picture held out once")
    parser.add_argument("--all", action="store_true", help="every recipe's small version, one after the other, and a table")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard logs too")
    if recipe:
        fields = parser.add_argument_group("the recipe's fields [value with --full; with --quick, where that differs]")
        comments = recipes.comments(recipe)
        for f in (f for f in dataclasses.fields(recipe) if f.name not in NOT_FLAGS):
            value, quick, flag = getattr(recipe, f.name), getattr(module.QUICK, f.name), "--" + f.name.replace("_", "-")
            short = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in (value, quick)]
            values = "; ".join(short if quick != value else short[:1])
            text = f"{comments[f.name]} [{values}]".replace("%", "%%")
            if isinstance(value, bool):
                fields.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
            else:
                fields.add_argument(flag, type=type(value), metavar=type(value).__name__.upper(), help=text)
    return parser


if __name__ == "__main__":
    main()
