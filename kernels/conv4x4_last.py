"""4x4 convolution with one output channel: the scores at the end of a PatchGAN.

A matrix unit computes 8 or more outputs at once: as a plain convolution all but one would be thrown away, and each pixel read 16
times, once for each tap. Turned around, a pixel is read once and gives 16 numbers, what it contributes through each tap:

    parts[tap, pixel] = sum over c of x[pixel, c] * w[tap, c]         a product with 16 columns
    y[pixel] = bias + sum over tap of parts[tap, pixel * stride + tap - 1]

Bytes, for 512 channels in bfloat16, per pixel: 1024 read for x, 64 + 64 for the parts, written and read. 8192 multiplications for
these 1152 bytes: limited by memory.
Both gradients are products with the 16 shifted values of g: [pixel, tap] @ [tap, c] writes dx once, [tap, pixel] @ [pixel, c]
reads x once.
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import tl, triton
from minicolor.kernels.conv4x4_wide import arithmetic, last, shares, sum_type

BM, BC, BLOCK = 64, 64, 256                                           # pixels, channels at a time, outputs per program


@triton.jit
def _parts(x, w, parts, M, PITCH, C: tl.constexpr, IN: tl.constexpr, PRECISION: tl.constexpr, SUM: tl.constexpr,
           BM: tl.constexpr, BC: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    tap = tl.arange(0, 16)
    total = tl.zeros((BM, 16), dtype=SUM)
    for step in range((C + BC - 1) // BC):
        c = step * BC + tl.arange(0, BC)
        a = tl.load(x + m.to(tl.int64)[:, None] * C + c[None, :], mask=(m < M)[:, None] & (c < C)[None, :], other=0.0)
        b = tl.load(w + (tap * C)[None, :] + c[:, None], mask=(c < C)[:, None], other=0.0)
        total = tl.dot(a.to(IN), b.to(IN), total, input_precision=PRECISION, out_dtype=SUM)
    tl.store(parts + tap.to(tl.int64)[None, :] * PITCH + m[:, None], total, mask=(m < PITCH)[:, None])


@triton.jit
def _gather(parts, bias, y, M, PITCH, H, W, HO, WO, S: tl.constexpr, SLOPE: tl.constexpr, BLOCK: tl.constexpr):
    m = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    n, yo, xo = m // (HO * WO), m // WO % HO, m % WO
    total = tl.zeros((BLOCK,), dtype=parts.dtype.element_ty)
    for tap in range(16):
        yi, xi = yo * S + tap // 4 - 1, xo * S + tap % 4 - 1
        inside = (m < M) & (yi >= 0) & (yi < H) & (xi >= 0) & (xi < W)
        total += tl.load(parts + (n * H + yi) * W + xi, mask=inside, other=0.0)
        parts += PITCH
    if bias is not None:
        total += tl.load(bias).to(total.dtype)
    if SLOPE is not None:
        total = tl.where(total > 0, total, total * SLOPE)
    tl.store(y + m, total.to(y.dtype.element_ty), mask=m < M)


@triton.jit
def _shifted(g, m, M, H, W, HO, WO, S: tl.constexpr):
    """[pixel, tap]: the g of the output that saw input pixel m through that tap; zero where there is none."""
    tap = tl.arange(0, 16)
    n, y, x = m // (H * W), (m // W % H)[:, None] + 1 - (tap // 4)[None, :], (m % W)[:, None] + 1 - (tap % 4)[None, :]
    inside = (m < M)[:, None] & (y >= 0) & (y < HO * S) & (x >= 0) & (x < WO * S) & (y % S == 0) & (x % S == 0)
    return tl.load(g + (n[:, None] * HO + y // S) * WO + x // S, mask=inside, other=0.0)


@triton.jit
def _input_gradient(g, w, dx, M, H, W, HO, WO, C: tl.constexpr, S: tl.constexpr, IN: tl.constexpr, PRECISION: tl.constexpr,
                    SUM: tl.constexpr, BM: tl.constexpr, BC: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    a = _shifted(g, m, M, H, W, HO, WO, S).to(IN)
    tap = tl.arange(0, 16)
    for first in tl.static_range(0, C, BC):
        c = first + tl.arange(0, BC)
        b = tl.load(w + (tap * C)[:, None] + c[None, :], mask=(c < C)[None, :], other=0.0).to(IN)
        total = tl.dot(a, b, input_precision=PRECISION, out_dtype=SUM)
        place = m.to(tl.int64)[:, None] * C + c[None, :]
        tl.store(dx + place, total.to(dx.dtype.element_ty), mask=(m < M)[:, None] & (c < C)[None, :])


@triton.jit
def _weight_gradient(g, x, parts, M, H, W, HO, WO, C: tl.constexpr, S: tl.constexpr, PART: tl.constexpr, IN: tl.constexpr,
                     PRECISION: tl.constexpr, SUM: tl.constexpr, BM: tl.constexpr, BC: tl.constexpr):
    tap = tl.arange(0, 16)
    c = tl.program_id(0) * BC + tl.arange(0, BC)
    total = tl.zeros((BC, 16), dtype=SUM)
    for step in range(PART // BM):
        m = tl.program_id(1) * PART + step * BM + tl.arange(0, BM)
        a = tl.load(x + m.to(tl.int64)[:, None] * C + c[None, :], mask=(m < M)[:, None] & (c < C)[None, :], other=0.0)
        b = _shifted(g, m, M, H, W, HO, WO, S)
        total = tl.dot(tl.trans(a).to(IN), b.to(IN), total, input_precision=PRECISION, out_dtype=SUM)
    place = (tl.program_id(1) * 16 + tap)[None, :] * C + c[:, None]
    tl.store(parts + place, total, mask=(c < C)[:, None])


def output(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, slope: float | None) -> Tensor:
    """x (N, C, H, W), weight (1, C, 4, 4) of the same type -> (N, 1, H', W')."""
    x, weight = last(x), last(weight)
    n, c, h, w = x.shape
    ho, wo, m = (h - 2) // stride + 1, (w - 2) // stride + 1, n * h * w
    pitch = triton.cdiv(m, 16) * 16  # each tap's part begins where 16 bytes can be stored at once
    parts = torch.empty((16, pitch), dtype=sum_type(x), device=x.device)
    y = torch.empty((n, 1, ho, wo), dtype=weight.dtype, device=x.device)
    with torch.cuda.device_of(x):
        _parts[(triton.cdiv(m, BM),)](x, weight, parts, m, pitch, C=c, **arithmetic(x), BM=BM, BC=BC, num_warps=4,
                                      num_stages=4)
        _gather[(triton.cdiv(y.numel(), BLOCK),)](
            parts, bias, y, y.numel(), pitch, h, w, ho, wo, S=stride, SLOPE=slope, BLOCK=BLOCK)
    return y


def input_gradient(g: Tensor, weight: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """g (N, 1, H', W') and weight (1, C, 4, 4) -> (N, C, *size), channels last."""
    g, weight = g.contiguous(), last(weight)
    (n, _, ho, wo), c, (h, w) = g.shape, weight.shape[1], size
    dx = torch.empty((n, c, h, w), dtype=weight.dtype, device=g.device, memory_format=torch.channels_last)
    with torch.cuda.device_of(g):
        _input_gradient[(triton.cdiv(n * h * w, BM),)](g, weight, dx, n * h * w, h, w, ho, wo, C=c, S=stride, **arithmetic(g),
                                                        BM=BM, BC=BC, num_warps=4)
    return dx


def weight_gradient(g: Tensor, x: Tensor, stride: int) -> Tensor:
    """g (N, 1, H', W') and x (N, C, H, W) of the same type -> (1, C, 4, 4), channels last."""
    g, x = g.contiguous(), last(x)
    (_, _, ho, wo), (n, c, h, w) = g.shape, x.shape
    programs, m = triton.cdiv(c, BC), n * h * w
    part = shares(m, programs, BM, g.device)
    parts = torch.empty((triton.cdiv(m, part), 1, 4, 4, c), dtype=sum_type(g), device=g.device)
    with torch.cuda.device_of(g):
        _weight_gradient[(programs, len(parts))](g, x, parts, m, h, w, ho, wo, C=c, S=stride, PART=part, **arithmetic(g),
                                                 BM=BM, BC=BC, num_warps=4, num_stages=4)
    return parts.sum(0).to(g.dtype).permute(0, 3, 1, 2)
