"""Restoring: the damage is OpenCV's blur, halves and CLAHE in this order; the answers to beat are made by hand."""

import numpy as np
import pytest
import torch

from minicolor.data.scenes import draw_all
from minicolor.tasks.restore import Restore
from minicolor.tasks.task import as_float

cv2 = pytest.importorskip("cv2", reason="OpenCV, the judge of blur, CLAHE and bicubic interpolation, is not installed")
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(draw_all(2, 4, 64, workers=1)).permute(0, 3, 1, 2)


def damaged(picture: np.ndarray, order: str = "blur half clahe", clip_limit: float = 2.0) -> np.ndarray:
    """(3, H, W) uint8 -> (H/2, W/2) in [0, 1], with OpenCV."""
    grey = np.einsum("chw,c->hw", picture / 255.0, LUMA).astype(np.float32)
    for what in order.split():
        if what == "blur":
            grey = cv2.GaussianBlur(grey, (5, 5), 0.7, borderType=cv2.BORDER_REPLICATE)
        elif what == "half":
            grey = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        elif clip_limit:
            grey = cv2.createCLAHE(clip_limit, (8, 8)).apply((255 * grey).round().astype(np.uint8)).astype(np.float32) / 255
    return grey


def test_without_clahe_the_damage_is_opencvs_to_the_last_digits(pictures):
    x, y = Restore(clip_limit=0.0).prepare(pictures)
    assert x.shape == (4, 1, 32, 32) and torch.equal(y, as_float(pictures))
    for mine, picture in zip(x[:, 0].numpy(), pictures.numpy()):
        np.testing.assert_allclose(mine, damaged(picture, clip_limit=0), atol=2e-6)
        assert np.abs(mine - damaged(picture, "half blur", 0)).max() > 0.02              # another order is another damage


def test_with_clahe_too(pictures):
    x, _ = Restore().prepare(pictures)
    for mine, picture in zip(x[:, 0].numpy(), pictures.numpy()):
        off = np.abs(mine - damaged(picture))
        assert (off < 0.5 / 255).mean() > 0.97 and np.median(off) < 1e-6                 # but for levels at a rounding edge
        for order in ("clahe blur half", "blur clahe half"):
            assert np.abs(mine - damaged(picture, order)).mean() > 2 * off.mean() + 1e-3


def test_the_answer_is_the_picture_unharmed(pictures):
    for task in (Restore(), Restore(grain=0.5)):
        for kind in (pictures, as_float(pictures)):
            torch.testing.assert_close(task.prepare(kind, 3)[1], as_float(pictures), atol=0, rtol=0)


def test_grain_comes_only_where_it_is_asked_for(pictures):
    without, with_grain = Restore(clip_limit=0.0), Restore(clip_limit=0.0, grain=0.1)
    assert torch.equal(without.prepare(pictures, 1)[0], without.prepare(pictures, 2)[0])
    a, b = (with_grain.prepare(pictures, seed)[0] for seed in (1, 2))
    assert not torch.equal(a, b) and torch.equal(a, with_grain.prepare(pictures, 1)[0])
    ids = torch.tensor([2, 0])
    assert torch.equal(with_grain.prepare(pictures[ids], 1, ids)[0], a[ids])
    steps = torch.tensor([0.0, 0.5, 1.0])[:, None, None, None].expand(3, 3, 64, 64)
    black, grey, white = with_grain.prepare(steps)[0].std(dim=(1, 2, 3))
    assert black == 0 and white < 1e-6 and abs(grey - 0.1) < 0.01                        # strongest in the middle greys


def test_a_photograph_is_shown_as_in_training_but_without_grain(pictures):
    trained, _ = Restore(clip_limit=0.0).prepare(pictures)
    torch.testing.assert_close(Restore(clip_limit=0.0, grain=0.3).sees(as_float(pictures)), trained, atol=2e-6, rtol=0)
    assert not torch.equal(Restore().sees(as_float(pictures)), trained) and Restore.multiple == 2


