"""SRResNet, the generator of SRGAN: Ledig et al. 2017, arXiv:1609.04802, Fig. 4; report A names SRGAN as future work.

    small (N, C, H, W) -> conv 9x9 prelu                                    base
                       -> residual block x blocks                           base      block: x + norm conv 3x3 prelu norm conv 3x3
                       -> conv 3x3 norm, plus what entered the blocks       base
                       -> [conv 3x3, pixel shuffle x2, prelu] x 1 or 2      scale H, base
                       -> conv 9x9                                          (N, C, scale H, scale W)

Values are in [0, 1], and the answer's about that: nothing bounds it. Any size. The work is done at the small size; pixel shuffle
then lays 4 channels out as 2x2 pixels. 1,547,350 parameters at scale 4, 1,399,637 at scale 2. Trained with the squared error
it is the paper's SRResNet; against SRGANDiscriminator, with a loss on features of VGG19, its SRGAN.

Differs from the paper: no bias before a norm, which would cancel it; scale 2 beside 4; pictures in [0, 1] on both sides (there
the large ones are in [-1, 1]). A PReLU has one slope for all channels, which the paper leaves open. Weights start as
PyTorch starts them.
"""

from torch import Tensor, nn

from minicolor.models.norm_act import BatchNormAct


class SRResNet(nn.Module):
    """(N, channels, H, W) in [0, 1] -> (N, channels, scale H, scale W), about [0, 1], not bounded; scale 2 or 4."""

    def __init__(self, channels: int = 3, base: int = 64, blocks: int = 16, scale: int = 2):
        super().__init__()
        if scale not in (2, 4):
            raise ValueError(f"SRResNet enlarges by scale 2 or 4, not {scale}")
        self.first = nn.Sequential(nn.Conv2d(channels, base, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(
            *(Block(base) for _ in range(blocks)), nn.Conv2d(base, base, 3, padding=1, bias=False), BatchNormAct(base)
        )
        doublings = [
            nn.Sequential(nn.Conv2d(base, 4 * base, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()) for _ in range(scale // 2)
        ]
        self.enlarge = nn.Sequential(*doublings, nn.Conv2d(base, channels, 9, padding=4))

    def forward(self, small: Tensor) -> Tensor:
        channels = self.first[0].in_channels
        if small.ndim != 4 or small.shape[1] != channels:
            raise ValueError(f"SRResNet needs (N, {channels}, H, W), not {tuple(small.shape)}")
        x = self.first(small)
        return self.enlarge(x + self.blocks(x))  # the paper's long skip: the blocks learn details alone


class Block(nn.Module):
    """(N, channels, H, W) -> the same shape. No activation after the sum: Gross and Wilber 2016, which the paper follows."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), BatchNormAct(channels), nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), BatchNormAct(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
