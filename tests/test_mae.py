"""MAE is the mean of absolute differences, per picture, on any shape; long sums keep their digits; others are refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.mae import mae


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 4), h=st.integers(1, 9), w=st.integers(1, 9), noise=st.floats(0, 1))
def test_agrees_with_numpy_in_float64(seed, n, h, w, noise):
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(n, 3, h, w, generator=generator)
    b = a + noise * (torch.rand(a.shape, generator=generator) - a)
    expected = [np.abs(p - q).mean() for p, q in zip(a.double().numpy(), b.double().numpy())]
    assert mae(a, b).shape == (n,)
    np.testing.assert_allclose(mae(a, b).numpy(), expected, rtol=1e-5, atol=1e-7)     # rounding of float32
    assert torch.equal(mae(a, b), mae(b, a)) and torch.equal(mae(a, a), torch.zeros(n))


@pytest.mark.parametrize("difference", [1.0, 0.5, 0.125])
def test_figures_known_without_a_computer(difference):
    black = torch.zeros(2, 3, 4, 5)
    other = black.clone()
    other[0] += difference
    other[1, 2] += difference                                                    # one channel of three
    assert mae(black, other).tolist() == pytest.approx([difference, difference / 3])


def test_a_long_sum_keeps_its_digits():
    """3 million equal terms: added one after the other in float32 they would be off in the third digit."""
    assert mae(torch.zeros(1, 3, 1000, 1000), torch.full((1, 3, 1000, 1000), 0.1)).item() == pytest.approx(0.1, rel=1e-6)


def test_photographs_agree_and_it_rises_with_the_noise(real_pictures):
    files = sorted((real_pictures / "objects").iterdir())[:2]
    a = torch.stack([torch.from_numpy(photos.read(f).rgb).permute(2, 0, 1) / 255.0 for f in files])
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(0))
    before = torch.full((2,), 0.0)
    for sigma in (0.01, 0.05, 0.2):
        b = (a + sigma * noise).clamp(0, 1)
        expected = [np.abs(p - q).mean() for p, q in zip(a.double().numpy(), b.double().numpy())]
        np.testing.assert_allclose(mae(b, a).numpy(), expected, rtol=1e-5)
        assert (mae(b, a) > before).all()
        before = mae(b, a)


def test_half_precision_is_for_storing_alone():
    """Squares of 1/256 are below what float16 can add up; in float32 they are seen."""
    a = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).half()
    b = (a + 2**-8).clamp(max=1)
    assert mae(a, b).dtype == torch.float32 and torch.equal(mae(a, b), mae(a.float(), b.float()))


def test_what_is_no_pair_of_pictures_is_refused():
    a = torch.full((2, 3, 4, 4), 0.5)
    for other, sentence in ((255 * a, "0..255"), (a * float("nan"), "nan"), (a[:1], "one shape"), (a.byte(), "float pictures")):
        with pytest.raises(BadInput, match=sentence):
            mae(a, other)
    with pytest.raises(BadInput, match="at least one picture"):
        mae(a[:0], a[:0])