def test_answers_that_take_no_learning_by_hand(pictures):
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image, the judge of PSNR and SSIM, is not installed")
    task = Restore()
    x, y = task.prepare(pictures)
    truth = y.permute(0, 2, 3, 1).numpy()
    offset = (truth - (truth @ LUMA)[..., None]).mean(axis=(0, 1, 2))
    common = task.common([pictures[:3], pictures[3:]])                                   # each picture counts the same
    np.testing.assert_allclose(common.flatten(), offset, atol=1e-5)
    naive = task.naive(pictures, x, y, common)
    for i in range(4):
        grey = cv2.resize(x[i, 0].numpy(), (64, 64), interpolation=cv2.INTER_CUBIC).clip(0, 1)[..., None].repeat(3, 2)
        assert naive["grey_mae"][i] == pytest.approx(np.abs(grey - truth[i]).mean(), abs=1e-5)
        assert naive["mean_mae"][i] == pytest.approx(np.abs((grey + offset).clip(0, 1) - truth[i]).mean(), abs=1e-5)
        assert naive["grey_psnr"][i] == pytest.approx(metrics.peak_signal_noise_ratio(truth[i], grey, data_range=1), abs=1e-3)
        ssim = metrics.structural_similarity(truth[i], grey, data_range=1, channel_axis=2, gaussian_weights=True, sigma=1.5,
                                             use_sample_covariance=False)
        assert naive["grey_ssim"][i] == pytest.approx(ssim, abs=1e-4)
    assert list(task.to_beat) == ["grey_mae", "mean_mae"] and task.to_beat.keys() <= naive.keys()


def test_the_mean_color_is_right_for_pictures_that_have_no_other():
    """A world of one hue and no contrast: grey plus the mean color is the truth, in the grey that the network is shown."""
    green = torch.tensor([20, 200, 60], dtype=torch.uint8)[None, :, None, None].expand(3, 3, 32, 32)
    task = Restore(clip_limit=0.0)
    x, y = task.prepare(green)
    naive = task.naive(green, x, y, task.common([green]))
    assert naive["mean_mae"].max() < 1e-5 < naive["grey_mae"].min()


def test_the_figures_of_an_answer(pictures):
    from skimage.color import rgb2lab

    task = Restore()
    x, y = task.prepare(pictures)
    output = 1.3 * y.roll(1, 0) - 0.1                                                    # beyond [0, 1]: clipped first
    figures, fake = task.figures(pictures, x, y, output), output.clamp(0, 1)
    np.testing.assert_allclose(figures["mae"], (fake - y).abs().mean(dim=(1, 2, 3)), atol=1e-6)
    a, b = (rgb2lab(p.permute(0, 2, 3, 1).numpy())[..., 1:] for p in (fake, y))
    np.testing.assert_allclose(figures["ab_rmse"], np.sqrt(((a - b) ** 2).mean(axis=(1, 2, 3))), atol=0.02)
    np.testing.assert_allclose(task.chroma(x, output).permute(0, 2, 3, 1), a, atol=0.02)
    best = task.figures(pictures, x, y, y)
    assert best["mae"].max() == best["ab_rmse"].max() == 0 and (best["ssim"] - 1).abs().max() < 1e-5


def test_a_strip_shows_small_answer_and_truth(pictures):
    task = Restore()
    x, y = task.prepare(pictures)
    small, made, truth = task.show(pictures, x, y, 2 * y - 0.5)
    for row in (small, made, truth):
        assert row.shape == (4, 3, 64, 64) and row.min() >= 0 and row.max() <= 1
    assert torch.equal(small[:, 1:2, ::2, 1::2], x) and torch.equal(truth, y)            # blocks of two by two
    figures = task.figures(pictures, x, y, y) | task.naive(pictures, x, y, task.common([pictures]))
    assert len(task.facts({name: float(value.mean()) for name, value in figures.items()})) == 7
