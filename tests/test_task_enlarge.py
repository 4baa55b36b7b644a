"""Enlarging asks with scikit-image's block means, is to beat OpenCV's bicubic picture, and is judged as by scikit-image."""

import numpy as np
import pytest
import torch

from minicolor.data.scenes import draw_all
from minicolor.tasks.enlarge import Enlarge


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(draw_all(4, 3, 64, workers=1)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("scale", [2, 4])
def test_each_pixel_is_the_mean_of_its_block(pictures, scale):
    measure = pytest.importorskip("skimage.measure", reason="scikit-image, the judge of block means, is not installed")
    for given in (pictures, pictures.float() / 255):
        x, y = Enlarge(scale).prepare(given, seed=3)
        assert x.shape == (3, 3, 64 // scale, 64 // scale)
        torch.testing.assert_close(y, pictures.float() / 255)
        np.testing.assert_allclose(x, measure.block_reduce(pictures.numpy() / 255, (1, 1, scale, scale), np.mean), atol=1e-6)


@pytest.mark.parametrize("scale", [2, 4])
def test_bicubic_interpolation_is_opencvs(pictures, scale):
    cv2 = pytest.importorskip("cv2", reason="OpenCV, the judge of bicubic interpolation, is not installed")
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image, the judge of PSNR and SSIM, is not installed")
    task = Enlarge(scale)
    x, y = task.prepare(pictures)
    naive = task.naive(pictures, x, y, task.common([pictures]))
    for i in range(3):
        guess = cv2.resize(x[i].permute(1, 2, 0).numpy(), (64, 64), interpolation=cv2.INTER_CUBIC).clip(0, 1)
        truth = y[i].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(task.untouched(None, x)[i].permute(1, 2, 0), guess, atol=1e-5)
        assert naive["bicubic_psnr"][i] == pytest.approx(metrics.peak_signal_noise_ratio(truth, guess, data_range=1), abs=1e-3)
        ssim = metrics.structural_similarity(truth, guess, data_range=1, channel_axis=2, gaussian_weights=True, sigma=1.5,
                                             use_sample_covariance=False)
        assert naive["bicubic_ssim"][i] == pytest.approx(ssim, abs=1e-4)
        figures = task.figures(pictures, x, y, task.untouched(None, x))
        assert figures["psnr"][i] == naive["bicubic_psnr"][i] and figures["ssim"][i] == naive["bicubic_ssim"][i]


def test_the_answer_is_clipped_and_more_is_better(pictures):
    task = Enlarge()
    x, y = task.prepare(pictures)
    over = torch.where(y > 0.5, torch.tensor(7.0), torch.tensor(-7.0))
    clipped = task.figures(pictures, x, y, (y > 0.5).float())
    torch.testing.assert_close(task.figures(pictures, x, y, over)["psnr"], clipped["psnr"])
    assert task.higher and task.better(30.0, 29.0) and task.figure == "psnr" and list(task.to_beat) == ["bicubic_psnr"]
    assert not hasattr(task, "chroma")                                  # it gives no color to a photograph


@pytest.mark.parametrize("scale", [2, 4])
def test_a_strip_shows_blocks_answer_and_truth(pictures, scale):
    task = Enlarge(scale)
    x, y = task.prepare(pictures)
    blocks, made, truth = task.show(pictures, x, y, 3 * y - 1)
    for row in (blocks, made, truth):
        assert row.shape == (3, 3, 64, 64) and row.min() >= 0 and row.max() <= 1
    assert torch.equal(truth, y) and torch.equal(blocks, torch.kron(x.contiguous(), torch.ones(1, 1, scale, scale)))
    assert len(task.facts({"psnr": 30.0, "bicubic_psnr": 29.0, "ssim": 0.9, "bicubic_ssim": 0.8})) == 3
