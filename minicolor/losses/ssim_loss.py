"""1 - SSIM.     source: report D, 2.3 ("SSIM loss (1 - SSIM value)") and 8.3.1; Zhao et al. 2017, arXiv:1511.08861, section III

    0 for equal pictures, at most 2. What SSIM is, and its window: minicolor/ops/ssim.py.
"""

from torch import Tensor

from minicolor.ops.ssim import ssim


def ssim_loss(a: Tensor, b: Tensor) -> Tensor:
    """Two (N, C, H, W) in [0, 1], sides of at least 11 -> a scalar in [0, 2]: 1 - the mean SSIM of the pictures."""
    return 1 - ssim(a, b).mean()
