"""4x4 convolution, stride 2, of a picture: so few channels (at most 8) that all 16 taps of all of them fit into one product.

The first layer of a PatchGAN sees the grey condition (1 channel) and the picture (2 or 3) side by side. Here they stay two
tensors, planes or channels last, float32 or half, as their makers left them: nothing is concatenated, converted or copied.

Bytes, for 1 + 2 channels at 256x256 to 64 channels in bfloat16, per output pixel (4 input pixels): 48 read (float32) and 128
written. Eager PyTorch also writes and reads the concatenation (96), a bfloat16 copy (72), and the output twice more for
the LeakyReLU (256). Limited by memory: 3072 multiplications for 176 bytes are little to the matrix units. The 48 values of
a row are gathered one by one, but from the first-level cache, as neighbors overlap.

    output            [pixel, (tap, c)] @ [(tap, c), o]           one product, no loop
    input gradient    each 2x2 block of pixels from the 3x3 outputs that saw it: [block, o] @ [o, (c, py, px)], nine times
    weight gradient   [o, pixel] @ [pixel, (tap, c)], summed over all pixels

The input gradient reads g once for all four pixels of a block. Used forward it is the last layer of a U-Net (128 -> 2 channels).
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import tl, triton
from minicolor.kernels.conv4x4_wide import arithmetic, last, shares, sum_type

MOST = 8                                                              # channels: 16 taps x 8 are a product of depth 128
BM = 64                                                               # pixels per program


@triton.jit
def _columns(x1, x2, m, M, H, W, HO, WO, n1, y1, x1_, c1, n2, y2, x2_, c2, C1: tl.constexpr, C: tl.constexpr, K: tl.constexpr):
    """The rows of the matrix of shifted pixels: all (tap, channel) that output pixel m sees; zeros outside the picture."""
    n, yo, xo = m // (HO * WO), m // WO % HO, m % WO
    k = tl.arange(0, K)
    tap, c = k // C, k % C
    yi, xi = (yo * 2 - 1)[:, None] + (tap // 4)[None, :], (xo * 2 - 1)[:, None] + (tap % 4)[None, :]
    inside = (m < M)[:, None] & (tap < 16)[None, :] & (yi >= 0) & (yi < H) & (xi >= 0) & (xi < W)
    n, yi, xi = n.to(tl.int64)[:, None], yi.to(tl.int64), xi.to(tl.int64)
    a = tl.load(x1 + n * n1 + yi * y1 + xi * x1_ + (c * c1)[None, :], mask=inside & (c < C1)[None, :], other=0.0)
    if C1 < C:
        a += tl.load(x2 + n * n2 + yi * y2 + xi * x2_ + ((c - C1) * c2)[None, :], mask=inside & (c >= C1)[None, :], other=0.0)
    return a


@triton.jit
def _output(x1, x2, w, bias, y, M, H, W, HO, WO, n1, y1, x1_, c1, n2, y2, x2_, c2, C1: tl.constexpr, C: tl.constexpr,
            O: tl.constexpr, SLOPE: tl.constexpr, IN: tl.constexpr, PRECISION: tl.constexpr, SUM: tl.constexpr,
            BM: tl.constexpr, BN: tl.constexpr, K: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    a = _columns(x1, x2, m, M, H, W, HO, WO, n1, y1, x1_, c1, n2, y2, x2_, c2, C1, C, K).to(IN)
    k = tl.arange(0, K)
    for first in tl.static_range(0, O, BN):                           # the gathered pixels serve all outputs
        o = first + tl.arange(0, BN)
        b = tl.load(w + (o * (16 * C))[None, :] + k[:, None], mask=(o < O)[None, :] & (k < 16 * C)[:, None], other=0.0)
        total = tl.dot(a, b.to(IN), input_precision=PRECISION, out_dtype=SUM)
        if bias is not None:
            total += tl.load(bias + o, mask=o < O, other=0.0).to(SUM)[None, :]
        if SLOPE is not None:
            total = tl.where(total > 0, total, total * SLOPE)
        place = m.to(tl.int64)[:, None] * O + o[None, :]
        tl.store(y + place, total.to(y.dtype.element_ty), mask=(m < M)[:, None] & (o < O)[None, :])


@triton.jit
def _input_gradient(g, w, dx, M, H, W, HO, WO, sn, sy, sx, sc, C: tl.constexpr, O: tl.constexpr, FIRST: tl.constexpr,
                    ALL: tl.constexpr, IN: tl.constexpr, PRECISION: tl.constexpr, SUM: tl.constexpr, BM: tl.constexpr,
                    BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)                      # blocks of 2x2 input pixels
    h, v = (H + 1) // 2, (W + 1) // 2
    n, ys, xs = m // (h * v), m // v % h, m % v
    j = tl.arange(0, BN)                                              # columns: which pixel of the block, and its channel
    c, py, px = j // 4, j // 2 % 2, j % 2                             # px last: neighbors are stored together
    k = tl.arange(0, BK)
    chunks: tl.constexpr = (O + BK - 1) // BK
    total = tl.zeros((BM, BN), dtype=SUM)
    for step in range(9 * chunks):
        dy, dx_ = step // chunks // 3 - 1, step // chunks % 3 - 1     # the output at (ys + dy, xs + dx)
        o = step % chunks * BK + k
        yo, xo = ys + dy, xs + dx_
        inside = (m < M) & (yo >= 0) & (yo < HO) & (xo >= 0) & (xo < WO)
        pixels = ((n * HO + yo) * WO + xo).to(tl.int64) * O
        a = tl.load(g + pixels[:, None] + o[None, :], mask=inside[:, None] & (o < O)[None, :], other=0.0)
        ky, kx = py + 1 - 2 * dy, px + 1 - 2 * dx_                    # it saw the block's pixel (py, px) through this tap, or not
        saw = (ky >= 0) & (ky < 4) & (kx >= 0) & (kx < 4) & (j < 4 * C)
        b = tl.load(w + (o * (16 * ALL))[:, None] + ((ky * 4 + kx) * ALL + FIRST + c)[None, :],
                    mask=(o < O)[:, None] & saw[None, :], other=0.0)
        total = tl.dot(a.to(IN), b.to(IN), total, input_precision=PRECISION, out_dtype=SUM)
    yi, xi = (ys * 2)[:, None] + py[None, :], (xs * 2)[:, None] + px[None, :]
    inside = (m < M)[:, None] & (j < 4 * C)[None, :] & (yi < H) & (xi < W)
    place = n.to(tl.int64)[:, None] * sn + yi.to(tl.int64) * sy + xi.to(tl.int64) * sx + (c * sc)[None, :]
    tl.store(dx + place, total.to(dx.dtype.element_ty), mask=inside)


@triton.jit
def _weight_gradient(g, x1, x2, parts, M, H, W, HO, WO, n1, y1, x1_, c1, n2, y2, x2_, c2, C1: tl.constexpr, C: tl.constexpr,
                     O: tl.constexpr, PART: tl.constexpr, IN: tl.constexpr, PRECISION: tl.constexpr, SUM: tl.constexpr,
                     BM: tl.constexpr, BK: tl.constexpr, K: tl.constexpr):
    o = tl.program_id(0) * BM + tl.arange(0, BM)
    k = tl.arange(0, K)
    total = tl.zeros((BM, K), dtype=SUM)
    for step in range(PART // BK):
        m = tl.program_id(1) * PART + step * BK + tl.arange(0, BK)
        a = tl.load(g + m.to(tl.int64)[:, None] * O + o[None, :], mask=(m < M)[:, None] & (o < O)[None, :], other=0.0)
        b = _columns(x1, x2, m, M, H, W, HO, WO, n1, y1, x1_, c1, n2, y2, x2_, c2, C1, C, K)
        total = tl.dot(tl.trans(a).to(IN), b.to(IN), total, input_precision=PRECISION, out_dtype=SUM)
    place = (tl.program_id(1).to(tl.int64) * O + o)[:, None] * (16 * C) + k[None, :]
    tl.store(parts + place, total, mask=(o < O)[:, None] & (k < 16 * C)[None, :])


def output(xs: tuple[Tensor, ...], weight: Tensor, bias: Tensor | None, slope: float | None) -> Tensor:
    """One or two pictures (N, C1, H, W) and (N, C2, H, W), weight (O, C1 + C2, 4, 4) -> (N, O, H', W'), channels last."""
    weight = last(weight)
    (n, _, h, w), (o, c, _, _) = xs[0].shape, weight.shape
    ho, wo = h // 2, w // 2
    y = torch.empty((n, o, ho, wo), dtype=weight.dtype, device=weight.device, memory_format=torch.channels_last)
    with torch.cuda.device_of(weight):
        _output[(triton.cdiv(n * ho * wo, BM),)](
            xs[0], xs[-1], weight, bias, y, n * ho * wo, h, w, ho, wo, *_strides(xs), C1=xs[0].shape[1], C=c, O=o, SLOPE=slope,
            **arithmetic(weight), BM=BM, BN=min(64, _power(o)), K=_power(16 * c), num_warps=4)
    return y


def input_gradient(g: Tensor, weight: Tensor, first: int, channels: int, size: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """g (N, O, H', W'), weight (O, C, 4, 4) -> the gradient of input channels first .. first + channels: (N, channels, *size)."""
    g, weight = last(g), last(weight)
    (n, o, ho, wo), (h, w) = g.shape, size
    dx = torch.empty((n, channels, h, w), dtype=dtype, device=g.device)
    m = n * triton.cdiv(h, 2) * triton.cdiv(w, 2)
    with torch.cuda.device_of(g):
        _input_gradient[(triton.cdiv(m, BM),)](
            g, weight, dx, m, h, w, ho, wo, *dx.stride()[:1], *dx.stride()[2:], dx.stride(1), C=channels, O=o, FIRST=first,
            ALL=weight.shape[1], **arithmetic(weight), BM=BM, BN=_power(4 * channels), BK=min(64, _power(o)), num_warps=4)
    return dx


def weight_gradient(g: Tensor, xs: tuple[Tensor, ...]) -> Tensor:
    """g (N, O, H', W') and the pictures of output() -> (O, C, 4, 4) in g's type, channels last."""
    g = last(g)
    (n, o, ho, wo), (_, _, h, w), c = g.shape, xs[0].shape, sum(x.shape[1] for x in xs)
    bm, m = min(64, _power(o)), n * ho * wo
    part = shares(m, triton.cdiv(o, bm), BM, g.device)
    parts = torch.empty((triton.cdiv(m, part), o, 4, 4, c), dtype=sum_type(g), device=g.device)
    with torch.cuda.device_of(g):
        _weight_gradient[(triton.cdiv(o, bm), len(parts))](
            g, xs[0], xs[-1], parts, m, h, w, ho, wo, *_strides(xs), C1=xs[0].shape[1], C=c, O=o, PART=part,
            **arithmetic(g), BM=bm, BK=BM, K=_power(16 * c), num_warps=8, num_stages=1)  # to run ahead takes too many registers
    return parts.sum(0).to(g.dtype).permute(0, 3, 1, 2)


def _strides(xs: tuple[Tensor, ...]) -> list[int]:
    """Of picture, row, column, channel, for the first and the last of xs: any layout will do."""
    return [x.stride(d) for x in (xs[0], xs[-1]) for d in (0, 2, 3, 1)]


def _power(n: int) -> int:
    return max(16, triton.next_power_of_2(n))                         # the matrix units take no fewer
