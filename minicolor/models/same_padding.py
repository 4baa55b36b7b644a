"""Keras' padding="same" as PyTorch layers: the output's size depends on the stride alone, whatever the kernel.

Source: TensorFlow's documentation of tf.nn, "Notes on padding" (https://www.tensorflow.org/api_docs/python/tf/nn). For n values,
kernel k and stride s:

    output = ceil(n / s)        total padding = max((output - 1) s + k - n, 0)        before = total // 2, the rest after

                                              PyTorch, padding=1     Keras, "same"
    3x3, stride 2, n even                     1 before, 1 after      0 before, 1 after: every window is one pixel further
    3x3, stride 2, n odd                      1 before, 1 after      1 before, 1 after
    2x2, stride 1                             output n + 1           0 before, 1 after

Both give ceil(n / 2) values for the 3x3, so that weights moved from Keras run without an error and see shifted pictures.
"""

from torch import Tensor, nn
from torch.nn import functional as F


def same_padding(n: int, kernel: int, stride: int) -> tuple[int, int]:
    """(zeros before, zeros after) along an axis of n values."""
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


class ConvSame(nn.Conv2d):
    """kernel x kernel with Keras' "same" zeros: (N, C, H, W) -> (N, out, ceil(H / stride), ceil(W / stride)), any values."""

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1):
        super().__init__(channels, out, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        high, wide = (same_padding(n, k, s) for n, k, s in zip(x.shape[-2:], self.kernel_size, self.stride))
        return super().forward(F.pad(x, (*wide, *high)))


class ConvTransposeSame(nn.ConvTranspose2d):
    """The gradient of ConvSame with respect to its picture, plus a bias: (N, C, H, W) -> (N, out, stride H, stride W).

    The whole result has (n - 1) stride + kernel rows. Those that ConvSame would have padded are cut off: of a 3x3 at stride 2
    the last one, where PyTorch's padding=1, output_padding=1 cuts the first. A kernel below the stride leaves rows without
    any input instead: they are the bias alone.
    """

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 2):
        before, _ = same_padding(stride, kernel, stride)  # the same for every multiple of the stride
        super().__init__(channels, out, kernel, stride, padding=before, output_padding=max(stride - kernel, 0))

    def forward(self, x: Tensor) -> Tensor:
        high, wide = (s * n for n, s in zip(x.shape[-2:], self.stride))
        return super().forward(x)[..., :high, :wide]  # padding cut `before` at both ends; there may be one more after
