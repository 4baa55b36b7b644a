"""Colorfulness is Hasler and Suesstrunk's formula, signed and on 0..255; grey has none and needs no truth to say so."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.colorfulness import colorfulness


def by_the_paper(rgb: np.ndarray) -> float:
    """(H, W, 3) on 0..255, in double precision: population standard deviations, signed differences."""
    r, g, b = (rgb[..., i].astype(np.float64) for i in range(3))
    rg, yb = r - g, 0.5 * (r + g) - b
    return np.hypot(np.std(rg, ddof=0), np.std(yb, ddof=0)) + 0.3 * np.hypot(rg.mean(), yb.mean())


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 4), height=st.integers(1, 8), width=st.integers(1, 8))
def test_agrees_with_the_formula(seed, n, height, width):
    rgb = np.random.default_rng(seed).integers(0, 256, (n, height, width, 3))
    ours = colorfulness(torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 255)
    assert ours.shape == (n,)
    np.testing.assert_allclose(ours.numpy(), [by_the_paper(picture) for picture in rgb], atol=1e-3)  # float32 of 0..255


@pytest.mark.parametrize("color, figure", [
    ((0, 0, 0), 0), ((1, 1, 1), 0), ((0.4, 0.4, 0.4), 0),
    ((1, 0, 0), 0.3 * 255 * 1.25**0.5), ((0, 0, 1), 0.3 * 255), ((0, 1, 0), 0.3 * 255 * 1.25**0.5),
])
def test_pictures_of_one_color_by_hand(color, figure):
    """No spread; rg and yb of red are 255 and 127.5, of blue 0 and -255."""
    rgb = torch.tensor(color, dtype=torch.float32)[None, :, None, None].expand(1, 3, 4, 4)
    assert colorfulness(rgb).item() == pytest.approx(figure, abs=1e-3)


def test_opposite_colors_do_not_hide_each_other_and_signs_count():
    """Half red, half green: mean rg is 0 and its spread 255. With absolute values first the spread would be 0."""
    rgb = torch.zeros(1, 3, 2, 2)
    rgb[:, 0, 0], rgb[:, 1, 1] = 1, 1
    assert colorfulness(rgb).item() == pytest.approx(255 + 0.3 * 127.5, abs=1e-3)


def test_each_picture_has_its_own_figure_in_any_layout():
    rgb = torch.rand(3, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    rgb[1] = 0.5
    alone = torch.cat([colorfulness(picture[None]) for picture in rgb])
    torch.testing.assert_close(colorfulness(rgb), alone)
    torch.testing.assert_close(colorfulness(rgb.contiguous(memory_format=torch.channels_last)), alone)
    torch.testing.assert_close(colorfulness(rgb.transpose(2, 3)), alone)
    assert alone[1] < 1e-3 < alone[0]


def test_less_saturation_is_less_colorful():
    rgb = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    grey = rgb.mean(1, keepdim=True)
    figures = [colorfulness(grey + share * (rgb - grey)).item() for share in (0, 0.25, 0.5, 1)]
    assert figures == pytest.approx([figures[-1] * share for share in (0, 0.25, 0.5, 1)], abs=1e-3)  # it is linear


def test_photographs_agree_with_the_formula(real_pictures):
    rgb = np.stack([photos.read(f).rgb for f in sorted((real_pictures / "objects").iterdir())[:2]])
    x = torch.from_numpy(rgb).permute(0, 3, 1, 2) / 255.0
    np.testing.assert_allclose(colorfulness(x).numpy(), [by_the_paper(picture) for picture in rgb], rtol=1e-5)
    assert colorfulness(x.half()).dtype == torch.float32


def test_what_is_no_picture_is_refused():
    a = torch.full((2, 3, 4, 4), 0.5)
    for bad, sentence in ((255 * a, "0..255"), (a * float("nan"), "nan"), (a[:0], "at least one picture"), (a.byte(), "float")):
        with pytest.raises(BadInput, match=sentence):
            colorfulness(bad)
