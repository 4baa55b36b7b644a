"""Damaged pictures are what PIL, scipy and scikit-image make of the same steps; noise can be had again; arguments are checked."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.transform import downscale_local_mean

from minicolor.errors import BadInput
from minicolor.ops.degrade import degrade
from minicolor.ops.noise import gaussian_noise


def bytes_of(n=2, h=12, w=14, seed=0, channels=3):
    """As the loader hands them out: bytes in the order N, H, W, C, seen as N, C, H, W."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, h, w, channels), dtype=torch.uint8, generator=generator).permute(0, 3, 1, 2)


def test_grey_is_pils():
    x = bytes_of(1, 64, 64)
    theirs = np.asarray(Image.fromarray(x[0].permute(1, 2, 0).numpy()).convert("L"), dtype=np.float32)
    ours = degrade(x)[0, 0].numpy() * 255
    assert np.abs(ours - theirs).max() <= 0.51        # PIL rounds to whole numbers, with weights rounded to 16 bits
    torch.testing.assert_close(degrade(x.float() / 255), degrade(x), atol=2e-7, rtol=0)  # two ways to round
    torch.testing.assert_close(degrade(x[:, :1]), x[:, :1].float() / 255)


def test_white_is_one_and_black_is_zero():
    x = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 4, 4)
    assert degrade(x)[0].eq(0).all() and degrade(x)[1].eq(1).all()


@pytest.mark.parametrize("halve", [False, True])
def test_steps_are_those_of_other_libraries(halve):
    x = bytes_of()
    grey = np.einsum("nchw,c->nhw", x.double().numpy() / 255, [0.299, 0.587, 0.114])
    theirs = gaussian_filter(grey, (0, 0.7, 0.7), mode="nearest", radius=(0, 2, 2))
    theirs = downscale_local_mean(theirs, (1, 2, 2)) if halve else theirs
    np.testing.assert_allclose(degrade(x, 5, 0.7, halve)[:, 0].numpy(), theirs, atol=5e-7)   # float32


def test_noise_is_additive_and_of_the_size_asked_for():
    x = torch.full((4, 1, 100, 100), 0.5)
    noisy, noise = degrade(x, noise=0.03, seed=7, return_noise=True)
    torch.testing.assert_close(noise, 0.03 * gaussian_noise(4, 100, 100, 7))
    torch.testing.assert_close(noisy, x + noise)
    assert noise.std().item() == pytest.approx(0.03, rel=0.015)          # 4 standard errors of 40000


def test_grain_is_strongest_in_the_middle():
    levels = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])[:, None, None, None].expand(5, 1, 60, 60)
    spread = degrade(levels, grain=0.1, clip=False, return_noise=True)[1].std((1, 2, 3))
    np.testing.assert_allclose(spread.numpy(), [0, 0.075, 0.1, 0.075, 0], rtol=0.05, atol=1e-9)
    both = degrade(levels, grain=0.1, noise=0.05, clip=False, return_noise=True)[1].std((1, 2, 3))
    np.testing.assert_allclose(both.numpy(), np.hypot([0, 0.075, 0.1, 0.075, 0], 0.05), rtol=0.05)


def test_clip_and_noise_before_clipping():
    x = torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 1, 8, 8)
    clipped, noise = degrade(x, noise=0.2, return_noise=True)
    open_, same = degrade(x, noise=0.2, clip=False, return_noise=True)
    assert torch.equal(noise, same) and torch.equal(clipped, open_.clamp(0, 1))
    assert open_.min() < 0 and open_.max() > 1 and (x + noise).ne(clipped).any()


def test_a_picture_gets_its_own_noise_in_any_batch():
    x, ids = bytes_of(4), torch.tensor([3, 9, 2**35, 1])
    whole = degrade(x, 5, noise=0.05, grain=0.1, seed=11, ids=ids)
    order = torch.tensor([2, 0])
    assert torch.equal(degrade(x[order], 5, noise=0.05, grain=0.1, seed=11, ids=ids[order]), whole[order])
    assert torch.equal(degrade(x, noise=0.05), degrade(x, noise=0.05, ids=torch.arange(4)))
    assert degrade(x, noise=0.05, seed=1).ne(degrade(x, noise=0.05, seed=2)).any()


def test_shapes_types_and_the_empty_batch():
    x = bytes_of(2, 5, 7)
    assert degrade(x).shape == (2, 1, 5, 7) and degrade(x, halve=True).shape == (2, 1, 3, 4)
    assert degrade(x).dtype == torch.float32 and degrade(x, dtype=torch.float16).dtype == torch.float16
    noisy, noise = degrade(x[:0], 5, halve=True, noise=0.1, return_noise=True, dtype=torch.bfloat16)
    assert noisy.shape == noise.shape == (0, 1, 3, 4) and noise.dtype == torch.bfloat16
    assert degrade(x, return_noise=True)[1].eq(0).all()


X, NAN, INF = torch.zeros(2, 3, 4, 4), float("nan"), float("inf")


@pytest.mark.parametrize("name, arguments", [
    *[("rgb", {"rgb": bad}) for bad in (X.double(), X.int(), X[0], X[:, :2], X[:, :, :0], None,
                                        torch.zeros(2, 3, 4, 4, requires_grad=True),
                                        torch.zeros(1, 1, 1, 1).expand(1, 1, 2**15, 2**14 + 1))],
    *[("kernel_size", {"kernel_size": bad}) for bad in (4, -1, 33, 5.0, None, False)],
    *[("sigma", {"kernel_size": 5, "sigma": bad}) for bad in (0.0, -1.0, NAN, INF, "1")],
    *[(name, {name: bad}) for name in ("noise", "grain") for bad in (-0.1, NAN, INF, "1", None)],
    *[(name, {name: 1}) for name in ("halve", "clip", "return_noise")],
    *[("seed", {"seed": bad}) for bad in (-1, 2**64, 0.5)],
    *[("ids", {"ids": bad}) for bad in (torch.zeros(3, dtype=torch.int64), torch.zeros(2), [0, 1],
                                        torch.zeros(2, dtype=torch.int64, device="meta"))],
    *[("dtype", {"dtype": bad}) for bad in (torch.float64, torch.uint8, "float32")],
])
def test_refuses_by_name(name, arguments):
    with pytest.raises(BadInput, match=f"^argument {name}: expected"):
        degrade(**{"rgb": X, **arguments})


def test_sigma_is_not_looked_at_without_a_blur():
    assert torch.equal(degrade(X + 0.5, 0, sigma=0.0), degrade(X + 0.5))
