"""PSNR: peak signal-to-noise ratio, 10 log10(peak^2 / MSE) with peak 1, over all pixels and channels of a picture."""

import torch
from torch import Tensor

from minicolor.metrics.ranges import check_rgb


def psnr(prediction: Tensor, truth: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,) in dB, higher is better, inf for equal pictures. BadInput as check_rgb."""
    check_rgb(prediction, truth)
    return -10 * torch.log10((prediction - truth).square().mean(dim=(1, 2, 3)))
