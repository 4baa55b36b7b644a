"""pix2pix's 4x4 convolutions as layers: PyTorch's own in all but forward(), which takes the kernels where they help.

    nn.Sequential(nn.Conv2d(3, 64, 4, 2, 1), nn.LeakyReLU(0.2))   ->   Conv4x4(3, 64, stride=2, slope=0.2)
"""

import torch
from torch import Tensor, nn

from minicolor.kernels.conv4x4 import conv4x4, conv_transpose4x4


class Conv4x4(nn.Conv2d):
    """4x4, padding 1, stride 2 or 1, then LeakyReLU(slope); slope 0.0 is ReLU, None nothing. (N, C, H, W) -> (N, out, H', W').

    Called with two pictures it takes their channels side by side, without joining them first.
    """

    def __init__(self, channels: int, out: int, stride: int = 2, bias: bool = True, slope: float | None = None):
        super().__init__(channels, out, kernel_size=4, stride=stride, padding=1, bias=bias)
        self.slope = slope

    def forward(self, *pictures: Tensor) -> Tensor:
        return conv4x4(pictures, self.weight, self.bias, self.stride[0], self.slope)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, slope={self.slope}"


class ConvTranspose4x4(nn.ConvTranspose2d):
    """4x4, padding 1, stride 2: (N, C, H, W) -> (N, out, 2H, 2W)."""

    def __init__(self, channels: int, out: int, bias: bool = True):
        super().__init__(channels, out, kernel_size=4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return conv_transpose4x4(x, self.weight, self.bias)


def channels_last(network: nn.Module) -> None:
    """Lay out these layers' weights as the CPU's ways to compute them read them; values, and who holds them, stay."""
    for layer in network.modules():
        if isinstance(layer, Conv4x4 | ConvTranspose4x4):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
