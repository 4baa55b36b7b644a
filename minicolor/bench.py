"""python -m minicolor.bench WHAT: timings as ratios within one run, printed and, if asked, written as JSON.

lab, degrade, augment, patchgan, norm: the kernels against what one would otherwise run, or on a CPU their PyTorch twins against
other libraries; they need nothing but torch, triton and numpy. all: these. train, scale, data, metrics, colorize, plan: below.
"""

import argparse
import datetime
import json
from pathlib import Path

from minicolor import checkpoint
from minicolor.benches.flags import positive, several, whole
from minicolor.errors import Parser, one_line
from minicolor.precision import choose_device

KERNELS = {"lab": "lab.py", "degrade": "degrade.py", "augment": "augment.py", "patchgan": "conv4x4.py", "norm": "norm_act.py"}


def main(argv: list[str] | None = None) -> None:
    with one_line():
        args = _parser().parse_args(argv)
        args.device = choose_device(getattr(args, "device", None))
        new = args.json and not Path(args.json).exists()
        if args.json:
            Path(args.json).touch()                          # a path that cannot be written is said before the work
        try:
            results = args.run(args)
        except BaseException:
            if new:
                Path(args.json).unlink()
            raise
        if args.json:
            text = json.dumps({"environment": checkpoint.environment()} | results, indent=1)
            Path(args.json).write_text(text + "\n", encoding="utf-8")


# Each of these prints what it measures and returns it, for --json.

def kernels(args: argparse.Namespace) -> dict:
    from minicolor.benches import kernels

    return kernels.run(list(kernels.BENCHES) if args.what == "all" else [args.what], args.device)


def train(args: argparse.Namespace) -> dict:
    from minicolor.benches import training

    return training.bench(args.recipe, args.batch_size, args.device, size=args.size, base=args.base, pairs=args.pairs,
                          precision=args.precision, workers=args.workers, is_fast=args.fast)


def scale(args: argparse.Namespace) -> dict:
    from minicolor.benches import scale

    return scale.bench(args.pictures, args.processes, args.device)


def data(args: argparse.Namespace) -> dict:
    from minicolor.benches import loading, memory, packing

    return packing.bench(args.photos, args.size, args.count) | loading.bench(args.size, args.count, args.device) | memory.bench()


def metrics(args: argparse.Namespace) -> dict:
    from minicolor.benches import fid, metrics

    versions = metrics.versions()
    print("not installed: " + (", ".join(name for name, version in versions.items() if version is None) or "none of them"))
    print(metrics.HEAD)
    return {"date": datetime.date.today().isoformat(), "versions": versions, "metrics": metrics.run() + fid.run()}


def colorize(args: argparse.Namespace) -> dict:
    from minicolor.benches import colorize

    print(colorize.HEAD)
    return {"colorize": colorize.run(args.megapixels, args.device, run=args.run_, denoise=args.denoise, enlarge=args.enlarge)}


def plan(args: argparse.Namespace) -> dict:
    from minicolor.benches import plan

    rates = {name: getattr(args, name) * 1e9 for name in ("memory", "ram", "disk", "copy", "inside", "network")}
    return plan.bench(args.files, plan.Machine(args.gpus, **rates), args.images, args.batch_size, args.page)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m minicolor.bench", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the figures there too; before or after WHAT")
    which = parser.add_subparsers(dest="what", required=True,
                                   metavar="|".join([*KERNELS, "all|train|scale|data|metrics|colorize|plan"]))
    for name in (*KERNELS, "all"):
        k = which.add_parser(name, help="all of them, in one go" if name == "all" else f"the kernels of kernels/{KERNELS[name]}")
        k.set_defaults(run=kernels)
    t = which.add_parser("train", help="our training against a plain loop of the same networks, from files, with loader workers")
    t.add_argument("--vs", default="reference", choices=("reference",), help="what to race: benches/reference.py")
    t.add_argument("--recipe", nargs="+", default=["pix2pix"], choices=("pix2pix", "recolor_wgan", "dncnn"), help="[pix2pix]")
    t.add_argument("--size", type=whole(32, 32), default=256)
    t.add_argument("--batch-size", type=whole(), nargs="+", metavar="N", help="[4 on a CPU, 1 16 64 on a GPU]")
    t.add_argument("--base", type=whole(), default=64, help="channels after the first convolution [64]")
    t.add_argument("--pairs", type=whole(), default=5, help="timed blocks of each, of two steps [5]")
    t.add_argument("--workers", type=whole(0), default=4, help="of the plain loop's loader [4]")
    t.add_argument("--fast", action=argparse.BooleanOptionalAction, default=True, help="as in minicolor.train [yes]")
    t.add_argument("--precision", default="auto", choices=("auto", "float32", "bf16"))
    t.set_defaults(run=train)
    s = which.add_parser("scale", help="an epoch by the number of pictures, and an update by the number of processes")
    s.add_argument("--pictures", type=several(32), default="1000,10000,50000", metavar="N,N,...", help="[1000,10000,50000]")
    s.add_argument("--processes", type=several(), default="1,2", metavar="N,N,...", help="on this machine [1,2]")
    s.set_defaults(run=scale)
    d = which.add_parser("data", help="packing and loading against bare Pillow and numpy, memory against the number of pictures")
    d.add_argument("--photos", metavar="FOLDER", help="pictures to pack [drawn ones]")
    d.add_argument("--size", type=whole(32, 32), default=256)
    d.add_argument("--count", type=whole(), default=2000)
    d.set_defaults(run=data)
    m = which.add_parser("metrics", help="our metrics against other libraries', on a CPU: the same pictures, the same answer")
    m.set_defaults(run=metrics)
    c = which.add_parser("colorize", help="photographs from file to file: time, memory, and how much of it is the networks")
    c.add_argument("--megapixels", type=several(), default="1,12,100", metavar="N,N,...", help="[1,12,100]")
    c.add_argument("--run", dest="run_", metavar="RUN", help="[an untrained network that colors, if no stage is given]")
    c.add_argument("--denoise", metavar="RUN")
    c.add_argument("--enlarge", metavar="RUN")
    c.set_defaults(run=colorize)
    p = which.add_parser("plan", help="what an epoch costs on so many GPUs, from what train, scale and data measured")
    p.add_argument("files", nargs="+", metavar="FILE", help="what --json of those wrote")
    p.add_argument("--images", type=several(), default="100,1000,10000", metavar="N,N,...",
                   help="images/s of a GPU that nobody has measured [100,1000,10000]")
    p.add_argument("--batch-size", type=whole(), default=16, help="of one GPU [16]")
    p.add_argument("--gpus", type=whole(), default=8, help="in a machine [8]")
    for name, value, what in (("memory", 80, "GB of a GPU"), ("ram", 1000, "GB of a machine"),
                              ("disk", 3, "GB/s of a machine's disk"),
                              ("copy", 25, "GB/s onto a GPU"), ("inside", 200, "GB/s from GPU to GPU"),
                              ("network", 12.5, "GB/s from machine to machine")):
        p.add_argument(f"--{name}", type=positive, default=value, metavar="X", help=f"{what} [{value}]")
    p.add_argument("--page", metavar="FILE", help="put the tables into this page, between its two marks")
    p.set_defaults(run=plan)
    for name, command in which.choices.items():
        if name in {*KERNELS, "all", "train", "scale", "data", "colorize"}:
            command.add_argument("--device", metavar="cpu|cuda")
        # SUPPRESS: else its default would undo what stood before WHAT
        command.add_argument("--json", metavar="FILE", default=argparse.SUPPRESS, help="write the figures there too")
    return parser


if __name__ == "__main__":
    main()
