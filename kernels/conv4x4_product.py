"""The 4x4 convolution with stride 2 on a CPU as one matrix product.      reference: minicolor/ops/conv4x4.py

For the deep layers of a U-Net, where a picture has few pixels and many channels, and for its last one, which has many channels in
and three out. PyTorch's CPU library first lays the weights out anew for its convolutions, in each pass; where there are more
weights than pixels, that is most of the work. A product takes them as they lie.

    output             (N H' W', 16 C) of 4x4 windows   @   (16 C, O)
    weight gradient    (O, N H' W')  @  (N H' W', 16 C)
    input gradient     (N H' W', O)  @  (O, 16 C), and each window's values are added where they came from

The same sums as the plain convolution has, in another order. Pictures and weights lie in memory channels last: then (O, 16 C) is
the weight as it is. Overlapping windows are added phase by phase (rows and columns even or odd): those do not overlap.
"""

from torch import Tensor
from torch.nn import functional as F

from minicolor.kernels.conv4x4_winograd import SMALL, interleaved, last


def helps(channels: int, out: int, height: int, width: int) -> bool:
    """Whether this way is worth it, for a larger picture (N, channels, height, width): a rule, so that runs repeat."""
    few_pixels = min(channels, out) >= 32 and min(height, width) < SMALL
    return height % 2 == width % 2 == 0 and (few_pixels or (channels <= 4 and out >= 32 and min(height, width) >= 64))


def output(x: Tensor, weight: Tensor, stride: int = 2) -> Tensor:
    """x (N, C, H, W), weight (O, C, 4, 4) -> (N, O, H/2, W/2). The stride is always 2, here and below."""
    n, _, height, width = x.shape
    return (_windows(x) @ last(weight).reshape(len(weight), -1).T).view(n, height // 2, width // 2, -1).permute(0, 3, 1, 2)


def weight_gradient(g: Tensor, x: Tensor, stride: int = 2) -> Tensor:
    """g (N, O, H/2, W/2), x (N, C, H, W) -> (O, C, 4, 4)."""
    out = g.shape[1]
    return (last(g).reshape(-1, out).T @ _windows(x)).view(out, 4, 4, -1).permute(0, 3, 1, 2)


def input_gradient(g: Tensor, weight: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """g (N, O, H/2, W/2), weight (O, C, 4, 4) -> (N, C, *size)."""
    n, out, height, width = g.shape
    parts = last(g).reshape(-1, out) @ last(weight).reshape(out, -1)
    parts = parts.view(n, height, width, 2, 2, 2, 2, -1)             # row 2u + a and column 2v + b of the window: u, a, v, b
    z = g.new_zeros(n, height + 1, width + 1, 2, 2, parts.shape[-1])
    for u in (0, 1):
        for v in (0, 1):
            z[:, u : u + height, v : v + width] += parts[:, :, :, u, :, v]
    return interleaved(z.flatten(3), size)


def _windows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N H/2 W/2, 16 C): row, column, channel of each window."""
    x = F.pad(last(x), (0, 0, 1, 1, 1, 1))
    n, high, wide, channels = x.shape
    picture, down, right, _ = x.stride()
    height, width = high // 2 - 1, wide // 2 - 1
    windows = x.as_strided((n, height, width, 4, 4 * channels), (picture, 2 * down, 2 * right, down, 1))
    return windows.reshape(n * height * width, -1)
