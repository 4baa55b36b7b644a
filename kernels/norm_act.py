"""Norm and activation in one.     reference: minicolor/ops/norm_act.py     domain: (N, C, H, W), any finite values

BatchNorm or InstanceNorm, then LeakyReLU, ReLU or nothing; with the batch's statistics or running ones. Gradients are in
norm_act_backward.py, and how a batch is cut into tiles in norm_act_tiles.py.

Why fuse. Between norm and activation PyTorch writes the whole picture and reads it again, and keeps both for the backward
pass. Bytes for each value in bf16, training, counted, not measured (float32: twice as many):

                norm, then activation (eager)                           here
    forward     statistics 2, normalize 2 + 2, activation 2 + 2   10    statistics 2, normalize 2 + 2    6
    backward    activation 4 + 2, norm's sums 4, norm's dx 4 + 2  16    sums 4, dx 4 + 2                10
    kept        x and the activation's input                       4    x                                2

Eager InstanceNorm moves more: it copies a channels-last x to NCHW first. With running statistics one pass is saved.
Launches: statistics, merge, normalize forward; sums, adding them up (PyTorch, small), dx backward.

Limits, counted from the machine code for sm_90 in bf16, channels last, slope 0.2. An H200 issues 132 SMs x 128 lanes x
1.7 GHz = 29e12 instructions a second and copies 4.3e12 bytes: 6.7 instructions for each byte. Memory is the limit:

                       instructions for a value    bytes    instructions that its bytes leave time for
    _statistics                  9.3                 2                   13
    _normalize                   8.9                 4                   27
    _sums                       12.2                 4                   27
    _input_gradient             14.3                 6                   40

The one special function is a reciprocal in every step over a tile of 2048 values.

Statistics are those of x - pivot (see pivots() in norm_act_tiles.py): a mean of 10000 with a standard deviation of 0.01 loses
nothing, where PyTorch's own float32 does. No atomics: the same input gives the same bits on the same GPU.
"""

import math

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from minicolor.kernels.backend import choose, expect, hurried, tl, triton
from minicolor.kernels.norm_act_backward import gradients
from minicolor.kernels.norm_act_tiles import Cut, affine, centers, cut_up, laid_out, pivots, place, steps
from minicolor.ops.norm_act import norm_act as reference


