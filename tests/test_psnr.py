"""PSNR is scikit-image's with peak 1, per picture; equal pictures have infinitely many decibels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from minicolor.metrics.psnr import psnr


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 4), side=st.integers(1, 8), noise=st.floats(0.001, 1))
def test_agrees_with_scikit_image(seed, n, side, noise):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(n, 3, side, side, generator=generator)
    other = truth + noise * (torch.rand(truth.shape, generator=generator) - truth)
    pairs = zip(truth.double().numpy(), other.double().numpy())
    expected = [peak_signal_noise_ratio(t, o, data_range=1) for t, o in pairs]
    assert psnr(other, truth).shape == (n,)
    np.testing.assert_allclose(psnr(other, truth).numpy(), expected, atol=1e-3)  # float32 differences of 1e-4 and more


@pytest.mark.parametrize("difference, decibels", [(1.0, 0.0), (0.1, 20.0), (0.01, 40.0), (0.5, -20 * math.log10(0.5))])
def test_figures_known_without_a_computer(difference, decibels):
    black = torch.zeros(1, 3, 4, 4)
    assert psnr(black, black + difference).item() == pytest.approx(decibels, abs=1e-3)
    assert psnr(black + difference, black).item() == pytest.approx(decibels, abs=1e-3)


def test_equal_pictures_are_infinitely_good_and_do_not_touch_their_neighbors():
    a = torch.full((3, 3, 2, 2), 0.5)
    b = a.clone()
    b[0] += 0.1
    b[2, 0] += 0.1                                                   # one channel of three: a third of the error
    assert psnr(a, b).tolist() == pytest.approx([20, math.inf, 20 + 10 * math.log10(3)], abs=1e-3)
