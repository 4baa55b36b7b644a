"""Lesson K1. A first kernel: Lab in one pass over memory.

Question   PyTorch needs some 40 operations from sRGB to Lab. How much faster can one operation be, and why?
Needs      lesson 01 (color spaces)
Run        python lessons/K1_lab/lesson.py --quick                half a minute; without a GPU, and without Triton
           python lessons/K1_lab/lesson.py                        the same with larger pictures; on a GPU with times
Read       kernels/lab_device.py, kernels/lab_floats.py, kernels/lab.py, and lessons/grading/miniature.py
"""

# %%
import os
import sys
from pathlib import Path

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"      # Triton asks for it when it is imported: without a GPU, run kernels on the CPU

import minicolor

sys.path.append(str(Path(minicolor.__file__).parents[1]))    # for lessons.grading, which is not installed with the library

from lessons.grading.eager import eager
from lessons.grading.machine_code import machine_code
from lessons.grading.miniature import launch
from minicolor.benches.clock import copy_bandwidth, race
from minicolor.data.scenes import draw_all
from minicolor.kernels.backend import constant, tl, triton, why_not
from minicolor.lesson import begin, must_fail
from minicolor.ops.lab import DELTA, TO_RELATIVE, rgb_to_lab
from minicolor.ops.srgb import srgb_to_linear
from minicolor.plots import bars, rows

