"""PSNR is scikit-image's with peak 1, per picture; equal pictures have infinitely many decibels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from minicolor.data import photos
from minicolor.errors import BadInput
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


def test_photographs_agree_and_it_falls_with_the_noise(real_pictures):
    files = sorted((real_pictures / "objects").iterdir())[:2]
    a = torch.stack([torch.from_numpy(photos.read(f).rgb).permute(2, 0, 1) / 255.0 for f in files])
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(0))
    before = torch.full((2,), torch.inf)
    for sigma in (0.01, 0.05, 0.2):
        b = (a + sigma * noise).clamp(0, 1)
        expected = [peak_signal_noise_ratio(p, q, data_range=1) for p, q in zip(a.double().numpy(), b.double().numpy())]
        np.testing.assert_allclose(psnr(b, a).numpy(), expected, atol=1e-4)
        assert (psnr(b, a) < before).all()
        before = psnr(b, a)


def test_half_precision_is_for_storing_alone():
    """Squares of 1/256 are below what float16 can add up; in float32 they are seen."""
    a = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).half()
    b = (a + 2**-8).clamp(max=1)
    assert psnr(a, b).dtype == torch.float32 and torch.equal(psnr(a, b), psnr(a.float(), b.float()))


def test_what_is_no_pair_of_pictures_is_refused():
    a = torch.full((2, 3, 4, 4), 0.5)
    for other, sentence in ((255 * a, "0..255"), (a * float("nan"), "nan"), (a[:1], "one shape"), (a.byte(), "float pictures")):
        with pytest.raises(BadInput, match=sentence):
            psnr(a, other)
    with pytest.raises(BadInput, match="at least one picture"):
        psnr(a[:0], a[:0])
