"""MSE: mean over all pixels and channels of a picture of (prediction - truth)^2, RGB in [0, 1], so peak 1: 0 .. 1."""

from torch import Tensor

from minicolor.metrics.ranges import check_rgb, pixel_mean


def mse(prediction: Tensor, truth: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,), 0 is perfect; 255^2 times as much on 0..255; float32 at least.

    BadInput as check_rgb.
    """
    check_rgb(prediction, truth)
    return pixel_mean(lambda p, t: (p - t).square_(), prediction, truth)
