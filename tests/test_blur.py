"""The Gaussian blur is scipy's, edges too, leaves grey areas as they are, and refuses what is no Gaussian."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.filters import gaussian

from minicolor.errors import BadInput
from minicolor.ops.blur import gaussian_blur, gaussian_weights


@settings(deadline=None, max_examples=40)
@given(radius=st.integers(0, 15), sigma=st.floats(0.1, 8), h=st.integers(1, 20), w=st.integers(1, 20), seed=st.integers(0, 99))
def test_agrees_with_scipy(radius, sigma, h, w, seed):
    """Pictures smaller than the blur are among them: their edges go on for many pixels."""
    x = torch.rand(2, 3, h, w, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 10
    theirs = gaussian_filter(x.numpy(), (0, 0, sigma, sigma), mode="nearest", radius=(0, 0, radius, radius))
    np.testing.assert_allclose(gaussian_blur(x, 2 * radius + 1, sigma).numpy(), theirs, rtol=1e-12)


def test_agrees_with_scikit_image_at_the_reports_setting():
    x = torch.rand(1, 1, 16, 21, generator=torch.Generator().manual_seed(0))
    theirs = gaussian(x[0, 0].numpy(), sigma=0.7, truncate=2 / 0.7)              # K = 5 is a radius of 2 pixels
    np.testing.assert_allclose(gaussian_blur(x, 5, 0.7)[0, 0].numpy(), theirs, atol=1e-6)  # float32


def test_weights_sum_to_1_are_symmetric_and_fall_as_a_gaussian():
    w = gaussian_weights(5, 0.7)
    assert sum(w) == pytest.approx(1, abs=1e-15) and w == w[::-1]
    assert w[1] / w[2] == pytest.approx(np.exp(-1 / 0.98)) and w[0] / w[2] == pytest.approx(np.exp(-4 / 0.98))
    assert gaussian_weights(1, 3.0) == [1.0]
    assert gaussian_weights(3, 1e-5) == pytest.approx([0, 1, 0])


def test_keeps_type_shape_grey_areas_and_the_input():
    x = torch.full((2, 3, 4, 5), 0.3, dtype=torch.bfloat16)
    before = x.clone()
    assert gaussian_blur(x, 7, 2.0).dtype == torch.bfloat16 and torch.equal(x, before)
    torch.testing.assert_close(gaussian_blur(x.double(), 7, 2.0), x.double(), atol=1e-14, rtol=0)
    assert gaussian_blur(x[:0], 5, 1.0).shape == (0, 3, 4, 5)


def test_views_and_gradients():
    x = torch.rand(2, 1, 5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(gaussian_blur(x.mT, 3, 1.0), gaussian_blur(x, 3, 1.0).mT)
    torch.autograd.gradcheck(lambda v: gaussian_blur(v, 5, 0.7), x)


@pytest.mark.parametrize("size, sigma, name", [(4, 1.0, "kernel_size"), (0, 1.0, "kernel_size"), (-3, 1.0, "kernel_size"),
                                               (5.0, 1.0, "kernel_size"), (True, 1.0, "kernel_size"), (5, 0.0, "sigma"),
                                               (5, -1.0, "sigma"), (5, float("nan"), "sigma"), (5, float("inf"), "sigma"),
                                               (5, "1", "sigma")])
def test_refuses_what_is_no_gaussian(size, sigma, name):
    with pytest.raises(BadInput, match=f"argument {name}: expected"):
        gaussian_blur(torch.zeros(1, 1, 4, 4), size, sigma)


@pytest.mark.parametrize("x", [torch.zeros(4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.uint8), None])
def test_refuses_what_is_no_picture(x):
    with pytest.raises(BadInput, match="argument x: expected float pictures"):
        gaussian_blur(x, 5, 0.7)
