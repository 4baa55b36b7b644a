"""Tile by tile a network says what it says to the whole picture: denoised and enlarged, every size, every place of a cut."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from restoring_runs import DENOISE, ENLARGE, saved
from torch import nn

from minicolor.denoiser import Denoiser
from minicolor.errors import BadInput
from minicolor.models.dncnn import DnCNN
from minicolor.models.srgan import SRResNet
from minicolor.recipes import pix2pix_lab, vae_flat
from minicolor.restoring import enlarge as enlarging
from minicolor.restoring.denoise import denoise, tileable
from minicolor.restoring.enlarge import Enlarger
from minicolor.restoring.tiles import reach, side, tiled


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    return Denoiser(saved(DENOISE, tmp_path_factory.mktemp("runs") / "dncnn"))


@pytest.fixture(scope="module")
def enlarger(tmp_path_factory):
    return Enlarger(saved(ENLARGE, tmp_path_factory.mktemp("runs") / "srgan"))


def network(scale: int) -> nn.Module:
    torch.manual_seed(scale)
    return (DnCNN(width=5, depth=4) if scale == 1 else SRResNet(base=4, blocks=1, scale=scale)).eval()


@settings(deadline=None, max_examples=15)
@given(height=st.integers(1, 40), width=st.integers(1, 40), tile=st.integers(9, 40), scale=st.sampled_from([1, 2, 4]))
@example(height=32, width=32, tile=16, scale=2)
@example(height=1, width=40, tile=9, scale=1)
@example(height=3, width=4, tile=1, scale=1)
def test_tiles_are_the_whole(height, width, tile, scale):
    """Measured through arrays of 16 bits: 1e-5 is two thirds of their step, so the rounding may differ by one step, no more."""
    net, grey = network(scale), scale == 1
    picture = np.random.default_rng(0).integers(0, 65536, (height, width) if grey else (height, width, 3)).astype(np.uint16)
    out = np.zeros((scale * height, scale * width, *picture.shape[2:]), np.uint16)
    with torch.inference_mode():
        tiled(net, picture, out, reach(net, "x"), tile)
        x = torch.from_numpy(picture / np.float32(65535)).reshape(1, height, width, -1).permute(0, 3, 1, 2)
        whole = net(x)[0].permute(1, 2, 0).reshape(out.shape).clamp(0, 1).numpy()
    assert np.abs(out / 65535 - whole).max() < 1e-5


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_reach_is_how_far_a_pixel_is_seen(scale):
    """Gradients say which input pixels an output depends on: all lie within the reach, for scale 1 the outermost at it."""
    net = network(scale).double()
    far, middle = reach(net, "x"), 30
    x = torch.rand(1, 1 if scale == 1 else 3, 61, 61, dtype=torch.float64, requires_grad=True)
    corner = slice(scale * middle, scale * middle + scale)                       # all that one input pixel becomes
    net(x)[0, :, corner, corner].square().sum().backward()
    seen = x.grad.abs().sum((0, 1)).nonzero() - middle
    assert seen.abs().max() == far if scale == 1 else far - 6 <= seen.abs().max() <= far


def test_a_tile_fits_its_budget():
    for net in (DnCNN(), SRResNet()):
        margin = reach(net, "x")
        assert (side(net, margin) + 2 * margin) ** 2 * 4 * (64 if margin == 17 else 256) <= 64 * 2**20
    assert reach(DnCNN(), "x") == 17                                               # the paper: 35 x 35 pixels for depth 17


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (37, 90), (130, 131)])
def test_denoise_is_the_run_on_the_whole_plane(denoiser, monkeypatch, shape):
    monkeypatch.setattr("minicolor.restoring.tiles.WORK", 1)                       # the smallest tiles: 64 pixels
    grey = np.random.default_rng(1).integers(0, 65536, shape).astype(np.uint16)
    whole = denoiser(torch.from_numpy(grey / np.float32(65535))[None, None])[0, 0].clamp(0, 1).numpy()
    assert np.abs(denoise(grey, denoiser) / 65535 - whole).max() < 1e-5
    half = 0.5 * denoiser(torch.from_numpy(grey / np.float32(65535))[None, None])[0, 0].numpy() + 0.5 * grey / 65535
    assert np.abs(denoise(grey, denoiser, 0.5) / 65535 - half.clip(0, 1)).max() < 1e-5
    assert np.array_equal(denoise(grey, denoiser, 0.0), grey)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (75, 66)])
def test_enlarging_is_the_run_on_the_whole_picture(enlarger, monkeypatch, shape, kind):
    monkeypatch.setattr(enlarger, "side", 20)
    top = np.iinfo(kind).max
    rgb = np.random.default_rng(2).integers(0, top + 1, (*shape, 3)).astype(kind)
    with torch.inference_mode():
        x = torch.from_numpy(rgb / np.float32(top)).permute(2, 0, 1)[None]
        whole = enlarger.step.network.eval()(x)[0].permute(1, 2, 0).clamp(0, 1).numpy()
    out = enlarger(rgb)
    assert out.dtype == kind and out.shape == (2 * shape[0], 2 * shape[1], 3)
    assert np.abs(out / top - whole).max() <= 0.5 / top + 1e-5


def test_too_large_a_result_is_refused_before_work(enlarger, monkeypatch):
    monkeypatch.setattr(enlarging, "MAX_PIXELS", 400)
    enlarger(np.zeros((10, 10, 3), np.uint8))
    monkeypatch.setattr(enlarging, "tiled", None)
    with pytest.raises(BadInput, match="11 x 10 pixels would be enlarged to 22 x 20; expected at most 400 pixels"):
        enlarger(np.zeros((10, 11, 3), np.uint8))


def test_runs_that_cannot_are_refused_in_a_sentence(tmp_path):
    color = saved(replace(pix2pix_lab.QUICK, size=32, base=4), tmp_path / "color")
    flat = saved(replace(vae_flat.QUICK, size=32), tmp_path / "flat")
    one_by_one = {"norm_at_test": "batch"}
    for call, words in (
        (lambda: Enlarger(color), "run of pix2pix_lab, which does not enlarge"),
        (lambda: Enlarger(tmp_path), "no best.pt"),
        (lambda: tileable(color), "expected one that removes noise"),
        (lambda: tileable(flat), "looks at a whole picture at once"),
        (lambda: tileable(saved(replace(DENOISE, **one_by_one), tmp_path / "d")), "--norm-at-test running"),
        (lambda: Enlarger(saved(replace(ENLARGE, **one_by_one), tmp_path / "e")), "--norm-at-test running"),
        (lambda: denoise(np.zeros((2, 2), np.uint16), None, 1.5), "--strength 1.5: expected 0"),
        (lambda: denoise(np.zeros((2, 2), np.uint16), None, float("nan")), "--strength nan"),
    ):
        with pytest.raises(BadInput, match=words) as said:
            call()
        assert "\n" not in str(said.value)


def test_a_large_plane_in_little_memory(denoiser, monkeypatch):
    """Beyond the plane handed in numpy holds the result and a few tiles; a float copy of the plane would be twice that."""
    monkeypatch.setattr("minicolor.restoring.tiles.WORK", 1 << 20)
    grey = np.zeros((1200, 1500), np.uint16)
    tracemalloc.start()
    denoise(grey, denoiser)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.6 * grey.nbytes
