"""The 4x4 convolution of pix2pix, padding 1, in PyTorch's own words.     source: Isola et al. 2017, arXiv:1611.07004, 6.1

    convolution             (N, C, H, W) -> (N, O, H', W')     H' = H/2 with stride 2 (H even), H - 1 with stride 1
    transposed convolution  (N, C, H, W) -> (N, O, 2H, 2W)     the input gradient of the first, used as a layer
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def conv4x4(x: Tensor | tuple[Tensor, ...], weight: Tensor, bias: Tensor | None = None, stride: int = 2,
            slope: float | None = None) -> Tensor:
    """x (N, C, H, W), or several tensors side by side along C; weight (O, C, 4, 4); slope: then LeakyReLU."""
    if not isinstance(x, Tensor):
        x = x[0] if len(x) == 1 else torch.cat(x, dim=1)          # cat copies even a single tensor
    y = F.conv2d(x, weight, bias, stride, padding=1)
    return y if slope is None else F.leaky_relu(y, slope)


def conv_transpose4x4(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (N, C, H, W), weight (C, O, 4, 4) -> (N, O, 2H, 2W): stride 2."""
    return F.conv_transpose2d(x, weight, bias, stride=2, padding=1)
