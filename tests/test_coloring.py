"""A colored photograph keeps its size and its lightness, whatever its shape; only a and b come from the network."""

import contextlib
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from minicolor import checkpoint, coloring
from minicolor.coloring import Colorizer, join
from minicolor.data.pixels import eight_bits
from minicolor.errors import BadInput
from minicolor.recipe import to_dict
from minicolor.recipes import pix2pix, pix2pix_lab


@pytest.fixture(scope="module", params=[pix2pix, pix2pix_lab], ids=["rgb", "lab"])
def colorizer(request, tmp_path_factory):
    """An untrained little network: its colors mean nothing, but they must land where they belong."""
    torch.manual_seed(0)
    recipe = replace(request.param.QUICK, size=32, base=4)
    networks = {n: net.state_dict() for n, net in recipe.build(contextlib.nullcontext).networks.items()}
    path = tmp_path_factory.mktemp("run") / "best.pt"
    checkpoint.save(path, {"recipe": to_dict(recipe), "networks": networks})
    return Colorizer(path.parent)


@settings(deadline=None, max_examples=25)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 99))
@example(height=1, width=1, seed=0)
@example(height=1, width=700, seed=0)        # longer than LONGEST working sizes: squeezed, not refused
@example(height=700, width=1, seed=0)
@example(height=32, width=32, seed=0)        # exactly the working size
@example(height=33, width=31, seed=0)
def test_any_size_comes_back_in_its_size(colorizer, height, width, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    out = colorizer(rgb)
    assert out.shape == rgb.shape and out.dtype == np.uint8


def test_lightness_is_the_photographs_own():
    """Mid greys with moderate color stay inside sRGB, so L* must survive to 8-bit rounding, at every pixel."""
    grey = np.random.default_rng(0).integers(90, 160, (70, 50, 1), np.uint8).repeat(3, axis=2)
    out = join(grey, torch.full((2, 5, 4), 15.0))
    lab, before = rgb2lab(out), rgb2lab(grey)
    assert np.abs(lab[..., 0] - before[..., 0]).max() < 0.5        # one 8-bit step of one channel is up to 0.4 L*
    assert np.abs(lab[..., 1:] - 15).max() < 1.2                   # and about 1 in a and b


@pytest.mark.parametrize("ab", [(20.0, 20.0), (60.0, 45.0), (-70.0, 40.0), (20.0, -100.0)])
def test_lightness_stays_even_where_srgb_has_no_such_color(ab):
    """From black to white: clipping would lift black by 12 L* at (60, 45). The color gives way, along its own hue."""
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    lab = rgb2lab(join(ramp, torch.tensor(ab)[:, None, None]))[0]
    assert np.abs(lab[:, 0] - rgb2lab(ramp)[0, :, 0]).max() < 0.8             # 8-bit rounding near black, in L*
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    strong = chroma > 12
    hue = np.degrees(np.arctan2(lab[strong, 2], lab[strong, 1]) - np.arctan2(ab[1], ab[0]))
    assert np.abs((hue + 180) % 360 - 180).max() < 8 and chroma.max() > 0.5 * min(np.hypot(*ab), 60)


def test_color_is_enlarged_as_torch_does_it_and_bands_do_not_show(monkeypatch):
    grey = np.full((61, 47, 3), 128, np.uint8)
    ab = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0)) * 15
    whole = join(grey, ab)
    wanted = torch.nn.functional.interpolate(ab[None], (61, 47), mode="bilinear", align_corners=False)[0]
    assert np.abs(rgb2lab(whole)[..., 1:] - wanted.permute(1, 2, 0).numpy()).max() < 1.2      # 8-bit rounding
    monkeypatch.setattr(coloring, "BAND", 47 * 3)                  # three rows at a time
    assert np.array_equal(join(grey, ab), whole)


def test_color_in_the_input_is_ignored(colorizer):
    """A photograph and its grey twin of equal L* give the same colors: a toned print is not a hint."""
    rgb = np.random.default_rng(1).integers(60, 200, (40, 40, 3), np.uint8)
    from skimage.color import lab2rgb

    lab = rgb2lab(rgb)
    lab[..., 1:] = 0
    twin = (lab2rgb(lab) * 255).round().astype(np.uint8)
    # working size is 32: shrinking mixes colors before L* is taken, so the twins differ a little, by design
    assert (colorizer.ab(rgb) - colorizer.ab(twin)).abs().mean() < 2.0


def test_the_same_picture_in_training_and_in_use(colorizer):
    """At the working size, coloring a file is exactly what evaluation does with the packed picture."""
    from minicolor.held_out import samples
    from minicolor.ops.lab import rgb_to_lab

    rgb = np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8)
    batch = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    _, evaluated, _ = samples(colorizer.step, colorizer.recipe, batch)
    tolerance = 0.35 if colorizer.recipe.target == "ab" else 1e-3  # restore() clips colors outside sRGB, ab() does not
    same = (rgb_to_lab(evaluated)[0, 1:] - colorizer.ab(rgb)).abs()
    assert same.median() < tolerance


