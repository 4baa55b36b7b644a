"""VIF is piq's and sewar's on luma of 0..255; equal pictures have 1, a flat truth has a figure, and more contrast more than 1."""

import math

import numpy as np
import official
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.vif import vif


def luma(rgb):
    return 255 * (0.299 * rgb[:, 0] + 0.587 * rgb[:, 1] + 0.114 * rgb[:, 2])


def assert_as_the_packages(prediction, truth):
    """piq adds 1e-8 to both sums and to g's denominator, sewar 1e-10."""
    sewar = pytest.importorskip("sewar.full_ref", reason="pip install sewar, to compare with")
    found = vif(prediction, truth)
    assert found.shape == (len(truth),)
    expected = official.load("piq").vif_p(prediction, truth, reduction="none")
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-7)
    expected = [sewar.vifp(t.numpy(), p.numpy()) for t, p in zip(luma(truth), luma(prediction))]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


def pair(seed, n, h, w, noise):
    """Squares of 12 pixels with some texture; the prediction has noise, and the negative of the truth on the right."""
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.random((n, 3, h // 12 + 1, w // 12 + 1)), np.ones((12, 12)))[..., :h, :w]
    truth = 0.9 * truth + 0.1 * rng.random(truth.shape)
    prediction = truth + noise * rng.standard_normal(truth.shape)
    prediction[..., 3 * w // 4:] = 1 - prediction[..., 3 * w // 4:]
    return torch.from_numpy(prediction.clip(0, 1)), torch.from_numpy(truth)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 3), h=st.integers(41, 90), w=st.integers(41, 90), noise=st.floats(0, 0.5))
@example(seed=0, n=1, h=41, w=41, noise=0.1)                                    # one window in the last scale
@example(seed=1, n=1, h=42, w=45, noise=0.1)
def test_agrees_with_piq_and_sewar(seed, n, h, w, noise):
    assert_as_the_packages(*pair(seed, n, h, w, noise))


def photographs(folder):
    files = sorted((folder / "objects").iterdir())[:2]
    return torch.stack([torch.from_numpy(photos.read(f).rgb).permute(2, 0, 1) / 255.0 for f in files]).double()


def test_photographs_agree_and_it_falls_as_noise_rises(real_pictures):
    truth, generator, before = photographs(real_pictures), torch.Generator().manual_seed(0), torch.ones(2)
    noise = torch.randn(truth.shape, generator=generator, dtype=torch.float64)
    for sigma in (0.01, 0.05, 0.2):
        prediction = (truth + sigma * noise).clamp(0, 1)
        assert_as_the_packages(prediction, truth)
        found = vif(prediction.float(), truth.float())
        torch.testing.assert_close(found, vif(prediction, truth).float(), atol=1e-5, rtol=0)    # what float32 pixels lose
        assert found.dtype == torch.float32 and (found < before).all()
        before = found


def test_figures_known_without_a_computer():
    _, truth = pair(2, 2, 50, 60, 0)
    ones = torch.ones(2, dtype=torch.float64)
    torch.testing.assert_close(vif(truth, truth), ones, atol=1e-12, rtol=0)
    torch.testing.assert_close(vif(truth.float(), truth.float()), ones.float())
    torch.testing.assert_close(vif(0.5 * truth + 0.3, 0.5 * truth), ones)       # brightness is not information
    torch.testing.assert_close(vif(1 - truth, truth), 0 * ones)                 # nor is a negative: cov < 0 everywhere
    assert (vif(truth, 0.5 * truth) > 1).all() and (vif(0.5 * truth, truth) < 1).all()


def test_one_plain_wave_by_the_formula():
    """Stripes of 2 pixels with contrast c on 0..255: fine enough that scales 2 to 4 hardly see them, so scale 1 is left, where
    every window has vt = c^2, but for 0.001 of it, and the prediction k^2 times that: log(1 + k^2 c^2/s) / log(1 + c^2/s)."""
    c, k, s = 20 / 255, 0.5, 2.0
    stripes = (1 - 2 * (torch.arange(80) % 2)).double().expand(1, 3, 80, 80)
    found = vif(0.5 + k * c * stripes, 0.5 + c * stripes).item()
    assert found == pytest.approx(math.log1p((k * 20) ** 2 / s) / math.log1p(20**2 / s), abs=1e-3)


def test_a_flat_truth_says_nothing():
    flat, other = torch.full((3, 3, 48, 48), 0.3), torch.full((3, 3, 48, 48), 0.8)
    other[1] += 0.1 * torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(0))
    other[2] = flat[2]
    assert vif(other, flat).tolist() == [1, 0, 1]
    assert vif(flat, other).tolist() == [1, 0, 1]                               # and a flat prediction says nothing of a truth


def test_flat_regions_do_not_turn_rounding_into_information():
    """A drawing, flat but for one edge, and noise over it: in float32 throughout, rounding beside 255^2 would count as detail."""
    truth = torch.zeros(1, 3, 96, 96)
    truth[..., 48:] = 0.9
    noise = 0.02 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    prediction = (truth + noise).clamp(0, 1)
    torch.testing.assert_close(vif(prediction, truth), vif(prediction.double(), truth.double()).float(), atol=1e-6, rtol=0)
    assert_as_the_packages(prediction.double(), truth.double())


def test_a_picture_does_not_touch_its_neighbors_and_strides_do_not_count():
    prediction, truth = pair(4, 3, 50, 44, 0.2)
    alone = torch.cat([vif(prediction[i:i + 1], truth[i:i + 1]) for i in range(3)])
    torch.testing.assert_close(vif(prediction, truth), alone)
    torch.testing.assert_close(vif(prediction.mT, truth.mT), alone)
    assert not torch.allclose(vif(truth, prediction), alone)                    # not symmetric


def test_what_has_no_vif_is_refused():
    a = torch.rand(2, 3, 41, 50, generator=torch.Generator().manual_seed(0))
    for bad, sentence in ((a[:, :, :40], "sides of at least 41 pixels, got 40x50"), (a[..., :40], "got 41x40"),
                          (a * 255, "0..255"), (a * float("nan"), "nan"), (a[:, :1], "N, 3, H, W"),
                          (a[:0], "at least one picture"), (a.byte(), "float pictures")):
        with pytest.raises(BadInput, match=sentence):
            vif(bad, bad)
    with pytest.raises(BadInput, match="one shape"):
        vif(a, a[:1])
