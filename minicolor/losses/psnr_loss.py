"""PSNR as a loss.     source: report D, 8.3.1 tests "MAE, SSIM Loss and PSNR Loss" and gives no formula; this one is ours

    PSNR = -10 log10(MSE + floor)          for each picture, with peak 1; floor = 1 / (12 * 255^2)
    loss = 1 - PSNR / 58.9 dB              1 at 0 dB (MSE 1), 0 for equal pictures, 0.66 at 20 dB: on the scale of an SSIM loss

The floor is the mean squared error of rounding to 8 bits: nothing better can be stored. It holds PSNR at 58.9 dB and the slope
finite for equal pictures; at 30 dB it takes 0.006 dB.
What the logarithm changes against MSE: each picture's slope is divided by its own error, so the good ones go on learning.
"""

import math

import torch
from torch import Tensor

FLOOR = 1 / (12 * 255**2)
BEST = -10 * math.log10(FLOOR)  # dB


def psnr_loss(a: Tensor, b: Tensor) -> Tensor:
    """Two (N, C, H, W) in [0, 1] -> a scalar, the mean over the pictures; lower is better, 0 for equal ones."""
    if a.ndim != 4 or a.shape != b.shape:
        raise ValueError(f"two pictures (N, C, H, W) of one shape expected, not {tuple(a.shape)} and {tuple(b.shape)}")
    mse = (a - b).square().mean(dim=(1, 2, 3))
    return 1 + 10 * torch.log10(mse + FLOOR).mean() / BEST
