"""Lesson K3. A matrix product in disguise: PatchGAN's 4x4 convolution.

Question   A convolution is a matrix product. Of which matrices, and who multiplies them fast enough?
Needs      lesson 07 (adversarial training: PatchGAN), lessons K1 and K2
Run        python lessons/K3_convolution/lesson.py --quick        half a minute; without a GPU, and without Triton
           python lessons/K3_convolution/lesson.py                the same; on a GPU a larger layer, with times
Read       minicolor/ops/conv4x4.py, kernels/conv4x4_wide.py, kernels/conv4x4.py
"""

# %%
import os
import sys
from pathlib import Path

import torch
from torch.nn import functional as F

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"      # Triton asks for it when it is imported: without a GPU, run kernels on the CPU

import minicolor

sys.path.append(str(Path(minicolor.__file__).parents[1]))    # for lessons.grading, which is not installed with the library

from lessons.grading.eager import eager
from lessons.grading.machine_code import machine_code
from lessons.grading.miniature import launch
from minicolor.benches.clock import matrix_rate, race
from minicolor.kernels.backend import tl, triton, why_not
from minicolor.lesson import begin, must_fail
from minicolor.ops.conv4x4 import conv4x4
from minicolor.plots import bars, rows

here = begin("K3_convolution")
device = here.device if why_not(torch.device(here.device)) is None else "cpu"
triton_runs = why_not(torch.device(device)) is None
print(f"Triton on {device}" if triton_runs else f"the miniature: {why_not(torch.device(device))}")
N, C, O, SIDE, STRIDE = (2, 32, 48, 14, 2)                              # small, and no multiple of anything
x = torch.randn(N, C, SIDE, SIDE)
weight = torch.randn(O, C, 4, 4) / (16 * C) ** 0.5                      # so that a sum of 16 C products is about 1 in size


def out_side(side: int, stride: int = STRIDE) -> int:
    """Padding 1, window 4."""
    return (side - 2) // stride + 1


# %% [markdown]
# ## 1. Write the matrix down
#
# One output value is the sum of 4 x 4 x C products. Lay the window of an output pixel out as a row, and the weights of an output
# channel as a column: then all outputs are one matrix product, (pixels, 16 C) times (16 C, O). PyTorch can write this matrix down
# (`unfold`), and it works. Predict: how many times as large as the picture is it, at stride 2?

# %%
def unfolded(x, weight):
    matrix = F.unfold(x, 4, padding=1, stride=STRIDE)                   # (N, 16 C, pixels)
    return (weight.flatten(1) @ matrix).view(len(x), -1, out_side(x.shape[2]), out_side(x.shape[3]))


expected = conv4x4(x, weight, stride=STRIDE)
assert (unfolded(x, weight) - expected).abs().max() < 1e-4
operations, moved = eager(unfolded, x, weight)
least = sum(t.numel() * t.element_size() for t in (x, weight, expected))
print(f"the matrix is {F.unfold(x, 4, padding=1, stride=STRIDE).numel() / x.numel():.1f} times the picture")
print(f"with the matrix written down: {operations} operations, {moved:,d} bytes; in, weights and out are {least:,d}")
windows = {f"stride {s}": F.conv_transpose2d(torch.ones(1, 1, out_side(SIDE, s), out_side(SIDE, s)), torch.ones(1, 1, 4, 4),
                                             stride=s, padding=1, output_padding=(SIDE - 4 + 2) % s) / 16 for s in (1, 2)}
here.show("windows", rows(windows))                                     # how many windows want each pixel: white is 16


# %% [markdown]
# ## 2. ... or do not
#
# Row m of the matrix is output pixel m; column (tap, c) is input channel c at one of the 16 taps. Where that number lies in
# memory can be computed, so the matrix need not exist ("implicit GEMM"). With channels last, a pixel's C numbers are one run:
#
#     m -> picture n = m // (HO WO), row yo = m // WO % HO, column xo = m % WO
#     tap -> input row yi = yo * stride + tap // 4 - 1, input column xi = xo * stride + tap % 4 - 1       (- 1: the padding)
#     address = ((n H + yi) W + xi) C + c, and 0 where yi or xi lies outside
#
# A program makes a *tile* of the output, BM pixels x BN channels, and keeps its sums in registers. In each step it loads BM x BK
# numbers of the picture and BK x BN of the weights, and makes BM x BN x BK products of them. Each loaded number is used BN or
# BM times: the larger the tile, the fewer bytes for a product.

