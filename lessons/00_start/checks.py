"""What exercise 00 is graded on: every edge from the photograph, only the color from the network."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

NAME = "at_full_size"
KEY = "minicolor.coloring:join"
TRAINS = "why a network of 64 pixels can color a photograph of any size; where pixels lie when a picture is enlarged"
MINUTES = 15


def adapt(join):
    """The library's works on a photograph in bytes, and ends in one. 16 bits keep L and the color to some hundredths."""
    from minicolor.ops.lab import lab_to_rgb, rgb_to_lab

    def at_full_size(lightness, ab):
        neutral = torch.stack([lightness, 0 * lightness, 0 * lightness])[None]
        grey = (lab_to_rgb(neutral)[0, 0] * 65535).round().int().numpy().astype("uint16")
        rgb = torch.from_numpy(join(grey, ab, deep=True).astype("int32"))
        return rgb_to_lab(rgb.permute(2, 0, 1)[None] / 65535)[0]

    return at_full_size


def _enlarged(ab, size, **how):
    return F.interpolate(ab[None], size, **how)[0]


def _joined(lightness, ab):
    return torch.cat([lightness[None], ab])


def _bilinear(lightness, ab):
    return _enlarged(ab, lightness.shape, mode="bilinear")


def _small_lightness(lightness, ab):
    small = F.interpolate(lightness[None, None], ab.shape[1:], mode="area")[0]
    return _enlarged(torch.cat([small, ab]), lightness.shape, mode="bilinear")


def _turned(lightness, ab):
    return _enlarged(ab, lightness.shape[::-1], mode="bilinear").reshape(2, *lightness.shape)


WRONG = {
    "nearest neighbor: blocks of color": lambda L, ab: _joined(L, _enlarged(ab, L.shape, mode="nearest")),
    "corners aligned: the color creeps outwards":
        lambda L, ab: _joined(L, _enlarged(ab, L.shape, mode="bilinear", align_corners=True)),
    "the whole small picture enlarged, lightness too": _small_lightness,
    "the color first, the lightness last": lambda L, ab: torch.cat([_bilinear(L, ab), L[None]]),
    "b before a": lambda L, ab: _joined(L, _bilinear(L, ab).flip(0)),
    "height and width mixed up, mended by a reshape": lambda L, ab: _joined(L, _turned(L, ab)),
    "whole multiples only": lambda L, ab: _joined(
        L, ab.repeat_interleave(L.shape[0] // ab.shape[1], 1).repeat_interleave(L.shape[1] // ab.shape[2], 2)),
    "lightness brought to 0 .. 1": lambda L, ab: _joined(L / 100, _bilinear(L, ab)),
    "the photograph shrunk to the color": lambda L, ab: torch.cat(
        [F.interpolate(L[None, None], ab.shape[1:], mode="area")[0], ab]),
}  # fmt: skip

often = settings(max_examples=15, deadline=None, database=None)
pictures = {"h": st.integers(1, 5), "w": st.integers(1, 5), "more": st.tuples(st.integers(0, 20), st.integers(0, 20)),
            "seed": st.integers(0, 10**6)}


def _drawn(h, w, more, seed):
    """L in 40 .. 70 and small a, b: sRGB has all these colors."""
    draws = torch.Generator().manual_seed(seed)
    lightness = 40 + 30 * torch.rand(h + more[0], w + more[1], generator=draws)
    return lightness, 24 * torch.rand(2, h, w, generator=draws) - 12


@often
@given(**pictures)
def three_planes_of_the_photographs_size(f, h, w, more, seed):
    lightness, ab = _drawn(h, w, more, seed)
    assert tuple(f(lightness, ab).shape) == (3, *lightness.shape)


@often
@given(**pictures)
def the_lightness_is_the_photographs_own(f, h, w, more, seed):
    lightness, ab = _drawn(h, w, more, seed)
    assert (f(lightness, ab)[0] - lightness).abs().max() < 0.05, "L has changed"


@often
@given(a=st.floats(-12, 12), b=st.floats(-12, 12), **pictures)
def one_color_everywhere_stays_that_color(f, a, b, h, w, more, seed):
    lightness, _ = _drawn(h, w, more, seed)
    joined = f(lightness, torch.tensor([a, b])[:, None, None].expand(2, h, w))
    assert (joined[1] - a).abs().max() < 0.1 and (joined[2] - b).abs().max() < 0.1


@often
@given(times=st.integers(2, 6), step=st.floats(2, 5), across=st.booleans())
def a_slope_of_color_is_in_its_place(f, times, step, across):
    small = (torch.arange(5.0) - 2) * step                                         # the values at the centers of five pixels
    large = ((torch.arange(5.0 * times) + 0.5) / times - 0.5).clamp(0, 4) * step - 2 * step
    ab = torch.stack([small.expand(3, 5), torch.zeros(3, 5)])
    lightness = torch.full((3 * times, 5 * times), 55.0)
    joined = f(lightness, ab) if across else f(lightness.T, ab.mT).mT
    assert (joined[1] - large).abs().max() < 0.1


CHECKS = [
    (1, three_planes_of_the_photographs_size, "the answer is as large as the photograph, whatever the size of the color"),
    (3, the_lightness_is_the_photographs_own, "L is known at full size: which plane of the answer is it, untouched?"),
    (3, one_color_everywhere_stays_that_color, "the order of the planes is L, a, b, in their own units"),
    (3, a_slope_of_color_is_in_its_place,
     "draw the example of the docstring on paper, each pixel as a box; which axis is which, and where are the boxes' centers?"),
]
