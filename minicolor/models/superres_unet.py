"""The U-Net that colors and doubles the size at once: report D ("CMS4CV"), sections 3 and 8.3; after Ronneberger et al. 2015,
arXiv:1505.04597.

    grey (N, 1, S, S) in [0, 1] -> down: [conv 3x3 norm lrelu] x convs, max pool 2x2    S/2, base          D1: levels 5, base 32
                                -> down: the same, twice as wide     S/4, 2 base ... S/2^levels, 2^(levels-1) base
                                -> bottleneck: [conv norm lrelu] x convs                S/2^levels, 2^levels base = 1024
                                -> up: upsample conv 3x3 norm lrelu                     doubles the size, halves the width,
                                       is joined to its twin: the down block's output of that size, before its max pool
                                -> one more up, without a twin                          2S, base
                                -> conv 3x3, sigmoid                                    2S, out: RGB in [0, 1]

Height and width must be multiples of 2^levels. 26,746,883 parameters as D1.

Differs from the report: nothing that it prints. What it does not print: kernels (3x3), where twins are joined (between blocks,
as each up block is printed in one piece), the last up's width (base), upsampling (nearest, as UpSampling2D's default), the
slope (0.2), the start (Glorot-uniform, as in the framework whose layer names it prints). No bias before a norm, which would
cancel it.
"""

import torch
from torch import Tensor, nn

from minicolor.models.norm_act import BatchNormAct


class SuperResUNet(nn.Module):
    """(N, in_channels, H, W) -> (N, out_channels, 2H, 2W) in [0, 1]; H and W multiples of 2^levels.

    convs: convolutions in each down block and the bottleneck, 1 to 3 in the report (D5). slope 0.0 is ReLU.
    output: "sigmoid", or "linear": then values are clipped to [0, 1] only at test; in training they may lie outside, since
    a clip has no slope there and could not be learned back.
    """

    def __init__(
        self, in_channels: int = 1, out_channels: int = 3, base: int = 32, levels: int = 5,
        convs: int = 2, slope: float = 0.2, output: str = "sigmoid",
    ):  # fmt: skip
        super().__init__()
        if levels < 1 or convs < 1:
            raise ValueError(f"SuperResUNet needs levels and convs of at least 1, not {levels} and {convs}")
        if output not in ("sigmoid", "linear"):
            raise ValueError(f'SuperResUNet\'s output is "sigmoid" or "linear", not {output!r}')
        self.in_channels, self.levels, self.multiple, self.output = in_channels, levels, 2**levels, output
        widths = [base * 2**i for i in range(levels)]                           # 32 64 128 256 512, of the down blocks
        self.down = nn.ModuleList(
            _convs(c, out, convs, slope) for c, out in zip((in_channels, *widths), widths)
        )
        self.bottleneck = _convs(widths[-1], 2 * widths[-1], convs, slope)
        ups, below = [], 2 * widths[-1]
        for out in reversed(widths):
            ups += [_up(below, out, slope)]
            below = 2 * out                                                     # itself and its twin
        self.up = nn.ModuleList([*ups, _up(below, base, slope)])                # the last one doubles the picture's own size
        self.pool = nn.MaxPool2d(2)
        self.last = nn.Conv2d(base, out_channels, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)                           # Glorot's first name
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        multiple = self.multiple
        if x.ndim != 4 or x.shape[1] != self.in_channels or x.shape[2] % multiple or x.shape[3] % multiple:
            raise ValueError(f"SuperResUNet needs (N, {self.in_channels}, H, W) with sides that are multiples of {multiple}, "
                             f"not {tuple(x.shape)}")
        twins = []
        for block in self.down:
            twins.append(block(x))                                              # (N, widths[i], H / 2^i, W / 2^i)
            x = self.pool(twins[-1])
        x = self.bottleneck(x)
        for block in self.up[:-1]:
            x = torch.cat([block(x), twins.pop()], dim=1)
        x = self.last(self.up[-1](x))                                           # (N, out, 2H, 2W)
        if self.output == "sigmoid":
            return x.sigmoid()
        return x if self.training else x.clamp(0, 1)


def _convs(channels: int, out: int, convs: int, slope: float) -> nn.Sequential:
    layers = []
    for _ in range(convs):
        layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), BatchNormAct(out, slope=slope)]
        channels = out
    return nn.Sequential(*layers)


def _up(channels: int, out: int, slope: float) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2), *_convs(channels, out, 1, slope))