# %%
@triton.jit
def convolve(x_ptr, w_ptr, y_ptr, M, H, W, HO, WO, C: tl.constexpr, O: tl.constexpr, S: tl.constexpr,
             BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)                        # output pixels, counted through the batch
    o = tl.program_id(1) * BN + tl.arange(0, BN)                        # output channels
    n, yo, xo = m // (HO * WO), m // WO % HO, m % WO
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for tap in range(16):
        yi, xi = yo * S + tap // 4 - 1, xo * S + tap % 4 - 1
        inside = (m < M) & (yi >= 0) & (yi < H) & (xi >= 0) & (xi < W)
        pixel = ((n * H + yi) * W + xi) * C
        for first in range(0, C, BK):
            c = first + tl.arange(0, BK)
            a = tl.load(x_ptr + pixel[:, None] + c[None, :], mask=inside[:, None] & (c < C)[None, :], other=0.0)
            column = tap * C + c
            b = tl.load(w_ptr + (o * 16 * C)[None, :] + column[:, None], mask=(o < O)[None, :] & (c < C)[:, None], other=0.0)
            total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(y_ptr + m[:, None] * O + o[None, :], total.to(y_ptr.dtype.element_ty), mask=(m < M)[:, None] & (o < O)[None, :])


def start(kernel, grid, *arguments, **constants):
    """Triton's way to start a kernel; where it cannot run, the miniature runs the same function."""
    if triton_runs:
        kernel[grid](*arguments, **constants)
    else:
        launch(kernel, grid, *arguments, **constants)


