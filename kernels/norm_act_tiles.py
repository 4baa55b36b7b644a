"""How a batch of pictures is cut into tiles for norm_act: which program works on which positions and channels.

In memory a batch is one of two things, and the same kernels serve both:

    channels last        (images, positions, C): a tile is BLOCK_P positions x up to 64 channels, contiguous along channels
    contiguous NCHW      (images, C, positions): a tile is BLOCK_P positions of one channel, contiguous along positions

Statistics over the whole batch need not know where one picture ends: channels last is then one image of N*H*W positions.
A program takes one block of channels and one chunk of positions, and walks through it tile by tile. What it finds out is one
row of a table of `parts`, merged by a later kernel: no atomics, so the same input gives the same bits.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from minicolor.kernels.backend import tl, triton

TILE = 2048      # values; 128 threads x 16: two (bf16) or four (float32) loads of 16 bytes in flight for each
PROGRAMS = 1024  # about 8 for each of 132 SMs: enough to hide latency, and few enough parts to merge


@dataclass(frozen=True)
class Cut:
    """One way to cut a batch; chunks are equally long but for the last of each image."""

    images: int
    positions: int
    channels: int
    chunk: int      # positions for one program
    chunks: int     # in each image
    last: bool      # channels last
    per_image: bool # InstanceNorm: one set of statistics for each image
    constants: dict # the kernels' compile-time arguments

    @property
    def groups(self) -> int:
        return self.images if self.per_image else 1

    @property
    def parts(self) -> int:
        return self.images * self.chunks

    @property
    def grid(self) -> tuple[int]:
        return (self.parts * triton.cdiv(self.channels, self.constants["BLOCK_C"]),)


def laid_out(x: Tensor) -> Tensor:
    """x itself where it is dense in one of the two layouts; else a copy (one more read and write of x) in the nearer one."""
    if x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last):
        return x
    return x.contiguous(memory_format=torch.channels_last if x.stride(1) == 1 else torch.contiguous_format)


def like(dy: Tensor, cut: Cut) -> Tensor:
    """dy in the layout of x: itself, or a copy."""
    return dy.contiguous(memory_format=torch.channels_last if cut.last else torch.contiguous_format)


def cut_up(x: Tensor, kind: str) -> Cut:
    """For a dense x (N, C, H, W), and kind "batch" or "instance"."""
    n, c, h, w = x.shape
    last = x.is_contiguous(memory_format=torch.channels_last) and not (x.is_contiguous() and c == 1)  # both: the wider tile
    images, positions = (1, n * h * w) if last and kind == "batch" else (n, h * w)
    block_c = min(64, triton.next_power_of_2(c)) if last else 1
    block_p = max(16, min(TILE // block_c, triton.next_power_of_2(positions)))
    tiles, blocks = triton.cdiv(positions, block_p), triton.cdiv(c, block_c)
    wanted = max(1, min(tiles, PROGRAMS // (images * blocks)))
    chunk = triton.cdiv(tiles, wanted) * block_p
    constants = {
        "C": c, "BLOCK_P": block_p, "BLOCK_C": block_c, "LAST": last, "PER_IMAGE": kind == "instance",
        "ACC": tl.float64 if x.dtype == torch.float64 else tl.float32,
    }  # fmt: skip
    return Cut(images, positions, c, chunk, triton.cdiv(positions, chunk), last, kind == "instance", constants)


@triton.jit
def place(program, positions, chunk, chunks, C: tl.constexpr, BLOCK_C: tl.constexpr, LAST: tl.constexpr):
    """-> image; row in the table of parts; offset of the chunk's first position, int64 since a batch may pass 2^31 values;
    how many positions; channels [1, BLOCK_C]."""
    blocks: tl.constexpr = (C + BLOCK_C - 1) // BLOCK_C  # neighbouring programs share rows of memory, so channels go first
    channels = (program % blocks) * BLOCK_C + tl.arange(0, BLOCK_C)[None, :]
    part = program // blocks
    image = (part // chunks).to(tl.int64)
    start = (part % chunks).to(tl.int64) * chunk
    count = tl.minimum(positions - start, chunk).to(tl.int32)
    if LAST:
        offset = (image * positions + start) * C
    else:
        offset = (image * C + program % blocks) * positions + start  # one channel: a program of its own for each
    return image, part, offset, count, channels


@triton.jit
def steps(channels, C: tl.constexpr, BLOCK_P: tl.constexpr, LAST: tl.constexpr):
    """Where a tile's values lie [BLOCK_P, BLOCK_C], counted from `offset` of place(), or from that of a later tile.

    Small numbers: what is large stays in one scalar, which a loop moves on. (A loop that carries a tile of pointers
    makes Triton 3.6 carry it in another layout than the loads', through shared memory every time.)
    """
    rows = tl.arange(0, BLOCK_P)[:, None]
    if LAST:
        offsets = rows * C + channels
    else:
        offsets = rows + tl.zeros(channels.shape, tl.int32)
    return offsets


@triton.jit
def pivots(x_ptr, image, channels, positions,
           C: tl.constexpr, LAST: tl.constexpr, PER_IMAGE: tl.constexpr, ACC: tl.constexpr):
    """Each channel's first value, over the picture or the batch: statistics are taken of x - pivot.

    In float32 a mean of 10000 is known to 0.0005 only; x - pivot, for x near the pivot, is exact. And since the pivot is one
    of n values it is never further from their mean than sqrt(n) standard deviations: what is lost is bounded, whatever x is.
    """
    offsets = channels.to(tl.int64) * (1 if LAST else positions)
    if PER_IMAGE:
        offsets += image * positions * C
    return tl.load(x_ptr + offsets, mask=channels < C, other=0.0).to(ACC)


@triton.jit
def affine(weight_ptr, bias_ptr, channels, C: tl.constexpr, ACC: tl.constexpr):
    """-> weight and bias [1, BLOCK_C]; 1 and 0 where there are none."""
    weight = tl.full(channels.shape, 1.0, ACC)
    bias = tl.zeros(channels.shape, ACC)
    if weight_ptr is not None:
        weight = tl.load(weight_ptr + channels, mask=channels < C, other=0.0).to(ACC)
    if bias_ptr is not None:
        bias = tl.load(bias_ptr + channels, mask=channels < C, other=0.0).to(ACC)
    return weight, bias


@triton.jit
def centers(x_ptr, mean_ptr, spread_ptr, image, channels, positions, C: tl.constexpr, LAST: tl.constexpr,
            PER_IMAGE: tl.constexpr, ACC: tl.constexpr, EPS: tl.constexpr, TRAINING: tl.constexpr):
    """-> pivot, rstd, shift [1, BLOCK_C] such that the normalized value is (x - pivot) * rstd + shift.

    TRAINING: mean_ptr holds means of x - pivot, spread_ptr holds rstd. Otherwise: running mean and running variance.
    """
    inside = channels < C
    row = 0
    if PER_IMAGE:
        row = image * C
    mean = tl.load(mean_ptr + row + channels, mask=inside, other=0.0).to(ACC)
    spread = tl.load(spread_ptr + row + channels, mask=inside, other=1.0).to(ACC)
    if TRAINING:
        pivot = pivots(x_ptr, image, channels, positions, C, LAST, PER_IMAGE, ACC)
        rstd = spread
        shift = -mean * rstd
    else:
        pivot = mean
        rstd = 1.0 / tl.sqrt(spread + EPS)
        shift = tl.zeros(channels.shape, ACC)
    return pivot, rstd, shift
