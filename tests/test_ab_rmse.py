"""ab-RMSE is the root mean square of a and b alone, per picture, on scikit-image's Lab."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.ops.lab import lab_to_rgb, rgb_to_lab


def pictures(seed: int, n: int = 2, height: int = 6, width: int = 5) -> torch.Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def ab(rgb: torch.Tensor) -> np.ndarray:
    return rgb2lab(rgb.permute(0, 2, 3, 1).double().numpy())[..., 1:]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 4), height=st.integers(1, 8), width=st.integers(1, 8))
def test_agrees_with_scikit_image(seed, n, height, width):
    a, b = pictures(seed, n, height, width), pictures(seed + 1, n, height, width)
    expected = ((ab(a) - ab(b)) ** 2).mean((1, 2, 3)) ** 0.5
    assert ab_rmse(a, b).shape == (n,)
    np.testing.assert_allclose(ab_rmse(a, b).numpy(), expected, atol=0.02)  # 0.01 for each Lab


def test_equal_pictures_score_zero_and_the_order_plays_no_part():
    a, b = pictures(0), pictures(1)
    assert torch.equal(ab_rmse(a, a), torch.zeros(2))
    torch.testing.assert_close(ab_rmse(a, b), ab_rmse(b, a))


def test_each_picture_has_its_own_figure():
    a, b = pictures(0, 3), pictures(1, 3)
    b[1] = a[1]
    together, alone = ab_rmse(a, b), torch.cat([ab_rmse(a[i : i + 1], b[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone)
    assert together[1] == 0 and together[0] > 1 and together[2] > 1


def test_lightness_is_left_out():
    """The same a, b under another L, both inside the gamut, score nothing; greys of any lightness score nothing."""
    lab = torch.tensor([50.0, 12.0, -9.0])[None, :, None, None].repeat(1, 1, 4, 4)
    darker = lab - torch.tensor([15.0, 0.0, 0.0])[None, :, None, None]
    assert ab_rmse(lab_to_rgb(lab), lab_to_rgb(darker)) < 1e-3
    assert ab_rmse(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)) < 1e-3


def test_leaving_a_picture_grey_costs_its_own_color():
    rgb = pictures(2)
    lab = rgb_to_lab(rgb)
    grey = lab_to_rgb(torch.cat([lab[:, :1], torch.zeros_like(lab[:, 1:])], dim=1))
    np.testing.assert_allclose(ab_rmse(grey, rgb).numpy(), (ab(rgb) ** 2).mean((1, 2, 3)) ** 0.5, atol=0.02)


def test_one_pixel_by_hand():
    """a off by 3 and b by 4 on every pixel: sqrt((9 + 16) / 2)."""
    lab = torch.tensor([60.0, 5.0, 5.0], dtype=torch.float64)[None, :, None, None].repeat(1, 1, 2, 2)
    other = lab + torch.tensor([0.0, 3.0, -4.0], dtype=torch.float64)[None, :, None, None]
    # 1e-3: the sRGB curve's knee constants are rounded
    assert ab_rmse(lab_to_rgb(lab), lab_to_rgb(other)).item() == pytest.approx(12.5**0.5, abs=1e-3)


def test_photographs_agree_and_it_rises_with_the_noise(real_pictures):
    files = sorted((real_pictures / "objects").iterdir())[:2]
    a = torch.stack([torch.from_numpy(photos.read(f).rgb).permute(2, 0, 1) / 255.0 for f in files])
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(0))
    before = torch.zeros(2)
    for sigma in (0.01, 0.05, 0.2):
        b = (a + sigma * noise).clamp(0, 1)
        expected = ((ab(a) - ab(b)) ** 2).mean((1, 2, 3)) ** 0.5
        np.testing.assert_allclose(ab_rmse(b, a).numpy(), expected, atol=0.005)    # the root of many has less than each
        assert (ab_rmse(b, a) > before).all()
        before = ab_rmse(b, a)


def test_what_is_no_pair_of_pictures_is_refused():
    a = torch.full((2, 3, 4, 4), 0.5)
    for other, sentence in ((255 * a, "0..255"), (a * float("nan"), "nan"), (a[:1], "one shape"), (a.byte(), "float pictures")):
        with pytest.raises(BadInput, match=sentence):
            ab_rmse(a, other)
    assert ab_rmse(a.half(), a.half()).dtype == torch.float32
