"""Grey pixels for kernels, eight neighbors of a row at a time, out of the three ways that pictures lie in memory.

    bytes     the loader's: uint8, the three colors of a pixel side by side. Eight pixels are 24 bytes, loaded as three words of
              64 bits: one byte at a time would be 24 loads. Also grey bytes, in one word
    planes    float, one color after the other: four pixels of a plane are a load of 8 or 16 bytes
    strided   anything else, and widths that are no multiple of 8: pixel by pixel; right, and slower

The result is a tuple of eight "lanes": lane i is a tensor that holds pixel i of every group of eight. A thread owns a group,
so that a pixel's neighbors in its row are the same thread's other registers. Functions to be called from kernels, no kernel.
Twin: minicolor/ops/degrade.py: grey(), but bytes stay unscaled: white is what layout() says, and a later weight takes it along.
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import tl, triton


def layout(x: Tensor) -> tuple[str, Tensor, tuple[int, ...], float]:
    """(N, 1 or 3, H, W) -> (SOURCE, the tensor for the kernel, its strides, what white comes to)."""
    white = 1.0 if x.dtype != torch.uint8 else 255.0 if x.shape[1] == 1 else 255_000.0
    if x.shape[3] % 8 == 0:
        interleaved = x.permute(0, 2, 3, 1)
        whole_words = x.data_ptr() % 8 == 0 and x.storage_offset() % 8 == 0
        if x.dtype == torch.uint8 and interleaved.is_contiguous() and whole_words:
            return "bytes", interleaved.flatten().view(torch.int64), (0, 0, 0, 0), white
        if x.dtype != torch.uint8 and x.is_contiguous():
            return "planes", x, (0, 0, 0, 0), white
    return "strided", x, x.stride(), white


@triton.jit
def _luma(r, g, b):
    if r.dtype == tl.uint8 or r.dtype == tl.int32:                       # bytes: whole thousandths, as in the twin
        return (299 * r.to(tl.int32) + 587 * g.to(tl.int32) + 114 * b.to(tl.int32)).to(tl.float32)
    return 0.299 * r.to(tl.float32) + 0.587 * g.to(tl.float32) + 0.114 * b.to(tl.float32)


@triton.jit
def _bytes(words_ptr, group, CHANNELS: tl.constexpr):
    """Grey of 8 neighboring pixels out of interleaved bytes: 8 (or 24) of them, in 1 (or 3) words of 64 bits."""
    halves = ()
    for i in tl.static_range(CHANNELS):
        word = tl.load(words_ptr + group * CHANNELS + i)
        halves = halves + (word.to(tl.int32), (word >> 32).to(tl.int32))
    lanes = ()
    for i in tl.static_range(8):
        if CHANNELS == 3:
            lanes = lanes + (_luma((halves[3 * i // 4] >> 3 * i % 4 * 8) & 255,
                                   (halves[(3 * i + 1) // 4] >> (3 * i + 1) % 4 * 8) & 255,
                                   (halves[(3 * i + 2) // 4] >> (3 * i + 2) % 4 * 8) & 255),)
        else:
            lanes = lanes + (((halves[i // 4] >> i % 4 * 8) & 255).to(tl.float32),)
    return lanes


@triton.jit
def _planes(x_ptr, group, plane, CHANNELS: tl.constexpr):
    """The same out of float planes, `plane` elements apart: a quad of pixels is one load of 8 or 16 bytes."""
    lanes = ()
    for half in tl.static_range(2):
        at = x_ptr + (group[:, None] * 8 + half * 4 + tl.arange(0, 4)[None, :])
        if CHANNELS == 3:
            quad = _luma(tl.load(at), tl.load(at + plane), tl.load(at + 2 * plane))
        else:
            quad = tl.load(at).to(tl.float32)
        even, odd = tl.split(tl.reshape(quad, (quad.shape[0], 2, 2)))    # pixels 0 and 2, 1 and 3
        a, c = tl.split(even)
        b, d = tl.split(odd)
        lanes = lanes + (a, b, c, d)
    return lanes


@triton.jit
def _strided(row, column, W, stride_c, stride_x, CHANNELS: tl.constexpr):
    """The same, pixel by pixel, out of any memory; columns beyond the picture repeat its edge."""
    lanes = ()
    for i in tl.static_range(8):
        here = row + tl.minimum(tl.maximum(column + i, 0), W - 1).to(tl.int64) * stride_x
        if CHANNELS == 3:
            lanes = lanes + (_luma(tl.load(here), tl.load(here + stride_c), tl.load(here + 2 * stride_c)),)
        else:
            lanes = lanes + (tl.load(here).to(tl.float32),)
    return lanes


@triton.jit
def grey(x_ptr, n, y, g, H, W, groups, strides, SOURCE: tl.constexpr, CHANNELS: tl.constexpr):
    """Group g (pixels 8 g to 8 g + 7) of row y of picture n, as lanes; 0 <= y < H. groups: in a row, ceil(W / 8).

    Where g is beyond the picture, strided repeats the edge pixel; bytes and planes give the picture's nearest group.
    64 bits only for the picture's beginning: within a picture all offsets stay below 2^31 (ops/degrade.py: check).
    """
    if SOURCE == "strided":
        row = x_ptr + n.to(tl.int64) * strides[0] + y.to(tl.int64) * strides[2]
        return _strided(row, g * 8, W, strides[1], strides[3], CHANNELS)
    there = y * groups + tl.minimum(tl.maximum(g, 0), groups - 1)
    if SOURCE == "bytes":
        return _bytes(x_ptr, n.to(tl.int64) * (H * groups) + there, CHANNELS)
    return _planes(x_ptr, n.to(tl.int64) * (CHANNELS * H * groups) + there, H * groups * 8, CHANNELS)
