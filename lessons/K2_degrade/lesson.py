"""Lesson K2. A stencil with random numbers: the damage done to pictures, in one pass.

Question   Grey, blur, half size, noise: how does a kernel see neighbors, and where do its random numbers come from?
Needs      lesson 03 (noise on purpose), lesson K1 (a first kernel)
Run        python lessons/K2_degrade/lesson.py --quick            half a minute; without a GPU, and without Triton
           python lessons/K2_degrade/lesson.py                    the same with larger pictures; on a GPU with times
Read       minicolor/ops/degrade.py, minicolor/ops/noise.py, then kernels/noise.py and kernels/degrade.py
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
from lessons.grading.miniature import launch
from minicolor.benches.clock import copy_bandwidth, race
from minicolor.benches.degrade import usual
from minicolor.data.scenes import draw_all
from minicolor.kernels.backend import constant, tl, triton, why_not
from minicolor.lesson import begin, must_fail
from minicolor.ops.blur import gaussian_weights
from minicolor.ops.degrade import degrade
from minicolor.ops.noise import KEY_STEPS, MULTIPLIERS
from minicolor.plots import bars, rows

here = begin("K2_degrade")
device = here.device if why_not(torch.device(here.device)) is None else "cpu"
triton_runs = why_not(torch.device(device)) is None
print(f"Triton on {device}" if triton_runs else f"the miniature: {why_not(torch.device(device))}")
height, width, count = (88, 104, 3) if here.quick or device == "cpu" else (256, 256, 1024)
drawn = torch.from_numpy(draw_all(0, min(count, 8), max(height, width)))[:, :height, :width].permute(0, 3, 1, 2)
rgb = drawn.repeat(-(-count // len(drawn)), 1, 1, 1)[:count].contiguous().to(device)           # uint8, sides even
SEED, SIGMA, NOISE, TAPS = 7, 0.7, 0.03, 5                              # report E's blur, report A's noise

# %% [markdown]
# ## 1. Random numbers without a state
#
# `torch.randn` has a state that each draw changes. So a picture's noise depends on who drew before it: on the batch.
# And a thousand programs that run at once cannot take turns with one state.
#
# A *counter-based* generator has none. It is a cipher: the counter goes in (which pixel of which picture), ten rounds of
# multiplication and exclusive or scramble it, and four random words come out. The seed is the key. Any program can find out
# any pixel's noise, in any order, and find it out again. This is Philox (Salmon et al. 2011):

# %%
M0, M1 = (constant(m) for m in MULTIPLIERS)
STEP0, STEP1 = (constant(s) for s in KEY_STEPS)


@triton.jit
def philox(c0, c1, c2, c3, k0, k1):
    """Four words of counter and two of key, uint32 -> four random words. A product has 64 bits, and both halves are used."""
    for _ in tl.static_range(10):
        low, high = c0.to(tl.uint64) * M0, c2.to(tl.uint64) * M1
        c0, c2 = (high >> 32).to(tl.uint32) ^ c1 ^ k0, (low >> 32).to(tl.uint32) ^ c3 ^ k1
        c1, c3 = high.to(tl.uint32), low.to(tl.uint32)
        k0, k1 = k0 + STEP0, k1 + STEP1
    return c0, c1, c2, c3


@triton.jit
def normal(y, x, id, seed):
    """One number of the normal distribution for pixel (y, x) of picture id: a radius and an angle (Box and Muller 1958).

    A draw makes four numbers, for four neighbors of a row: number x % 4 of draw x // 4 is ours. The library's kernel uses all
    four; here each lane makes the draw anew, which is easier to read and four times the work.
    """
    zero = (y * 0 + x * 0).to(tl.uint32)
    w0, w1, w2, w3 = philox((x // 4).to(tl.uint32) + zero, y.to(tl.uint32) + zero, id.to(tl.uint32) + zero, zero,
                            seed.to(tl.uint32), zero)
    second = (x % 4 > 1) & (zero == 0)                                  # numbers 2 and 3 are made of words 2 and 3
    a, b = tl.where(second, w2, w0), tl.where(second, w3, w1)
    radius = tl.sqrt(-2 * tl.log((a.to(tl.float32) + 0.5) / 4294967296.0))
    angle = b.to(tl.int32).to(tl.float32) * (3.141592653589793 / 2147483648.0)
    return radius * tl.where((x % 2 == 0) & (zero == 0), tl.cos(angle), tl.sin(angle))


# %% [markdown]
# ## 2. Neighbors
#
# A blur needs pixels that belong to other blocks. No lane can look into another one's registers, so each neighbor is loaded.
# The pixels around a tile that only its neighbors' results need are its **halo**. They are loaded by both tiles.
#
# Blur over 5 and then the mean of 2x2 is one sum over a window of 6x6: two 5-windows side by side, half each. Beyond the picture
# the edge pixel goes on, so an index is clamped to the picture. To the *picture*: not to the tile.

# %%
@triton.jit(do_not_specialize=["seed"])                                # or a seed of 1 would be compiled in, and have no .to()
def damage(rgb_ptr, taps_ptr, out_ptr, H, W, seed, noise, first_id,
           K: tl.constexpr, TY: tl.constexpr, TX: tl.constexpr, HALO: tl.constexpr, ROWS: tl.constexpr):
    """One program for TY x TX output pixels. HALO and ROWS are True, but for the end of this lesson."""
    n = tl.program_id(0)
    top, left = tl.program_id(1) * TY, tl.program_id(2) * TX
    y, x = top + tl.arange(0, TY)[:, None], left + tl.arange(0, TX)[None, :]
    high, low, right, before = H - 1, 0, W - 1, 0
    if not HALO:
        low, high, before, right = 2 * top, tl.minimum(2 * (top + TY), H) - 1, 2 * left, tl.minimum(2 * (left + TX), W) - 1
    inside = (y < H // 2) & (x < W // 2)
    grey = tl.zeros((TY, TX), tl.float32)
    for j in range(K + 1):                                              # a window of K + 1 rows and columns
        row = tl.minimum(tl.maximum(2 * y + j - K // 2, low), high)
        for i in range(K + 1):
            column = tl.minimum(tl.maximum(2 * x + i - K // 2, before), right)
            at = rgb_ptr + n * 3 * H * W + row * W + column
            r = tl.load(at, mask=inside, other=0).to(tl.float32)
            g = tl.load(at + H * W, mask=inside, other=0).to(tl.float32)
            b = tl.load(at + 2 * H * W, mask=inside, other=0).to(tl.float32)
            grey += tl.load(taps_ptr + j) * tl.load(taps_ptr + i) * (299 * r + 587 * g + 114 * b) / 255000
    drawn = normal(y if ROWS else y * 0, x, n + first_id, seed)
    value = tl.minimum(tl.maximum(grey + noise * drawn, 0.0), 1.0)
    tl.store(out_ptr + n * (H // 2) * (W // 2) + y * (W // 2) + x, value, mask=inside)


def start(kernel, grid, *arguments, **constants):
    """Triton's way to start a kernel; where it cannot run, the miniature runs the same function."""
    if triton_runs:
        kernel[grid](*arguments, **constants)
    else:
        launch(kernel, grid, *arguments, **constants)


