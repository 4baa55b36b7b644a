"""Network units are scikit-image's Lab over 50 and 110, bytes come back as themselves, and half precision rounds once."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from minicolor.ops.lab_units import rgb_to_units, units_to_rgb, units_to_rgb_u8

ENDS = list(itertools.product((0, 1, 10, 11, 22, 23, 127, 254, 255), repeat=3))   # both sides of both knees, and the corners


def picture(colors=ENDS) -> torch.Tensor:
    """[(r, g, b), ...] -> (1, 3, 1, n) uint8 over memory (1, 1, n, 3)."""
    return torch.tensor(colors, dtype=torch.uint8)[None, None].permute(0, 3, 1, 2)


def test_units_are_scikit_images():
    lab = rgb2lab(np.array(ENDS)[None] / 255)[0]
    l, ab = rgb_to_units(picture())
    assert l.shape == (1, 1, 1, len(ENDS)) and ab.shape == (1, 2, 1, len(ENDS)) and l.dtype == ab.dtype == torch.float32
    np.testing.assert_allclose(l[0, 0, 0].numpy(), lab[:, 0] / 50 - 1, atol=0.01 / 50)
    np.testing.assert_allclose(ab[0, :, 0].T.numpy(), lab[:, 1:] / 110, atol=0.01 / 110)
    again, rgb = rgb_to_units(picture(), "rgb")
    assert torch.equal(again, l) and torch.equal(rgb, picture().float() / 255 * 2 - 1)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(0, 3), height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 999))
def test_every_byte_comes_back(n, height, width, seed):
    u8 = torch.randint(0, 256, (n, 3, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    back = units_to_rgb_u8(*rgb_to_units(u8))
    assert torch.equal(back, u8) and back.permute(0, 2, 3, 1).is_contiguous()


def test_bytes_are_v_over_255():
    for dtype in (torch.float32, torch.float64):
        for ours, theirs in zip(rgb_to_units(picture().to(dtype) / 255), rgb_to_units(picture())):
            torch.testing.assert_close(ours.float(), theirs, atol=0 if dtype == torch.float32 else 1e-6, rtol=0)


def test_what_no_byte_can_say_is_rounded_and_clipped():
    l, ab = torch.tensor([-1.0, -1.0, 1.0, 1.0]).view(1, 1, 1, 4), torch.zeros(1, 2, 1, 4)
    ab[..., 1], ab[..., 3] = 0.9, -0.9                                      # black and white with color: far outside of sRGB
    rgb = units_to_rgb(l, ab)
    assert rgb.min() == 0 and rgb.max() == 1
    assert torch.equal(units_to_rgb_u8(l, ab), (rgb * 255).round().byte())
    grey = torch.linspace(-0.9, 0.9, 1000).view(1, 1, 1, 1000)
    error = units_to_rgb_u8(grey, torch.zeros(1, 2, 1, 1000)) - units_to_rgb(grey, torch.zeros(1, 2, 1, 1000)) * 255
    assert 0.49 < error.abs().max() <= 0.5 and abs(error.mean()) < 0.02     # to the nearest, not downwards


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    half = (picture().float() / 255).to(dtype)
    for ours, wide in zip(rgb_to_units(half), rgb_to_units(half.float())):
        assert torch.equal(ours, wide.to(dtype))
    for ours, wide in zip(rgb_to_units(picture(), dtype=dtype), rgb_to_units(picture())):
        assert torch.equal(ours, wide.to(dtype))
    l, ab = rgb_to_units(half)
    assert torch.equal(units_to_rgb(l, ab), units_to_rgb(l.float(), ab.float()).to(dtype))
    assert torch.equal(units_to_rgb_u8(l, ab), units_to_rgb_u8(l.float(), ab.float()))


def test_slopes():
    """Values away from the knees and the edge of the gamut: there a difference quotient sees two slopes."""
    rgb = torch.tensor([[0.002, 0.02, 0.03], [0.05, 0.1, 0.07], [0.9, 0.2, 0.6]], dtype=torch.float64).T[None, :, None]
    assert torch.autograd.gradcheck(rgb_to_units, rgb.requires_grad_(), eps=1e-7, atol=1e-4)
    l, ab = (x.detach().requires_grad_() for x in rgb_to_units(rgb))
    assert torch.autograd.gradcheck(units_to_rgb, (l, ab), eps=1e-7, atol=1e-4)
