"""python -m minicolor.evaluate RUN...: every figure of trained runs on pictures that they were not trained on.

For each run a table (mean, standard deviation, bootstrap 95 % interval, n, what the untouched input has, what the report says),
then all runs side by side. OUT gets index.html (with the best, the middle and the worst answers), figures.json, figures.csv and
pictures.csv. FID and LPIPS are computed where their weights are at hand; nothing is downloaded.
"""

import argparse
from pathlib import Path

from minicolor import parallel
from minicolor.data.split import PARTS
from minicolor.errors import BadInput, Parser, one_line
from minicolor.evaluation import page, tables
from minicolor.evaluation.answers import Answers
from minicolor.evaluation.measure import measure
from minicolor.evaluation.networks import SIZES, at_hand
from minicolor.kernels.backend import set_backend
from minicolor.perceptual import NETWORKS
from minicolor.precision import choose_device


def main(argv: list[str] | None = None) -> None:
    with one_line(), parallel.one_voice():
        args = _parser().parse_args(argv)
        with parallel.together(choose_device(args.device)) as device:
            run(args, device)


def run(args: argparse.Namespace, device: str) -> None:
    """Measure, print and write what `args` ask for."""
    if args.pictures is not None and args.pictures < 1:
        raise BadInput(f"--pictures {args.pictures}: expected at least 1")
    if args.cases < 1:
        raise BadInput(f"--cases {args.cases}: expected at least 1")
    out = Path(args.out)
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out {out}: is a file, expected a folder")
    set_backend(args.backend)
    networks = at_hand(args.fid, args.lpips, args.features, device)
    # all of them are opened first: the tenth run's missing checkpoint must not cost the work on nine
    answers = [Answers(run, args.split, args.data, args.pictures, device) for run in args.runs]
    evaluations = []
    for one in answers:
        evaluations.append(measure(one, networks, args.as_reported))
        if parallel.writes():
            print(tables.text(evaluations[-1]) + "\n", flush=True)
    if not parallel.writes():
        return
    if len(evaluations) > 1:
        rows = tables.comparison(evaluations)
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            print(f"{row[0]:{widths[0]}s}  " + "  ".join(f"{c:>{w}s}" for c, w in zip(row[1:], widths[1:])))
        print(tables.about_comparison(evaluations))
    tables.write(out, evaluations)
    page.write(out / "index.html", evaluations, args.cases)
    print(f"look at {out / 'index.html'}; figures.json, figures.csv and pictures.csv are beside it")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m minicolor.evaluate", description=__doc__.split(": ", 1)[1],
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders that `python -m minicolor.train` wrote, or checkpoints")
    parser.add_argument("--data", metavar="DATA", help="other pictures: a folder, a tar, a pack, or scenes [each run's own]")
    parser.add_argument("--split", default="test", metavar="PART",
                        help=f"which of them: {', '.join(PARTS)}, or all, for a folder that nothing was trained on [test]")
    parser.add_argument("--pictures", type=int, metavar="N", help="at most so many of them, a fair draw [all]")
    parser.add_argument("--out", default="evaluation", metavar="FOLDER", help="where page and tables go [evaluation]")
    parser.add_argument("--as-reported", action="store_true", help="report B's conventions too, beside the right ones [B's runs]")
    parser.add_argument("--fid", metavar="SIZE", help=f"features: {', '.join(SIZES)} or none [2048 if its weights are at hand]")
    parser.add_argument("--lpips", metavar="NAME", help=f"{', '.join(NETWORKS)} or none [alex, vgg or squeeze, if at hand]")
    parser.add_argument("--features", metavar="RUN", help="squeeze-keras or a run of classify: stands in for FID and LPIPS")
    parser.add_argument("--cases", type=int, default=page.CASES, metavar="N",
                        help=f"so many of the best, the middle and the worst answers on the page [{page.CASES}]")
    parser.add_argument("--device", metavar="cpu|cuda", help="[cuda where there is one]")
    parser.add_argument("--backend", default="auto", metavar="auto|torch|triton", help="what computes [auto]")
    return parser


if __name__ == "__main__":
    main()
