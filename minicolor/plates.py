"""python -m minicolor.plates FOLDER RUN...: how far runs are from the true color of photographs of about 1910.

FOLDER holds scans of glass plates with three exposures each: blue, green, red from top to bottom. Aligned, they give the true
color. A run is shown the green exposure alone, a grey photograph like any other, and its answer is compared with the truth over
the whole picture. Means over the plates have bootstrap 95 % intervals.

The answer keeps the green exposure's lightness: a grey photograph has no other. Green is most of a picture's luminance, but not
all of it: a red coat is too dark in it, whoever colors it. That is part of every CIEDE2000 here, and the row "true color" says
how much; ab-RMSE and "no cast" compare a and b alone. How red or blue a print was its printer chose, and here --balance does;
"no cast" takes each picture's mean a, b off, so it hardly depends on that. Plates whose exposures do not fit together, and
second scans of a plate, are left out by name.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from minicolor import checkpoint, report
from minicolor.coloring import Colorizer
from minicolor.data.pixels import eight_bits
from minicolor.data.plates import BALANCES, gather
from minicolor.errors import BadInput, Parser, one_line
from minicolor.evaluation.summary import differs, summarize
from minicolor.evaluation.true_color import FIGURES, answers, mean_ab, measured, row, sheet
from minicolor.precision import choose_device
from minicolor.restoring.denoise import denoise, tileable
from minicolor.trained import short

PER_SHEET = 8                    # plates


def main(argv: list[str] | None = None) -> None:
    with one_line():
        run(_parser().parse_args(sys.argv[1:] if argv is None else argv))


def run(args: argparse.Namespace) -> None:
    """Align, color, measure, print and write what `args` ask for."""
    if args.out and Path(args.out).is_file():
        raise BadInput(f"--out {args.out}: is a file, expected a folder")
    device = choose_device(args.device)
    colorizers = {name: Colorizer(run, device) for name, run in zip(short(args.runs), args.runs)}
    denoiser = tileable(args.denoise, device) if args.denoise else None
    clean = denoiser and (lambda grey: eight_bits(denoise(grey.astype(np.uint16) * 257, denoiser)))
    truths, left_out = gather(args.folder, args.balance, args.without)
    for name, why in left_out.items():
        print(f"left out: {name}: {why}")
    if len(truths) < 2:
        raise BadInput(f"{args.folder}: {len(truths)} usable plates; expected at least 2, with three exposures each")

    means, lines = {name: mean_ab(rgb) for name, rgb in truths.items()}, []
    values: dict[str, dict[str, list[float]]] = {}
    for name, rgb in truths.items():
        others = torch.cat([m for n, m in means.items() if n != name]).mean(dim=0, keepdim=True)
        made = answers(rgb, others, colorizers, clean)
        for who, answer in made.items():
            for figure, value in measured(answer, rgb).items():
                values.setdefault(who, {}).setdefault(figure, []).append(value)
        if args.out:
            lines.append(row(name, made))
    print(f"{len(truths)} plates, {len(left_out)} left out; balance {args.balance}"
          + (f"; denoised by {args.denoise}" if args.denoise else ""))
    print(table(values))
    if args.out:
        Path(args.out).mkdir(parents=True, exist_ok=True)
        for i in range(0, len(lines), PER_SHEET):
            report.write(Path(args.out) / f"plates_{i // PER_SHEET + 1}.jpg", sheet(lines[i : i + PER_SHEET]))
        print(f"look at {Path(args.out) / 'plates_1.jpg'}")
    if args.json:
        summaries = {who: {name: vars(summarize(v)) for name, v in of.items()} for who, of in values.items()}
        report.write_json(Path(args.json), {
            "runs": dict(zip(colorizers, args.runs)), "denoise": args.denoise, "balance": args.balance, "n": len(truths),
            "summaries": summaries, "left_out": left_out, "plates": list(truths), "values": values,
            "environment": checkpoint.environment()})


def table(values: dict[str, dict[str, list[float]]]) -> str:
    """who -> figure -> (n,) -> a line for each; a star where it differs from left grey, plate by plate."""
    lines = [["", *FIGURES.values()]]
    for who, of in values.items():
        lines.append([who])
        for name, column in of.items():
            s, star = summarize(column), "*" if differs(column, values["left grey"][name]) else " "
            lines[-1].append(f"{s.mean:.2f}{star} ({s.low:.2f} .. {s.high:.2f})")
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["  ".join([f"{line[0]:{widths[0]}s}", *(f"{c:>{w}s}" for c, w in zip(line[1:], widths[1:]))]) for line in lines]
    return "\n".join([*text, "* the 95 % interval of the mean difference from left grey, plate by plate, leaves 0 out"])


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m minicolor.plates", description=__doc__.split(": ", 1)[1],
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", help="scans of glass plates")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="trained runs that color; none: the plates' own figures")
    parser.add_argument("--denoise", metavar="RUN", help="a run of dncnn, or of another denoiser, goes first")
    parser.add_argument("--without", nargs="+", default=(), metavar="NAME", help="files of FOLDER to leave out")
    parser.add_argument("--balance", default="white", choices=BALANCES,
                        help="white: each exposure's brightest is white; grey: then the mean color is grey [white]")
    parser.add_argument("--out", metavar="FOLDER", help="sheets to look at: each plate's answers beside it")
    parser.add_argument("--json", metavar="FILE", help="every figure of every plate")
    parser.add_argument("--device", metavar="cpu|cuda", help="[cuda where there is one]")
    return parser


if __name__ == "__main__":
    main()
