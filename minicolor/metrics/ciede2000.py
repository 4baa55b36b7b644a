"""CIEDE2000 of pictures: the mean over all pixels of the color difference that eyes see. The formula: minicolor/ops/ciede2000.py.

sRGB in [0, 1] becomes Lab with white D65 (minicolor/ops/lab.py). PSNR on RGB flatters a colorized picture, since lightness
is copied from its input; here lightness is one part of three. 1 is about the smallest difference seen, 10 seen at a glance.
"""

from torch import Tensor

from minicolor.metrics.ranges import at_least_float32, check_rgb, in_cache
from minicolor.ops import ciede2000 as reference
from minicolor.ops.lab import rgb_to_lab


def ciede2000(a: Tensor, b: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,), 0 is perfect, black against white is 100; float32 at least. BadInput as check_rgb."""
    check_rgb(a, b)
    return in_cache(_ciede2000, *at_least_float32(a, b))


def _ciede2000(a: Tensor, b: Tensor) -> Tensor:
    return reference.ciede2000(rgb_to_lab(a), rgb_to_lab(b)).mean(dim=(1, 2))
