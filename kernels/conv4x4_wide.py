"""4x4 convolution with many channels on the matrix units: its output, its input gradient, its weight gradient.

All three are one matrix product in disguise ("implicit GEMM"): a row is a pixel, and what is summed over is (tap, channel).
The matrix of shifted pixels is never written down: each program computes where its rows lie and reads them in place.

    output           y[pixel, o]   = sum over tap, c of  x[pixel * stride + tap - 1, c] * w[o, tap, c]
    input gradient   dx[pixel, c]  = sum over tap, o of  g[(pixel + 1 - tap) / stride, o] * w[o, tap, c]
    weight gradient  dw[o, tap, c] = sum over pixels of  g[pixel, o] * x[pixel * stride + tap - 1, c]

Channels last, so that a pixel's channels are one run: a thread copies 16 bytes at a time, past the registers.
Limits, counted: 128 -> 256 channels at 32x32 and batch 64 is 69 GFLOP and 0.1 GB: bound by the matrix units, as every layer
between the first and the last of a PatchGAN. Why not cuDNN, then? The epilogue (bias, LeakyReLU) costs no pass of its own;
and to see that a convolution needs sixty lines. `auto` times both, and takes the faster.
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import INTERPRETED, tl, triton


@triton.jit
def _output(x, w, bias, y, M, H, W, HO, WO, C: tl.constexpr, O: tl.constexpr, S: tl.constexpr, SLOPE: tl.constexpr,
            IN: tl.constexpr, PRECISION: tl.constexpr, SUM: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    tiles_of_o: tl.constexpr = (O + BN - 1) // BN                     # neighbors share their pixels: those stay in the cache
    m = tl.program_id(0) // tiles_of_o * BM + tl.arange(0, BM)        # output pixels, counted through the whole batch
    o = tl.program_id(0) % tiles_of_o * BN + tl.arange(0, BN)
    n, yo, xo = m // (HO * WO), m // WO % HO, m % WO
    k = tl.arange(0, BK)
    chunks: tl.constexpr = (C + BK - 1) // BK
    total = tl.zeros((BM, BN), dtype=SUM)
    for step in range(16 * chunks):                                   # one loop, so that loads run ahead across the taps
        tap, c = step // chunks, step % chunks * BK + k
        yi, xi = yo * S + tap // 4 - 1, xo * S + tap % 4 - 1
        inside = (m < M) & (yi >= 0) & (yi < H) & (xi >= 0) & (xi < W)           # outside lies the padding: zeros
        pixels = ((n * H + yi) * W + xi).to(tl.int64) * C                        # int64: a batch may pass 2^31 values
        a = tl.load(x + pixels[:, None] + c[None, :], mask=inside[:, None] & (c < C)[None, :], other=0.0)
        b = tl.load(w + (o * (16 * C))[None, :] + (tap * C + c)[:, None], mask=(o < O)[None, :] & (c < C)[:, None], other=0.0)
        total = tl.dot(a.to(IN), b.to(IN), total, input_precision=PRECISION, out_dtype=SUM)
    if bias is not None:
        total += tl.load(bias + o, mask=o < O, other=0.0).to(SUM)[None, :]
    if SLOPE is not None:
        total = tl.where(total > 0, total, total * SLOPE)
    place = m.to(tl.int64)[:, None] * O + o[None, :]
    tl.store(y + place, total.to(y.dtype.element_ty), mask=(m < M)[:, None] & (o < O)[None, :])


@triton.jit
def _input_gradient(g, w, dx, M, H, W, HO, WO, C: tl.constexpr, O: tl.constexpr, S: tl.constexpr, IN: tl.constexpr,
                    PRECISION: tl.constexpr, SUM: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    # With stride 2 a pixel was seen by every other tap alone: which ones depends on whether its row and column are even.
    # So each program takes pixels of one such class, (py, px), where all have the same 2x2 taps.
    py, px = tl.program_id(1) // S, tl.program_id(1) % S
    tiles_of_c: tl.constexpr = (C + BN - 1) // BN
    m = tl.program_id(0) // tiles_of_c * BM + tl.arange(0, BM)        # pixels of the class, counted through the batch
    c = tl.program_id(0) % tiles_of_c * BN + tl.arange(0, BN)
    h, v = (H + S - 1) // S, (W + S - 1) // S                         # so many of a class stand in a column and a row
    n, ys, xs = m // (h * v), m // v % h, m % v
    k = tl.arange(0, BK)
    chunks: tl.constexpr = (O + BK - 1) // BK
    side: tl.constexpr = 4 // S
    total = tl.zeros((BM, BN), dtype=SUM)
    for step in range(side * side * chunks):
        t, o = step // chunks, step % chunks * BK + k
        ty, tx = t // side, t % side
        tap = ((py + 1) % S + S * ty) * 4 + (px + 1) % S + S * tx
        yo, xo = ys + (py + 1) // S - ty, xs + (px + 1) // S - tx     # = (pixel + 1 - tap) / S, which leaves no rest
        inside = (m < M) & (yo >= 0) & (yo < HO) & (xo >= 0) & (xo < WO)
        pixels = ((n * HO + yo) * WO + xo).to(tl.int64) * O
        a = tl.load(g + pixels[:, None] + o[None, :], mask=inside[:, None] & (o < O)[None, :], other=0.0)
        b = tl.load(w + (o * (16 * C) + tap * C)[:, None] + c[None, :], mask=(o < O)[:, None] & (c < C)[None, :], other=0.0)
        total = tl.dot(a.to(IN), b.to(IN), total, input_precision=PRECISION, out_dtype=SUM)
    yi, xi = ys * S + py, xs * S + px
    place = ((n * H + yi) * W + xi).to(tl.int64)[:, None] * C + c[None, :]
    inside = (m < M) & (yi < H) & (xi < W)
    tl.store(dx + place, total.to(dx.dtype.element_ty), mask=inside[:, None] & (c < C)[None, :])


@triton.jit
def _weight_gradient(g, x, parts, M, H, W, HO, WO, C: tl.constexpr, O: tl.constexpr, S: tl.constexpr, PART: tl.constexpr,
                     IN: tl.constexpr, PRECISION: tl.constexpr, SUM: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
                     BK: tl.constexpr):
    # One tile of dw for one tap; the pixels are dealt out to PART-long parts, whose sums are added afterwards: in a fixed
    # order, so that the same batch gives the same gradient.
    tiles_of_c: tl.constexpr = (C + BN - 1) // BN
    tap = tl.program_id(0) // tiles_of_c % 16
    c = tl.program_id(0) % tiles_of_c * BN + tl.arange(0, BN)
    o = tl.program_id(0) // (tiles_of_c * 16) * BM + tl.arange(0, BM)
    k = tl.program_id(1) * PART + tl.arange(0, BK)
    total = tl.zeros((BM, BN), dtype=SUM)
    for step in range(PART // BK):
        m = step * BK + k
        n, yi, xi = m // (HO * WO), m // WO % HO * S + tap // 4 - 1, m % WO * S + tap % 4 - 1
        inside = (m < M) & (yi >= 0) & (yi < H) & (xi >= 0) & (xi < W)
        a = tl.load(g + m.to(tl.int64)[:, None] * O + o[None, :], mask=(m < M)[:, None] & (o < O)[None, :], other=0.0)
        pixels = ((n * H + yi) * W + xi).to(tl.int64) * C
        b = tl.load(x + pixels[:, None] + c[None, :], mask=inside[:, None] & (c < C)[None, :], other=0.0)
        total = tl.dot(tl.trans(a).to(IN), b.to(IN), total, input_precision=PRECISION, out_dtype=SUM)
    place = (tl.program_id(1).to(tl.int64) * O + o)[:, None] * (16 * C) + (tap * C + c)[None, :]
    tl.store(parts + place, total, mask=(o < O)[:, None] & (c < C)[None, :])


def output(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, slope: float | None, tile: tuple) -> Tensor:
    """x (N, C, H, W), weight (O, C, 4, 4) of the same type -> (N, O, H', W'), channels last."""
    x, weight = last(x), last(weight)
    (n, c, h, w), o = x.shape, len(weight)
    ho, wo = (h - 2) // stride + 1, (w - 2) // stride + 1
    y = torch.empty((n, o, ho, wo), dtype=weight.dtype, device=x.device, memory_format=torch.channels_last)
    bm, bn, bk, warps, stages = fitted(tile, o, c)
    with torch.cuda.device_of(x):
        _output[(triton.cdiv(n * ho * wo, bm) * triton.cdiv(o, bn),)](
            x, weight, bias, y, n * ho * wo, h, w, ho, wo, C=c, O=o, S=stride, SLOPE=slope, **arithmetic(weight),
            BM=bm, BN=bn, BK=bk, num_warps=warps, num_stages=stages)
    return y


def input_gradient(g: Tensor, weight: Tensor, stride: int, size: tuple[int, int], tile: tuple) -> Tensor:
    """g (N, O, H', W') and weight (O, C, 4, 4) -> (N, C, *size), channels last."""
    g, weight = last(g), last(weight)
    (n, o, ho, wo), c, (h, w) = g.shape, weight.shape[1], size
    dx = torch.empty((n, c, h, w), dtype=weight.dtype, device=g.device, memory_format=torch.channels_last)
    bm, bn, bk, warps, stages = fitted(tile, c, o)
    m = n * triton.cdiv(h, stride) * triton.cdiv(w, stride)
    with torch.cuda.device_of(g):
        _input_gradient[(triton.cdiv(m, bm) * triton.cdiv(c, bn), stride**2)](
            g, weight, dx, m, h, w, ho, wo, C=c, O=o, S=stride, **arithmetic(weight),
            BM=bm, BN=bn, BK=bk, num_warps=warps, num_stages=stages)
    return dx


def weight_gradient(g: Tensor, x: Tensor, stride: int, tile: tuple) -> Tensor:
    """g (N, O, H', W') and x (N, C, H, W) of the same type -> (O, C, 4, 4), channels last."""
    g, x = last(g), last(x)
    (n, o, ho, wo), (_, c, h, w) = g.shape, x.shape
    _, bn, bk, warps, stages = fitted(tile, c, 64)
    bm = min(tile[0], max(16, triton.next_power_of_2(o)))
    programs, m = triton.cdiv(o, bm) * 16 * triton.cdiv(c, bn), n * ho * wo
    part = shares(m, programs, bk, g.device)
    parts = torch.empty((triton.cdiv(m, part), o, 4, 4, c), dtype=sum_type(g), device=g.device)
    with torch.cuda.device_of(g):
        _weight_gradient[(programs, len(parts))](
            g, x, parts, m, h, w, ho, wo, C=c, O=o, S=stride, PART=part, **arithmetic(g),
            BM=bm, BN=bn, BK=bk, num_warps=warps, num_stages=stages)
    return parts.sum(0).to(g.dtype).permute(0, 3, 1, 2)


def tiles(dtype: torch.dtype, capability: tuple[int, int]) -> list[tuple]:
    """Shapes of work that are worth a try: (pixels, output channels, summed at a time, warps, stages of copies under way).

    The more of both a program holds, the fewer bytes it moves for a product; until registers or shared memory run out. Few,
    since each is another kernel to compile, for each layer, in the first step of a machine's first training.
    """
    if dtype in (torch.bfloat16, torch.float16):
        # the widest takes 147 KB of shared memory, and its sums half of a Hopper's registers: elsewhere they do not fit
        return [(128, 128, 64, 8, 3), *[(128, 256, 64, 8, 3)] * (capability == (9, 0))]
    return [(128, 64, 32, 8, 3)] if dtype == torch.float32 else [(32, 32, 32, 4, 2)]


def last(x: Tensor) -> Tensor:
    """The same values with channels last in memory."""
    return x.contiguous(memory_format=torch.channels_last)


def fitted(tile: tuple, columns: int, summed: int) -> tuple:
    """The tile, no wider than the layer: 16 is the least that the matrix units take."""
    bm, bn, bk, warps, stages = tile
    return bm, min(bn, max(16, triton.next_power_of_2(columns))), min(bk, max(16, triton.next_power_of_2(summed))), warps, stages


def shares(m: int, programs: int, step: int, device: torch.device) -> int:
    """How many of m pixels one program sums: enough programs for every processor, and few parts to add afterwards.

    step times a power of two, as it is compiled into the kernel: other batch sizes shall not need other kernels.
    """
    processors = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 4
    parts = max(1, min(4 * processors // programs, m // (8 * step)))
    return step * triton.next_power_of_2(triton.cdiv(triton.cdiv(m, parts), step))


def sum_type(x: Tensor) -> torch.dtype:
    """Sums of half precision products are kept in float32; float64 is for checking gradients."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def arithmetic(x: Tensor) -> dict:
    """In which numbers a kernel multiplies and adds; float32 as PyTorch's own convolutions do, by the same switch."""
    kind = {torch.bfloat16: tl.bfloat16, torch.float16: tl.float16, torch.float32: tl.float32, torch.float64: tl.float64}[x.dtype]
    if INTERPRETED and x.dtype == torch.bfloat16:
        kind = tl.float32                                             # the interpreter cannot multiply bfloat16 matrices
    exact = x.dtype != torch.float32 or torch.backends.cudnn.conv.fp32_precision != "tf32"
    return {"IN": kind, "PRECISION": "ieee" if exact else "tf32", "SUM": tl.float64 if x.dtype == torch.float64 else tl.float32}
