"""Four coloring autoencoders: report B ("Autoencoders para colorear imágenes", Rojas, Galván, Pinzón), its Keras tables.

    grey (N, 1, S, S) -> three equal channels                                   values in [0, 1]; S = 160 in the report
                      -> down: conv 3x3/2 lrelu        S/2                      no norm at the first width, 128
                      -> down: conv 3x3/2 norm lrelu   S/4 ... S/2^levels       256, 512
                      -> up:   tconv 3x3/2 lrelu       each doubles the size    512 ... 128
                      -> up:   tconv 3x3/2 lrelu       S, 3
                      -> conv 2x2                      S, 3: RGB                learned to lie in [0, 1]; nothing clips it

    skips=True: what an up gives is joined to its twin on the way down, the last one to the three grey channels

                                             levels     skips    Keras' total (with running statistics)    trainable
    B1  Autoencoder(THREE_LEVELS, False)     3          no       2,960,426                                 2,958,890
    B2  Autoencoder(FIVE_LEVELS, False)      5          no       7,977,258                                 7,974,698
    B3  Autoencoder(THREE_LEVELS, True)      3          yes      3,258,830                                 3,257,294
    B4  Autoencoder(FIVE_LEVELS, True)       5          yes      9,602,766                                 9,600,206

Height and width must be multiples of 2^levels. Keras' conventions, which are not PyTorch's, are kept: padding "same" (see
same_padding.py), convolutions with a bias before a norm too, BatchNorm momentum 0.99 (0.01 in PyTorch's words) and epsilon
1e-3, Glorot-uniform weights and zero biases.

Differs from the report: nothing that it prints. What it does not print is Keras 2's default: LeakyReLU's slope 0.3, the
initialization, and no activation after the last convolution. Padding "same" follows from its shapes, kernels from its counts.
Inside the blocks of the skip networks the tables show counts alone: the order is the plain networks', without dropout.
"""

import torch
from torch import Tensor, nn

from minicolor.models.norm_act import BatchNormAct
from minicolor.models.same_padding import ConvSame, ConvTransposeSame

THREE_LEVELS = (128, 256, 512)
FIVE_LEVELS = (128, 128, 256, 512, 512)
SLOPE = 0.3  # Keras 2's LeakyReLU; PyTorch's own default is 0.01


class Autoencoder(nn.Module):
    """Grey (N, 1, H, W), or three equal channels, in [0, 1] -> RGB (N, 3, H, W), about [0, 1]; sides multiples of 2^levels.

    widths: the channels of each level, from the first to the deepest. The defaults are B4, the best by the report's conclusion.
    """

    def __init__(self, widths: tuple[int, ...] = FIVE_LEVELS, skips: bool = True):
        super().__init__()
        self.skips, self.multiple = skips, 2 ** len(widths)
        from_above = (3, *widths[:-1])
        self.down = nn.ModuleList(_down(c, out, norm=out > widths[0]) for c, out in zip(from_above, widths))
        ups, below = [], widths[-1]
        for out in reversed(from_above):                      # an up gives what its twin's level was given
            ups += [nn.Sequential(ConvTransposeSame(below, out), nn.LeakyReLU(SLOPE))]
            below = 2 * out if skips else out
        self.up = nn.ModuleList(ups)
        self.last = ConvSame(below, 3, kernel=2)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.xavier_uniform_(layer.weight)         # Glorot's first name
                nn.init.zeros_(layer.bias)

    def forward(self, grey: Tensor) -> Tensor:
        """(N, 1, H, W) or (N, 3, H, W) in [0, 1] -> (N, 3, H, W)."""
        multiple = 2 ** len(self.down)
        if grey.shape[-2] % multiple or grey.shape[-1] % multiple:
            raise ValueError(f"an autoencoder of {len(self.down)} levels needs sides that are multiples of {multiple}, "
                             f"not {grey.shape[-2]}x{grey.shape[-1]}")
        x = grey.expand(-1, 3, -1, -1)
        twins = []
        for layer in self.down:
            twins.append(x)                                   # what each level was given: the grey picture, 128 at S/2 ...
            x = layer(x)
        for layer in self.up:
            x, twin = layer(x), twins.pop()
            if self.skips:
                x = torch.cat([x, twin], dim=1)               # in the report's order: first what came from below
        return self.last(x)


def _down(channels: int, out: int, norm: bool) -> nn.Sequential:
    after = BatchNormAct(out, eps=1e-3, momentum=0.01, slope=SLOPE) if norm else nn.LeakyReLU(SLOPE)
    return nn.Sequential(ConvSame(channels, out, stride=2), after)
