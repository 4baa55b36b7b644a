"""The "residual" U-Net of report A, section II.A.2, Table II; a U-Net (Ronneberger et al. 2015, arXiv:1505.04597).

    L (N, 1, H, W) -> down: conv 4x4/2 relu     H/2, 32   H/4, 64   H/8, 128   H/16, 256             A5 of report A
                   -> up:   tconv 4x4/2 relu    H/8, 128  H/4, 64   H/2, 32, each joined to its twin on the way down
                   -> up:   tconv 4x4/2         H, 2, joined to L itself: 3 channels
                   -> conv 3x3                  H, 2: ab, about [-1, 1], not bounded

Height and width must be multiples of 16 (256 in the report). 1,543,418 parameters. L comes back at the very end: so the last
layer sees the sharp edges that the way down has blurred. Nothing is added to anything, "residual" is only its name.

Differs from the report: nothing that it prints. It names no activations and no norms: here ReLU, Ronneberger's, after all but the
last two layers, since a and b have both signs; and no norms. Weights start as PyTorch starts them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.models.conv4x4 import Conv4x4, ConvTranspose4x4


class ResidualUNet(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] -> (N, out_channels, H, W), about [-1, 1], not bounded; sides multiples of 16."""

    multiple = 16  # what both sides must be multiples of

    def __init__(self, in_channels: int = 1, out_channels: int = 2, base: int = 32):
        super().__init__()
        down = [in_channels, base, 2 * base, 4 * base, 8 * base]              # 1 32 64 128 256
        up = [4 * base, 2 * base, base, out_channels]                         # 128 64 32 2
        joined = [8 * base, 8 * base, 4 * base, 2 * base]                     # 256 256 128 64: with the twin, as wide again
        self.down = nn.ModuleList(Conv4x4(c, out, slope=0.0) for c, out in zip(down, down[1:]))
        self.up = nn.ModuleList(ConvTranspose4x4(c, out) for c, out in zip(joined, up))
        self.last = nn.Conv2d(out_channels + in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        if height % 16 or width % 16 or not height * width:
            raise ValueError(f"ResidualUNet needs sides that are multiples of 16, not {height}x{width}")
        skips = [x]
        for layer in self.down:
            skips.append(layer(skips[-1]))                                    # (N, base 2^i, H / 2^(i+1), W / 2^(i+1))
        y = skips.pop()                                                       # the deepest has no twin
        for layer in self.up[:-1]:
            y = torch.cat([F.relu(layer(y)), skips.pop()], dim=1)
        return self.last(torch.cat([self.up[-1](y), skips.pop()], dim=1))     # what is left of skips is x
