"""The pix2pix discriminator: Isola et al. 2017, arXiv:1611.07004, sections 3.2.2 and 6.1.2 ("70x70").

    (condition, picture), in all (N, in, S, S) -> conv 4x4/2 lrelu                    S/2, base
                                              -> conv 4x4/2 norm lrelu  x 2          S/8, 4 base
                                              -> conv 4x4/1 norm lrelu               S/8 - 1, 8 base
                                              -> conv 4x4/1                          S/8 - 2, 1: one score per patch

Each score is a logit (no sigmoid: the loss has it) and sees 70x70 pixels; 30x30 scores at S = 256. 2,765,633
parameters for 3 channels (L, a, b) at base 64. Sides of at least 24 pixels leave one score.

norm "instance" is CycleGAN's (arXiv:1703.10593, section 7.2); "none" makes a critic for WGAN-GP, whose penalty is on the slope
at each single picture, where BatchNorm mixes pictures (arXiv:1704.00028, section 4). Both have 2,764,737 parameters.

Differs from the paper: no bias before a BatchNorm, which would cancel it. InstanceNorm cancels it as well, but CycleGAN's authors
have it there in their code, and so it is here.
(Report A cites "PathGAN" by a slip; its Fig. 14 is this network.)
"""

from torch import Tensor, nn

from minicolor.models.conv4x4 import Conv4x4
from minicolor.models.initialize import normal_
from minicolor.models.norm_act import BatchNormAct, InstanceNormAct


class PatchGAN(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] -> logits (N, 1, H/8 - 2, W/8 - 2): above 0 means "this patch is real".

    norm: "batch", "instance" (statistics of each picture alone, no weights) or "none".
    """

    def __init__(self, in_channels: int = 3, base: int = 64, norm: str = "batch"):
        super().__init__()
        if norm not in ("batch", "instance", "none"):
            raise ValueError(f'PatchGAN\'s norm is "batch", "instance" or "none", not {norm!r}')
        self.first = Conv4x4(in_channels, base, slope=0.2)
        self.rest = nn.Sequential(
            *_block(base, 2 * base, stride=2, norm=norm),
            *_block(2 * base, 4 * base, stride=2, norm=norm),
            *_block(4 * base, 8 * base, stride=1, norm=norm),
            Conv4x4(8 * base, 1, stride=1),
        )
        normal_(self)

    def forward(self, *pictures: Tensor) -> Tensor:
        """One tensor, or the condition and the picture: their channels side by side, in_channels in all."""
        height, width = pictures[0].shape[-2:]
        if min(height, width) < 24:
            raise ValueError(f"PatchGAN needs sides of at least 24 pixels, not {height}x{width}")
        return self.rest(self.first(*pictures))


def _block(channels: int, out: int, stride: int, norm: str) -> list[nn.Module]:
    if norm == "none":
        return [Conv4x4(channels, out, stride, slope=0.2)]
    if norm == "instance":
        return [Conv4x4(channels, out, stride), InstanceNormAct(out, slope=0.2)]
    return [Conv4x4(channels, out, stride, bias=False), BatchNormAct(out, slope=0.2)]  # the norm would cancel a bias
