"""SSIM of pictures in [0, 1], Wang et al. 2004: 11x11 Gaussian of sigma 1.5, population covariance, K1 .01, K2 .03, peak 1,
windows inside the picture alone, mean over red, green and blue. The formula: minicolor/ops/ssim.py.

Differs from report B's table, whose SSIM has 7x7 windows without weights and a peak of 4095.
"""

from torch import Tensor

from minicolor.errors import BadInput
from minicolor.metrics.ranges import check_rgb
from minicolor.ops import ssim as reference


def ssim(prediction: Tensor, truth: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,), higher is better, 1 for equal ones. BadInput as check_rgb, and for sides below 11."""
    check_rgb(prediction, truth)
    if min(truth.shape[2:]) < reference.SIDE:
        raise BadInput(f"SSIM needs sides of at least {reference.SIDE} pixels, got {truth.shape[2]}x{truth.shape[3]}")
    return reference.ssim(prediction, truth)
