"""The discriminator of report D's GAN (sections 3 and 8.3.3): four convolution blocks and one dense unit.

    RGB (N, 3, S, S) in [0, 1] -> conv 4x4/2 lrelu              S/2, base
                               -> conv 4x4/2 norm lrelu  x 3    S/16, 8 base
                               -> one dense unit                (N, 1): one logit for the whole picture

A logit (no sigmoid: the loss has it). It judges the colored picture alone, D(y) in the report's equation, not beside its grey
one. The dense unit has a weight for every place, so only pictures of exactly side x side fit, a multiple of 16. 2,888,513
parameters for RGB at base 64 and side 256: 131,073 of them in the dense unit.

Differs from the report: nothing that it prints. Kernels, widths and norms are not printed: they are PatchGAN's (patchgan.py).
"""

from torch import Tensor, nn

from minicolor.models.conv4x4 import Conv4x4
from minicolor.models.initialize import normal_
from minicolor.models.norm_act import BatchNormAct


class DenseCritic(nn.Module):
    """(N, in_channels, side, side) -> logits (N, 1): above 0 means "this picture is real"."""

    def __init__(self, in_channels: int = 3, base: int = 64, side: int = 256):
        super().__init__()
        if side < 16 or side % 16:
            raise ValueError(f"DenseCritic needs a side that is a multiple of 16, not {side}")
        self.shape = (in_channels, side, side)
        self.convs = nn.Sequential(
            Conv4x4(in_channels, base, slope=0.2),  # no norm: it would take away how bright and how colorful the picture is
            *_block(base, 2 * base),
            *_block(2 * base, 4 * base),
            *_block(4 * base, 8 * base),
        )
        self.dense = nn.Linear(8 * base * (side // 16) ** 2, 1)
        normal_(self)

    def forward(self, picture: Tensor) -> Tensor:
        if picture.ndim != 4 or tuple(picture.shape[1:]) != self.shape:
            expected = ", ".join(map(str, self.shape))
            raise ValueError(f"this DenseCritic needs pictures of shape (N, {expected}), not {tuple(picture.shape)}")
        return self.dense(self.convs(picture).flatten(1))


def _block(channels: int, out: int) -> list[nn.Module]:
    # no bias: the norm that follows would cancel it
    return [Conv4x4(channels, out, bias=False), BatchNormAct(out, slope=0.2)]
