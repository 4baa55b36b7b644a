"""SSIM is scikit-image's with Wang's window, pixel for pixel; its slope is right, and float32 keeps its digits."""

import numpy as np
import official
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.ssim import ssim as metric
from minicolor.ops.ssim import IN_CACHE, ssim, ssim_map


def oracle(a, b, peak=1.0):
    """The map of one picture (C, H, W). scikit-image pads at the edge; the 5 pixels where it does so are cut."""
    _, full = structural_similarity(
        a.double().numpy(), b.double().numpy(), channel_axis=0, data_range=peak, full=True,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    return full[:, 5:-5, 5:-5]


def pair(seed, n, c, h, w, noise, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(n, c, h, w, generator=generator, dtype=dtype)
    return a, a + noise * (torch.rand(a.shape, generator=generator, dtype=dtype) - a)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 3), c=st.integers(1, 3), h=st.integers(11, 25), w=st.integers(11, 25),
       noise=st.floats(0, 1), peak=st.sampled_from([1.0, 255.0]))
@example(seed=0, n=1, c=1, h=11, w=11, noise=0.5, peak=1.0)              # one window
def test_the_map_is_scikit_images(seed, n, c, h, w, noise, peak):
    a, b = (peak * x for x in pair(seed, n, c, h, w, noise))
    found, expected = ssim_map(a, b, peak), [oracle(*both, peak) for both in zip(a, b)]
    assert found.shape == (n, c, h - 10, w - 10)
    np.testing.assert_allclose(found.numpy(), np.stack(expected), atol=1e-10)
    np.testing.assert_allclose(ssim(a, b, peak).numpy(), [m.mean() for m in expected], atol=1e-10)


@pytest.mark.parametrize("contrast", [0.2, 0.01])
def test_float32_keeps_its_digits_on_a_bright_flat_picture(contrast):
    """Variances of 1e-5 beside squares of 0.9: what E[x^2] - E[x]^2 loses is c2's size. A gradient and both channels at once."""
    a, b = (0.95 + contrast * (x - 0.5) for x in pair(3, 2, 3, 40, 50, 0.5, torch.float32))
    expected = np.stack([oracle(*both) for both in zip(a, b)])
    np.testing.assert_allclose(ssim_map(a, b).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(ssim(a, b).numpy(), expected.mean((1, 2, 3)), atol=1e-6)


def test_figures_known_without_a_computer():
    """Two flat pictures: variances are 0, and (2 ma mb + c1) / (ma^2 + mb^2 + c1) is left, with c1 = 1e-4."""
    a, b = torch.full((1, 1, 12, 12), 0.5, dtype=torch.float64), torch.full((1, 1, 12, 12), 0.25, dtype=torch.float64)
    assert ssim(a, b).item() == pytest.approx((0.25 + 1e-4) / (0.3125 + 1e-4))
    assert ssim(255 * a, 255 * b, peak=255).item() == pytest.approx(ssim(a, b).item())


def test_equal_pictures_are_1_in_either_order_and_a_negative_is_below_0():
    a, b = pair(1, 3, 3, 20, 15, 0.5, torch.float32)
    assert (ssim(a, a) == 1).all()
    torch.testing.assert_close(ssim(a, b), ssim(b, a))
    assert (ssim(a, 1 - a) < 0).all()


def test_a_picture_does_not_touch_its_neighbors():
    a, b = pair(2, 3, 3, 16, 16, 0.7)
    for i in range(3):
        torch.testing.assert_close(ssim(a, b)[i], ssim(a[i:i + 1], b[i:i + 1])[0])


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_slope_is_right(noise):
    a, b = pair(4, 1, 2, 12, 12, noise)
    torch.autograd.gradcheck(ssim, (a.requires_grad_(), b.clone().requires_grad_()))


def test_flat_and_equal_pictures_have_finite_slopes():
    a = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    for b in (torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.5)):
        (slope,) = torch.autograd.grad(ssim(a, b).sum(), a)
        assert slope.isfinite().all()


def test_half_precision_and_autocast_are_computed_in_float32():
    a, b = (x.bfloat16() for x in pair(5, 2, 3, 20, 20, 0.3, torch.float32))
    expected = ssim(a.float(), b.float())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ssim(a, b), expected) and torch.equal(ssim(a.float(), b.float()), expected)


def test_any_strides():
    a, b = pair(6, 2, 3, 14, 18, 0.3)
    for view in (lambda x: x.transpose(2, 3), lambda x: x.flip(3), lambda x: x[:, :1].expand(2, 3, 14, 18)):
        torch.testing.assert_close(ssim(view(a), view(b)), ssim(view(a).contiguous(), view(b).contiguous()))


@pytest.mark.parametrize("shapes", [((1, 3, 10, 20), (1, 3, 10, 20)), ((2, 3, 20, 20), (1, 3, 20, 20)),
                                    ((3, 20, 20),) * 2, ((0, 3, 20, 20),) * 2])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="sides of at least 11"):
        ssim(*(torch.rand(s) for s in shapes))


def test_photographs_agree_with_three_packages_and_it_falls_as_noise_rises(real_pictures):
    files = sorted((real_pictures / "objects").iterdir())[:2]
    a = torch.stack([torch.from_numpy(photos.read(f).rgb).permute(2, 0, 1) / 255.0 for f in files])
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(0))
    piq, torchmetrics, before = official.load("piq"), official.load("torchmetrics.functional"), torch.ones(2)
    for sigma in (0.01, 0.05, 0.2):
        b = (a + sigma * noise).clamp(0, 1)
        found = metric(b, a)
        np.testing.assert_allclose(found.numpy(), [oracle(*both).mean() for both in zip(a, b)], atol=1e-6)
        _, rim = torchmetrics.image.structural_similarity_index_measure(b, a, data_range=1.0, return_full_image=True)
        for expected in (piq.ssim(b, a, downsample=False, reduction="none"), rim[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)           # they do not center: digits of float32
        assert (found < before).all()
        before = found


def test_planes_that_do_not_fit_the_cache_together_go_one_after_the_other():
    a, b = pair(8, 3, 3, 120, 200, 0.4)
    assert 1 < IN_CACHE // (120 * 200) < 9 and 9 % (IN_CACHE // (120 * 200))         # the last portion is a small one
    np.testing.assert_allclose(ssim_map(a, b).numpy(), np.stack([oracle(*both) for both in zip(a, b)]), atol=1e-10)


def test_the_metric_is_the_same_for_pictures_and_refuses_what_is_none():
    a, b = pair(7, 2, 3, 15, 15, 0.4, torch.float32)
    assert torch.equal(metric(a, b), ssim(a, b))
    for wrong, sentence in ((255 * a, "looks like 0..255"), (2 * a - 1, "looks like -1..1"), (a[:, :1], "N, 3, H, W"),
                            (a[..., :10], "sides of at least 11"), (a[:0], "at least one picture"), (a * float("nan"), "nan")):
        with pytest.raises(BadInput, match=sentence):
            metric(wrong, wrong)
