"""Lab is scikit-image's within 0.01, greys have no color, every 8-bit color comes back, and black has a slope."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import lab2rgb, rgb2lab

from minicolor.ops.lab import lab_to_rgb, rgb_to_lab

HALF_STEP = 1 / 510     # half of the distance between two 8-bit values: rounding finds the same byte again
COLORS = st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=64)


def picture(colors, dtype=torch.float32) -> torch.Tensor:
    """[(r, g, b), ...] of 0..255 -> (1, 3, 1, n)."""
    return (torch.tensor(colors, dtype=dtype) / 255).T[None, :, None]


def corners_and_dark() -> list[tuple]:
    """All mixtures of the values at the ends, around the knee of the curve (10, 11) and of the cube root (~ 23)."""
    return list(itertools.product((0, 1, 2, 10, 11, 12, 22, 23, 24, 127, 128, 254, 255), repeat=3))


@settings(deadline=None, max_examples=40)
@given(colors=COLORS)
def test_agrees_with_scikit_image(colors):
    rgb = picture(colors)
    theirs = rgb2lab(np.array(colors)[None] / 255)
    np.testing.assert_allclose(rgb_to_lab(rgb)[0].permute(1, 2, 0).numpy(), theirs, atol=0.01)


def test_agrees_with_scikit_image_where_the_pieces_meet():
    colors = corners_and_dark()
    theirs = rgb2lab(np.array(colors)[None] / 255)
    np.testing.assert_allclose(rgb_to_lab(picture(colors))[0].permute(1, 2, 0).numpy(), theirs, atol=0.01)


def test_the_way_back_agrees_with_scikit_image():
    """From Lab values inside the gamut, computed by scikit-image from colors."""
    colors = np.array(corners_and_dark())[None] / 255
    lab = torch.from_numpy(rgb2lab(colors)).permute(0, 2, 1)[:, :, None].float()
    # 0.01 in Lab is up to 0.0005 in sRGB, where the curve is steepest; measured 3e-4
    np.testing.assert_allclose(lab_to_rgb(lab)[0, :, 0].T.numpy(), lab2rgb(lab[0, :, 0].T[None].numpy())[0], atol=1e-3)


@settings(deadline=None, max_examples=40)
@given(colors=COLORS)
def test_every_8_bit_color_comes_back(colors):
    rgb = picture(colors)
    back = lab_to_rgb(rgb_to_lab(rgb))
    assert (back - rgb).abs().max() < HALF_STEP
    assert torch.equal((back * 255).round().byte(), (rgb * 255).round().byte())


def test_a_grid_of_the_whole_cube_comes_back():
    values = torch.arange(0, 256, 5).float() / 255
    rgb = torch.cartesian_prod(values, values, values).T[None, :, None]
    assert (lab_to_rgb(rgb_to_lab(rgb)) - rgb).abs().max() < 1e-4  # float32; a factor 20 below half a step


def test_greys_have_no_color_and_white_is_100():
    greys = picture([(v, v, v) for v in range(256)])
    lab = rgb_to_lab(greys)
    assert lab[:, 1:].abs().max() < 1e-4  # rounding alone: 500 times one float32 eps; scikit-image's own leaves 0.01
    assert lab[0, 0, 0, -1].item() == pytest.approx(100, abs=2e-5) and lab[0, 0, 0, 0] == 0
    assert (lab[0, 0, 0].diff() > 0).all()
    exact = rgb_to_lab(greys.double())
    assert exact[:, 1:].abs().max() < 1e-12 and exact[0, 0, 0, -1].item() == pytest.approx(100, abs=1e-12)


def test_the_gamut_is_the_one_in_the_docstring():
    """The extremes lie on the cube's corners and edges: a at green and magenta, b at blue and near yellow."""
    v = torch.linspace(0, 1, 52, dtype=torch.float64)
    lab = rgb_to_lab(torch.cartesian_prod(v, v, v).T[None, :, None])
    low, high = lab.amin((0, 2, 3)), lab.amax((0, 2, 3))
    torch.testing.assert_close(low, torch.tensor([0, -86.2, -107.9], dtype=torch.float64), atol=0.05, rtol=0)
    torch.testing.assert_close(high, torch.tensor([100, 98.2, 94.5], dtype=torch.float64), atol=0.05, rtol=0)


def test_slopes_are_right_on_both_sides_of_every_knee():
    rgb = torch.tensor([[0.001, 0.002, 0.003], [0.03, 0.05, 0.04], [0.09, 0.1, 0.2], [0.9, 0.2, 0.6], [0.3, 0, 0.99]])
    rgb = rgb.double().T[None, :, None].requires_grad_()
    torch.autograd.gradcheck(rgb_to_lab, rgb, eps=1e-7, atol=1e-4)
    lab = rgb_to_lab(rgb).detach().requires_grad_()
    torch.autograd.gradcheck(lambda x: lab_to_rgb(x, clip=False), lab, eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_slopes_are_finite_at_black_and_white(value):
    rgb = torch.full((1, 3, 2, 2), value, requires_grad=True)
    lab = rgb_to_lab(rgb)
    assert torch.autograd.grad(lab.square().sum() + lab.sum(), rgb)[0].isfinite().all()
    leaf = lab.detach().requires_grad_()
    assert torch.autograd.grad(lab_to_rgb(leaf).sum(), leaf)[0].isfinite().all()


def test_colors_outside_of_the_gamut_are_clipped_or_kept():
    lab = torch.tensor([[50.0, 150.0, -150.0], [100.0, 0.0, 110.0], [0.0, 100.0, 100.0]]).T[None, :, None]
    lab.requires_grad_()
    raw, clipped = lab_to_rgb(lab, clip=False), lab_to_rgb(lab)
    assert raw.min() < 0 and raw.max() > 1
    assert torch.equal(clipped, raw.clamp(0, 1))
    assert torch.autograd.grad(raw.sum(), lab)[0].isfinite().all()
    # unclipped, nothing is lost: negative light takes the lines and comes back. 1e-3: the curve's rounded knee
    torch.testing.assert_close(rgb_to_lab(lab_to_rgb(lab.double(), clip=False)), lab.double(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("convert, scale", [(rgb_to_lab, 1.0), (lab_to_rgb, 100.0)])
@pytest.mark.parametrize("view", [
    lambda x: x.transpose(-1, -2), lambda x: x[..., ::2, 1::3], lambda x: x.flip(-1),
    lambda x: x[:1].expand(3, -1, -1, -1), lambda x: x.contiguous(memory_format=torch.channels_last),
], ids=["transposed", "strided", "flipped", "expanded", "channels last"])
def test_any_strides(convert, scale, view):
    x = view(scale * torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0)))
    before = x.clone()
    torch.testing.assert_close(convert(x), convert(x.contiguous().clone()), atol=1e-4 * scale, rtol=0)
    assert convert(x).shape == x.shape and torch.equal(x, before)


def test_each_pixel_stands_alone():
    """A batch of pictures is its pixels one by one: nothing mixes rows, columns or pictures."""
    rgb = torch.rand(2, 3, 3, 4, generator=torch.Generator().manual_seed(1))
    whole = rgb_to_lab(rgb)
    for n, i, j in itertools.product(range(2), range(3), range(4)):
        one = rgb_to_lab(rgb[n, :, i, j][None, :, None, None])
        torch.testing.assert_close(whole[n, :, i, j], one[0, :, 0, 0], atol=1e-4, rtol=0)
