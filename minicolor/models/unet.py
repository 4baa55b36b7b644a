"""The pix2pix generator: Isola et al., "Image-to-Image Translation with Conditional Adversarial Nets", CVPR 2017,
arXiv:1611.07004, section 6.1.1; a U-Net (Ronneberger et al. 2015, arXiv:1505.04597) of 4x4 convolutions.

    grey (N, in, S, S) -> down: conv 4x4/2        S/2, base                               C1 of report C, A6 of report A
                       -> down: lrelu conv norm   S/4, 2 base ... S/2^(levels-1), 8 base
                       -> down: lrelu conv        S/2^levels, 8 base: one pixel at S = 2^levels
                       -> up:   relu tconv norm   each doubles the size and is joined to its twin on the way down
                       -> up:   relu tconv tanh   S, out                                   values in [-1, 1]

Height and width must be multiples of 2^levels. 54,409,858 parameters for 1 -> 2 channels at base 64 and 8 levels.

Differs from the paper, as its authors' later PyTorch code does (the parameter count is that code's): no norm at the deepest
level, no bias before a norm nor in the first and the deepest convolution, and dropout in the three full-width levels above
the deepest, where the paper's list CD512-CD512-CD512 begins with the deepest itself. The paper keeps dropout and batch
statistics on at test time as its noise z; here the caller says so (the recipe's norm_at_test and dropout_at_test).
"""

import torch
from torch import Tensor, nn

from minicolor.models.initialize import normal_


class UNet(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] -> (N, out_channels, H, W) in [-1, 1]; H and W multiples of 2^levels."""

    def __init__(
        self, in_channels: int = 1, out_channels: int = 2, base: int = 64, levels: int = 8, dropout: float = 0.5
    ):
        super().__init__()
        if levels < 2:
            raise ValueError(f"a U-Net needs at least 2 levels, not {levels}")
        self.levels = levels
        widths = [base * min(2**i, 8) for i in range(levels)]  # 64 128 256 512 512 ... : the paper stops doubling at 8x

        down, up = [nn.Conv2d(in_channels, widths[0], 4, stride=2, padding=1, bias=False)], []
        for i in range(1, levels):
            down += [_down(widths[i - 1], widths[i], norm=i < levels - 1)]  # one pixel has no spread to normalize
        for i in reversed(range(1, levels)):
            from_below = widths[i] if i == levels - 1 else 2 * widths[i]  # all but the deepest hear their twin too
            middle = i in range(4, levels - 1)  # dropout in the full-width levels above the deepest
            up += [_up(from_below, widths[i - 1], dropout if middle else 0.0)]
        up += [nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * widths[0], out_channels, 4, 2, 1), nn.Tanh())]
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        multiple = 2**self.levels
        if x.shape[-2] % multiple or x.shape[-1] % multiple:
            raise ValueError(f"a U-Net of {self.levels} levels needs sides that are multiples of {multiple}, "
                             f"not {x.shape[-2]}x{x.shape[-1]}")
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)                                   # (N, widths[i], S / 2^(i+1), S / 2^(i+1))
        x = self.up[0](skips.pop())                           # the deepest has no twin: it is the way through
        for layer in self.up[1:]:
            x = layer(torch.cat([skips.pop(), x], dim=1))
        return x


def _down(channels: int, out: int, norm: bool) -> nn.Sequential:
    layers = [nn.LeakyReLU(0.2), nn.Conv2d(channels, out, 4, stride=2, padding=1, bias=False)]
    return nn.Sequential(*layers, nn.BatchNorm2d(out)) if norm else nn.Sequential(*layers)


def _up(channels: int, out: int, dropout: float) -> nn.Sequential:
    layers = [nn.ReLU(), nn.ConvTranspose2d(channels, out, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, nn.Dropout(dropout)) if dropout else nn.Sequential(*layers)
