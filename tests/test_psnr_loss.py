"""psnr_loss is 1 - PSNR / 58.9 dB with scikit-image's PSNR, and finite with finite slopes for equal pictures."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from minicolor.losses.psnr_loss import psnr_loss

BEST = 10 * math.log10(12 * 255**2)                                  # the decibels of an 8-bit rounding


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 4), noise=st.floats(0.05, 1))
def test_agrees_with_scikit_image(seed, n, noise):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(n, 3, 6, 9, generator=generator, dtype=torch.float64)
    other = truth + noise * (torch.rand(truth.shape, generator=generator, dtype=torch.float64) - truth)
    each = [peak_signal_noise_ratio(t, o, data_range=1) for t, o in zip(truth.numpy(), other.numpy())]
    loss = psnr_loss(other, truth)
    assert loss.shape == () and loss.item() == pytest.approx(1 - np.mean(each) / BEST, abs=0.03 / BEST)  # the floor, at 25 dB


def test_figures_known_without_a_computer():
    black = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    for difference, decibels in ((1.0, 0.0), (0.1, 20.0), (10**-1.5, 30.0)):
        assert psnr_loss(black, black + difference).item() == pytest.approx(1 - decibels / BEST, abs=0.006 / BEST)


def test_the_logarithm_is_each_pictures_own():
    """20 dB and 40 dB are 30 dB in the middle; the PSNR of the batch's common error would be 23."""
    a = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    b = torch.tensor([0.1, 0.01], dtype=torch.float64).view(2, 1, 1, 1).expand_as(a)
    assert psnr_loss(a, b).item() == pytest.approx(1 - 30 / BEST, abs=0.05 / BEST)


def test_equal_pictures_are_0_and_have_no_slope():
    a = torch.rand(2, 3, 5, 5, requires_grad=True)
    loss = psnr_loss(a, a.detach().clone())
    assert loss.item() == pytest.approx(0, abs=1e-6)
    (slope,) = torch.autograd.grad(loss, a)
    assert not slope.any()


def test_the_slope_is_right_near_equal_pictures_too():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(2, 1, 3, 3, generator=generator, dtype=torch.float64)
    for noise in (0.3, 1e-3):
        a = (truth + noise * torch.randn(truth.shape, generator=generator, dtype=torch.float64)).requires_grad_()
        torch.autograd.gradcheck(lambda x: psnr_loss(x, truth), a)


@pytest.mark.parametrize("shapes", [((2, 3, 4, 4), (1, 3, 4, 4)), ((3, 4, 4), (3, 4, 4))])
def test_shapes_that_would_broadcast_are_refused(shapes):
    with pytest.raises(ValueError, match="of one shape expected"):
        psnr_loss(*(torch.zeros(s) for s in shapes))
