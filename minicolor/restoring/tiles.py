"""A convolutional network on a picture of any size, tile by tile: what it would give on the whole, in bounded memory.

    reach        how many pixels away an input pixel can still change an output pixel: the sum of k // 2 over the convolutions
    tile         its own pixels and a margin of that width, which is thrown away again; at the picture's edges there is none,
                 so that the network pads there with the same zeros as it does for the whole picture

Then every output pixel is computed from the very inputs that it has in the whole picture. That needs a network of convolutions
with stride 1 and pixel shuffles, and norms that take their statistics from training, not from what they are shown.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from minicolor.errors import BadInput

WORK = 64 << 20        # bytes that the widest layer may take for a tile; two or three such layers live at once
PLACEWISE = (nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.Tanh, nn.Sigmoid, nn.Dropout, nn.PixelShuffle)


def reach(network: nn.Module, what: str) -> int:
    """In input pixels, or a little more: after a pixel shuffle a convolution reaches less far. BadInput if it has no bound."""
    total = 0
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and set(layer.stride) == {1}:
            total += max(d * (k // 2) for d, k in zip(layer.dilation, layer.kernel_size))
        elif not any(layer.children()) and not isinstance(layer, PLACEWISE):
            raise BadInput(f"{what}: its network looks at a whole picture at once ({type(layer).__name__}) and cannot work "
                           "through a large one in tiles")
    return total


def side(network: nn.Module, margin: int) -> int:
    """How wide a tile may be for the widest layer, margins included, to take WORK bytes."""
    channels = max(layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d))
    channels = max(64, channels)             # few are filled up to 16, on a CPU, and doubling makes four pixels of one
    return max(64, int((WORK / (4 * channels)) ** 0.5) - 2 * margin)


def tiled(answer: Callable[[Tensor], Tensor], picture: np.ndarray, out: np.ndarray, margin: int, side: int) -> None:
    """Fill `out`, (sH, sW) or (sH, sW, C), with the answers to the tiles of `picture`, (H, W) or (H, W, C).

    answer: (1, C, h, w) in [0, 1] -> (1, C, sh, sw), cut to [0, 1] here. Both arrays uint8 or uint16; s is a whole number.
    """
    height, width = picture.shape[:2]
    scale = len(out) // height
    for rows, tall in _cuts(height, margin, side):
        for columns, wide in _cuts(width, margin, side):
            given = answer(_tensor(picture[tall, wide]))[0].permute(1, 2, 0)
            top, left = scale * (rows.start - tall.start), scale * (columns.start - wide.start)
            there = tuple(slice(scale * s.start, scale * s.stop) for s in (rows, columns))
            h, w = (s.stop - s.start for s in there)
            numbers = given[top : top + h, left : left + w].clamp(0, 1) * np.iinfo(out.dtype).max
            out[there] = numbers.round().int().cpu().numpy().reshape(out[there].shape)


def _cuts(length: int, margin: int, side: int) -> Iterator[tuple[slice, slice]]:
    """A line of `length` in even pieces of at most `side`: (each piece, the piece with its margins)."""
    pieces = -(-length // side)
    for i in range(pieces):
        start, stop = i * length // pieces, (i + 1) * length // pieces
        yield slice(start, stop), slice(max(0, start - margin), min(length, stop + margin))


def _tensor(part: np.ndarray) -> Tensor:
    """(h, w) or (h, w, C), uint8 or uint16 -> (1, C, h, w) float32 in [0, 1]."""
    x = torch.from_numpy(part.astype(np.float32)) / np.iinfo(part.dtype).max
    return x[None, None] if x.ndim == 2 else x.permute(2, 0, 1)[None]
