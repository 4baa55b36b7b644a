"""The pix2pix discriminator: Isola et al. 2017, arXiv:1611.07004, sections 3.2.2 and 6.1.2 ("70x70").

    (condition, picture) joined (N, in, S, S) -> conv 4x4/2 lrelu                    S/2, base
                                              -> conv 4x4/2 norm lrelu  x 2          S/8, 4 base
                                              -> conv 4x4/1 norm lrelu               S/8 - 1, 8 base
                                              -> conv 4x4/1                          S/8 - 2, 1: one score per patch

Each score is a logit (no sigmoid: the loss has it) and sees 70x70 pixels; 30x30 scores at S = 256. 2,765,633
parameters for 3 channels (L, a, b) at base 64. Sides of at least 24 pixels leave one score.

Differs from the paper: no bias before a norm, which would cancel it.
(Report A cites "PathGAN" by a slip; its Fig. 14 is this network.)
"""

from torch import Tensor, nn

from minicolor.models.initialize import normal_


class PatchGAN(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] -> logits (N, 1, H/8 - 2, W/8 - 2): above 0 means "this patch is real"."""

    def __init__(self, in_channels: int = 3, base: int = 64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, base, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            *_block(base, 2 * base, stride=2),
            *_block(2 * base, 4 * base, stride=2),
            *_block(4 * base, 8 * base, stride=1),
            nn.Conv2d(8 * base, 1, 4, stride=1, padding=1),
        )
        normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[-2:]) < 24:
            raise ValueError(f"PatchGAN needs sides of at least 24 pixels, not {x.shape[-2]}x{x.shape[-1]}")
        return self.body(x)


def _block(channels: int, out: int, stride: int) -> list[nn.Module]:
    # no bias: the norm that follows would cancel it
    return [nn.Conv2d(channels, out, 4, stride, padding=1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2)]
