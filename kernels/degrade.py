"""Color pictures -> damaged grey ones, in one pass over memory.     twin: minicolor/ops/degrade.py, which says what and whence

Why fuse: PyTorch reads and writes the picture for each step. For bytes in, K = 5 and noise it moves over 200 bytes a pixel
(the blur alone has 10 products and 8 sums, each of which reads 4 or 8 bytes and writes 4); here it is 7: 3 in, 4 out.

How: a thread owns 8 columns, one after the other in memory (kernels/grey.py), and walks down a strip of 4 to 32 rows, two in
each turn of its loop. It blurs each input row as it comes, across, keeps the last K of the results in registers, and blurs
down over these; then a quad of neighbors takes the four numbers of one draw (kernels/noise.py). Rows above and below the
strip and columns beside it are loaded by several threads, from a cache mostly.

Limits on an H200, counted, not measured: 4.3 TB/s leave 6.7 instructions of one lane for a byte (132 multiprocessors x 128
lanes x 1.7 GHz), 47 for 7 bytes. The machine code for sm_90 at K = 5 with noise has 61 for a pixel, and 66 with the turns
that only fetch, in a strip of 32: so instructions are the limit, at seven tenths of the memory's speed at best. Noise takes
26 of them, blur down 5, clip 2; most of the rest is grey (of 12 pixels out of 8, which the halo costs) and blur across.
Memory is the limit without blur (grey alone: 15 of 47 instructions; grey bytes and noise, both results kept: 35 of 60) and
with floats coming in (K = 5 with noise: 56, and about 61 with the turns that only fetch, of 107). Special functions never
are: half a square root for a pixel, where there is time for 5.8.
Above K = 9 the rows would not fit into registers: a thread then makes one output row, and reads K + 7 columns of K rows for it.
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import choose, expect, tl, triton
from minicolor.kernels.grey import grey, layout
from minicolor.kernels.noise import box_muller, philox
from minicolor.ops import degrade as twin
from minicolor.ops.blur import gaussian_weights

GROUPS = 128                                  # of 8 columns, for one program: one for each of its threads
LOOPED = 9                                    # up to this kernel size a thread keeps K rows in registers
THREADS = 65536                               # of these, 20 warps fit on a multiprocessor; an H200 then holds 84480


@triton.jit
def _weight(j, middle, falloff):
    """Of the pixel j away from the middle one."""
    return middle * tl.exp(falloff * (j * j))


@triton.jit
def _row(x_ptr, n, y, g, H, W, groups, strides, across, falloff,
         SOURCE: tl.constexpr, CHANNELS: tl.constexpr, K: tl.constexpr):
    """Row y of group g, grey and blurred along the row: 8 lanes, each a tensor with one pixel of every group."""
    R: tl.constexpr = K // 2
    HALO: tl.constexpr = (R + 7) // 8                                    # groups needed on either side
    y = tl.minimum(tl.maximum(y, 0), H - 1)                              # above and below, the edge rows go on
    near = ()
    for d in tl.static_range(-HALO, HALO + 1):
        near = near + grey(x_ptr, n, y, g + d, H, W, groups, strides, SOURCE, CHANNELS)
    around = ()                                                          # pixels -R .. 7 + R of this group
    for o in tl.static_range(-R, 8 + R):
        v = near[HALO * 8 + o]
        if SOURCE != "strided":                                          # beyond the picture: its edge pixel
            if o < 0:                                                    # with HALO 1 it is this group's own, at hand
                v = tl.where(g + o // 8 < 0, near[HALO * 8 if HALO == 1 else (HALO + o // 8) * 8], v)
            if o > 7:
                v = tl.where(g + o // 8 >= groups, near[HALO * 8 + 7 if HALO == 1 else (HALO + o // 8) * 8 + 7], v)
        around = around + (v,)
    lanes = ()
    for i in tl.static_range(8):
        total = _weight(-R, across, falloff) * around[i]                 # K = 1: this scales, and no more
        for j in tl.static_range(1, K):
            total += _weight(j - R, across, falloff) * around[i + j]
        lanes = lanes + (total,)
    return lanes


@triton.jit
def _down(rows, down, falloff, FIRST: tl.constexpr, K: tl.constexpr):
    """K rows of 8 lanes, from row FIRST on -> one, blurred across them."""
    lanes = ()
    for i in tl.static_range(8):
        total = rows[8 * FIRST + i]
        if K > 1:
            total *= _weight(-(K // 2), down, falloff)
        for j in tl.static_range(1, K):
            total += _weight(j - K // 2, down, falloff) * rows[8 * (FIRST + j) + i]
        lanes = lanes + (total,)
    return lanes


@triton.jit
def _half(upper, lower, repeat, column, W, ALIGNED: tl.constexpr):
    """Two rows of 8 lanes -> one of 4, the means; an odd picture's last row (repeat) and column are their own neighbors."""
    lanes = ()
    for i in tl.static_range(0, 8, 2):
        above, below = upper[i + 1], lower[i + 1]
        if not ALIGNED:
            above = tl.where(column + i + 1 < W, above, upper[i])
            below = tl.where(column + i + 1 < W, below, lower[i])
        above += upper[i]
        lanes = lanes + ((above + tl.where(repeat, above, below + lower[i])) * 0.25,)
    return lanes


