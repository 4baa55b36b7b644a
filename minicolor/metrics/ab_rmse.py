"""ab-RMSE: how far the colors are off, lightness left out.

    sqrt( mean over pixels and over a, b of (difference)^2 ),  in Lab units, per picture

PSNR on RGB flatters a colorized picture, since its lightness is copied from the input; this looks at what was guessed.
Leaving a picture grey scores the root mean square of its own a and b, so "better than grey" is easy to read off.
"""

from torch import Tensor

from minicolor.metrics.ranges import at_least_float32, check_rgb, in_cache
from minicolor.ops.lab import rgb_to_lab


def ab_rmse(prediction: Tensor, truth: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,) in Lab units, 0 is perfect; float32 at least. BadInput for other shapes and ranges."""
    check_rgb(prediction, truth)
    return in_cache(_ab_rmse, *at_least_float32(prediction, truth))


def _ab_rmse(prediction: Tensor, truth: Tensor) -> Tensor:
    guessed, true = rgb_to_lab(prediction)[:, 1:], rgb_to_lab(truth)[:, 1:]
    return (guessed - true).square_().mean(dim=(1, 2, 3)).sqrt()
