"""python -m minicolor.bench WHAT: timings as ratios within one run, printed and, if asked, written as JSON.

lab, degrade, patchgan, norm: the kernels against what one would otherwise run, or on a CPU their PyTorch twins against other
libraries; they need nothing but torch, triton and numpy. all: these four. train, data, metrics and colorize: below.
"""

import argparse
import datetime
import json
from pathlib import Path

from minicolor import checkpoint
from minicolor.errors import BadInput, Parser, one_line
from minicolor.precision import choose_device

KERNELS = {"lab": "lab.py", "degrade": "degrade.py", "patchgan": "conv4x4.py", "norm": "norm_act.py"}


def main(argv: list[str] | None = None) -> None:
    with one_line():
        args = _parser().parse_args(argv)
        size = getattr(args, "size", 32)
        for name, fine in (("size", size >= 32 and size % 32 == 0), ("batch_size", min(getattr(args, "batch_size", None) or [1]) >= 1),
                           ("pairs", getattr(args, "pairs", 1) >= 1), ("count", getattr(args, "count", 1) >= 1)):
            if not fine:
                raise BadInput(f"--{name.replace('_', '-')} {getattr(args, name)}: expected "
                               + ("a multiple of 32" if name == "size" else "at least 1"))
        choose_device(getattr(args, "device", None))
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


def kernels(args: argparse.Namespace) -> dict:
    """Print and return the table of the kernel bench asked for, or of all four."""
    from minicolor.benches import kernels

    device = choose_device(args.device)
    return kernels.run(list(kernels.BENCHES) if args.what == "all" else [args.what], device)


def train(args: argparse.Namespace) -> dict:
    """Print and return our images/s, the plain loop's, their ratio, and where our time goes."""
    from minicolor.benches import training

    device = choose_device(args.device)
    rows = []
    for batch_size in args.batch_size or ((1, 16, 64) if device.startswith("cuda") else (4,)):
        r = training.run(args.recipe, args.size, batch_size, args.base, args.pairs, device=device, precision=args.precision,
                         workers=args.workers, is_fast=args.fast)
        rows.append(r)
        print(training.text(r), flush=True)
    return {"train": rows}


def scale(args: argparse.Namespace) -> dict:
    """Print and return what an epoch costs by the number of pictures, and what processes bring."""
    from minicolor.benches import scale

    device = choose_device(args.device)
    try:
        counts, numbers = ([int(n) for n in text.split(",")] for text in (args.pictures, args.processes))
    except ValueError:
        counts = numbers = [0]
    if min(counts) < 2 * scale.BATCH or min(numbers) < 1:
        raise BadInput(f"--pictures {args.pictures} --processes {args.processes}: expected whole numbers, of pictures at least "
                       f"{2 * scale.BATCH}, such as 1000,10000 and 1,2")
    rows, shared = scale.pictures(counts, device), scale.processes(numbers, device)
    print(scale.text(rows, shared))
    return {"pictures": rows, "processes": shared}


def data(args: argparse.Namespace) -> dict:
    """Print and return packing's pictures/s beside bare Pillow's, and private memory for two sizes of data set."""
    from minicolor.benches import memory, packing

    p = packing.run(args.photos, size=args.size, count=args.count)
    print(f"packing {p['pictures']} pictures at {p['size']}x{p['size']}, {p['processes']} processes\n"
          f"  bare Pillow decode + resize  {p['bare_pillow_per_s']:8.1f} pictures/s\n"
          f"  minicolor.pack               {p['pack_per_s']:8.1f} pictures/s\n"
          f"  ratio                        {p['ratio']:8.2f}  (median of {p['rounds']} pairs; "
          f"{p['ratio_min']:.2f} to {p['ratio_max']:.2f})")
    m = memory.run()
    print("private memory while training from a memory map")
    for count, mib in m.items():
        print(f"  {count:6d} pictures  {mib:8.1f} MiB")
    return {"packing": p, "private_memory_mib": {str(count): mib for count, mib in m.items()}}


