"""Coloring asks for what scikit-image's Lab and OpenCV's blur and equalization say, and scores the truth as perfect."""

import numpy as np
import pytest
import torch

from minicolor.data.scenes import draw_all
from minicolor.metrics.colorfulness import colorfulness
from minicolor.tasks.color import Color
from minicolor.tasks.task import Task, as_float, lightness, repeat

color = pytest.importorskip("skimage.color", reason="scikit-image, whose Lab is the judge here, is not installed")
KINDS = [("ab", False), ("ab", True), ("rgb", False), ("rgb", True)]


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(draw_all(3, 5, 64, workers=1)).permute(0, 3, 1, 2)


def lab_of(pictures: torch.Tensor) -> np.ndarray:
    """(N, 3, H, W) uint8 or float -> (N, H, W, 3) by scikit-image."""
    return color.rgb2lab(as_float(pictures).permute(0, 2, 3, 1).double().numpy())


def rms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(((a - b) ** 2)[..., 1:].mean(axis=(1, 2, 3)))


@pytest.mark.parametrize("target, positive", KINDS)
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_question_and_answer_are_scikit_images(pictures, target, positive, kind):
    given = pictures if kind == torch.uint8 else pictures.float() / 255
    x, y = Color(target, positive).prepare(given)
    lab = torch.from_numpy(lab_of(pictures)).permute(0, 3, 1, 2).float()
    expected = (lab[:, :1] / 50 - 1, lab[:, 1:] / 110 if target == "ab" else 2 * pictures.float() / 255 - 1)
    if positive:                                                        # report B: L/100, and r, g, b in [0, 1]
        expected = tuple((value + 1) / 2 for value in expected)
    for mine, theirs in zip((x, y), expected):
        torch.testing.assert_close(mine, theirs, atol=3e-4, rtol=0)     # Lab within 0.01, ops/lab.py
    if positive:
        assert x.min() >= 0 and x.max() <= 1 + 1e-6 and y.min() >= 0 and y.max() <= 1


@pytest.mark.parametrize("target, positive", KINDS)
def test_the_truth_as_answer_is_perfect(pictures, target, positive):
    task = Color(target, positive)
    x, y = task.prepare(pictures)
    torch.testing.assert_close(task.picture(x, y), as_float(pictures), atol=2e-3, rtol=0)
    figures = task.figures(pictures, x, y, y)
    assert figures.keys() == {"ab_rmse", "psnr", "colorfulness"} and all(v.shape == (5,) for v in figures.values())
    assert figures["ab_rmse"].max() < 0.05 and figures["psnr"].min() > 60
    torch.testing.assert_close(figures["colorfulness"], colorfulness(as_float(pictures)), atol=0.1, rtol=0)
    torch.testing.assert_close(task.chroma(x, y), torch.from_numpy(lab_of(pictures)).permute(0, 3, 1, 2).float()[:, 1:],
                               atol=0.05, rtol=0)


def test_the_figures_are_scikit_images(pictures):
    from skimage.metrics import peak_signal_noise_ratio

    task = Color("rgb", positive=True)
    x, y = task.prepare(pictures)
    output = y.roll(1, dims=0)                                          # each picture answered with another one
    figures = task.figures(pictures, x, y, output)
    np.testing.assert_allclose(figures["ab_rmse"], rms(lab_of(output), lab_of(pictures)), atol=0.02)
    theirs = [peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=1) for a, b in zip(y, output)]
    np.testing.assert_allclose(figures["psnr"], theirs, atol=1e-3)


