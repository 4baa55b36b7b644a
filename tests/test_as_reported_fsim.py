"""Report B's FSIM wraps its gradients as an unsigned 16-bit picture does. The whole of it is compared in test_as_reported.py."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.errors import BadInput
from minicolor.metrics.as_reported_fsim import _filters, _gradient, _phase_congruency, as_reported_fsim


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squares(seed: int, n: int, height: int, width: int) -> torch.Tensor:
    """(n, height, width) with edges and noise: in noise alone no phases agree, and all would be 0."""
    edges = np.kron(random(seed, n, 8, 8).numpy(), np.ones((5, 5)))[:, :height, :width]
    return torch.from_numpy(edges) + 0.05 * random(seed + 1, n, height, width)


def ramp(slope: int) -> torch.Tensor:
    """(1, 10, 12), rising to the right by `slope` per pixel; Scharr's weights add up to 32 times that, away from the edge."""
    return (torch.arange(12, dtype=torch.float64) * slope + 300)[None, None].repeat(1, 10, 1)


@pytest.mark.parametrize("slope, gradient", [(3, 96), (7, 224), (8, 0), (9, (288**2 - 65536) ** 0.5), (-3, 0), (-9, 0)])
def test_a_ramps_gradient_by_hand(slope, gradient):
    """8 * 32 = 256, whose square is 65536, 0 in 16 bits; whatever falls to the right, or downwards, is 0, too."""
    inside = (slice(None), slice(1, -1), slice(1, -1))
    for x in (ramp(slope), ramp(slope).transpose(1, 2)):
        assert (_gradient(x)[inside] == pytest.approx(gradient)), slope


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), height=st.integers(8, 20), width=st.integers(8, 20), scale=st.sampled_from([1, 255, 4095]))
@example(seed=0, height=8, width=8, scale=255)
def test_the_gradient_is_opencvs_in_16_bits_and_numpys(seed, height, width, scale):
    cv2 = pytest.importorskip("cv2")
    x = scale * random(seed, 2, height, width)
    for picture, found in zip(x.numpy(), _gradient(x).numpy()):
        right, down = (cv2.Scharr(picture, cv2.CV_16U, *order) for order in ((1, 0), (0, 1)))
        assert right.dtype == np.uint16
        np.testing.assert_allclose(found, np.sqrt((right**2 + down**2).astype(np.float64)), atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), height=st.integers(8, 40), width=st.integers(8, 40), scale=st.sampled_from([1.0, 255.0]))
@example(seed=0, height=9, width=16, scale=1.0)                               # odd and even sizes have filters of their own
def test_phase_congruency_is_phasepacks_summed_over_orientations(seed, height, width, scale):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                                       # it says that another FFT would be faster
        reason = "pip install --no-deps phasepack"
        phasepack = pytest.importorskip("phasepack", reason=reason, exc_type=ImportError)
    x = scale * squares(seed, 2, height, width)
    found = _phase_congruency(x, *_filters(height, width, x.device))
    for picture, mine in zip(x.numpy(), found.numpy()):
        pc = phasepack.phasecong(picture, nscale=4, norient=6, minWaveLength=6, mult=2, sigmaOnf=0.5978)[4]
        np.testing.assert_allclose(mine, np.sum(pc, axis=0), atol=1e-9)


def test_brightness_does_not_touch_phase_congruency_and_contrast_hardly():
    x = squares(1, 1, 32, 32)
    filters = _filters(32, 32, x.device)
    plain = _phase_congruency(255 * x, *filters)
    assert plain.min() >= 0 and 0.1 < plain.max() <= 6
    torch.testing.assert_close(_phase_congruency(255 * x + 40, *filters), plain)
    # what differs is the constant that keeps 0/0 away
    torch.testing.assert_close(_phase_congruency(100 * x, *filters), plain, atol=1e-4, rtol=1e-3)


def test_equal_pictures_are_1_and_it_falls_with_noise_but_less_on_0_to_1():
    truth = torch.nn.functional.interpolate(random(2, 2, 3, 6, 6), (64, 64), mode="bicubic").clamp(0, 1)
    noise = random(3, 2, 3, 64, 64) - 0.5
    last = []
    for scale in (1.0, 255.0):
        d = torch.stack([as_reported_fsim((truth + s * noise).clamp(0, 1), truth, scale) for s in (0, 0.1, 0.5)])
        assert d.shape == (3, 2) and d[0].tolist() == pytest.approx([1, 1]) and (d[0] > d[1]).all() and (d[1] > d[2]).all()
        last.append(d[2])
    assert (last[0] - last[1] > 0.05).all(), "the constant 160 swamps gradients of [0, 1]"


def test_a_band_that_is_flat_in_both_is_nan_as_there_and_only_for_its_picture():
    a, b = random(4, 2, 3, 20, 20), random(5, 2, 3, 20, 20)
    a[0, 1] = b[0, 1] = 0.0
    found = as_reported_fsim(a, b)
    assert found[0].isnan() and found[1].isfinite()


def test_what_is_no_pair_of_pictures_is_refused():
    a = random(6, 1, 3, 20, 20)
    for x, words in ((a[..., :7], "at least 8 pixels, got 20x7"), (255 * a, "looks like 0..255"), (a[:, :1], "N, 3, H, W")):
        with pytest.raises(BadInput, match=words):
            as_reported_fsim(x, x)