def metrics(args: argparse.Namespace) -> dict:
    """Print and return our metrics' times beside those of other libraries; on a CPU, as only few of them know another device."""
    from minicolor.benches import fid, metrics

    versions = metrics.versions()
    print("not installed: " + (", ".join(name for name, version in versions.items() if version is None) or "none of them"))
    print(metrics.HEAD)
    return {"date": datetime.date.today().isoformat(), "versions": versions, "metrics": metrics.run() + fid.run()}


def colorize(args: argparse.Namespace) -> dict:
    """Print and return, for each size of a photograph, the time from file to file, the networks' share of it and the memory."""
    from minicolor.benches import colorize

    try:
        sizes = [int(size) for size in args.megapixels.split(",")]
    except ValueError:
        sizes = [0]
    if min(sizes) < 1:
        raise BadInput(f"--megapixels {args.megapixels}: expected whole numbers from 1, such as 1,12,100")
    print(colorize.HEAD)
    stages = {"run": args.run_, "denoise": args.denoise, "enlarge": args.enlarge}
    return {"colorize": colorize.run(sizes, choose_device(args.device), **stages)}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m minicolor.bench", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the figures there too; before or after WHAT")
    which = parser.add_subparsers(dest="what", required=True, metavar="lab|degrade|patchgan|norm|all|train|scale|data|metrics|colorize")
    for name in ("lab", "degrade", "patchgan", "norm", "all"):
        k = which.add_parser(name, help="all four, in one go" if name == "all" else f"the kernels of kernels/{KERNELS[name]}")
        k.add_argument("--device", metavar="cpu|cuda")
        k.set_defaults(run=kernels)
    t = which.add_parser("train", help="our training against a plain loop of the same networks, from files, with loader workers")
    t.add_argument("--vs", default="reference", choices=("reference",), help="what to race: benches/reference.py")
    t.add_argument("--recipe", default="pix2pix", choices=("pix2pix", "recolor_wgan", "dncnn"))
    t.add_argument("--size", type=int, default=256)
    t.add_argument("--batch-size", type=int, nargs="+", metavar="N", help="[4 on a CPU, 1 16 64 on a GPU]")
    t.add_argument("--base", type=int, default=64, help="channels after the first convolution [64]")
    t.add_argument("--pairs", type=int, default=5, help="timed blocks of each, of two steps [5]")
    t.add_argument("--workers", type=int, default=4, help="of the plain loop's loader [4]")
    t.add_argument("--fast", action=argparse.BooleanOptionalAction, default=True, help="as in minicolor.train [yes]")
    t.add_argument("--device", metavar="cpu|cuda")
    t.add_argument("--precision", default="auto", choices=("auto", "float32", "bf16"))
    t.set_defaults(run=train)
    s = which.add_parser("scale", help="an epoch by the number of pictures, and an update by the number of processes")
    s.add_argument("--pictures", default="1000,10000,50000", metavar="N,N,...", help="[1000,10000,50000]")
    s.add_argument("--processes", default="1,2", metavar="N,N,...", help="on this machine [1,2]")
    s.add_argument("--device", metavar="cpu|cuda")
    s.set_defaults(run=scale)
    d = which.add_parser("data", help="packing against bare Pillow, and memory against the number of pictures")
    d.add_argument("--photos", metavar="FOLDER", help="pictures to pack [drawn ones]")
    d.add_argument("--size", type=int, default=256)
    d.add_argument("--count", type=int, default=2000)
    d.set_defaults(run=data)
    m = which.add_parser("metrics", help="our metrics against other libraries', on a CPU: the same pictures, the same answer")
    m.set_defaults(run=metrics)
    c = which.add_parser("colorize", help="photographs from file to file: time, memory, and how much of it is the networks")
    c.add_argument("--megapixels", default="1,12,100", metavar="N,N,...", help="[1,12,100]")
    c.add_argument("--run", dest="run_", metavar="RUN", help="[an untrained network that colors, if no stage is given]")
    c.add_argument("--denoise", metavar="RUN")
    c.add_argument("--enlarge", metavar="RUN")
    c.add_argument("--device", metavar="cpu|cuda")
    c.set_defaults(run=colorize)
    for command in which.choices.values():                   # SUPPRESS: else its default would undo what stood before WHAT
        command.add_argument("--json", metavar="FILE", default=argparse.SUPPRESS, help="write the figures there too")
    return parser


if __name__ == "__main__":
    main()
