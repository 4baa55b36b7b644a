"""Colorfulness: Hasler and Suesstrunk, "Measuring colourfulness in natural images", SPIE 2003, eq. for M^(3).

    rg = R - G,  yb = (R + G)/2 - B      on 0..255, signed
    sqrt(var rg + var yb) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2)

About 0 for grey, 15 slightly, 33 moderately, 59 quite, 109 extremely colorful (their Table 2). It needs no truth: it
tells brown, cautious coloring from vivid, which ab-RMSE rewards the wrong way round.
"""

import torch
from torch import Tensor

from minicolor.metrics.ranges import at_least_float32, check_rgb, in_cache


def colorfulness(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> (N,), on the paper's 0..255 scale; float32 at least. BadInput as check_rgb."""
    check_rgb(rgb)
    return in_cache(_colorfulness, *at_least_float32(rgb))


def _colorfulness(rgb: Tensor) -> Tensor:
    r, g, b = rgb.flatten(2).unbind(1)                                                # each (N, H * W)
    both = torch.stack([r - g, (r + g) / 2 - b])
    means = both.mean(dim=2, keepdim=True)
    variances = (both - means).square_().mean(dim=2)                                  # torch.var is far slower
    return 255 * (variances.sum(dim=0).sqrt() + 0.3 * means.square().sum(dim=(0, 2)).sqrt())
