"""python -m minicolor.ambiguous RUN...: how strongly a run colors what could have any of four colors.

The drawn scenes hold objects (a car, a sail, a jug) whose color only a coin decides: red, blue, yellow or turquoise, all at one
lightness. Nothing in the grey picture says which. A network that minimizes L1 or L2 then answers with the middle of the four,
which is nearly grey; one that has to look real must choose. The figure is chroma, sqrt(a^2 + b^2), over the pixels of such
objects on scenes that were not trained on; beside it the truth's, and that of the pixelwise median of the four: the L1 answer.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from minicolor import report
from minicolor.coloring import Colorizer
from minicolor.data.scenes import AMBIGUOUS, PARTS, TOSS_NAMES, draw
from minicolor.errors import BadInput, Parser, one_line
from minicolor.held_out import answer
from minicolor.ops.lab import rgb_to_lab
from minicolor.precision import choose_device

SEED = 20_250_101                                                    # of scenes that no run was trained on


def chroma_of_ambiguous(colorizer: Colorizer, count: int = 200, seed: int = SEED) -> dict[str, float]:
    """Mean chroma in Lab units over all pixels of ambiguous objects in `count` scenes: the run's, the truth's, the medians'.

    Also how many such pixels there were, and the run's chroma on everything else.
    """
    which = torch.tensor([part in AMBIGUOUS for part in PARTS])
    sums, pixels, others, rest = dict.fromkeys(("chroma", "truth", "median"), 0.0), 0, 0.0, 0
    for i in range(count):
        scene = draw(seed, i, colorizer.recipe.size)
        inside = which[torch.from_numpy(scene.mask).long()]
        made = _chroma(_answer(colorizer, scene.rgb))
        others, rest = others + made[~inside].sum().item(), rest + int((~inside).sum())
        if not inside.any():
            continue
        four = torch.stack([_ab(draw(seed, i, colorizer.recipe.size, toss=t).rgb) for t in range(len(TOSS_NAMES))])
        sums["chroma"] += made[inside].sum().item()
        sums["truth"] += _chroma(_ab(scene.rgb))[inside].sum().item()
        sums["median"] += _chroma(four.quantile(0.5, dim=0))[inside].sum().item()
        pixels += int(inside.sum())
    return {name: total / max(1, pixels) for name, total in sums.items()} | {"elsewhere": others / rest, "pixels": pixels}


def _answer(colorizer: Colorizer, rgb: np.ndarray) -> Tensor:
    """a, b (2, S, S) as the network gives them."""
    x = colorizer.task.sees(_batch(rgb).to(colorizer.device))
    return colorizer.task.chroma(x, answer(colorizer.step, colorizer.recipe, x))[0].float().cpu()


def _batch(rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None]


def _ab(rgb: np.ndarray) -> Tensor:
    return rgb_to_lab(_batch(rgb).float() / 255)[0, 1:]


def _chroma(ab: Tensor) -> Tensor:
    return torch.linalg.vector_norm(ab, dim=0)


def main(argv: list[str] | None = None) -> None:
    with one_line():
        parser = Parser(prog="python -m minicolor.ambiguous", description=__doc__,
                        formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of runs that color, trained on scenes")
        parser.add_argument("--scenes", type=int, default=200, metavar="N", help="how many scenes to draw [200]")
        parser.add_argument("--device", metavar="cpu|cuda", help="[cuda where there is one]")
        parser.add_argument("--json", metavar="FILE", help="write the figures there")
        args = parser.parse_args(sys.argv[1:] if argv is None else argv)
        if args.scenes < 1:
            raise BadInput(f"--scenes {args.scenes}: expected at least 1")
        device, rows = choose_device(args.device), []
        print(f"{'run':30s} {'chroma':>7s} {'truth':>7s} {'median':>7s} {'elsewhere':>9s}")
        for run in args.runs:
            row = {"run": run} | chroma_of_ambiguous(Colorizer(run, device), args.scenes)
            print(f"{run:30s} {row['chroma']:7.1f} {row['truth']:7.1f} {row['median']:7.1f} {row['elsewhere']:9.1f}")
            rows.append(row)
        if args.json:
            report.write_json(Path(args.json), {"scenes": args.scenes, "seed": SEED, "rows": rows})


if __name__ == "__main__":
    main()
