"""What the network is shown comes back as the picture, for both targets, and its input is the lightness alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from minicolor.data.pairs import CHANNELS, chroma, prepare, restore
from minicolor.kernels import backend
from minicolor.ops.lab import lab_to_rgb, rgb_to_lab

TARGETS = pytest.mark.parametrize("target", ["ab", "rgb"])


def pictures(seed: int, n: int = 2, height: int = 5, width: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, height, width), generator=generator).float() / 255


@TARGETS
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 3), height=st.integers(1, 9), width=st.integers(1, 9))
def test_the_truth_restores_the_picture(target, seed, n, height, width):
    rgb = pictures(seed, n, height, width)
    x, y = prepare(rgb, target)
    assert x.shape == (n, 1, height, width) and y.shape == (n, CHANNELS[target], height, width)
    assert x.dtype == y.dtype == torch.float32
    assert x.abs().max() <= 1 + 1e-6 and y.abs().max() <= 1  # white is L 100 but for rounding
    assert (restore(x, y, target) - rgb).abs().max() < 1 / 510  # half of an 8-bit step


def test_the_numbers_are_those_of_scikit_image_in_the_reports_units():
    rgb = pictures(0)
    lab = rgb2lab(rgb.permute(0, 2, 3, 1).double().numpy())
    x, ab = prepare(rgb, "ab")
    np.testing.assert_allclose(x[:, 0].numpy(), lab[..., 0] / 50 - 1, atol=0.01 / 50)
    np.testing.assert_allclose(ab.permute(0, 2, 3, 1).numpy(), lab[..., 1:] / 110, atol=0.01 / 110)
    x_too, y = prepare(rgb, "rgb")
    assert torch.equal(x, x_too)
    torch.testing.assert_close(y, 2 * rgb - 1)


@TARGETS
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_a_picture_and_its_own_grey_look_the_same_to_the_network(target, seed):
    rgb = pictures(seed)
    lab = rgb_to_lab(rgb)
    grey = lab_to_rgb(torch.cat([lab[:, :1], torch.zeros_like(lab[:, 1:])], dim=1))
    assert torch.allclose(grey[:, :1].expand_as(grey), grey, atol=1e-6)
    torch.testing.assert_close(prepare(grey, target)[0], prepare(rgb, target)[0], atol=1e-5, rtol=0)  # float32


@TARGETS
def test_chroma_is_the_lab_of_the_picture(target):
    rgb = pictures(3)
    x, y = prepare(rgb, target)
    color = chroma(x, y, target)
    assert color.shape == (2, 2, 5, 7)
    expected = rgb2lab(rgb.permute(0, 2, 3, 1).double().numpy())[..., 1:]
    np.testing.assert_allclose(color.permute(0, 2, 3, 1).numpy(), expected, atol=0.02)  # 0.01 of Lab, and rounding


def test_only_the_ab_target_keeps_the_lightness_of_the_input():
    """Target ab: half the color, the same L. Target rgb: the answer is the picture, whatever the input was."""
    rgb = pictures(4) * 0.5 + 0.25                       # not so vivid that half the color leaves the gamut
    x, y = prepare(rgb, "ab")
    torch.testing.assert_close(rgb_to_lab(restore(x, 0.5 * y, "ab"))[:, 0], rgb_to_lab(rgb)[:, 0], atol=1e-3, rtol=0)
    _, y = prepare(rgb, "rgb")
    torch.testing.assert_close(restore(torch.zeros_like(x), y, "rgb"), rgb, atol=1e-6, rtol=0)


@TARGETS
def test_answers_that_are_no_colors_stay_within_the_range(target):
    x = torch.linspace(-1, 1, 8).reshape(1, 1, 1, 8)
    for value in (-1.0, 1.0, -1.5, 1.5):
        rgb = restore(x, torch.full((1, CHANNELS[target], 1, 8), value), target)
        assert rgb.shape == (1, 3, 1, 8) and rgb.min() >= 0 and rgb.max() <= 1


@TARGETS
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), height=st.integers(1, 9), width=st.integers(1, 9))
def test_bytes_are_the_same_pictures(target, seed, height, width):
    """Bit for bit, where PyTorch computes: a run does not depend on when its bytes became floats."""
    generator = torch.Generator().manual_seed(seed)
    u8 = torch.randint(0, 256, (2, height, width, 3), generator=generator).byte().permute(0, 3, 1, 2)    # as the loader has it
    for ours, theirs in zip(prepare(u8, target), prepare(u8.float() / 255, target)):
        assert torch.equal(ours, theirs) and ours.dtype == torch.float32


@TARGETS
def test_kernels_prepare_and_restore_the_same(target):
    pytest.importorskip("triton")
    u8 = torch.randint(0, 256, (2, 8, 12, 3), generator=torch.Generator().manual_seed(5)).byte().permute(0, 3, 1, 2)
    with backend.using("torch"):
        x, y = prepare(u8, target)
        rgb = restore(x, y, target)
    u8, x, y, rgb = (t.to("cuda" if torch.cuda.is_available() else "cpu") for t in (u8, x, y, rgb))
    with backend.using("triton"):
        for ours, theirs in zip((*prepare(u8, target), restore(x, y, target)), (x, y, rgb)):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)  # float32 in another order
