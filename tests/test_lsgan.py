"""lsgan is torch's mean squared error towards 1 or 0: value and slope."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minicolor.losses.lsgan import lsgan

REAL = pytest.mark.parametrize("real", [True, False], ids=["real", "fake"])


@REAL
@settings(deadline=None, max_examples=40)
@given(values=st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=30))
@example(values=[0.0])
@example(values=[1.0])
def test_values_and_slopes_are_torchs(real, values):
    ours = torch.tensor(values, requires_grad=True)
    theirs = ours.detach().double().requires_grad_()
    a, b = lsgan(ours, real), F.mse_loss(theirs, torch.full_like(theirs, float(real)))
    torch.testing.assert_close(a.double(), b, atol=1e-7, rtol=1e-5)
    slopes = [torch.autograd.grad(loss, z)[0].double() for loss, z in ((a, ours), (b, theirs))]
    torch.testing.assert_close(*slopes, atol=1e-7, rtol=1e-5)


def test_a_perfect_discriminator_costs_nothing_and_an_undecided_one_a_quarter():
    assert lsgan(torch.ones(2, 1, 4, 4), real=True) == 0 and lsgan(torch.zeros(2, 1, 4, 4), real=False) == 0
    for real in (True, False):
        assert lsgan(torch.full((4, 1, 30, 30), 0.5), real).item() == 0.25


@REAL
def test_a_scalar_for_any_shape_and_strides(real):
    z = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    for view in (z, z.flatten(), z.transpose(1, 3), z[:, ::2], z[:1].expand(4, 3, 5, 6)):
        loss = lsgan(view, real)
        assert loss.shape == ()
        torch.testing.assert_close(loss, lsgan(view.contiguous(), real))
