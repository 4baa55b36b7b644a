"""What exercise 11 is graded on: tiles that nobody can see."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

NAME = "tiled"
KEY = "minicolor.restoring.tiles:tiled"
TRAINS = "how far a convolutional network sees, and why a tile without a margin, or with a false one, shows"
MINUTES = 35


def adapt(key):
    def tiled(answer, picture, reach, side):
        whole = (picture[0, 0].numpy() * 65535).round().astype(np.uint16)       # the library's pictures are whole numbers
        out = np.empty_like(whole)
        key(answer, whole, out, reach, side)
        return torch.from_numpy(out.astype(np.float32) / 65535)[None, None]
    return tiled


def _pieces(length, side):
    return [(i, min(length, i + side)) for i in range(0, length, side)]


def _put_together(answer, picture, reach, side, margin="picture", last=True):
    """Tiles, with what is wrong about them: margin "none", "zeros" also beyond the edge, "mirror" beyond it, "half"."""
    height, width = picture.shape[-2:]
    out = torch.zeros_like(picture)
    reach = {"none": 0, "half": reach // 2}.get(margin, reach)
    around = F.pad(picture, [reach] * 4, mode="replicate") if margin == "repeat" else F.pad(picture, [reach] * 4)
    for top, bottom in _pieces(height, side):
        for left, right in _pieces(width, side):
            if not last and (bottom - top < side or right - left < side):
                continue
            if margin in ("zeros", "repeat"):
                given = answer(around[..., top : bottom + 2 * reach, left : right + 2 * reach])
                out[..., top:bottom, left:right] = given[..., reach : reach + bottom - top, reach : reach + right - left]
            else:
                above, before = min(reach, top), min(reach, left)
                given = answer(picture[..., top - above : bottom + reach, left - before : right + reach])
                out[..., top:bottom, left:right] = given[..., above : above + bottom - top, before : before + right - left]
    return out


def _first_from_the_corner(answer, picture, reach, side):
    """Cuts `reach` off every answer, also where there was no margin."""
    out = torch.zeros_like(picture)
    for top, bottom in _pieces(picture.shape[2], side):
        for left, right in _pieces(picture.shape[3], side):
            given = answer(picture[..., max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach])
            part = given[..., reach : reach + bottom - top, reach : reach + right - left]
            out[..., top : top + part.shape[2], left : left + part.shape[3]] = part
    return out


WRONG = {
    "no margin": lambda *a: _put_together(*a, margin="none"),
    "half of the margin": lambda *a: _put_together(*a, margin="half"),
    "zeros beyond the picture's edge, given as pixels": lambda *a: _put_together(*a, margin="zeros"),
    "the edge repeated beyond the picture": lambda *a: _put_together(*a, margin="repeat"),
    "the whole picture at once": lambda answer, picture, reach, side: answer(picture),
    "the last, smaller tiles forgotten": lambda *a: _put_together(*a, last=False),
    "a margin cut off where there was none": _first_from_the_corner,
    "height and width exchanged": lambda answer, picture, reach, side: _put_together(
        answer, picture.mT, reach, side).reshape(picture.shape),
}

few = settings(max_examples=15, deadline=None, database=None)
sides = {"seed": st.integers(0, 10**6), "height": st.integers(1, 40), "width": st.integers(1, 40), "side": st.integers(3, 16)}


def _picture(seed, height, width):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(6000, 59000, (1, 1, height, width), generator=draw) / 65535


class Blur:
    """A mean of (2 reach + 1)^2 pixels, zeros beyond the edges; `bias` first, so that zeros are not the same as nothing there."""

    def __init__(self, reach, bias=0.2):
        self.reach, self.bias, self.sides = reach, bias, []

    def __call__(self, x):
        self.sides.append(max(x.shape[-2:]))
        k = 2 * self.reach + 1
        return F.conv2d(F.pad(0.8 * x + self.bias, [self.reach] * 4), torch.full((1, 1, k, k), 1 / k**2, dtype=x.dtype))


def _differ(f, answer, picture, reach, side):
    made, whole = f(answer, picture, reach, side), answer(picture)
    assert tuple(made.shape) == tuple(whole.shape), "the answer has another shape than the picture"
    return (made - whole).abs()


@few
@given(**sides)
def a_network_of_single_pixels_is_easy(f, seed, height, width, side):
    assert _differ(f, lambda x: 1 - x**2, _picture(seed, height, width), 0, side).max() < 1e-4


@few
@given(**sides, reach=st.integers(2, 5))
def no_seam_inside(f, seed, height, width, side, reach):
    """Away from the picture's own edges."""
    off = _differ(f, Blur(reach), _picture(seed, height + 2 * reach, width + 2 * reach), reach, side)
    assert off[..., reach:-reach, reach:-reach].max() < 1e-4


@few
@given(**sides, reach=st.integers(1, 5))
def the_picture_ends_where_it_ended(f, seed, height, width, side, reach):
    assert _differ(f, Blur(reach), _picture(seed, height, width), reach, side).max() < 1e-4


@few
@given(**sides, reach=st.integers(0, 5))
def no_piece_is_too_large(f, seed, height, width, side, reach):
    network = Blur(reach)
    f(network, _picture(seed, height + side, width + side), reach, side)
    assert network.sides, "the network was never asked"
    assert max(network.sides) <= side + 2 * reach, f"a piece of {max(network.sides)}, where {side + 2 * reach} were allowed"


CHECKS = [
    (2, a_network_of_single_pixels_is_easy, "is every pixel made, and in its own place, the last rows and columns too?"),
    (3, no_seam_inside, "what must a pixel at a tile's edge see? Where in the answer do the tile's own pixels begin?"),
    (3, the_picture_ends_where_it_ended,
     "a network pads each of its layers, not only the picture: pixels added beyond the edge are not what it sees there"),
    (2, no_piece_is_too_large, "a margin on both sides, and no more"),
]