@triton.jit
def _quad(a, b, c, d):
    """Four neighbors of every group -> (groups, 4): what one wide store takes."""
    return tl.reshape(tl.join(tl.join(a, c), tl.join(b, d)), (a.shape[0], 4))


@triton.jit
def _finish(lanes, out_ptr, added_ptr, row, y, column, id, noise, grain, seed_low, seed_high, width, inside,
            QUADS: tl.constexpr, NOISE: tl.constexpr, GRAIN: tl.constexpr, CLIP: tl.constexpr, KEEP: tl.constexpr):
    """Noise for one row of lanes, a draw for each quad; clip; store. row: where the output row begins."""
    for half in tl.static_range(QUADS):
        value = _quad(lanes[4 * half], lanes[4 * half + 1], lanes[4 * half + 2], lanes[4 * half + 3])
        x = column + 4 * half
        at = (row + x)[:, None] + tl.arange(0, 4)[None, :]
        mask = inside[:, None] & (x[:, None] + tl.arange(0, 4)[None, :] < width)
        added = tl.zeros_like(value)
        if NOISE or GRAIN:
            w0, w1, w2, w3 = philox((x // 4).to(tl.uint32), y.to(tl.uint32), (id & 0xFFFFFFFF).to(tl.uint32),
                                    (id >> 32).to(tl.uint32), seed_low.to(tl.uint32, bitcast=True),
                                    seed_high.to(tl.uint32, bitcast=True))
            a, b = box_muller(w0, w1)
            c, d = box_muller(w2, w3)
            spread = noise
            if GRAIN:
                curve = grain * 4 * value * (1 - value)
                spread = tl.sqrt(noise * noise + curve * curve)
            added = spread * _quad(a, b, c, d)
        if KEEP:
            tl.store(added_ptr + at, added, mask=mask)
        value += added
        if CLIP:
            value = tl.clamp(value, 0.0, 1.0, propagate_nan=tl.PropagateNan.ALL)
        tl.store(out_ptr + at, value, mask=mask)


@triton.jit
def _tail(lanes, FIRST: tl.constexpr, COUNT: tl.constexpr):
    result = ()
    for i in tl.static_range(COUNT):
        result = result + (lanes[FIRST + i],)
    return result


@triton.jit
def _add(sums, weight, lanes):
    result = ()
    for i in tl.static_range(8):
        result = result + (sums[i] + weight * lanes[i],)
    return result


@triton.jit(do_not_specialize=["strips", "total", "seed_low", "seed_high"])
def _degrade(x_ptr, ids_ptr, out_ptr, added_ptr, H, W, groups, strips, total, strides,
             across, down, falloff, noise, grain, seed_low, seed_high,
             SOURCE: tl.constexpr, CHANNELS: tl.constexpr, K: tl.constexpr, LOOPED: tl.constexpr, TURNS: tl.constexpr,
             HALVE: tl.constexpr, NOISE: tl.constexpr, GRAIN: tl.constexpr, CLIP: tl.constexpr,
             KEEP: tl.constexpr, IDS: tl.constexpr, ALIGNED: tl.constexpr, GROUPS: tl.constexpr):
    i = tl.program_id(0) * GROUPS + tl.arange(0, GROUPS)                 # which strip of 8 columns, of all strips of the batch
    inside = i < total
    i = tl.minimum(i, total - 1)                                         # who hangs over the end loads what is there
    g, strip, n = i % groups, i // groups % strips, i // groups // strips
    S: tl.constexpr = 2 if HALVE else 1                                  # input rows, and columns, for one output
    R: tl.constexpr = K // 2
    height = (H + S - 1) // S
    width = groups * (8 // S) if ALIGNED else (W + S - 1) // S           # spelled so that the compiler sees a multiple of 4
    column = g * (8 // S)
    id = tl.load(ids_ptr + n) if IDS else n.to(tl.int64)
    first = strip * (2 * TURNS if LOOPED else S)                         # the strip's first input row
    if LOOPED:
        rows = (tl.zeros((GROUPS,), tl.float32),) * (8 * (K - 1))        # the last rows of the turn before
        for turn in range(R + TURNS):
            top = first - R + 2 * turn
            window = rows + _row(x_ptr, n, top, g, H, W, groups, strides, across, falloff, SOURCE, CHANNELS, K)
            window = window + _row(x_ptr, n, top + 1, g, H, W, groups, strides, across, falloff, SOURCE, CHANNELS, K)
            if turn >= R:                                                # R turns fetch the rows above the strip, and no more
                for r in tl.static_range(2 // S):
                    y = (first + 2 * (turn - R)) // S + r                # the output row
                    lanes = _down(window, down, falloff, r, K)
                    if HALVE:
                        lanes = _half(lanes, _down(window, down, falloff, 1, K), 2 * y + 1 >= H, g * 8, W, ALIGNED)
                    row = (n.to(tl.int64) * height + y) * width
                    _finish(lanes, out_ptr, added_ptr, row, y, column, id, noise, grain, seed_low, seed_high, width,
                            inside & (y < height), 2 // S, NOISE, GRAIN, CLIP, KEEP)
            if K > 1:
                rows = _tail(window, 16, 8 * (K - 1))
    else:
        upper = (tl.zeros((GROUPS,), tl.float32),) * 8
        lower = upper
        for k in range(K + S - 1):
            lanes = _row(x_ptr, n, first + k - R, g, H, W, groups, strides, across, falloff, SOURCE, CHANNELS, K)
            upper = _add(upper, tl.where(k < K, _weight(k - R, down, falloff), 0.0), lanes)
            if HALVE:
                lower = _add(lower, tl.where(k > 0, _weight(k - 1 - R, down, falloff), 0.0), lanes)
        if HALVE:
            upper = _half(upper, lower, first + 1 >= H, g * 8, W, ALIGNED)
        row = (n.to(tl.int64) * height + strip) * width
        _finish(upper, out_ptr, added_ptr, row, strip, column, id, noise, grain, seed_low, seed_high, width,
                inside, 2 // S, NOISE, GRAIN, CLIP, KEEP)


def degrade(rgb: Tensor, kernel_size: int = 0, sigma: float = 0.7, halve: bool = False, noise: float = 0.0, grain: float = 0.0,
            seed: int = 0, ids: Tensor | None = None, clip: bool = True, return_noise: bool = False,
            dtype: torch.dtype = torch.float32, backend: str | None = None) -> Tensor | tuple[Tensor, Tensor]:
    """ops/degrade.py: degrade(), which says what the arguments are; one kernel where the backend is Triton."""
    arguments = rgb, kernel_size, sigma, halve, noise, grain, seed, ids, clip, return_noise, dtype
    twin.check(*arguments)
    if choose(rgb, backend) == "torch":
        return twin.degrade(*arguments)
    n, _, height, width = rgb.shape
    scale = 2 if halve else 1
    out = torch.empty(n, 1, -(-height // scale), -(-width // scale), dtype=dtype, device=rgb.device)
    added = torch.empty_like(out) if return_noise else out
    if n:
        _launch(*arguments[:-2], out, added)
    return (out, added) if return_noise else out


def _launch(rgb, kernel_size, sigma, halve, noise, grain, seed, ids, clip, out, added, turns: int | None = None):
    n, channels, height, width = rgb.shape
    aligned = width % 8 == 0
    source, rgb, strides, white = layout(rgb)
    K, looped = max(kernel_size, 1), kernel_size <= LOOPED
    if turns is None:                                                    # long strips share more rows, short ones fill the GPU
        turns = next(t for t in (16, 8, 4, 2) if t == 2 or n * height * width >= 16 * THREADS * t)
    groups, strips = -(-width // 8), -(-height // (2 * turns)) if looped else out.shape[2]
    total = n * groups * strips
    expect(total < 2**31 - GROUPS, "rgb", "fewer than 2^31 strips of 8 columns", tuple(rgb.shape))
    ids = None if ids is None else ids.contiguous()
    signed = [word - (word >> 31 << 32) for word in (seed & 0xFFFFFFFF, seed >> 32)]     # the same bits as int32
    middle = max(gaussian_weights(K, sigma)) if kernel_size else 1.0
    falloff = -min(0.5 / sigma / sigma, 1e4) if kernel_size else 0.0          # e^-10000 is 0, and finite: 0 * inf would not be
    with torch.cuda.device_of(rgb):
        _degrade[(-(-total // GROUPS),)](
            rgb, ids, out, added, height, width, groups, strips, total, strides,
            middle / white, middle, falloff, float(noise), float(grain), *signed,
            SOURCE=source, CHANNELS=channels, K=K, LOOPED=looped, TURNS=turns, HALVE=halve, NOISE=noise > 0,
            GRAIN=grain > 0, CLIP=clip, KEEP=added is not out, IDS=ids is not None, ALIGNED=aligned, GROUPS=GROUPS,
            num_warps=GROUPS // 32)
