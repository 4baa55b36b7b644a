"""bce_gan is torch's own binary cross entropy on logits: value and slope, and finite however sure the logits are."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minicolor.losses.bce_gan import bce_gan

REAL = pytest.mark.parametrize("real", [True, False], ids=["real", "fake"])


@REAL
@settings(deadline=None, max_examples=40)
@given(values=st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=30))
@example(values=[0.0])
@example(values=[20.0, -20.0, 20.001, -20.001])                      # softplus becomes a line above 20
def test_values_and_slopes_are_torchs(real, values):
    ours = torch.tensor(values, requires_grad=True)
    theirs = ours.detach().double().requires_grad_()    # torch's own loses digits in float32: -7 + 7.0009
    a = bce_gan(ours, real)
    b = F.binary_cross_entropy_with_logits(theirs, torch.full_like(theirs, float(real)))
    torch.testing.assert_close(a.double(), b, atol=1e-7, rtol=1e-5)
    slopes = [torch.autograd.grad(loss, z)[0].double() for loss, z in ((a, ours), (b, theirs))]
    torch.testing.assert_close(*slopes, atol=1e-7, rtol=1e-5)


@REAL
def test_it_is_the_logarithm_in_the_report(real):
    z = torch.linspace(-5, 5, 21, dtype=torch.float64)
    d = 1 / (1 + torch.exp(-z))
    torch.testing.assert_close(bce_gan(z, real), -(d if real else 1 - d).log().mean())


@REAL
def test_extreme_logits_stay_finite_and_keep_their_slope(real):
    z = torch.tensor([-1e4, -200.0, 0.0, 200.0, 1e4], requires_grad=True)
    loss = bce_gan(z, real)
    assert loss.item() == pytest.approx((1e4 + 200 + math.log(2)) / 5)
    (slope,) = torch.autograd.grad(loss, z)
    expected = [-1.0, -1.0, -0.5, 0.0, 0.0] if real else [0.0, 0.0, 0.5, 1.0, 1.0]   # full slope where it is most wrong
    torch.testing.assert_close(slope, torch.tensor(expected) / 5)


@REAL
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (4, 1, 30, 30), (7,)])
def test_an_undecided_discriminator_costs_log_2_whatever_the_shape(real, shape):
    loss = bce_gan(torch.zeros(shape), real)
    assert loss.shape == () and loss.item() == pytest.approx(math.log(2))


def test_the_slope_is_right():
    z = torch.linspace(-3, 3, 8, dtype=torch.float64, requires_grad=True)
    for real in (True, False):
        torch.autograd.gradcheck(lambda x, real=real: bce_gan(x, real), z)


@REAL
def test_any_strides(real):
    z = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    for view in (z.transpose(1, 3), z[:, ::2], z.flip(0), z[:1].expand(4, 3, 5, 6)):
        torch.testing.assert_close(bce_gan(view, real), bce_gan(view.contiguous(), real))
