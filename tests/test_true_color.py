"""What is made of a plate has its green exposure's lightness, and is measured as others measure it."""

import io

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from minicolor.data.scenes import draw
from minicolor.evaluation.true_color import GAP, TILE, TITLE, answers, mean_ab, measured, row, sheet

NOTHING = torch.zeros(1, 2, 1, 1)


def rgb_of(lightness, a, b):
    """By scikit-image: Lab planes -> (h, w, 3) uint8."""
    return (lab2rgb(np.stack(np.broadcast_arrays(lightness, a, b), axis=2).astype(float)) * 255).round().astype(np.uint8)


@settings(deadline=None, max_examples=20)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
@example(height=1, width=1, seed=0)
def test_figures_are_scikit_images(height, width, seed):
    one, two = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)
    of = measured(one, two)
    a, b = rgb2lab(one), rgb2lab(two)
    off = (a - b)[..., 1:]
    assert of["ab_rmse"] == pytest.approx(np.sqrt((off**2).mean()), abs=0.02)                 # white points: 0.01 apart
    assert of["no_cast"] == pytest.approx(off.reshape(-1, 2).std(axis=0).__pow__(2).mean() ** 0.5, abs=0.02)
    assert of["ciede2000"] == pytest.approx(deltaE_ciede2000(a, b).mean(), abs=0.02)
    assert of["colorfulness"] == pytest.approx(measured(one, one)["colorfulness"]), "of the answer, whatever the truth"


def test_a_tint_is_no_error_where_casts_are_left_out():
    """The same picture printed bluer: ab-RMSE sees the tint alone, sqrt((6^2 + 10^2) / 2), and "no cast" nothing."""
    chance = np.random.default_rng(0)
    lightness, a, b = 50 + 20 * chance.random((30, 40)), *(15 * chance.random((2, 30, 40)) - 7)
    of = measured(rgb_of(lightness, a + 6, b - 10), rgb_of(lightness, a, b))
    assert of["ab_rmse"] == pytest.approx(np.sqrt(68), abs=0.1) and of["no_cast"] < 0.6        # 8-bit rounding: 0.4 each


@pytest.mark.parametrize("ab", [(8, -15), (60, 45), (-70, 40)], ids=str)
@pytest.mark.parametrize("index", range(4))
def test_answers_keep_the_green_exposures_lightness(index, ab):
    """Also where sRGB has no such color: cut off at 0 and 255, black would become 12 units lighter at (60, 45)."""
    truth = draw(3, index, 64).rgb
    green = rgb2lab(truth[..., 1:2].repeat(3, axis=2))[..., 0]
    made = answers(truth, torch.tensor(ab).float()[None, :, None, None], {})
    assert list(made) == ["left grey", "mean color", "true color", "the plate"]
    for name in ("left grey", "mean color", "true color"):
        assert np.abs(rgb2lab(made[name])[..., 0] - green).max() < 0.8, name                 # 8-bit rounding near black
    assert made["the plate"] is truth and (made["left grey"] == truth[..., 1:2]).all()
    if ab == (8, -15):                                                                       # sRGB has it at these lightnesses:
        middle = (green > 30) & (green < 70)
        assert np.abs(rgb2lab(made["mean color"])[middle][:, 1:] - ab).max() < 1.5


def test_the_true_color_is_an_answer_that_nothing_is_wrong_with():
    """Pale colors of one lightness, all of them in sRGB: a, b come back; and a grey plate comes back whole."""
    chance = np.random.default_rng(0)
    truth = rgb_of(60, *(30 * chance.random((2, 20, 20)) - 15))
    made = answers(truth, NOTHING, {})["true color"]
    assert np.abs(rgb2lab(made) - rgb2lab(truth))[..., 1:].max() < 1.5                        # two roundings to 8 bits
    grey = chance.integers(0, 256, (9, 7, 1), np.uint8).repeat(3, axis=2)
    assert np.abs(answers(grey, NOTHING, {})["true color"].astype(int) - grey).max() <= 1


def test_runs_see_the_green_exposure_and_nothing_else():
    truth, seen = draw(3, 5, 32).rgb, []

    def invert(grey):
        seen.append(grey)
        return 255 - grey

    made = answers(truth, NOTHING, {"one": invert})
    np.testing.assert_array_equal(seen[0], truth[..., 1:2].repeat(3, axis=2))
    np.testing.assert_array_equal(made["one"], 255 - seen[0])
    made = answers(truth, NOTHING, {"one": invert}, denoise=lambda green: green // 2)
    np.testing.assert_array_equal(seen[1], truth[..., 1:2].repeat(3, axis=2) // 2)
    np.testing.assert_array_equal(made["left grey"], seen[1])


def test_mean_color_is_scikit_images():
    truth = draw(3, 6, 64).rgb
    np.testing.assert_allclose(mean_ab(truth)[0, :, 0, 0], rgb2lab(truth)[..., 1:].mean(axis=(0, 1)), atol=0.01)


def test_sheets_show_each_picture_in_its_place():
    red, blue, wide = (np.full((h, w, 3), c, np.uint8) for h, w, c in ((50, 100, (200, 0, 0)), (50, 100, (0, 0, 200)),
                                                                       (10, 100, (0, 200, 0))))
    rows = [row("", {"left": left, "right": right}) for left, right in ((red, blue), (wide, wide), (blue, red))]
    whole = np.asarray(Image.open(io.BytesIO(sheet(rows)))).astype(int)
    high = [TILE // 2, TILE // 10, TILE // 2]
    tops = [TITLE, high[0] + GAP + 2 * TITLE, high[0] + high[1] + 2 * GAP + 3 * TITLE]
    assert whole.shape == (sum(high) + 3 * (TITLE + GAP), 2 * (TILE + GAP), 3)
    for i, colors in enumerate((((200, 0, 0), (0, 0, 200)), ((0, 200, 0), (0, 200, 0)), ((0, 0, 200), (200, 0, 0)))):
        for x, color in zip((0, TILE + GAP), colors):
            assert np.abs(whole[tops[i] + 8 : tops[i] + high[i] - 8, x + 8 : x + TILE - 8] - color).max() < 12      # JPEG
