"""What exercise 01 is graded on: each of the five steps from a file's values to L, a, b."""

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

NAME = "rgb_to_lab"
KEY = "minicolor.ops.lab:rgb_to_lab"
TRAINS = "light against stored values, the white point, what L, a and b are; masks in place of if"
MINUTES = 30

D65, D50 = (0.950456, 1.0, 1.088754), (0.96422, 1.0, 0.82521)
MIX = torch.tensor([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
KNEE = (6 / 29) ** 3


def _curve(v):
    return torch.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _f(t):
    return torch.where(t > KNEE, t.clamp(min=1e-9) ** (1 / 3), t / (3 * (6 / 29) ** 2) + 4 / 29)


def _lab(rgb, curve=_curve, mix=MIX, white=D65, f=_f):
    xyz = torch.einsum("ij,njhw->nihw", mix, curve(rgb)) / torch.tensor(white)[:, None, None]
    x, y, z = f(xyz).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


WRONG = {
    "the curve not undone": lambda rgb: _lab(rgb, curve=lambda v: v),
    "a power of 2.2 for the curve": lambda rgb: _lab(rgb, curve=lambda v: v**2.2),
    "the curve without its straight line": lambda rgb: _lab(rgb, curve=lambda v: ((v + 0.055) / 1.055) ** 2.4),
    "the white of D50": lambda rgb: _lab(rgb, white=D50),
    "not divided by white": lambda rgb: _lab(rgb, white=(1.0, 1.0, 1.0)),
    "the cube root without its straight line": lambda rgb: _lab(rgb, f=lambda t: t.clamp(min=0) ** (1 / 3)),
    "L in 0 .. 1": lambda rgb: _lab(rgb) / torch.tensor([100.0, 1, 1])[:, None, None],
    "a and b swapped": lambda rgb: _lab(rgb)[:, [0, 2, 1]],
    "the matrix turned": lambda rgb: _lab(rgb, mix=MIX.T),
    "blue, green, red": lambda rgb: _lab(rgb.flip(1)),
    "brightened by the lightest pixel of all": lambda rgb: _lab(rgb / rgb.amax().clamp(min=1e-6)),
    "the first picture alone": lambda rgb: _lab(rgb[:1]),
}

often = settings(max_examples=15, deadline=None, database=None)


def _picture(*rgb):
    return torch.tensor(rgb, dtype=torch.float32)[None, :, None, None]


def _color(f, *rgb):
    """f's answer to a picture that is one color, with black and white beside it."""
    row = torch.cat([_picture(*rgb), _picture(0, 0, 0), _picture(1, 1, 1)], dim=3)
    return f(row)[0, :, 0, 0].tolist()


@often
@given(v=st.floats(0, 1))
def a_grey_has_no_color(f, v):
    _, a, b = _color(f, v, v, v)
    assert abs(a) < 0.05 and abs(b) < 0.05, f"a grey with a = {a:.2f}, b = {b:.2f}"


@often
@given(v=st.floats(0.1, 1))
def a_grey_is_as_light_as_mathematics_says(f, v):
    light = ((v + 0.055) / 1.055) ** 2.4                    # above both straight lines; a grey has as much of Y as of R
    assert abs(_color(f, v, v, v)[0] - (116 * light ** (1 / 3) - 16)) < 0.05


@often
@given(v=st.floats(0.004, 0.038))
def the_darkest_greys_lie_on_a_line(f, v):
    assert abs(_color(f, v, v, v)[0] - (29 / 3) ** 3 * v / 12.92) < 0.02


def red_green_and_blue_are_where_tables_have_them(f):
    published = {(1, 0, 0): (53.24, 80.09, 67.20), (0, 1, 0): (87.73, -86.18, 83.18), (0, 0, 1): (32.30, 79.19, -107.86)}
    for rgb, lab in published.items():
        assert all(abs(x - y) < 0.06 for x, y in zip(_color(f, *rgb), lab, strict=True)), f"{rgb} has another place"


@often
@given(L=st.floats(5, 95), a=st.floats(-80, 80), b=st.floats(-80, 80))
def back_from_lab_it_is_the_same_color(f, L, a, b):
    from minicolor.ops.lab import lab_to_rgb

    rgb = lab_to_rgb(torch.tensor([L, a, b])[None, :, None, None], clip=False)
    assume(bool(((rgb >= 0) & (rgb <= 1)).all()))
    assert all(abs(x - y) < 0.1 for x, y in zip(_color(f, *rgb.flatten().tolist()), (L, a, b), strict=True))


@often
@given(n=st.integers(1, 3), h=st.integers(1, 4), w=st.integers(1, 4), seed=st.integers(0, 10**6))
def every_pixel_by_itself(f, n, h, w, seed):
    pictures = torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(seed))
    lab = f(pictures)
    assert lab.shape == pictures.shape, "another shape"
    one_by_one = [f(p[None, :, None, None])[0, :, 0, 0] for p in pictures.permute(0, 2, 3, 1).reshape(-1, 3)]
    assert (lab.permute(0, 2, 3, 1).reshape(-1, 3) - torch.stack(one_by_one)).abs().max() < 0.01


CHECKS = [
    (2, a_grey_has_no_color, "on grey, the three numbers after step 3 must be equal: what are they for white?"),
    (2, a_grey_is_as_light_as_mathematics_says, "follow one grey of 0.5 by hand through steps 1, 4 and 5; in which range is L?"),
    (2, the_darkest_greys_lie_on_a_line, "the darkest values: both curves, of step 1 and of step 4, begin as straight lines"),
    (1, red_green_and_blue_are_where_tables_have_them, "the rows of step 2, and the order of L, a, b"),
    (2, back_from_lab_it_is_the_same_color, "take one strong color through the five steps by hand, and compare after each"),
    (1, every_pixel_by_itself, "a pixel's answer depends on its own three numbers; the pictures of a batch stay apart"),
]