def test_a_large_photograph_in_little_memory():
    """The result and one copy of the lightness band are all that numpy may hold; whole-picture float Lab is 6 times that."""
    rgb = np.zeros((2000, 3000, 3), np.uint8)
    tracemalloc.start()
    out = join(rgb, torch.zeros(2, 8, 12))
    peak = tracemalloc.get_traced_memory()[1]                      # numpy's share; torch's bands are BAND pixels each
    tracemalloc.stop()
    assert out.shape == rgb.shape and peak < 1.5 * rgb.nbytes


# ---- grey planes: 16 bits of lightness in, 8 or 16 bits of color out


def test_a_grey_plane_is_colored_as_the_grey_photograph(colorizer):
    grey = np.random.default_rng(3).integers(0, 256, (50, 41), np.uint8)
    photograph, plane = np.repeat(grey[..., None], 3, axis=2), grey.astype(np.uint16) * 257
    assert torch.equal(colorizer.ab(plane), colorizer.ab(photograph))
    ab = torch.randn(2, 9, 7, generator=torch.Generator().manual_seed(0)) * 20
    # L* comes from a table or from the formula: a rounding of 8 bits may go the other way
    assert np.abs(join(plane, ab).astype(int) - join(photograph, ab)).max() <= 1


@pytest.mark.parametrize("deep", [False, True])
def test_no_color_gives_the_grey_back_exactly(deep):
    plane = np.arange(65536).astype(np.uint16).reshape(256, 256)
    out = join(plane, torch.zeros(2, 1, 1), deep=deep)
    assert np.array_equal(out, np.repeat((plane if deep else eight_bits(plane))[..., None], 3, axis=2))
    assert np.array_equal(eight_bits(plane), np.round(plane / 257)) and out.dtype == (np.uint16 if deep else np.uint8)
    assert np.array_equal(out, join(plane, torch.full((2, 3, 3), 50.0), saturation=0.0, deep=deep))


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), strong=st.floats(0, 60), saturation=st.floats(0, 4), deep=st.booleans())
@example(seed=0, strong=60.0, saturation=4.0, deep=True)
def test_lightness_is_kept_whatever_the_color(seed, strong, saturation, deep):
    """At most 1 L* on 99 % of the pixels; here on all, inside sRGB or not: color gives way, lightness never does."""
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 65536, (24, 31)).astype(np.uint16)
    ab = torch.from_numpy(rng.normal(0, strong, (2, 5, 4))).float()
    out = join(plane, ab, saturation, deep)
    lab = rgb2lab(out / np.iinfo(out.dtype).max)
    before = rgb2lab(np.repeat(plane[..., None] / 65535, 3, axis=2))[..., 0]
    assert np.abs(lab[..., 0] - before).max() < 1.0


def test_saturation_scales_chroma():
    plane = np.full((20, 20), 30000, np.uint16)
    one, half = (rgb2lab(join(plane, torch.full((2, 3, 3), 12.0), s, deep=True) / 65535)[..., 1:] for s in (1.0, 0.5))
    assert np.abs(one - 12).max() < 0.05 and np.abs(half - 6).max() < 0.05        # scikit-image's white point: 0.01


def test_a_color_that_grows_beyond_srgb_has_no_edge():
    """Clipping makes bands and turns hues; here neighbors stay neighbors, and the hue stays within 1 degree."""
    plane = np.repeat(np.linspace(8000, 60000, 60).astype(np.uint16)[:, None], 400, axis=1)
    angle = np.radians(35)
    ab = torch.linspace(0, 110, 400) * torch.tensor([np.cos(angle), np.sin(angle)])[:, None, None].float()
    lab = rgb2lab(join(plane, ab, deep=True) / 65535)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    # from pixel to pixel chroma grows by 0.28 as long as it can; beyond, bisection finds the border to 1/256 of 110
    assert np.abs(np.diff(chroma, axis=1)).max() < 0.28 + 110 / 256 + 0.05
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))[chroma > 10]
    assert np.abs(hue - 35).max() < 1.5                        # GAMUT_SLACK: a channel may stick out by 0.002, and is cut


def test_the_result_can_be_written_into_an_array():
    plane, ab = np.full((9, 8), 20000, np.uint16), torch.full((2, 2, 2), 10.0)
    out = np.zeros((9, 8, 3), np.uint16)
    assert join(plane, ab, out=out) is out and np.array_equal(out, join(plane, ab, deep=True))


@pytest.mark.parametrize("size", [32, 64, 100])
def test_another_working_size(colorizer, size):
    plane = np.random.default_rng(4).integers(0, 65536, (60, 90)).astype(np.uint16)
    assert min(colorizer.ab(plane, size).shape[1:]) == size
    assert torch.equal(colorizer.ab(plane, 32), colorizer.ab(plane)), "the run's own"


def test_sizes_and_saturations_that_cannot_be(colorizer):
    plane = np.zeros((9, 9), np.uint16)
    for size in (0, 31, 2049, -5):
        with pytest.raises(BadInput, match=f"--size {size}: expected 32 to 2048"):
            colorizer.ab(plane, size)
    for saturation in (-0.1, 4.1, float("nan")):
        with pytest.raises(BadInput, match="--saturation"):
            join(plane, torch.zeros(2, 1, 1), saturation)
