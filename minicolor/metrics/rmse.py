"""RMSE: sqrt(MSE), the root of one mean over all pixels and channels of a picture, RGB in [0, 1], so peak 1: 0 .. 1.

Differs from report B's table, which divides by a peak of 4095 and averages the roots of the three channels.
"""

from torch import Tensor

from minicolor.metrics.mse import mse


def rmse(prediction: Tensor, truth: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,), 0 is perfect; 255 times as much on 0..255. BadInput as check_rgb."""
    return mse(prediction, truth).sqrt()
