"""What exercise K1 is graded on: a kernel's values at every edge, and the bytes that it moves."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons.grading.miniature import launch
from minicolor.ops import lab
from minicolor.ops.srgb import linear_to_srgb

NAME = "kernel"
KEY = "minicolor.ops.lab:rgb_to_lab"
TRAINS = "blocks, masks, both branches of a where, and that a fused operation is paid by the bytes it moves"
MINUTES = 30

BLOCK = 16
LIGHT = 0.1                                             # above both knees: power and cube root alone


def adapt(key, end=lambda i, n: i < n, lightness=None, loads=1, step=lambda BLOCK: BLOCK, other=0.0):
    """The library's function between a load and a store. The other arguments are for wrong answers."""
    def kernel(tl, rgb_ptr, l_ptr, n, BLOCK):
        i = tl.program_id(0) * step(BLOCK) + tl.arange(0, BLOCK)
        mask = end(i, n)
        for _ in range(loads):
            rgb = np.stack([tl.load(rgb_ptr + c * n + i, mask=mask, other=other) for c in range(3)])
        rgb = torch.from_numpy(np.asarray(rgb))[None, :, :, None]
        tl.store(l_ptr + i, (key(rgb)[0, 0, :, 0] if lightness is None else lightness(rgb[0, ..., 0])).numpy(), mask=mask)
    return kernel


def _lightness(rgb, knee=0.04045, bend=(6 / 29) ** 3, gamma=True):
    light = torch.where(rgb > knee, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92) if gamma else rgb
    y = lab.TO_RELATIVE[1][0] * light[0] + lab.TO_RELATIVE[1][1] * light[1] + lab.TO_RELATIVE[1][2] * light[2]
    return 116 * torch.where(y > bend, y ** (1 / 3), y / (3 * (6 / 29) ** 2) + 4 / 29) - 16


WRONG = {
    "no mask": adapt(lab.rgb_to_lab, end=lambda i, n: None),
    "a mask that goes one too far": adapt(lab.rgb_to_lab, end=lambda i, n: i <= n),
    "a mask that ends one too early": adapt(lab.rgb_to_lab, end=lambda i, n: i < n - 1),
    "the first block only": adapt(lab.rgb_to_lab, step=lambda BLOCK: 0),
    "the matrix before the curve is undone": adapt(None, lightness=lambda rgb: _lightness(rgb, gamma=False)),
    "the power everywhere": adapt(None, lightness=lambda rgb: _lightness(rgb, knee=-1)),
    "the cube root everywhere": adapt(None, lightness=lambda rgb: _lightness(rgb, bend=-1)),
    "L from 0 to 1": adapt(None, lightness=lambda rgb: _lightness(rgb) / 100),
    "right, and every pixel is read twice": adapt(lab.rgb_to_lab, loads=2),
}

some = settings(max_examples=15, deadline=None, database=None)


def right(kernel, rgb):
    """rgb (3, n) -> what the kernel moved. float32 leaves 116 times an error of 0.000001 or so; an eye sees about 1."""
    n = rgb.shape[1]
    out = torch.full((n,), torch.nan)
    traffic = launch(kernel, (-(-n // BLOCK),), rgb.contiguous(), out, n, BLOCK=BLOCK)
    assert not out.isnan().any(), "some pixels were not written, or not with a number"
    assert (out - lab.rgb_to_lab(rgb[None, :, :, None])[0, 0, :, 0]).abs().max() < 0.002, "a lightness is off"
    return traffic


def colors(n, seed):
    return torch.rand(3, n, generator=torch.Generator().manual_seed(seed))


@some
@given(blocks=st.integers(1, 4), seed=st.integers(0, 999))
def whole_blocks_of_light_pixels(kernel, blocks, seed):
    right(kernel, LIGHT + (1 - LIGHT) * colors(blocks * BLOCK, seed))


@some
@given(n=st.one_of(st.sampled_from([1, BLOCK - 1, BLOCK + 1, 2 * BLOCK + 1]), st.integers(1, 70)), seed=st.integers(0, 999))
def any_number_of_pixels(kernel, n, seed):
    right(kernel, LIGHT + (1 - LIGHT) * colors(n, seed))


@some
@given(n=st.integers(2, 3).map(lambda b: b * BLOCK), seed=st.integers(0, 999))
def dark_pixels(kernel, n, seed):
    rgb = 0.04 * colors(n, seed)                        # below the first knee, and below the second where y is
    rgb[:, :4] = linear_to_srgb(torch.linspace(0.004, 0.0085, 4))          # between the two knees
    rgb[:, 4] = 0
    right(kernel, rgb)


@some
@given(n=st.integers(1, 70), seed=st.integers(0, 999))
def each_byte_once(kernel, n, seed):
    traffic = right(kernel, LIGHT + (1 - LIGHT) * colors(n, seed))
    assert traffic.read[0] == 12 * n, f"{traffic.read[0] / n:.0f} bytes are read for each pixel"
    assert traffic.written[1] == 4 * n, f"{traffic.written[1] / n:.0f} bytes are written for each pixel"


CHECKS = [
    (3, whole_blocks_of_light_pixels, "which pixels are this program's? and is light linear when the three colors are added?"),
    (3, any_number_of_pixels, "think of the last program: which of its lanes own no pixel, and what must they not do?"),
    (2, dark_pixels, "near black both curves become straight lines, at two different values"),
    (2, each_byte_once, "load each color once, keep it in a variable, and store once"),
]
