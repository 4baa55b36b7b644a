"""Network units: the report's formulas, exact inverses of each other, and every sRGB color within [-1, 1]."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.ops.lab import rgb_to_lab
from minicolor.ops.units import ab_to_unit, l_to_unit, rgb_to_unit, unit_to_ab, unit_to_l, unit_to_rgb

PAIRS = {
    "L": (l_to_unit, unit_to_l, 0, 100),
    "ab": (ab_to_unit, unit_to_ab, -110, 110),
    "rgb": (rgb_to_unit, unit_to_rgb, 0, 1),
}
EACH = pytest.mark.parametrize("there, back, low, high", PAIRS.values(), ids=PAIRS)


@EACH
def test_the_ends_become_minus_one_and_one(there, back, low, high):
    ends = torch.tensor([low, (low + high) / 2, high], dtype=torch.float32)
    assert torch.equal(there(ends), torch.tensor([-1.0, 0.0, 1.0])) and torch.equal(back(there(ends)), ends)


@EACH
@settings(deadline=None, max_examples=25)
@given(share=st.floats(0, 1))
def test_there_and_back(there, back, low, high, share):
    x = torch.tensor(low + share * (high - low))
    assert -1 <= there(x) <= 1
    torch.testing.assert_close(back(there(x)), x, atol=1e-6 * (high - low), rtol=0)  # a few float32 eps of the range


@EACH
def test_it_is_a_straight_line(there, back, low, high):
    x = torch.tensor([low, high], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(there(x).sum(), x)
    torch.testing.assert_close(slope, torch.full_like(x, 2 / (high - low)))


def test_every_srgb_color_can_be_reached_by_a_tanh():
    v = torch.linspace(0, 1, 18)
    lab = rgb_to_lab(torch.cartesian_prod(v, v, v).T[None, :, None])
    assert l_to_unit(lab[:, :1]).abs().max() <= 1 + 1e-6  # white is 100 but for rounding
    assert -1 < ab_to_unit(lab[:, 1:]).min() < -0.97 and 0.88 < ab_to_unit(lab[:, 1:]).max() < 0.91
