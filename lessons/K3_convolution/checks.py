"""What exercise K3 is graded on: index arithmetic, padding, masks, and how often a loaded number is used."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons.grading.miniature import launch
from minicolor.ops.conv4x4 import conv4x4

NAME = "kernel"
KEY = "minicolor.ops.conv4x4:conv4x4"
TRAINS = "from a program's number to an address in memory, padding by masks, and tiles that use what they load often"
MINUTES = 45

TILE = 16


def adapt(key, stride=2, before=1, mask=True, rows=True, turned=False, chunks=None, alone=False):
    """The library's convolution of the windows that were loaded, tile by tile. The other arguments are for wrong answers."""
    def kernel(tl, x_ptr, w_ptr, y_ptr, H, W, C, O, BM, BN, BK):
        m = tl.program_id(0) * BM + tl.arange(0, BM)
        o = tl.program_id(1) * BN + tl.arange(0, BN)
        yo, xo, last = m // (W // 2), m % (W // 2), (H // 2) * (W // 2)
        windows, weights = np.zeros((BM, C, 16), np.float32), np.zeros((BN, C, 16), np.float32)
        for tap in range(16):
            down, right = (tap % 4, tap // 4) if turned else (tap // 4, tap % 4)
            yi, xi = yo * stride + down - before, xo * stride + right - before
            pixel, inside = (yi * W + xi) * C, m < last
            inside = inside & ((yi >= 0) & (yi < H) & (xi >= 0) & (xi < W) if mask else (pixel >= 0) & (pixel < H * W * C))
            for first in range(0, C if chunks is None else chunks * BK, BK):
                c = first + tl.arange(0, BK)
                here = inside[:, None] & (c >= 0)[None, :]
                for _ in range(BN if alone else 1):                # each output value loads its own window
                    windows[:, c, tap] = tl.load(x_ptr + pixel[:, None] + c[None, :], mask=here, other=0.0)
                for _ in range(BM if alone else 1):
                    weights[:, c, tap] = tl.load(w_ptr + ((tap * C + c) * O)[:, None] + o[None, :]).T
        windows, weights = (torch.from_numpy(t).unflatten(2, (4, 4)) for t in (windows, weights))
        y = key(windows, weights, stride=1)[:, :, 1, 1].numpy()    # with padding 1, position 1 is the window that just fits
        tl.store(y_ptr + m[:, None] * O + o[None, :], y, mask=(m < last)[:, None] & (o >= 0)[None, :] if rows else None)
    return kernel


WRONG = {
    "the stride forgotten": adapt(conv4x4, stride=1),
    "no padding: the window begins at the pixel itself": adapt(conv4x4, before=0),
    "a window that hangs over the edge reads the next row": adapt(conv4x4, mask=False),
    "rows and columns of the window exchanged": adapt(conv4x4, turned=True),
    "no mask for pixels beyond the last": adapt(conv4x4, rows=False),
    "the first 16 channels alone": adapt(conv4x4, chunks=1),
    "right, but every output value loads its own window": adapt(conv4x4, alone=True),
}

some = settings(max_examples=10, deadline=None, database=None)
sides = st.integers(2, 11)


def convolved(kernel, height, width, c, o, seed):
    """-> what the kernel wrote, what it should be (O, HO, WO), and what it moved. Nothing written yet is NaN."""
    random = torch.Generator().manual_seed(seed)
    x, weight = torch.randn(1, c, height, width, generator=random), torch.randn(o, c, 4, 4, generator=random) / (16 * c) ** 0.5
    y = torch.full((height // 2, width // 2, o), torch.nan)
    traffic = launch(kernel, (-(-y[..., 0].numel() // TILE), o // TILE), x[0].permute(1, 2, 0).contiguous(),
                     weight.flatten(2).permute(2, 1, 0).contiguous(), y, height, width, c, o, BM=TILE, BN=TILE, BK=TILE)
    assert not y.isnan().any(), "some values were not written, or not with a number"
    return y.permute(2, 0, 1), conv4x4(x, weight)[0], traffic


def same(y, expected):
    """Sums of at most 768 products that come to about 1, in another order: seven digits of float32 leave 0.00001."""
    assert (y - expected).abs().max() < 1e-4, "a value is off"


@some
@given(size=st.sampled_from([(8, 8), (16, 8), (8, 16), (16, 16)]), seed=st.integers(0, 999))
def away_from_the_edge(kernel, size, seed):
    y, expected, _ = convolved(kernel, *size, TILE, TILE, seed)
    same(y[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1])


@some
@given(size=st.sampled_from([(8, 8), (16, 8), (8, 16), (16, 16)]), seed=st.integers(0, 999))
def at_the_edge(kernel, size, seed):
    same(*convolved(kernel, *size, TILE, TILE, seed)[:2])


@some
@given(height=sides, width=sides, seed=st.integers(0, 999))
def pictures_of_any_size(kernel, height, width, seed):
    same(*convolved(kernel, height, width, TILE, TILE, seed)[:2])


@some
@given(c=st.sampled_from([2, 3]), o=st.sampled_from([2, 3]), seed=st.integers(0, 999))
def many_channels(kernel, c, o, seed):
    y, expected, _ = convolved(kernel, 8, 8, c * TILE, o * TILE, seed)
    same(y[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1])


@some
@given(height=sides, width=sides, o=st.sampled_from([1, 2]), seed=st.integers(0, 999))
def what_is_loaded_serves_the_whole_tile(kernel, height, width, o, seed):
    y, expected, traffic = convolved(kernel, height, width, TILE, o * TILE, seed)
    same(y, expected)
    down, across = ([(2 * i + t - 1, t) for i in range(side // 2) for t in range(4) if 0 <= 2 * i + t - 1 < side]
                    for side in (height, width))                   # (pixel, tap) along each axis
    pixels, taps = (len({p[n] for p in down}) * len({p[n] for p in across}) for n in (0, 1))       # each of them once
    tiles = -(-y[0].numel() // TILE)
    for name, moved, least, fine in (
            ("picture", traffic.read[0], 4 * pixels * TILE, 4 * o * len(down) * len(across) * TILE),
            ("weights", traffic.read[1], 4 * taps * TILE * o * TILE, 4 * tiles * 16 * TILE * o * TILE)):
        assert least <= moved <= fine, f"of the {name} {moved / fine:.2f} times the bytes are read that tiles need"
    assert traffic.written[2] == 4 * y.numel(), "each output value is written once"


CHECKS = [
    (3, away_from_the_edge, "m to (yo, xo) to the window's first pixel to the tap: write the four steps down with numbers"),
    (2, at_the_edge, "a tap outside of the picture counts as 0, also where its address happens to lie inside of the array"),
    (2, pictures_of_any_size, "which rows of the last tile are no pixels, and what must they not do? m // of which side?"),
    (1, many_channels, "C may be larger than BK, and program_id(1) chooses the channels of the output"),
    (2, what_is_loaded_serves_the_whole_tile, "two loads in the innermost loop, (BM, BK) and (BK, BN); a mask for the padding"),
]
