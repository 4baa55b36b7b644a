"""CycleGAN's generator: Zhu et al. 2017, arXiv:1703.10593, section 7.2; a shape of Johnson et al. 2016, arXiv:1603.08155.

    picture (N, in, H, W) -> conv 7x7 norm relu               H, base
                          -> [conv 3x3/2 norm relu] x 2       H/4, 4 base
                          -> residual block x blocks          H/4, 4 base       block: x + norm conv 3x3 relu norm conv 3x3
                          -> [tconv 3x3/2 norm relu] x 2      H, base
                          -> conv 7x7 tanh                    (N, out, H, W) in [-1, 1]

The norm is InstanceNorm without weights: each picture, and each channel, by its own statistics. The 7x7 convolutions and those in
the blocks mirror the picture at its edges, since zeros there show as a dark frame. Sides are multiples of 4, at least 8 (the
mirror of the blocks needs 2x2). There is no connection around the middle: unlike the U-Net, everything comes from H/4.
11,378,179 parameters from color to color with 9 blocks, the paper's for 256x256; it has 6 blocks for 128x128.

Differs from the paper: its notation would put a norm and a ReLU before the tanh; as in the authors' code, there are none. As in
that code, all convolutions have biases, although InstanceNorm cancels all but the last one.
"""

from torch import Tensor, nn

from minicolor.models.initialize import normal_
from minicolor.models.norm_act import InstanceNormAct


class ResnetGenerator(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] -> (N, out_channels, H, W) in [-1, 1]; H and W multiples of 4, at least 8."""

    multiple = 4  # what both sides must be multiples of

    def __init__(self, in_channels: int = 1, out_channels: int = 3, base: int = 64, blocks: int = 9):
        super().__init__()
        self.encoder = nn.Sequential(
            _mirrored(in_channels, base, 7), InstanceNormAct(base, slope=0.0),
            nn.Conv2d(base, 2 * base, 3, stride=2, padding=1), InstanceNormAct(2 * base, slope=0.0),
            nn.Conv2d(2 * base, 4 * base, 3, stride=2, padding=1), InstanceNormAct(4 * base, slope=0.0),
        )  # fmt: skip
        self.blocks = nn.Sequential(*(Block(4 * base) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            _doubling(4 * base, 2 * base), InstanceNormAct(2 * base, slope=0.0),
            _doubling(2 * base, base), InstanceNormAct(base, slope=0.0),
            _mirrored(base, out_channels, 7), nn.Tanh(),
        )  # fmt: skip
        normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        channels = self.encoder[0].in_channels
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(f"ResnetGenerator needs (N, {channels}, H, W), not {tuple(x.shape)}")
        height, width = x.shape[-2:]
        if height % 4 or width % 4 or min(height, width) < 8:
            raise ValueError(f"ResnetGenerator needs sides that are multiples of 4, at least 8, not {height}x{width}")
        return self.decoder(self.blocks(self.encoder(x)))


class Block(nn.Module):
    """(N, channels, H, W) -> the same shape: two 3x3 convolutions learn what to add. No ReLU at the end: it may be negative."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            _mirrored(channels, channels, 3), InstanceNormAct(channels, slope=0.0),
            _mirrored(channels, channels, 3), InstanceNormAct(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def _doubling(channels: int, out: int) -> nn.ConvTranspose2d:
    # output_padding: stride 2 takes two sizes to H/2, 2H/2 - 1 and 2H/2; back to the even one
    return nn.ConvTranspose2d(channels, out, 3, stride=2, padding=1, output_padding=1)


def _mirrored(channels: int, out: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, side, padding=side // 2, padding_mode="reflect")
