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
