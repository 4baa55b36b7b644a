"""Colorfulness: Hasler and Suesstrunk, "Measuring colourfulness in natural images", SPIE 2003, eq. for M^(3).

    rg = R - G,  yb = (R + G)/2 - B      on 0..255, signed
    sqrt(var rg + var yb) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2)

About 0 for grey, 15 slightly, 33 moderately, 59 quite, 109 extremely colorful (their Table 2). It needs no truth: it
tells brown, cautious coloring from vivid, which ab-RMSE rewards the wrong way round.
"""

from torch import Tensor

from minicolor.metrics.ranges import check_rgb


def colorfulness(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> (N,), on the paper's 0..255 scale. BadInput as check_rgb."""
    check_rgb(rgb)
    r, g, b = (255 * rgb).flatten(2).unbind(1)            # each (N, H * W)
    rg, yb = r - g, (r + g) / 2 - b
    spread = (rg.var(1, unbiased=False) + yb.var(1, unbiased=False)).sqrt()
    return spread + 0.3 * (rg.mean(1).square() + yb.mean(1).square()).sqrt()
