"""What exercise K2 is graded on: neighbors, edges, noise that is each pixel's own, and the bytes that are moved."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons.grading.miniature import Language, launch
from minicolor.ops.blur import gaussian_blur

NAME = "kernel"
KEY = "minicolor.ops.blur:gaussian_blur"
TRAINS = "loads of neighbors (the halo), clamped edges, and random numbers from a counter instead of a state"
MINUTES = 40

BLOCK = 8
SIGMA = 1 / math.sqrt(2 * math.log(2))                     # the Gaussian whose three weights are 1 : 2 : 1


def mix(tl, counter, seed):
    """As in exercise.py."""
    h = counter.to(tl.uint32) ^ (seed.to(tl.uint32) * 0x9E3779B9)
    h = (h ^ (h >> 16)) * 0x85EBCA6B
    h = (h ^ (h >> 13)) * 0xC2B2AE35
    return ((h ^ (h >> 16)) >> 8).to(tl.float32) / 8388608 - 1


def _clamped(tl, i, W, first=None):
    return tl.minimum(tl.maximum(i, 0), W - 1)


def adapt(key, place=_clamped, counter=lambda tl, row, W, i, lane: row * W + i, end=lambda i, W: i < W, weight=2, seeded=True,
          loads=1, outside=None):
    """The library's blur of three values between the loads and the store. The other arguments are for wrong answers."""
    def kernel(tl, x_ptr, y_ptr, W, amount, seed, BLOCK):
        row, first, lane = tl.program_id(0), tl.program_id(1) * BLOCK, tl.arange(0, BLOCK)
        i = first + lane
        for _ in range(loads):
            near = []
            for j in (-1, 0, 1):
                at, inside = place(tl, i + j, W, first), end(i, W)
                if outside is not None:
                    at, inside = i + j, inside & (i + j >= 0) & (i + j < W)
                near.append(np.asarray(tl.load(x_ptr + row * W + at, mask=inside, other=outside or 0.0)))
        if key:
            blurred = key(torch.from_numpy(np.stack(near, axis=1))[:, None, None], 3, SIGMA)[:, 0, 0, 1].numpy()
        else:
            blurred = (near[0] + weight * near[1] + near[2]) / (2 + weight)
        noise = mix(tl, counter(tl, row, W, i, lane), seed if seeded else seed * 0)
        tl.store(y_ptr + row * W + i, blurred + amount * noise, mask=end(i, W))
    return kernel


WRONG = {
    "no halo: neighbors of the own block alone":
        adapt(gaussian_blur, place=lambda tl, i, W, first: tl.minimum(_clamped(tl, tl.maximum(i, first), W), first + BLOCK - 1)),
    "zeros beyond the row": adapt(gaussian_blur, outside=0.0),
    "neighbors from the rows above and below": adapt(gaussian_blur, place=lambda tl, i, W, first: i),
    "mirrored at the edge":
        adapt(gaussian_blur, place=lambda tl, i, W, first: _clamped(tl, W - 1 - tl.abs(W - 1 - tl.abs(i)), W)),
    "three equal weights": adapt(None, weight=1),
    "no mask": adapt(gaussian_blur, end=lambda i, W: None),
    "the same noise in every row": adapt(gaussian_blur, counter=lambda tl, row, W, i, lane: i),
    "the same noise in every block": adapt(gaussian_blur, counter=lambda tl, row, W, i, lane: lane),
    "a counter that is not unique: row + column": adapt(gaussian_blur, counter=lambda tl, row, W, i, lane: row + i),
    "the seed forgotten": adapt(gaussian_blur, seeded=False),
    "right, and everything is loaded twice": adapt(gaussian_blur, loads=2),
}  # fmt: skip

some = settings(max_examples=15, deadline=None, database=None)
widths = st.one_of(st.sampled_from([1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK]), st.integers(1, 40))


def damaged(kernel, x, amount=0.0, seed=0):
    """(H, W) -> what the kernel wrote, and what it moved. Nothing written yet is NaN."""
    height, width = x.shape
    y = torch.full_like(x, torch.nan)
    traffic = launch(kernel, (height, -(-width // BLOCK)), x, y, width, float(amount), seed, BLOCK=BLOCK)
    assert not y.isnan().any(), "some pixels were not written, or not with a number"
    return y, traffic


def picture(height, width, seed):
    return torch.rand(height, width, generator=torch.Generator().manual_seed(seed))


def blurred(x):
    """Row by row: a picture of one row has no neighbors above and below."""
    return gaussian_blur(x[:, None, None], 3, SIGMA)[:, 0, 0]


@some
@given(height=st.integers(1, 4), blocks=st.integers(1, 4), seed=st.integers(0, 999))
def inside_of_the_row_it_is_blurred(kernel, height, blocks, seed):
    x = picture(height, blocks * BLOCK, seed)
    x[:, 0], x[:, 1], x[:, -2], x[:, -1] = 0.5, 0.5, 0.5, 0.5      # what an edge may do wrong is another check's
    try:
        y, _ = damaged(kernel, torch.cat([x[:1], x, x[-1:]]))
    except IndexError as e:
        raise AssertionError(str(e)) from None
    assert (y[1:-1] - blurred(x))[:, 2:-2].abs().max() < 1e-5, "a blurred pixel is off"


@some
@given(height=st.integers(1, 4), width=widths, seed=st.integers(0, 999))
def any_width_and_both_edges(kernel, height, width, seed):
    x = picture(height, width, seed)
    assert (damaged(kernel, x)[0] - blurred(x)).abs().max() < 1e-5, "a blurred pixel is off"


@some
@given(height=st.integers(2, 6), width=st.integers(BLOCK + 1, 40), seed=st.integers(0, 99999))
def each_pixel_has_noise_of_its_own(kernel, height, width, seed):
    noise = damaged(kernel, torch.zeros(height, width), 1.0, seed)[0]
    assert noise.unique().numel() > 0.99 * noise.numel(), "several pixels have the same noise"
    tl = Language((1,))
    counter = tl.full((height, width), 0, tl.uint32) + np.arange(height * width, dtype=np.uint32).reshape(height, width)
    expected = torch.from_numpy(np.asarray(mix(tl, counter, tl.full((), seed, tl.uint32))))
    assert (noise - expected).abs().max() < 1e-5, "noise of another counter or seed"


@some
@given(height=st.integers(1, 4), width=widths, seed=st.integers(0, 999))
def at_most_three_loads_and_a_store(kernel, height, width, seed):
    x = picture(height, width, seed)
    y, traffic = damaged(kernel, x)
    assert (y - blurred(x))[:, 1:-1].abs().sum() < 1e-3, "a blurred pixel is off"
    assert 4 * x.numel() <= traffic.read[0] <= 12 * x.numel(), f"{traffic.read[0] / x.numel():.0f} bytes are read for each pixel"
    assert traffic.written[1] == 4 * x.numel(), f"{traffic.written[1] / x.numel():.0f} bytes are written for each pixel"


CHECKS = [
    (3, inside_of_the_row_it_is_blurred, "where does a row begin in memory? and whose is a block's first pixel's left neighbor?"),
    (2, any_width_and_both_edges, "which index would lie beyond the row, and which one is meant then? which lanes own no pixel?"),
    (3, each_pixel_has_noise_of_its_own, "no two pixels of a picture may share a counter: how many pixels come before this one?"),
    (2, at_most_three_loads_and_a_store, "keep what was loaded in variables; noise needs no memory at all"),
]
