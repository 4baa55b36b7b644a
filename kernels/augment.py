"""Crop, mirror and jitter of bytes, each in one pass over memory.     twin: minicolor/ops/augment.py, which says what and whence

Why fuse: PyTorch crops, mirrors, chooses between the two, makes floats, divides, makes a grid of places and looks up, and each
step reads and writes the pictures. Bytes per pixel of three colors that leaves:

                           operations, bytes in PyTorch   bytes here
    mirror                      2       15                     6
    crop, mirror                3       21                     6
    mirror, jitter              6       94                    15
    crop, mirror, jitter        7      100                    15

All counted, none measured: PyTorch's tensors in and out of every operation. At batch 1 it is the launches that are saved.

How: without jitter the result lies in memory as the loader's batches do and as the Lab kernel likes it, (N, H, W, C). A thread
makes 8 bytes of a row that follow each other, and stores them as one; it reads them one by one, since a mirror turns the pixels
around but not the bytes in them. With jitter a thread makes one pixel of each plane, beside its neighbor's; it is drawn from 4
pixels, most of which its neighbors want too: these come from the first-level cache. Either goes down 8 rows, for which it
works out its columns once.

Limits on an H200, counted, not measured: memory (4.3 TB/s) leaves 6.7 instructions of one lane for a byte (kernels/degrade.py),
40 for a pixel of 6 bytes and 100 for one of 15. The machine code for sm_90 has 29 and 96, for three colors: without jitter
memory is the limit, and with it instructions and memory take about as long.
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import choose, expect, tl, triton, wanted
from minicolor.ops import augment as twin


@triton.jit
def _tile(draws_ptr, across, down, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Which picture this program works on, from which row on, and its columns: there are across * down programs for a picture.

    Then what was drawn for the picture: the first row and column to read, and the way to the next column, 1 or -1.
    """
    i = tl.program_id(0)
    n = (i // (across * down)).to(tl.int64)                      # 64 bits: a batch may have more than 2^31 values
    row, column, step = tl.load(draws_ptr + 5 * n), tl.load(draws_ptr + 5 * n + 1), tl.load(draws_ptr + 5 * n + 2)
    return (n, i // across % down * ROWS, i % across * COLUMNS + tl.arange(0, COLUMNS),
            row.to(tl.int32), column.to(tl.int32), step.to(tl.int32))


@triton.jit
def _move(x_ptr, out_ptr, draws_ptr, strides, height, row_bytes, across, down,
          CHANNELS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Cut and mirror: bytes (N, height, row_bytes) out; byte j of a row is color j % CHANNELS of its pixel j // CHANNELS."""
    n, y, j, row, column, step = _tile(draws_ptr, across, down, ROWS, COLUMNS)
    there = (column + step * (j // CHANNELS)).to(tl.int64) * strides[3] + (j % CHANNELS).to(tl.int64) * strides[1]
    x_ptr += n * strides[0] + (row + y).to(tl.int64) * strides[2]
    out_ptr += (n * height + y) * row_bytes
    for r in tl.static_range(ROWS):
        inside = (y + r + 0 * j < height) & (j < row_bytes)      # 0 * j: interpreters join masks of one shape alone
        tl.store(out_ptr + j, tl.load(x_ptr + there, mask=inside), mask=inside)
        x_ptr += strides[2]
        out_ptr += row_bytes


@triton.jit
def _between(place, i, shrink, side):
    """Where output pixel i of a side is drawn from: two neighbors, and how far it is from the first to the second.

    That is shrink * (place - i) pixels away from i: a small number, so that rounding it does little harm. With i added, as
    grid_sample has it, a float32 would lose several bits. Beyond the border both neighbors are the border's pixel.
    """
    away = shrink * (place - i)
    first, last = i + tl.floor(away).to(tl.int32), side - 1
    return tl.minimum(tl.maximum(first, 0), last), tl.minimum(tl.maximum(first + 1, 0), last), away - tl.floor(away)


@triton.jit
def _value(a_ptr, b_ptr, share):
    """`share` of the way from one byte to the other."""
    a, b = tl.load(a_ptr).to(tl.float32), tl.load(b_ptr).to(tl.float32)
    return a + share * (b - a)


@triton.jit
def _enlarge(x_ptr, out_ptr, draws_ptr, strides, height, width, shrink, across, down,
             CHANNELS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Cut, mirror and sample between pixels: float32 (N, CHANNELS, height, width) out, in [0, 1]."""
    n, y, x, row, column, step = _tile(draws_ptr, across, down, ROWS, COLUMNS)
    left, right, dx = _between(tl.load(draws_ptr + 5 * n + 4), x, shrink, width)
    left = (column + step * left).to(tl.int64) * strides[3]
    right = (column + step * right).to(tl.int64) * strides[3]
    x_ptr += n * strides[0]
    out_ptr += n * CHANNELS * height * width + y * width
    for r in tl.static_range(ROWS):                              # every pixel read exists, also where the tile hangs over
        above, below, dy = _between(tl.load(draws_ptr + 5 * n + 3), y + r, shrink, height)
        above = x_ptr + (row + above).to(tl.int64) * strides[2]
        below = x_ptr + (row + below).to(tl.int64) * strides[2]
        for c in tl.static_range(CHANNELS):
            upper = _value(above + left, above + right, dx)
            value = upper + dy * (_value(below + left, below + right, dx) - upper)
            tl.store(out_ptr + c * height * width + x, value * (1 / 255), mask=(y + r + 0 * x < height) & (x < width))
            above += strides[1]
            below += strides[1]
        out_ptr += width


def augment(rgb: Tensor, mirrored: Tensor | None = None, crop: int = 0, corners: Tensor | None = None, jitter: float = 1.0,
            places: Tensor | None = None, backend: str | None = None) -> Tensor:
    """ops/augment.py: augment(), which says what the arguments are; one kernel for uint8 where the backend is Triton.

    In memory the bytes of a result are (N, H, W, C), its floats (N, C, H, W). backend "auto": floats coming in are PyTorch's,
    as the loader has none; "triton" refuses them.
    """
    arguments = rgb, mirrored, crop, corners, jitter, places
    twin.check(*arguments)
    if choose(rgb, backend) == "torch" or wanted(backend) == "auto" and rgb.dtype != torch.uint8:
        return twin.augment(*arguments)
    expect(rgb.dtype == torch.uint8, "rgb", "uint8 where the backend is triton", rgb.dtype)
    if mirrored is None and not crop and jitter == 1:
        return rgb
    n, channels = rgb.shape[:2]
    height, width = (crop, crop) if crop else rgb.shape[2:]
    expect(max(height, width) < 2**24 and channels * height * width < 2**31, "rgb",
           "pictures of sides below 2^24, which a float32 can count, and fewer than 2^31 values", tuple(rgb.shape))
    draws = _packed(n, height, width, mirrored, corners if crop else None, places if jitter > 1 else None)
    draws = draws.pin_memory().to(rgb.device, non_blocking=True) if rgb.is_cuda else draws      # without waiting for the GPU
    with torch.cuda.device_of(rgb):
        if jitter > 1:
            out = torch.empty(n, channels, height, width, device=rgb.device)
            across, down = -(-width // 64), -(-height // 8)
            if out.numel():
                _enlarge[(n * across * down,)](rgb, out, draws, rgb.stride(), height, width, 1 - 1 / jitter, across, down,
                                               CHANNELS=channels, ROWS=8, COLUMNS=64, num_warps=2)
            return out
        out = torch.empty(n, height, width, channels, dtype=torch.uint8, device=rgb.device)
        across, down = -(-width * channels // 256), -(-height // 8)
        if out.numel():
            _move[(n * across * down,)](rgb, out, draws, rgb.stride(), height, width * channels, across, down,
                                        CHANNELS=channels, ROWS=8, COLUMNS=256, num_warps=1)
        return out.permute(0, 3, 1, 2)


def _packed(n: int, height: int, width: int, mirrored: Tensor | None, corners: Tensor | None, places: Tensor | None) -> Tensor:
    """(N, 5) float32, so that one small copy takes all draws along: y and x of the first pixel to read, the way to the next
    (1 or -1), and the pixel (of the result, in y and x) that a jitter leaves where it is."""
    draws = torch.zeros(n, 5, dtype=torch.float64)
    draws[:, 2] = 1
    if corners is not None:
        draws[:, :2] = corners
    if mirrored is not None:
        draws[:, 1] += mirrored * (width - 1)
        draws[:, 2] -= mirrored * 2.0
    if places is not None:
        draws[:, 3:] = places.double().flip(1) * torch.tensor([height, width]) - 0.5
    return draws.float()