@pytest.mark.parametrize("target", ["ab", "rgb"])
def test_answers_that_take_no_learning_by_hand(pictures, target):
    task, lab = Color(target), lab_of(pictures)
    x, y = task.prepare(pictures)
    mean = lab[..., 1:].mean(axis=(0, 1, 2))
    common = task.common([pictures[:4], pictures[4:]])                  # each picture counts the same, in whatever batch
    np.testing.assert_allclose(common.flatten(), mean, atol=0.01)
    naive = task.naive(pictures, x, y, common)
    for name, ab in (("grey_ab_rmse", np.zeros(2)), ("mean_ab_rmse", mean)):
        guess = lab.copy()
        guess[..., 1:] = ab
        guess = color.rgb2lab(np.clip(color.lab2rgb(guess), 0, 1))      # a screen clips what sRGB has not
        np.testing.assert_allclose(naive[name], rms(guess, lab), atol=0.05)
    torch.testing.assert_close(naive["true_colorfulness"], colorfulness(as_float(pictures)))
    assert task.to_beat.keys() <= naive.keys() and list(task.to_beat)[0] == "grey_ab_rmse"


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("kernel_size, sigma, equalize", [(5, 0.7, True), (5, 0.7, False), (0, 0.7, True), (3, 2.0, True)])
def test_the_grey_picture_is_blurred_then_equalized_as_opencv_does(pictures, kernel_size, sigma, equalize, positive):
    cv2 = pytest.importorskip("cv2", reason="OpenCV, the judge of blur and equalization, is not installed")
    task = Color("rgb", positive, kernel_size, sigma, equalize)
    x, y = task.prepare(pictures)
    torch.testing.assert_close(y, Color("rgb", positive).prepare(pictures)[1])          # the answer is not touched
    mine = x if positive else (x + 1) / 2
    for grey, picture in zip(lab_of(pictures)[..., 0].astype(np.float32) / 100, mine[:, 0].numpy()):
        if kernel_size:
            grey = cv2.GaussianBlur(grey, (kernel_size, kernel_size), sigma, borderType=cv2.BORDER_REPLICATE)
        if not equalize:
            np.testing.assert_allclose(picture, grey, atol=2e-4)
            continue
        theirs = cv2.equalizeHist((255 * grey).round().astype(np.uint8)).astype(np.float32) / 255
        # scikit-image's L and ours round to another level where they lie at an edge, and levels may lie far apart
        assert (np.abs(picture - theirs) < 1.5 / 255).mean() > 0.98
        assert picture.min() < 1e-6 and picture.max() > 1 - 1e-6
    assert torch.equal(task.sees(as_float(pictures)), task.prepare(as_float(pictures))[0])  # a photograph is shown the same way


@pytest.mark.parametrize("task", [Color("ab"), Color("rgb"), Color("rgb", positive=True),
                                  Color("rgb", kernel_size=5, equalize=True)], ids=["ab", "rgb", "positive", "equalized"])
def test_a_strip_shows_grey_answer_and_truth(pictures, task):
    x, y = task.prepare(pictures)
    seen, made, truth = task.show(pictures, x, y, y)
    for row in (seen, made, truth):
        assert row.shape == (5, 3, 64, 64) and row.min() > -1e-5 and row.max() < 1 + 1e-5
    assert torch.equal(truth, as_float(pictures)) and torch.equal(seen[:, 0], seen[:, 2])
    torch.testing.assert_close(made, truth, atol=2e-3, rtol=0)
    if task.equalize:
        torch.testing.assert_close(seen[:, :1], (x + 1) / 2)
    else:
        lab = lab_of(pictures)
        lab[..., 1:] = 0
        np.testing.assert_allclose(seen.permute(0, 2, 3, 1), color.lab2rgb(lab), atol=2e-3)


def test_facts_name_run_and_baselines():
    test = {"ab_rmse": 5.0, "grey_ab_rmse": 10.0, "mean_ab_rmse": 8.0, "psnr": 20.0, "colorfulness": 12.0,
            "true_colorfulness": 33.0}
    rows = Color().facts(test)
    assert rows[0][1] == "5.00" and "50%" in rows[1][2] and any("33.0" in row[2] for row in rows)
    assert "nan" in Color().facts(test | {"grey_ab_rmse": 0.0})[1][2]                   # grey pictures: no share of nothing


def test_what_every_task_shares(pictures):
    with pytest.raises(TypeError, match="Task is missing its prepare"):
        Task().prepare(pictures)
    lower, higher = Color(), type("Higher", (Task,), {"higher": True})()
    assert lower.better(1, 2) and not lower.better(2, 1) and higher.better(2, 1) and not higher.better(1, 2)
    assert not any(task.better(a, b) for task in (lower, higher) for a, b in ((float("nan"), 1), (1, 1)))
    assert lower.better(1, float("nan")) and higher.better(1, float("nan")), "what is no number stays nobody's best"
    assert as_float(torch.cat([pictures, pictures[:, :1]], 1)).shape[1] == 3            # the fourth plane is no color
    theirs = torch.from_numpy(lab_of(pictures)[..., 0]).float()[:, None] / 100
    torch.testing.assert_close(lightness(as_float(pictures)), repeat(theirs), atol=1e-4, rtol=0)
