"""python -m minicolor.judge RUN...: real or colored? People judge the pictures of trained runs on a local web page.

Test pictures, real and colored by the runs, one by one or (--pairs) two side by side, without a word about which is which. Stop
it with Ctrl-C at any time and start it again with the same runs: pictures, judges and answers are in one SQLite file.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from tqdm import tqdm

from minicolor.errors import BadInput, Parser, one_line
from minicolor.judging import plan
from minicolor.judging.answers import Answers
from minicolor.judging.server import serve
from minicolor.local_page import ready, show, warn

PICTURES = 60          # some four minutes of judging


def main(argv: list[str] | None = None) -> None:
    with one_line():
        run(_parser().parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Prepare the pictures, or find them prepared, and serve until Ctrl-C."""
    ready(args.port, "the judgment's")
    if args.pictures is not None and args.pictures < 1:
        raise BadInput(f"--pictures {args.pictures}: expected at least 1")
    answers = opened(args)
    photos, about = answers.photos(), answers.about
    checks = len(plan.checks(photos))
    print(f"{photos} photographs, {checks} of them attention checks; kept in {answers.path}, with every answer as it is given")

    def say(address: str) -> None:
        warn(args.host, "open the page and judge under any name")
        print(f"judge    {address}/\nresults  {address}/results/{about['key']}   (not for judges)\nCtrl-C ends it", flush=True)
        if args.open:
            show(address)

    serve(answers, args.host, args.port, say)
    print(f"\nended; every answer is in {answers.path}: the same command goes on")


def opened(args: argparse.Namespace) -> Answers:
    """The judgment's file: found as it was begun with these runs and settings, or begun now."""
    if not args.runs and not (args.answers and Path(args.answers).is_file()):
        raise BadInput("name one RUN or more, or with --answers the file of a judgment that was begun before")
    prints = [hashlib.sha256(_checkpoint(run).read_bytes()).hexdigest() for run in args.runs]
    names = _names(args.runs)
    default = Path("runs") / f"judge-{'-'.join(Path(n).name for n in names)}{'-pairs' * args.pairs}.sqlite"
    if len(set(prints)) < len(prints):
        raise BadInput(f"{', '.join(args.runs)}: two of these are the same run")
    path = Path(args.answers or default)
    answers = Answers(path) if path.exists() else None
    if not (about := answers.about if answers else {}):
        if not args.runs:
            raise BadInput(f"{path}: no judgment was begun in this file; name one RUN or more")
        return _begin(path, args, {"runs": names, "checkpoints": prints, "pairs": args.pairs, "data": args.data,
                                   "pictures": args.pictures or PICTURES})
    differs = ("other runs, or an earlier state of them" if args.runs and prints != about["checkpoints"] else
               "single pictures" if args.pairs and not about["pairs"] else
               "pairs" if args.runs and about["pairs"] and not args.pairs else
               f"--data {about['data']}" if about["data"] and args.data not in (None, about["data"]) else
               "the pictures that the runs were trained with" if args.data and not about["data"] else
               f"--pictures {about['pictures']}" if args.pictures not in (None, about["pictures"]) else None)
    if differs:
        raise BadInput(f"{path}: holds a judgment of {differs} ({', '.join(about['runs'])}); name another file with "
                       "--answers to begin a new one")
    return answers


def _begin(path: Path, args: argparse.Namespace, about: dict) -> Answers:
    from minicolor.judging.pictures import Gallery  # here: going on takes no network, and so no waiting for PyTorch
    from minicolor.precision import choose_device

    gallery = Gallery(args.runs, about["pictures"], choose_device(args.device), args.data)
    answers, aside = Answers(path), plan.checks(len(gallery.names))      # the file last: what cannot begin leaves none
    with tqdm(total=len(gallery.names), unit=" photographs", disable=not sys.stderr.isatty()) as bar:
        def versions(photo: int):
            bar.update()
            return gallery.photo(photo, photo in aside)

        answers.begin(about, gallery.names, versions)
    return answers


def _checkpoint(run: str) -> Path:
    path = Path(run) / "best.pt" if Path(run).is_dir() else Path(run)
    if not path.is_file():
        raise BadInput(f"{run}: no trained run (there is no {path}); expected a folder that `python -m minicolor.train` wrote "
                       "and that finished an epoch")
    return path


def _names(runs: list[str]) -> list[str]:
    """As trained.short() has them, which would make us wait for PyTorch."""
    names = [Path(run).resolve().name for run in runs]
    return names if len(set(names)) == len(names) else list(runs)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m minicolor.judge", description=__doc__.split(": ", 1)[1])
    parser.add_argument("runs", nargs="*", metavar="RUN", help="folders of runs that color; none: go on with --answers FILE")
    parser.add_argument("--pairs", action="store_true", help="two side by side: which looks more real?")
    parser.add_argument("--pictures", type=int, metavar="N", help=f"at most so many of the test pictures [{PICTURES}]")
    parser.add_argument("--answers", metavar="FILE", help="where it is all kept [runs/judge-RUN.sqlite]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0: for the whole network [127.0.0.1]")
    parser.add_argument("--port", type=int, default=8765, help="0: any that is free [8765]")
    parser.add_argument("--data", metavar="DATA", help="where the runs' pictures are now [where each run had them]")
    parser.add_argument("--device", metavar="cpu|cuda", help="to color with [cuda where there is one]")
    parser.add_argument("--no-open", dest="open", action="store_false", help="do not open a browser")
    return parser


if __name__ == "__main__":
    main()
