"""Denoising: the noise has its stated strength, belongs to (seed, picture), is not clipped; PSNR is scikit-image's."""

import numpy as np
import pytest
import torch

from minicolor.data.scenes import draw_all
from minicolor.tasks.denoise import Denoise


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(draw_all(1, 4, 64, workers=1)).permute(0, 3, 1, 2)


def luma(pictures: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nchw,c->nhw", pictures.double() / 255, torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64))[:, None]


@pytest.mark.parametrize("sigma", [0.01, 7.65 / 255, 0.3])
def test_the_noise_is_normal_with_the_stated_sigma(sigma):
    pictures = torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x, y = Denoise(sigma).prepare(pictures, seed=5)
    assert x.shape == y.shape == (8, 1, 64, 64) and x.dtype == y.dtype == torch.float32
    torch.testing.assert_close(y.double(), luma(pictures), atol=1e-6, rtol=0)               # Rec. 601, and nothing else
    noise = (x - y).double().flatten() / sigma
    n = noise.numel()                                                                       # five standard errors each
    assert abs(noise.mean()) < 5 / n**0.5 and abs(noise.std() - 1) < 5 / (2 * n) ** 0.5
    for z, share in ((1, 0.682689), (2, 0.954500), (3, 0.997300)):                          # a normal distribution's
        assert abs((noise.abs() < z).double().mean() - share) < 5 * (share * (1 - share) / n) ** 0.5


def test_nothing_is_clipped():
    flat = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 32, 32)
    black, white = Denoise(0.1).prepare(flat)[0]
    assert 0.4 < (black < 0).float().mean() < 0.6 and 0.4 < (white > 1).float().mean() < 0.6


def test_noise_belongs_to_seed_and_picture(pictures):
    task, same = Denoise(0.1), pictures[:1].expand(4, -1, -1, -1)
    x, _ = task.prepare(same, seed=7)
    noise = (x - x.mean(0)).flatten(1)
    for i in range(4):
        for j in range(i):                                              # no two pictures share theirs; -1/3: of the common mean
            assert abs(torch.corrcoef(noise[[i, j]])[0, 1] + 1 / 3) < 0.08
    assert not torch.equal(task.prepare(same, seed=8)[0], x)
    assert torch.equal(task.prepare(same, seed=7)[0], x)
    ids = torch.tensor([3, 0])                                          # by its own number, in whatever batch it comes
    picked, _ = task.prepare(same[:2], seed=7, ids=ids)
    assert torch.equal(picked, x[ids])


def test_bytes_and_floats_are_the_same_picture(pictures):
    a, b = (Denoise().prepare(p, 3) for p in (pictures, pictures.float() / 255))
    for one, other in zip(a, b):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_the_figures_are_scikit_images(pictures):
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image, the judge of PSNR, is not installed")
    task = Denoise(0.2)
    x, y = task.prepare(pictures, 1)
    output = 0.5 * x + 0.7 * y                                          # leaves [0, 1]: the answer is clipped, as a file would be

    def judged(a):
        return [metrics.peak_signal_noise_ratio(t.numpy(), np.clip(p.numpy(), 0, 1), data_range=1) for t, p in zip(y, a)]

    np.testing.assert_allclose(task.figures(pictures, x, y, output)["psnr"], judged(output), atol=1e-3)
    np.testing.assert_allclose(task.naive(pictures, x, y, None)["noisy_psnr"], judged(x), atol=1e-3)
    assert (task.figures(pictures, x, y, y)["psnr"] == 100).all(), "an equal picture must not make the mean of all infinite"
    assert task.higher and task.better(30, 20)


def test_an_answer_without_learning_has_the_psnr_of_its_sigma():
    """-20 log10(sigma), from the definition, where nothing is near an edge: 30.46 dB at report A's 7.65 of 255."""
    grey = torch.full((4, 3, 64, 64), 128, dtype=torch.uint8)
    task = Denoise()
    psnr = task.naive(grey, *task.prepare(grey), task.common([]))["noisy_psnr"]
    assert task.sigma == pytest.approx(7.65 / 255) and (psnr - 30.4576).abs().max() < 0.4   # 4096 numbers: 1 % of sigma


def test_a_strip_shows_noisy_answer_and_clean(pictures):
    task = Denoise(0.3)
    x, y = task.prepare(pictures)
    noisy, made, clean = task.show(pictures, x, y, x)
    for row in (noisy, made, clean):
        assert row.shape == (4, 3, 64, 64) and row.min() >= 0 and row.max() <= 1
    assert torch.equal(clean[:, :1], y.clamp(0, 1)) and torch.equal(noisy, made)
    assert len(task.facts({"psnr": 31.0, "noisy_psnr": 30.0})) == 2
