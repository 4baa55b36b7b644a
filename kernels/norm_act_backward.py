"""The gradients of norm_act, for kernels/norm_act.py.     reference: minicolor/ops/norm_act.py, differentiated by PyTorch

With h = (x - mean) * rstd, z = h * weight + bias, and g = dy where z > 0, slope * dy elsewhere; sums over a group's n values:

    dbias = sum g          dweight = sum g h          dx = weight * rstd * (g - dbias / n - h * dweight / n)

With running statistics mean and rstd do not depend on x, and dx = weight * rstd * g.
Two passes: x and dy are read for the two sums, and read again for dx. z is computed anew, which is cheaper than reading it.
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import tl, triton
from minicolor.kernels.norm_act_tiles import affine, centers, cut_up, like, place, steps


@triton.jit
def _sums(x_ptr, dy_ptr, mean_ptr, spread_ptr, weight_ptr, bias_ptr, part_g_ptr, part_gh_ptr, positions, chunk, chunks,
          C: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr, LAST: tl.constexpr, PER_IMAGE: tl.constexpr,
          ACC: tl.constexpr, EPS: tl.constexpr, TRAINING: tl.constexpr, SLOPE: tl.constexpr):
    """A chunk's sums of g and of g h. One read of x and dy."""
    image, part, offset, count, channels = place(tl.program_id(0), positions, chunk, chunks, C, BLOCK_C, LAST)
    pivot, rstd, shift = centers(x_ptr, mean_ptr, spread_ptr, image, channels, positions,
                                 C, LAST, PER_IMAGE, ACC, EPS, TRAINING)
    weight, bias = affine(weight_ptr, bias_ptr, channels, C, ACC)
    lanes = tl.arange(0, BLOCK_P)[:, None]
    within = steps(channels, C, BLOCK_P, LAST)
    sum_g = tl.zeros([BLOCK_P, BLOCK_C], ACC)
    sum_gh = tl.zeros([BLOCK_P, BLOCK_C], ACC)
    first = 0
    while first < count:
        inside = (first + lanes < count) & (channels < C)
        x = tl.load(x_ptr + offset + within, mask=inside, other=0.0).to(ACC)
        g = tl.load(dy_ptr + offset + within, mask=inside, other=0.0).to(ACC)  # 0 beyond the end, and so adds nothing
        h = (x - pivot) * rstd + shift
        if SLOPE != 1:
            g = tl.where(h * weight + bias <= 0, g * SLOPE, g)
        sum_g += g
        sum_gh += g * h
        offset += BLOCK_P * (C if LAST else 1)
        first += BLOCK_P
    tl.store(part_g_ptr + part * C + channels, tl.sum(sum_g, axis=0)[None, :], mask=channels < C)
    tl.store(part_gh_ptr + part * C + channels, tl.sum(sum_gh, axis=0)[None, :], mask=channels < C)


@triton.jit
def _input_gradient(x_ptr, dy_ptr, dx_ptr, mean_ptr, spread_ptr, weight_ptr, bias_ptr, mean_g_ptr, mean_gh_ptr,
                    positions, chunk, chunks, C: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
                    LAST: tl.constexpr, PER_IMAGE: tl.constexpr, ACC: tl.constexpr, EPS: tl.constexpr,
                    TRAINING: tl.constexpr, SLOPE: tl.constexpr):
    """One read of x and dy, one write of dx."""
    image, _, offset, count, channels = place(tl.program_id(0), positions, chunk, chunks, C, BLOCK_C, LAST)
    pivot, rstd, shift = centers(x_ptr, mean_ptr, spread_ptr, image, channels, positions,
                                 C, LAST, PER_IMAGE, ACC, EPS, TRAINING)
    weight, bias = affine(weight_ptr, bias_ptr, channels, C, ACC)
    if TRAINING:
        row = 0
        if PER_IMAGE:
            row = image * C
        mean_g = tl.load(mean_g_ptr + row + channels, mask=channels < C, other=0.0)
        mean_gh = tl.load(mean_gh_ptr + row + channels, mask=channels < C, other=0.0)
    lanes = tl.arange(0, BLOCK_P)[:, None]
    within = steps(channels, C, BLOCK_P, LAST)
    first = 0
    while first < count:
        inside = (first + lanes < count) & (channels < C)
        x = tl.load(x_ptr + offset + within, mask=inside, other=0.0).to(ACC)
        g = tl.load(dy_ptr + offset + within, mask=inside, other=0.0).to(ACC)
        h = (x - pivot) * rstd + shift
        if SLOPE != 1:
            g = tl.where(h * weight + bias <= 0, g * SLOPE, g)
        if TRAINING:
            g = g - mean_g - h * mean_gh
        tl.store(dx_ptr + offset + within, weight * rstd * g, mask=inside)
        offset += BLOCK_P * (C if LAST else 1)
        first += BLOCK_P


def gradients(
    x: Tensor, dy: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, spread: Tensor,
    needed: tuple[bool, ...], kind: str, training: bool, eps: float, slope: float | None,
) -> list[Tensor | None]:  # fmt: skip
    """-> dx, dweight, dbias, None where not needed. x and what norm_act saved; dy (N, C, H, W) in any layout.

    training: mean (of x - pivot) and spread (1 / standard deviation) are (groups, C); else running mean and variance, (C,).
    """
    cut = cut_up(x, kind)
    dy, dx, sums = like(dy, cut), None, None
    tables = mean, spread, weight, bias
    where = cut.positions, cut.chunk, cut.chunks
    constants = {**cut.constants, "EPS": eps, "TRAINING": training, "SLOPE": 1.0 if slope is None else float(slope)}
    with torch.cuda.device_of(x):
        if training or needed[1] or needed[2]:
            acc = torch.float64 if x.dtype == torch.float64 else torch.float32
            parts = x.new_empty((2, cut.parts, cut.channels), dtype=acc)
            _sums[cut.grid](x, dy, *tables, parts[0], parts[1], *where, **constants)
            sums = parts.view(2, cut.groups, -1, cut.channels).sum(2)                     # (2, groups, C): g, g h
        if needed[0]:
            dx = torch.empty_like(x)
            means = sums / (x.numel() // (cut.channels * cut.groups)) if training else (None, None)
            _input_gradient[cut.grid](x, dy, dx, *tables, means[0], means[1], *where, **constants)
    dbias, dweight = (None, None) if sums is None else sums.sum(1)
    return [dx, dweight.to(weight.dtype) if needed[1] else None, dbias.to(bias.dtype) if needed[2] else None]