here = begin("K1_lab")
device = here.device if why_not(torch.device(here.device)) is None else "cpu"
triton_runs = why_not(torch.device(device)) is None
print(f"Triton on {device}" if triton_runs else f"the miniature: {why_not(torch.device(device))}")
side, count = (50, 4) if here.quick or device == "cpu" else (256, 256)
drawn = torch.from_numpy(draw_all(0, min(count, 8), side)).permute(0, 3, 1, 2).float() / 255
rgb = drawn.repeat(count // len(drawn), 1, 1, 1).contiguous().to(device)
rgb[-1] = torch.rand(3, side, side, device=device) ** 4            # many dark values: every branch gets its pixels
print(f"{count} pictures of {side}x{side}")

# %% [markdown]
# ## 1. Predict first
#
# `rgb_to_lab` in `minicolor/ops/lab.py` is readable: a curve, a matrix, a cube root, a subtraction. PyTorch runs it line by line,
# and each line reads its pictures from memory and writes a new one. A pixel is three numbers of 4 bytes. It must be read
# once and written once: 24 bytes. Write down how many bytes PyTorch moves for it.
#
# No need to guess for long: PyTorch lets us watch every operation, so we count the tensors in and out.

# %%
pixels = rgb.numel() // 3
operations, moved = eager(rgb_to_lab, rgb)
ideal = (rgb.numel() + rgb.numel()) * rgb.element_size()                # in once, out once
print(f"PyTorch: {operations} operations, {moved / pixels:.0f} bytes for a pixel; {ideal / pixels:.0f} would do")


# %% [markdown]
# ## 2. One program for a block of values
#
# A kernel is written for one *program*. Here a program owns BLOCK neighboring values: it loads them, computes, and stores.
# As many programs are started as there are blocks, in no order that one may count on. Three things to see:
#
# - `tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)` are the numbers of this program's values, all BLOCK of them at once.
# - The last program hangs over the end. `inside` is the mask: lanes that are off neither load nor store.
# - `tl.where` picks one of two results, and both were computed. So both must be harmless: the logarithm is of 0.05 at least.

# %%
@triton.jit
def linear(v):
    """sRGB -> linear light: a power, which is exp(2.4 * log(...)); near black a line."""
    curve = tl.exp(2.4 * tl.log((v + 0.055) * (1 / 1.055)))
    return tl.where(v > 0.04045, curve, v * (1 / 12.92))


@triton.jit
def to_linear(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    x = tl.load(x_ptr + i, mask=inside, other=0.0)
    tl.store(y_ptr + i, linear(x), mask=inside)


def start(kernel, grid, *arguments, **constants):
    """Triton's way to start a kernel; where it cannot run, the miniature runs the same function."""
    if triton_runs:
        kernel[grid](*arguments, **constants)
    else:
        launch(kernel, grid, *arguments, **constants)


BLOCK = 256
light = torch.full_like(rgb, torch.nan)
blocks = -(-rgb.numel() // BLOCK)                                       # rounded up
start(to_linear, (blocks,), rgb, light, rgb.numel(), BLOCK=BLOCK)
print(f"linear light: at most {(light - srgb_to_linear(rgb)).abs().max():.1g} from minicolor/ops/srgb.py")

# %% [markdown]
# ## 3. The whole way in one kernel
#
# Between the curve and the matrix nothing needs to be written: the values are in registers. A program takes the same pixels out
# of three planes, and writes the same pixels of three others. `program_id(1)` says which picture.
# (The constants come from `minicolor/ops`; `constant` marks them for the compiler.)

# %%
XR, XG, XB, YR, YG, YB, ZR, ZG, ZB = (constant(m) for row in TO_RELATIVE for m in row)
BEND, LINE = constant(DELTA**3), constant(1 / (3 * DELTA**2))


@triton.jit
def root(t):
    """CIE's cube root, near black a line. maximum(): no logarithm of 0, even where the line is taken."""
    return tl.where(t > BEND, tl.exp(tl.log(tl.maximum(t, BEND)) * (1 / 3)), t * LINE + 4 / 29)


@triton.jit
def to_lab(rgb_ptr, lab_ptr, pixels, BLOCK: tl.constexpr, OFF: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < pixels - OFF                                           # OFF is 0, but for the end of this lesson
    first = tl.program_id(1) * 3 * pixels + i
    r = linear(tl.load(rgb_ptr + first, mask=inside, other=0.0))
    g = linear(tl.load(rgb_ptr + first + pixels, mask=inside, other=0.0))
    b = linear(tl.load(rgb_ptr + first + 2 * pixels, mask=inside, other=0.0))
    x, y, z = root(XR * r + XG * g + XB * b), root(YR * r + YG * g + YB * b), root(ZR * r + ZG * g + ZB * b)
    tl.store(lab_ptr + first, 116 * y - 16, mask=inside)
    tl.store(lab_ptr + first + pixels, 500 * (x - y), mask=inside)
    tl.store(lab_ptr + first + 2 * pixels, 200 * (y - z), mask=inside)


def fused(rgb, off=0, way=start, lab=None):
    if lab is None:
        lab = torch.full_like(rgb, torch.nan)                           # so that no pixel is forgotten unnoticed
    n, _, height, width = rgb.shape
    traffic = way(to_lab, (-(-height * width // BLOCK), n), rgb, lab, height * width, BLOCK=BLOCK, OFF=off)
    return lab, traffic


lab, _ = fused(rgb)
counted, traffic = fused(rgb[-4:].cpu(), way=launch)                    # the same kernel once more, by the machine that counts
per_pixel = traffic.bytes / (counted.numel() / 3)
print(f"fused: 1 operation, {per_pixel:.0f} bytes for a pixel, {moved / pixels / per_pixel:.0f} times fewer")

# %% 4. Look: the picture, and what the kernel made of it.
show = lab[:4].cpu()
here.show("lab", rows({"sRGB": rgb[:4], "L": show[:, :1] / 100, "a": show[:, 1:2] / 200 + 0.5, "b": show[:, 2:] / 200 + 0.5}))
here.show("bytes", bars({"PyTorch": moved / pixels, "one kernel": per_pixel}, "bytes for a pixel"))

# %% [markdown]
# ## 5. How fast can it be?
#
# A GPU has two speeds: of its memory, and of its arithmetic. An H200 brings 4.3 TB from memory in a second, and in it each of
# 132 processors does 128 instructions in a clock, 1.7 billion times. The slower of the two is the limit ("roofline"). Most of
# PyTorch's operations do a handful of instructions for the 8 to 16 bytes that they move: they wait for memory, so fusing pays.
#
# Fused, it is closer. How many instructions our kernel has for a pixel can be counted without the GPU, from its machine code.
# `kernels/lab.py` counts 76 for the library's kernel. Ours has more: `tl.log` is right to the last digit by some twenty ordinary
# instructions, where `power` in `kernels/lab_device.py` asks the unit for special functions and is content with six digits.

# %%
H200, LANES, MANY = 4.3e12, 132 * 128 * 1.7e9, 1024 * 256**2            # bytes and instructions in a second; pixels
for name, each in {"PyTorch": moved / pixels, "one kernel": per_pixel}.items():
    print(f"1024 pictures of 256x256, {name}: {MANY * each / H200 * 1000:.2f} ms at the speed of an H200's memory")
code = machine_code("K1_lab", "to_lab", rgb_ptr="*fp32", lab_ptr="*fp32", pixels="i32", BLOCK=BLOCK, OFF=0)
if isinstance(code, str):
    print(f"no machine code to look at: {code}")
else:
    each = code["instructions"] / (BLOCK / 128)                         # a program has 128 lanes: each has so many pixels
    print(f"one kernel: {each:.0f} instructions for a pixel, {MANY * each / LANES * 1000:.2f} ms at the speed of its arithmetic; "
          f"{code['registers']} registers, {code['spills']} spilled")
if device == "cpu":
    print("No times here: an interpreter's time says nothing about a GPU's.")
else:
    times = race({"PyTorch": lambda: rgb_to_lab(rgb), "one kernel": lambda: fused(rgb, lab=lab)}, device)
    speed = {name: f"{ms:.3f} ms" for name, ms in times.items()}
    print(f"measured: {speed}; {ideal / times['one kernel'] / 1e6:.0f} GB/s, where a copy has {copy_bandwidth(device):.0f}")


# %% [markdown]
# ## 6. What you should have seen
#
# The same values, and no byte more than must be. "The same" is within 0.002 units: a is 500 times the difference of two
# numbers near 1, each good to about 0.000001, since float32 has seven digits. An eye sees about one unit.
# If the next cell fails, the lesson is wrong, not you.

# %%
def one_pass_and_the_same(lab, expected, traffic):
    assert not lab.isnan().any(), f"{lab.isnan().any(1).sum()} pixels were never written"
    off = (lab - expected).abs().max().item()
    assert off < 0.002, f"values are {off:.2g} off"
    planes = expected.numel() * expected.element_size()
    assert (traffic.read, traffic.written) == ((planes, 0, 0), (0, planes, 0)), "other bytes than one read and one write"


expected = rgb_to_lab(rgb)
one_pass_and_the_same(lab.cpu()[-4:], expected.cpu()[-4:], traffic)
one_pass_and_the_same(counted, expected.cpu()[-4:], traffic)
assert (lab - expected).abs().max() < 0.002

# spoiled: a mask that ends one pixel too early. The last pixel of every picture is never written
early, less = fused(rgb[-4:].cpu(), off=1, way=launch)
must_fail(one_pass_and_the_same, early, expected.cpu()[-4:], less)

# ... and one pixel too late: the miniature says what a GPU would not. There it may crash, or change a neighbor's picture
try:
    fused(rgb[-4:].cpu(), off=-1, way=launch)
except IndexError as e:
    print(f"one pixel too late: {e}")
else:
    raise AssertionError("a load beyond the end went unnoticed")

# Now exercise.py, then: python lessons/grade.py K1