def implicit(x, weight, tile, way=start, stride=STRIDE, y=None):
    """x (N, C, H, W), weight (O, C, 4, 4) -> (N, O, H', W'). stride: what the kernel believes; the output's size is right."""
    (n, c, h, w), o, (bm, bn, bk) = x.shape, len(weight), tile
    x, weight = (t.permute(0, 2, 3, 1).contiguous() for t in (x, weight))        # channels last, and nothing between
    if y is None:
        y = torch.full((n, out_side(h), out_side(w), o), torch.nan, device=x.device)
    pixels = y.numel() // o
    traffic = way(convolve, (-(-pixels // bm), -(-o // bn)), x, weight, y, pixels, h, w, *y.shape[1:3],
                  C=c, O=o, S=stride, BM=bm, BN=bn, BK=bk)
    return y.permute(0, 3, 1, 2), traffic


SMALL, LARGE = (16, 16, 16), (64, 64, 32)
y, _ = implicit(x.to(device), weight.to(device), LARGE)
print(f"at most {(y.cpu() - expected).abs().max():.1g} from minicolor/ops/conv4x4.py")


# %% [markdown]
# ## 3. Count
#
# How many bytes will the kernel ask for? Each tile of channels reads all windows of the picture again, each tile of pixels reads
# all the weights again. The padding is never read, so windows at the edge have fewer taps.

# %%
def predicted(n, c, o, side, tile, size=4) -> tuple[int, int]:
    """Bytes of the picture and of the weights that are loaded; size: of a number."""
    bm, bn, _ = tile
    taps = sum(0 <= yo * STRIDE + t - 1 < side for yo in range(out_side(side)) for t in range(4))      # along one side
    pixels = n * out_side(side) ** 2
    return -(-o // bn) * n * taps**2 * c * size, -(-pixels // bm) * 16 * c * o * size


flops = 2 * 16 * C * expected.numel()                                   # a multiplication and an addition for each product
counted = {}
for tile in (SMALL, LARGE):
    counted[tile] = implicit(x, weight, tile, way=launch)
    traffic = counted[tile][1]
    print(f"tile {tile}: {traffic.bytes:9,d} bytes, {flops / traffic.bytes:.1f} FLOP for a byte")

# %% [markdown]
# ## 4. How fast can it be?
#
# A real layer, PatchGAN's third: 128 to 256 channels, 64 pictures of 64x64, bfloat16. On an H200 (132 processors at 1.7 GHz) an
# ordinary lane makes one product and one addition in a clock, and there are 128 in a processor. Its matrix units, the *tensor
# cores*, make 2048 of bfloat16. All they can do is multiply a small matrix by another: so `tl.dot`, and so a matrix product.
# Memory has 4.3 TB/s. What is the limit: the memory, the lanes, or the tensor cores?

# %%
clocks = 132 * 1.7e9
SPEEDS = {"ordinary lanes": 2 * 128 * clocks, "tensor cores": 2 * 2048 * clocks}
n, c, o, side = 64, 128, 256, 64
work, once = 2 * 16 * c * o * n * out_side(side) ** 2, 2 * (n * c * side**2 + 16 * c * o + n * o * out_side(side) ** 2)
print(f"{work / 1e9:.0f} GFLOP; {once / 1e6:.0f} MB if all is moved once: {work / once:.0f} FLOP for a byte")
print(f"  memory: {once / 4.3e12 * 1000:.2f} ms")
for name, speed in SPEEDS.items():
    print(f"  {name}: {work / speed * 1000:.2f} ms, and the memory keeps up from {speed / 4.3e12:.0f} FLOP for a byte on")
by_tile = {f"{b}x{b}": work / (sum(predicted(n, c, o, side, (b, b, 64), 2)) + 2 * n * o * out_side(side) ** 2)
           for b in (1, 16, 32, 64, 128)}
for name, each in by_tile.items():
    print(f"  tiles of {name}: {each:.1f} FLOP for a byte that is loaded")
here.show("tiles", bars(by_tile, "FLOP for a byte", "larger tiles use what they load more often"))

# %% [markdown]
# The lanes would take far longer than the memory: this layer is limited by arithmetic, and tensor cores pay. They want more
# FLOP for a byte than even a tile of 128x128 gives: the rest comes from caches, where tiles find what neighbors have loaded.
#
# Who computes is the compiler's choice, by the type of the numbers. We can ask it without having the GPU (`sm_90` is the H200's
# kind): HGMMA is a tensor core's instruction, thousands of products each; FFMA is a lane's, one product and one addition.

# %%
for kind in ("bf16", "fp32"):
    arrays, numbers = dict.fromkeys(("x_ptr", "w_ptr", "y_ptr"), f"*{kind}"), dict.fromkeys(("M", "H", "W", "HO", "WO"), "i32")
    code = machine_code("K3_convolution", "convolve", **arrays, **numbers, C=c, O=o, S=STRIDE, BM=64, BN=64, BK=32)
    if isinstance(code, str):
        print(f"no machine code to look at: {code}")
        break
    found = ", ".join(f"{code['opcodes'].get(name, 0)} {name}" for name in ("HGMMA", "FFMA"))
    print(f"{kind}: {code['instructions']} instructions, {found}; {code['registers']} registers, {code['spills']} spilled")

# %%
if device == "cpu":
    print("No times here: an interpreter's time says nothing about a GPU's.")
else:
    half, light = (torch.randn(s, device=device, dtype=torch.bfloat16) for s in ((n, c, side, side), (o, c, 4, 4)))
    last, wide = (t.contiguous(memory_format=torch.channels_last) for t in (half, light))
    full, heavy = last.float(), wide.float()
    sums = torch.empty(n, out_side(side), out_side(side), o, device=device)
    halves = sums.bfloat16()
    times = race({"PyTorch (cuDNN)": lambda: conv4x4(last, wide, stride=STRIDE),
                  "bfloat16, tensor cores": lambda: implicit(last, wide, (128, 64, 64), y=halves),
                  "float32, ordinary lanes": lambda: implicit(full, heavy, (64, 64, 32), y=sums)}, device)
    print("measured:", {name: f"{ms:.3f} ms, {work / ms / 1e9:.0f} TFLOP/s" for name, ms in times.items()},
          f"; a large matrix product has {matrix_rate(device, torch.bfloat16):.0f} TFLOP/s")


# %% [markdown]
# ## 5. What you should have seen
#
# The convolution's values within 0.0001: sums of 512 products of size 1 in all, added in another order, in float32's seven
# digits. The bytes that were predicted, and fewer of them with the larger tile. If the next cell fails, the lesson is wrong,
# not you.

# %%
def product_in_disguise(y, expected, traffic, tile):
    off = (y - expected).abs().max().item()
    assert off < 1e-4, f"values are {off:.2g} off"
    assert traffic.read[:2] == predicted(N, C, O, SIDE, tile), "other bytes than predicted"
    assert traffic.written[2] == 4 * expected.numel(), "each output once"


def asks_for_less_than_half(large, small):
    assert large.bytes < small.bytes / 2, f"{large.bytes} bytes against {small.bytes}"


for tile in (SMALL, LARGE):
    product_in_disguise(counted[tile][0], expected, counted[tile][1], tile)
product_in_disguise(y.cpu(), expected, counted[LARGE][1], LARGE)
asks_for_less_than_half(counted[LARGE][1], counted[SMALL][1])
must_fail(asks_for_less_than_half, counted[SMALL][1], counted[LARGE][1])                # spoiled: the two tiles exchanged

# spoiled: an index that forgets the stride. Every address is inside of the picture, so nothing crashes
wrong, traffic = implicit(x, weight, LARGE, way=launch, stride=1)
must_fail(product_in_disguise, wrong, expected, traffic, LARGE)

# spoiled: a small tile is held against the bytes of a large one
must_fail(product_in_disguise, counted[SMALL][0], expected, counted[SMALL][1], LARGE)

# Now exercise.py, then: python lessons/grade.py K3
