"""PSNR: peak signal-to-noise ratio, 10 log10(peak^2 / MSE) with peak 1, over all pixels and channels of a picture."""

import torch
from torch import Tensor

from minicolor.metrics.mse import mse


def psnr(prediction: Tensor, truth: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,) in dB, higher is better, inf for equal pictures. BadInput as check_rgb."""
    return -10 * torch.log10(mse(prediction, truth))
