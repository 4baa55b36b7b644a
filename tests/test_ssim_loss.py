"""ssim_loss is 1 - scikit-image's SSIM, averaged over pictures, and descending it makes pictures more alike."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from minicolor.losses.ssim_loss import ssim_loss


def pair(n=2, noise=0.5):
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(n, 3, 16, 20, generator=generator, dtype=torch.float64)
    return a, a + noise * (torch.rand(a.shape, generator=generator, dtype=torch.float64) - a)


@pytest.mark.parametrize("n", [1, 3])
def test_agrees_with_scikit_image(n):
    a, b = pair(n)
    each = []
    for x, y in zip(a.numpy(), b.numpy()):
        _, full = structural_similarity(x, y, channel_axis=0, data_range=1, full=True,
                                        gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        each.append(full[:, 5:-5, 5:-5].mean())
    loss = ssim_loss(a, b)
    assert loss.shape == () and loss.item() == pytest.approx(1 - np.mean(each), abs=1e-10)


def test_equal_pictures_cost_nothing_and_negatives_more_than_1():
    a, _ = pair()
    assert ssim_loss(a, a).item() == 0 and 1 < ssim_loss(a, 1 - a).item() <= 2


def test_descent_finds_the_truth():
    truth, start = (x.float() for x in pair(1, 0.8))
    x = start.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=0.02)
    for _ in range(150):
        adam.zero_grad()
        ssim_loss(x, truth).backward()
        adam.step()
    assert ssim_loss(x, truth) < 0.05 < ssim_loss(start, truth)
    assert (x - truth).abs().mean() < 0.5 * (start - truth).abs().mean()
