"""python -m minicolor.studio --run runs/mine: old photographs in color, on a local web page: drop one, compare, download.

The stages of minicolor.colorize as switches. Photographs stay in this program's memory and are forgotten when their page is
left, when it has been silent for 20 minutes, and when the program ends. Stop it with Ctrl-C.
"""

import argparse
import os
from pathlib import Path

from minicolor.errors import BadInput, Parser, one_line
from minicolor.local_page import LOOPBACK, listen, ready, show, warn

LARGEST, PIXELS = 100, 50      # MB of a file; million pixels


def main(argv: list[str] | None = None) -> None:
    with one_line():
        run(_parser().parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Load the runs and serve until Ctrl-C."""
    ready(args.port, "the studio's")
    for flag, value, most in (("--largest", args.largest, 2000), ("--pixels", args.pixels, 100)):
        if not 1 <= value <= most:
            raise BadInput(f"{flag} {value}: expected 1 to {most}")
    stages = {name: run for name, run in (("color", args.run), ("denoise", args.denoise), ("enlarge", args.enlarge)) if run}
    if not stages:
        raise BadInput("name at least one run: --run RUN colors, --denoise RUN takes noise away, --enlarge RUN doubles the size")

    from minicolor.darkroom.developing import Studio  # here: what is wrong above is said before PyTorch is awake
    from minicolor.darkroom.photographs import Photographs
    from minicolor.darkroom.server import application
    from minicolor.precision import choose_device
    from minicolor.restoring.pipeline import Pipeline

    pipeline = Pipeline(args.run, args.denoise, args.enlarge, device=choose_device(args.device))
    studio = Studio(pipeline, args.pixels * 1_000_000)
    names = {stage: Path(run).resolve().name for stage, run in stages.items()}
    photographs = Photographs(studio)
    page = application(photographs, names, args.largest * 1_000_000, args.host in LOOPBACK)

    def say(address: str) -> None:
        warn(args.host, "use the page")
        print(f"studio  {address}/\nCtrl-C ends it", flush=True)
        if args.open:
            show(address)

    listen(page, args.host, args.port, say, other="another studio")
    print("\nended; no photograph was kept", flush=True)
    if photographs.close():
        os._exit(0)                # PyTorch aborts a program that ends around it, and nobody waits for its answer any more


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m minicolor.studio", description=__doc__.split(": ", 1)[1])
    parser.add_argument("--run", metavar="RUN", help="a run that colors: its folder, or a checkpoint file")
    parser.add_argument("--denoise", metavar="RUN", help="a run that removes noise, such as of dncnn")
    parser.add_argument("--enlarge", metavar="RUN", help="a run that doubles the size, such as of srgan")
    parser.add_argument("--largest", type=int, default=LARGEST, metavar="MB", help=f"of a file that is dropped [{LARGEST}]")
    parser.add_argument("--pixels", type=int, default=PIXELS, metavar="MILLIONS", help=f"of a photograph, at most [{PIXELS}]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0: for the whole network [127.0.0.1]")
    parser.add_argument("--port", type=int, default=8766, help="0: any that is free [8766]")
    parser.add_argument("--device", metavar="cpu|cuda", help="[cuda where there is one]")
    parser.add_argument("--no-open", dest="open", action="store_false", help="do not open a browser")
    return parser


if __name__ == "__main__":
    main()
