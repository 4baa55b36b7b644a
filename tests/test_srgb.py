"""The sRGB curve and its inverse are the standard's: value and slope, both sides of the knee, any shape and strides."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.ops.srgb import KNEE, LINEAR_KNEE, linear_to_srgb, srgb_to_linear

BOTH = pytest.mark.parametrize("curve", [srgb_to_linear, linear_to_srgb])
VIEWS = {
    "transposed": lambda x: x.transpose(-1, -2),
    "strided": lambda x: x[..., ::2],
    "flipped": lambda x: x.flip(-1),
    "expanded": lambda x: x[..., :1].expand(2, 3, 4, 9),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
}


def by_the_standard(v: float) -> float:
    """IEC 61966-2-1, in Python's double precision, one number at a time."""
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


@settings(deadline=None, max_examples=50)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=40))
@example(values=[0.0, 0.04044, 0.04045, 0.04046, 1.0])
@example(values=[i / 255 for i in range(256)])
def test_values_of_the_standard_and_back(values):
    x = torch.tensor(values, dtype=torch.float64)
    y = srgb_to_linear(x)
    expected = torch.tensor([by_the_standard(v) for v in values], dtype=torch.float64)
    torch.testing.assert_close(y, expected, atol=1e-14, rtol=1e-12)
    # the standard's knee is rounded to five digits, and the two pieces miss each other there by 2e-8
    torch.testing.assert_close(linear_to_srgb(y), x, atol=1e-6, rtol=0)
    assert y.min() >= 0 and y.max() <= 1


def test_the_curves_of_scikit_image():
    """skimage keeps its curve inside rgb2xyz: a grey of value v has Y = curve(v) there, since its Y row sums to 1."""
    from skimage.color import rgb2xyz, xyz2rgb

    v = np.linspace(0, 1, 1001)
    ours = srgb_to_linear(torch.from_numpy(v))
    np.testing.assert_allclose(ours.numpy(), rgb2xyz(np.stack([v, v, v], -1)[None])[0, :, 1], atol=1e-12)
    white = rgb2xyz(np.ones((1, 1, 3)))[0, 0]
    back = xyz2rgb(ours.numpy()[None, :, None] * white)[0]
    np.testing.assert_allclose(linear_to_srgb(ours).numpy(), back.mean(-1), atol=1e-6)  # its inverse matrix is rounded


def test_float32_keeps_every_8_bit_value():
    x = torch.arange(256).float() / 255
    torch.testing.assert_close(linear_to_srgb(srgb_to_linear(x)), x, atol=5e-7, rtol=0)  # 4 eps: two powers
    assert srgb_to_linear(x).diff().min() > 0, "two 8-bit values became one"
    assert srgb_to_linear(x)[0] == 0 and srgb_to_linear(x)[-1] == 1


@BOTH
def test_slopes_on_both_sides_of_the_knee_and_at_the_ends(curve):
    x = torch.tensor([0.0, 1e-6, 0.0031, 0.0032, 0.0404, 0.0405, 0.5, 1.0], dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(curve, x, eps=1e-7, atol=1e-5)  # no point lies within eps of a knee
    (slope,) = torch.autograd.grad(curve(x).sum(), x)
    assert slope.isfinite().all() and (slope > 0).all()
    first = 1 / 12.92 if curve is srgb_to_linear else 12.92
    assert slope[0].item() == pytest.approx(first)


@BOTH
def test_the_pieces_meet_at_the_knee(curve):
    knee = KNEE if curve is srgb_to_linear else LINEAR_KNEE
    below, above = curve(torch.tensor([knee, np.nextafter(knee, 1)], dtype=torch.float64))
    assert abs(above - below) < 1e-7  # what the standard's rounded constants leave; a wrong one leaves 1e-4


def test_outside_of_the_range_nothing_is_clipped_and_negatives_take_the_line():
    x = torch.tensor([-1.0, -1e-3, 1.5], requires_grad=True)
    y = linear_to_srgb(x)
    torch.testing.assert_close(y, torch.tensor([-12.92, -0.01292, 1.055 * 1.5 ** (1 / 2.4) - 0.055]))
    slope = torch.autograd.grad(y.sum(), x, retain_graph=True)[0]
    assert slope.isfinite().all(), "a power of a negative number leaked into the slope"
    back = srgb_to_linear(y)
    torch.testing.assert_close(back, x)
    assert torch.autograd.grad(back.sum(), x)[0].isfinite().all()


@BOTH
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_any_strides(curve, view):
    x = view(torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(0)))
    before = x.clone()
    torch.testing.assert_close(curve(x), curve(x.contiguous().clone()), atol=0, rtol=0)
    assert torch.equal(x, before), "the input was written to"


@BOTH
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (2, 3, 1, 1)])
def test_any_shape(curve, shape):
    assert curve(torch.full(shape, 0.5)).shape == shape