@triton.jit
def _statistics(x_ptr, mean_ptr, m2_ptr, positions, chunk, chunks, C: tl.constexpr, BLOCK_P: tl.constexpr,
                BLOCK_C: tl.constexpr, LAST: tl.constexpr, PER_IMAGE: tl.constexpr, ACC: tl.constexpr):
    """A chunk's mean of x - pivot, and M2, the sum of squares about that mean. One read of x."""
    image, part, offset, count, channels = place(tl.program_id(0), positions, chunk, chunks, C, BLOCK_C, LAST)
    pivot = pivots(x_ptr, image, channels, positions, C, LAST, PER_IMAGE, ACC)
    lanes = tl.arange(0, BLOCK_P)[:, None]
    within = steps(channels, C, BLOCK_P, LAST)
    mean = tl.zeros([BLOCK_P, BLOCK_C], ACC)  # Welford's recurrence, one for each place in the tile: nothing goes between
    m2 = tl.zeros([BLOCK_P, BLOCK_C], ACC)    # threads until the end
    seen = 0.0
    first = 0
    while first < count:
        inside = (first + lanes < count) & (channels < C)
        d = tl.load(x_ptr + offset + within, mask=inside, other=0.0).to(ACC) - pivot
        seen += 1.0
        off = tl.where(inside, d - mean, 0.0)  # beyond the end: no news
        mean += off * (1.0 / seen)
        m2 += off * (d - mean)
        offset += BLOCK_P * (C if LAST else 1)
        first += BLOCK_P
    n = ((count - lanes + BLOCK_P - 1) // BLOCK_P).to(ACC)                   # values that each place has seen; count > 0
    n = tl.where(lanes < count, n, 0.0)
    middle = tl.sum(n * mean, axis=0)[None, :] / count                       # Chan, Golub, LeVeque 1979: merging
    total = tl.sum(m2 + n * (mean - middle) * (mean - middle), axis=0)[None, :]
    tl.store(mean_ptr + part * C + channels, middle, mask=channels < C)
    tl.store(m2_ptr + part * C + channels, total, mask=channels < C)


@triton.jit
def _merge(x_ptr, part_mean_ptr, part_m2_ptr, mean_ptr, rstd_ptr, running_mean_ptr, running_var_ptr, momentum,
           positions, chunk, chunks, parts, C: tl.constexpr, EPS: tl.constexpr, LAST: tl.constexpr,
           PER_IMAGE: tl.constexpr, ACC: tl.constexpr, PARTS: tl.constexpr, BLOCK_C: tl.constexpr):
    """The chunks of a group become one: mean of x - pivot, and 1 / standard deviation; the running statistics are renewed."""
    blocks: tl.constexpr = (C + BLOCK_C - 1) // BLOCK_C
    group = tl.program_id(0) // blocks
    channels = (tl.program_id(0) % blocks) * BLOCK_C + tl.arange(0, BLOCK_C)[None, :]
    rows = tl.arange(0, PARTS)[:, None]
    sums = tl.zeros([PARTS, BLOCK_C], ACC)
    size = tl.zeros([PARTS, 1], ACC)
    first = 0
    while first < parts:
        part = first + rows
        inside = (part < parts) & (channels < C)
        n = tl.where(part < parts, tl.minimum(positions - (part % chunks) * chunk, chunk), 0).to(ACC)
        sums += n * tl.load(part_mean_ptr + (group * parts + part) * C + channels, mask=inside, other=0.0)
        size += n
        first += PARTS
    size = tl.sum(size, axis=0)[None, :]
    mean = tl.sum(sums, axis=0)[None, :] / size
    squares = tl.zeros([PARTS, BLOCK_C], ACC)
    first = 0
    while first < parts:
        part = first + rows
        inside = (part < parts) & (channels < C)
        n = tl.where(part < parts, tl.minimum(positions - (part % chunks) * chunk, chunk), 0).to(ACC)
        off = tl.load(part_mean_ptr + (group * parts + part) * C + channels, mask=inside, other=0.0) - mean
        squares += n * off * off + tl.load(part_m2_ptr + (group * parts + part) * C + channels, mask=inside, other=0.0)
        first += PARTS
    m2 = tl.sum(squares, axis=0)[None, :]
    inside = channels < C
    tl.store(mean_ptr + group * C + channels, mean, mask=inside)
    tl.store(rstd_ptr + group * C + channels, 1.0 / tl.sqrt(m2 / size + EPS), mask=inside)
    if running_mean_ptr is not None:
        mean += pivots(x_ptr, 0, channels, positions, C, LAST, PER_IMAGE, ACC)
        old_mean = tl.load(running_mean_ptr + channels, mask=inside).to(ACC)
        old_var = tl.load(running_var_ptr + channels, mask=inside).to(ACC)
        tl.store(running_mean_ptr + channels, (1.0 - momentum) * old_mean + momentum * mean, mask=inside)
        tl.store(running_var_ptr + channels, (1.0 - momentum) * old_var + momentum * (m2 / (size - 1.0)), mask=inside)


@triton.jit
def _normalize(x_ptr, y_ptr, mean_ptr, spread_ptr, weight_ptr, bias_ptr, positions, chunk, chunks, C: tl.constexpr,
               BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr, LAST: tl.constexpr, PER_IMAGE: tl.constexpr,
               ACC: tl.constexpr, EPS: tl.constexpr, TRAINING: tl.constexpr, SLOPE: tl.constexpr):
    """One read of x, one write of y."""
    image, _, offset, count, channels = place(tl.program_id(0), positions, chunk, chunks, C, BLOCK_C, LAST)
    pivot, rstd, shift = centers(x_ptr, mean_ptr, spread_ptr, image, channels, positions,
                                 C, LAST, PER_IMAGE, ACC, EPS, TRAINING)
    weight, bias = affine(weight_ptr, bias_ptr, channels, C, ACC)
    lanes = tl.arange(0, BLOCK_P)[:, None]
    within = steps(channels, C, BLOCK_P, LAST)
    first = 0
    while first < count:
        inside = (first + lanes < count) & (channels < C)
        x = tl.load(x_ptr + offset + within, mask=inside, other=0.0).to(ACC)
        z = ((x - pivot) * rstd + shift) * weight + bias
        if SLOPE != 1:
            z = tl.where(z <= 0, z * SLOPE if SLOPE != 0 else 0.0, z)  # NaN is not <= 0: it stays, as in PyTorch's ReLU
        tl.store(y_ptr + offset + within, z, mask=inside)
        offset += BLOCK_P * (C if LAST else 1)
        first += BLOCK_P


def statistics(x: Tensor, cut: Cut, running_mean: Tensor | None, running_var: Tensor | None, momentum: float, eps: float):
    """-> mean of x - pivot and 1 / sqrt(variance + eps), each (groups, C), float32 (float64 for float64)."""
    acc = torch.float64 if x.dtype == torch.float64 else torch.float32
    parts = x.new_empty((2, cut.parts, cut.channels), dtype=acc)
    mean, rstd = x.new_empty((2, cut.groups, cut.channels), dtype=acc)
    where = cut.positions, cut.chunk, cut.chunks
    constants = {k: v for k, v in cut.constants.items() if k not in ("BLOCK_P", "BLOCK_C")}
    _statistics[cut.grid](x, parts[0], parts[1], *where, **cut.constants)
    # 8 channels are 32 bytes, the least that memory gives; the fewer in a program, the more programs share this small work
    _merge[(cut.groups * triton.cdiv(cut.channels, 8),)](
        x, parts[0], parts[1], mean, rstd, running_mean, running_var, momentum, *where, cut.parts // cut.groups,
        **constants, EPS=eps, PARTS=64, BLOCK_C=8)  # fmt: skip
    return mean, rstd


class _NormAct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, running_mean, running_var, kind, training, momentum, eps, slope):
        cut, y = cut_up(x, kind), torch.empty_like(x)
        with torch.cuda.device_of(x):
            if training or kind == "instance":
                mean, spread = statistics(x, cut, running_mean, running_var, momentum, eps)
                if running_mean is not None:
                    increment_version([running_mean, running_var])  # autograd cannot see what a kernel writes
            else:
                mean, spread = running_mean, running_var
            ctx.rest = {"kind": kind, "training": training or kind == "instance", "eps": eps, "slope": slope}
            _normalize[cut.grid](
                x, y, mean, spread, weight, bias, cut.positions, cut.chunk, cut.chunks, **cut.constants,
                EPS=eps, TRAINING=ctx.rest["training"], SLOPE=1.0 if slope is None else float(slope))  # fmt: skip
        ctx.save_for_backward(x, weight, bias, mean, spread)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, weight, bias, mean, spread = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: somebody will differentiate this again, so it must be PyTorch's
            running = (None, None) if ctx.rest["training"] else (mean, spread)
            y = reference(x, weight, bias, *running, **ctx.rest)
            wanted = [t for t, needed in zip((x, weight, bias), ctx.needs_input_grad) if needed]
            found = iter(torch.autograd.grad(y, wanted, dy, create_graph=True))
            grads = [next(found) if needed else None for needed in ctx.needs_input_grad[:3]]
        else:
            grads = gradients(x, dy, weight, bias, mean, spread, ctx.needs_input_grad, **ctx.rest)
        return *grads, None, None, None, None, None, None, None