TY, TX = 16, 32
weights = gaussian_weights(TAPS, SIGMA)
window = torch.tensor([(a + b) / 2 for a, b in zip([*weights, 0], [0, *weights])], device=device)   # two windows, half each


def fused(rgb, way=start, noise=NOISE, first=0, halo=True, rows=True, out=None):
    n, _, h, w = rgb.shape
    if out is None:
        out = torch.full((n, 1, h // 2, w // 2), torch.nan, device=rgb.device)
    grid = n, -(-h // 2 // TY), -(-w // 2 // TX)
    traffic = way(damage, grid, rgb, window.to(rgb.device), out, h, w, SEED, noise, first,
                  K=TAPS, TY=TY, TX=TX, HALO=halo, ROWS=rows)
    return out, traffic


def by_the_library(rgb, **more):
    return degrade(rgb, kernel_size=TAPS, sigma=SIGMA, halve=True, noise=NOISE, seed=SEED, **more)


out, _ = fused(rgb)
print(f"at most {(out - by_the_library(rgb)).abs().max():.1g} from minicolor/ops/degrade.py")

# %% 3. The same picture in another batch: the same noise, since its number is the counter and not its place.
def same_in_any_batch(alone):
    assert torch.equal(alone, out[2:3]), "noise depends on the batch"


same_in_any_batch(fused(rgb[2:3].contiguous(), first=2)[0])
must_fail(same_in_any_batch, fused(rgb[2:3].contiguous(), first=0)[0])                 # spoiled: numbered by its place
torch.manual_seed(SEED)
together = torch.randn(3, 8, 8)[2]
torch.manual_seed(SEED)
print("torch.randn, picture 2 alone and in a batch: equal?", torch.equal(together, torch.randn(1, 8, 8)[0]))

# %% [markdown]
# ## 4. Count
#
# Each output pixel loads a window of 6x6 in three colors: 108 loads of one byte. But nearly all of them are loads of what a
# neighboring lane loads too, and a cache answers those. What must come from memory is a program's own tile and halo, once each.
# Predict it from the shapes: the rows and columns that a tile touches, clamped to the picture. The wider the tile, the
# smaller the share of the halo.

# %%
def touched(size: int, tile: int) -> int:
    """Input rows (or columns) of all tiles along a side: the halo counts for each tile that needs it."""
    starts = range(0, size // 2, tile)
    ends = [min(s + tile, size // 2) - 1 for s in starts]                # output row e looks at rows 2 e - 2 .. 2 e + 3
    return sum(min(2 * e + TAPS - TAPS // 2, size - 1) - max(2 * s - TAPS // 2, 0) + 1 for s, e in zip(starts, ends))


few = rgb[:3].cpu()
counted, traffic = fused(few, way=launch)
pixels = few.numel() // 3
expected_fetch = len(few) * 3 * touched(height, TY) * touched(width, TX)
operations, moved = eager(usual, rgb, torch.tensor(weights, device=rgb.device), TAPS, SIGMA, True, NOISE)
eager_bytes, fetched = moved / (rgb.numel() / 3), (traffic.fetched[0] + traffic.written[2]) / pixels
print(f"PyTorch: {operations} operations, {eager_bytes:.0f} bytes for an input pixel")
print(f"fused, tiles of {TY}x{TX}: {fetched:.2f} bytes from and to memory; {traffic.read[0] / pixels:.0f} asked of the cache")
for ty, tx in ((1, 1), (4, 4), (TY, TX), (128, 128)):
    halo = (2 * ty + TAPS - 1) * (2 * tx + TAPS - 1) / (4 * ty * tx)
    print(f"  a tile of {ty}x{tx} in a large picture fetches {halo:.2f} times its own pixels")

# %% 5. Look: the pictures, the damage, and the noise alone (around middle grey, ten times as strong).
noise = out[:3].cpu() - fused(few, noise=0.0, way=launch)[0]
here.show("damage", rows({"picture": few / 255, "damaged": out[:3].cpu(), "noise x 10": noise * 10 + 0.5}))
here.show("bytes", bars({"PyTorch": eager_bytes, "one kernel": fetched}, "bytes for an input pixel"))

# %% How fast can it be?
for name, each in {"PyTorch": eager_bytes, "one kernel": fetched}.items():
    print(f"1024 pictures of 256x256, {name}: at least {1024 * 256**2 * each / 4.3e12 * 1000:.2f} ms at an H200's 4.3 TB/s")
print("Arithmetic is a limit here, too: see the top of kernels/degrade.py, which shares a draw between four pixels.")
if device == "cpu":
    print("No times here: an interpreter's time says nothing about a GPU's.")
else:
    chain = torch.tensor(weights, device=rgb.device)
    ways = {"PyTorch": lambda: usual(rgb, chain, TAPS, SIGMA, True, NOISE), "one kernel": lambda: fused(rgb, out=out)}
    times = race(ways, device)
    speed = {name: f"{ms:.3f} ms" for name, ms in times.items()}
    print(f"measured: {speed}; a copy has {copy_bandwidth(device):.0f} GB/s")


# %% [markdown]
# ## 6. What you should have seen
#
# The values are the library's within 0.0001: noise of 0.03 times a normal number that float32 has to 0.0003 at worst (a
# logarithm near 1), and a blur in another order of additions. The bytes are those predicted, and neighboring rows of noise have
# nothing to do with each other. If the next cell fails, the lesson is wrong, not you.

# %%
def damage_as_it_should_be(out, expected, noise, traffic):
    above, below = noise[:, 0, :-1].flatten(), noise[:, 0, 1:].flatten()
    alike = torch.corrcoef(torch.stack([above, below]))[0, 1].item()
    assert abs(alike) < 0.2, f"a row's noise comes back in the next one: correlation {alike:.2f}"
    off = (out - expected).abs().max().item()
    assert off < 1e-4, f"values are {off:.2g} off"
    assert traffic.read[0] == 3 * (TAPS + 1) ** 2 * expected.numel(), "other loads than a window for each pixel"
    assert traffic.fetched[0] == expected_fetch, "other bytes from memory than tiles and their halos"
    assert traffic.written == (0, 0, 4 * expected.numel(), 0, 0, 0, 0, 0)


expected = by_the_library(few)
damage_as_it_should_be(counted, expected, noise, traffic)
damage_as_it_should_be(out[:3].cpu(), expected, noise, traffic)

# spoiled: the counter leaves out the row, so every row gets the same noise
same, moved = fused(few, way=launch, rows=False)
must_fail(damage_as_it_should_be, same, expected, same - fused(few, noise=0.0, way=launch)[0], moved)

# spoiled: no halo. A tile that clamps to itself leaves seams, which are hard to see and easy to measure
seams, moved = fused(few, way=launch, halo=False)
must_fail(damage_as_it_should_be, seams, expected, noise, moved)

# Now exercise.py, then: python lessons/grade.py K2
