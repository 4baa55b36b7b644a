"""The discriminator of SRGAN: Ledig et al. 2017, arXiv:1609.04802, Fig. 4.

    picture (N, in, S, S) -> conv 3x3 lrelu                   S, base
                          -> conv 3x3/2 norm lrelu            S/2, base
                          -> conv 3x3, then 3x3/2, each       S/4, 2 base
                             followed by norm lrelu           S/8, 4 base
                                                              S/16, 8 base
                          -> flatten, dense lrelu             16 base: 1024
                          -> dense                            (N, 1): one score for the whole picture

The score is a logit (no sigmoid: the loss has it). The dense layer allows one size alone: side x side, in the paper
crops of 96. 23,563,649 parameters; 18.9 million of them are the first dense layer.

Differs from the paper: no bias before a norm, which would cancel it. The paper does not say how weights start: as PyTorch's do.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.models.norm_act import BatchNormAct


class SRGANDiscriminator(nn.Module):
    """(N, in_channels, side, side), any range -> logits (N, 1): above 0 means "this picture is real". side: a multiple of 16."""

    def __init__(self, in_channels: int = 3, base: int = 64, side: int = 96):
        super().__init__()
        if side < 16 or side % 16:
            raise ValueError(f"SRGANDiscriminator needs a side that is a multiple of 16, not {side}")
        self.shape = (in_channels, side, side)
        self.first = nn.Conv2d(in_channels, base, 3, padding=1)
        self.rest = nn.Sequential(
            *_block(base, base, stride=2),
            *_block(base, 2 * base, stride=1), *_block(2 * base, 2 * base, stride=2),
            *_block(2 * base, 4 * base, stride=1), *_block(4 * base, 4 * base, stride=2),
            *_block(4 * base, 8 * base, stride=1), *_block(8 * base, 8 * base, stride=2),
        )  # fmt: skip
        self.dense1 = nn.Linear(8 * base * (side // 16) ** 2, 16 * base)
        self.dense2 = nn.Linear(16 * base, 1)

    def forward(self, picture: Tensor) -> Tensor:
        if picture.ndim != 4 or tuple(picture.shape[1:]) != self.shape:
            raise ValueError(f"SRGANDiscriminator needs (N, {', '.join(map(str, self.shape))}), not {tuple(picture.shape)}")
        x = self.rest(F.leaky_relu(self.first(picture), 0.2))
        return self.dense2(F.leaky_relu(self.dense1(x.flatten(1)), 0.2))


def _block(channels: int, out: int, stride: int) -> list[nn.Module]:
    # no bias: the norm that follows would cancel it
    return [nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False), BatchNormAct(out, slope=0.2)]
