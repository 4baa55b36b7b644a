"""The pix2pix generator: Isola et al., "Image-to-Image Translation with Conditional Adversarial Nets", CVPR 2017,
arXiv:1611.07004, section 6.1.1; a U-Net (Ronneberger et al. 2015, arXiv:1505.04597) of 4x4 convolutions.

    grey (N, in, S, S) -> down: conv 4x4/2 lrelu  S/2, base                               C1 of report C, A6 of report A
                       -> down: conv norm lrelu   S/4, 2 base ... S/2^(levels-1), 8 base
                       -> down: conv relu         S/2^levels, 8 base: one pixel at S = 2^levels
                       -> up:   tconv norm relu   each doubles the size and is joined to its twin on the way down
                       -> up:   tconv tanh        S, out                                   values in [-1, 1]

Height and width must be multiples of 2^levels. 54,409,858 parameters for 1 -> 2 channels at base 64 and 8 levels.

Differs from the paper, as its authors' later PyTorch code does (the parameter count is that code's): no norm at the deepest
level, no bias before a norm nor in the first and the deepest convolution, and dropout in the three full-width levels above
the deepest, where the paper's list CD512-CD512-CD512 begins with the deepest itself. The paper keeps dropout and batch
statistics on at test time as its noise z; here the caller says so (the recipe's norm_at_test and dropout_at_test).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.models.conv4x4 import Conv4x4, ConvTranspose4x4
from minicolor.models.initialize import normal_
from minicolor.models.norm_act import BatchNormAct


class UNet(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] -> (N, out_channels, H, W) in [-1, 1]; H and W multiples of 2^levels."""

    def __init__(
        self, in_channels: int = 1, out_channels: int = 2, base: int = 64, levels: int = 8, dropout: float = 0.5
    ):
        super().__init__()
        if levels < 2:
            raise ValueError(f"a U-Net needs at least 2 levels, not {levels}")
        self.levels, self.multiple = levels, 2**levels
        widths = [base * min(2**i, 8) for i in range(levels)]  # 64 128 256 512 512 ... : the paper stops doubling at 8x

        down, up = [Conv4x4(in_channels, widths[0], bias=False, slope=0.2)], []
        for i in range(1, levels - 1):
            down += [_down(widths[i - 1], widths[i])]
        down += [Conv4x4(widths[-2], widths[-1], bias=False, slope=0.0)]  # no norm: one pixel has no spread; ReLU for the way up
        for i in reversed(range(1, levels)):
            from_below = widths[i] if i == levels - 1 else 2 * widths[i]  # all but the deepest hear their twin too
            middle = i in range(4, levels - 1)  # dropout in the full-width levels above the deepest
            up += [_up(from_below, widths[i - 1], dropout if middle else 0.0)]
        up += [nn.Sequential(ConvTranspose4x4(2 * widths[0], out_channels), nn.Tanh())]
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        multiple = self.multiple
        if x.shape[-2] % multiple or x.shape[-1] % multiple:
            raise ValueError(f"a U-Net of {self.levels} levels needs sides that are multiples of {multiple}, "
                             f"not {x.shape[-2]}x{x.shape[-1]}")
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)                                   # (N, widths[i], S / 2^(i+1), S / 2^(i+1)), after its LeakyReLU
        x = self.up[0](skips.pop())                           # the deepest has no twin: it is the way through
        for layer in self.up[1:]:
            # what the way up reads went through ReLU, not LeakyReLU: and the ReLU of a LeakyReLU is the ReLU
            x = layer(torch.cat([F.relu(skips.pop()), x], dim=1))
        return x


def _down(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(Conv4x4(channels, out, bias=False), BatchNormAct(out, slope=0.2))


def _up(channels: int, out: int, dropout: float) -> nn.Sequential:
    # the next level's ReLU stands here, before the dropout: zeroing and doubling do not change a sign
    layers = [ConvTranspose4x4(channels, out, bias=False), BatchNormAct(out, slope=0.0)]
    return nn.Sequential(*layers, nn.Dropout(dropout)) if dropout else nn.Sequential(*layers)