def _check(x: Tensor, tables: dict[str, Tensor | None], kind: str, training: bool) -> None:
    """BadInput, on either backend, for what would give wrong numbers or another's error message."""
    half = x.dtype in (torch.float16, torch.bfloat16)
    expect(half or x.dtype in (torch.float32, torch.float64), "x", "float16, bfloat16, float32 or float64", x.dtype)
    expect(x.ndim == 4, "x", "(N, C, H, W)", tuple(x.shape))
    expect(kind in ("batch", "instance"), "kind", '"batch" or "instance"', repr(kind))
    n, c, h, w = x.shape
    given = {name: t for name, t in tables.items() if t is not None}
    types = {t.dtype for t in given.values()} or {x.dtype}
    for name, t in given.items():
        expect(t.shape == (c,), name, f"shape ({c},), one value for each channel of x", tuple(t.shape))
        expect(t.device == x.device, name, f"x's device {x.device}", t.device)
        expect(t.dtype == x.dtype or (half and t.dtype == torch.float32), name, f"x's type {x.dtype}", t.dtype)
        expect(len(types) == 1, name, "one type for weight, bias and running statistics", t.dtype)
    running = sum(name.startswith("running") for name in given)
    if kind == "instance":
        expect(running == 0, "running_mean", 'None for kind "instance"', "a tensor")
    else:
        expect(running in (0, 2), "running_mean", "running_var with it, or neither", "one of the two")
        expect(training or running == 2, "running_mean", "a tensor where training is False", None)
    if training or kind == "instance":
        values = h * w if kind == "instance" else n * h * w
        expect(values != 1, "x", "more than 1 value per channel to take statistics of", tuple(x.shape))


def norm_act(
    x: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    kind: str = "batch",
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    slope: float | None = None,
    backend: str | None = None,
) -> Tensor:
    """(N, C, H, W) float -> the same shape and type; arguments as in minicolor/ops/norm_act.py.

    The kernel keeps x's memory format, channels last or NCHW; PyTorch's InstanceNorm always gives NCHW.

    x is bf16, fp16, float32 or float64. weight, bias, running_mean and running_var, (C,) or None, share one type: x's, or
    float32 where x is bf16 or fp16. backend: see backend.py. BadInput for anything else.
    """
    _check(x, {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}, kind, training)
    for name, value, low, high in (("momentum", momentum, 0, 1), ("eps", eps, 0, math.inf), ("slope", slope or 0, 0, 1)):
        expect(math.isfinite(value) and low <= value <= high, name, f"a finite number in {low} .. {high}", value)
    args = weight, bias, running_mean, running_var, kind, training, momentum, eps, slope
    if choose(x, backend) == "torch" or x.numel() == 0 or hurried(backend):
        return reference(x, *args)
    tables = [t if t is None else t.contiguous() for t in args[:4]]
    y = _NormAct.apply(laid_out(x), *tables, *args[4:])
    for mine, renewed in zip(args[2:4], tables[2:]):
        if training and mine is not renewed:
            mine.copy_(renewed)                                 # a view with strides was renewed in a copy
    return y
