"""FSIM and FSIMc are piq's; phase congruency does not see contrast; equal pictures have 1, flat ones a figure."""

import importlib

import numpy as np
import official
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.fsim import fsim, fsimc
from minicolor.ops.phase_congruency import phase_congruency


def assert_as_piq(a, b):
    """piq has rows where the authors' code has columns: the same on turned pictures, but for the highest frequency of even sides
    (1e-5 in FSIM). Ours adds 1e-6 to each weight. Its YIQ has a fourth digit where the paper has three, which is 1.3e-4 in FSIMc
    where colors are mere noise: here it is given the paper's."""
    official.load("piq")
    theirs = importlib.import_module("piq.fsim")
    paper = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theirs, "rgb2yiq", lambda x: torch.einsum("ij,njhw->nihw", paper.to(x), x))
        for ours, color, close in ((fsim, False, 3e-6), (fsimc, True, 1e-5)):
            found, expected = ours(a, b), theirs.fsim(a.mT, b.mT, reduction="none", chromatic=color)
            assert found.shape == (len(a),)
            np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=close)


def pair(seed, n, h, w, noise):
    """Squares of 9 pixels with some texture, and the same with other colors and noise."""
    rng = np.random.default_rng(seed)
    a = np.kron(rng.random((n, 3, h // 9 + 1, w // 9 + 1)), np.ones((9, 9)))[..., :h, :w]
    a = 0.9 * a + 0.1 * rng.random(a.shape)
    b = 0.7 * a + 0.3 * a[:, ::-1] + noise * rng.standard_normal(a.shape)
    return torch.from_numpy(a), torch.from_numpy(b.clip(0, 1))


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 3), h=st.integers(48, 90), w=st.integers(48, 90), noise=st.floats(0, 0.5))
@example(seed=0, n=1, h=48, w=48, noise=0.1)
@example(seed=1, n=2, h=49, w=60, noise=0.1)                              # odd and even have frequencies of their own
@example(seed=2, n=1, h=400, w=391, noise=0.2)                            # shrinks to blocks of 2, one column left over
@example(seed=2, n=1, h=48, w=51, noise=0.5)                              # colors are mere noise
@example(seed=3, n=1, h=390, w=48, noise=0.2)                             # does not: the smaller side decides
def test_agrees_with_piq(seed, n, h, w, noise):
    assert_as_piq(*pair(seed, n, h, w, noise))


def test_photographs_agree_and_both_fall_as_noise_rises(real_pictures):
    files = sorted((real_pictures / "objects").iterdir())[:2]
    a = torch.stack([torch.from_numpy(photos.read(f).rgb).permute(2, 0, 1) / 255.0 for f in files]).double()
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    before = {fsim: torch.ones(2), fsimc: torch.ones(2)}
    for sigma in (0.01, 0.05, 0.2):
        b = (a + sigma * noise).clamp(0, 1)
        assert_as_piq(a, b)
        for metric in before:
            found = metric(a.float(), b.float())
            torch.testing.assert_close(found, metric(a, b).float(), atol=1e-5, rtol=0)      # float32's Fourier transform
            assert found.dtype == torch.float32 and (found < before[metric]).all()
            before[metric] = found


@pytest.mark.parametrize("metric", [fsim, fsimc])
def test_equal_pictures_are_1_the_order_plays_no_part_and_neighbors_neither(metric):
    a, b = (x.float() for x in pair(4, 3, 50, 61, 0.2))
    torch.testing.assert_close(metric(a, a), torch.ones(3))
    torch.testing.assert_close(metric(a, b), metric(b, a))
    torch.testing.assert_close(metric(a, b), torch.cat([metric(a[i:i + 1], b[i:i + 1]) for i in range(3)]))
    torch.testing.assert_close(metric(a[..., ::1].flip(3).flip(3), b), metric(a, b))
    assert metric(a.half(), b.half()).dtype == torch.float32


def test_color_is_seen_by_fsimc_alone_and_opposites_deceive_it():
    """Two colors of one luma: FSIM has 1. With I = 20 and -20 on 0..255, S = (-800 + 200) / (800 + 200) = -.6;
    with 60 and -60 S = -.95, and more contrary colors count as more alike."""
    def picture(i):                                                       # YIQ back to RGB with q = 0, and an edge to look at
        y = 0.4 + 0.1 * (torch.arange(60) >= 30).double().expand(60, 60)
        rgb = torch.linalg.inv(torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]]).double())
        return torch.stack([y + c * i / 255 for c in rgb[:, 1]])[None]

    for i, similarity in ((20, 0.6), (60, 7000 / 7400)):
        assert fsim(picture(i), picture(-i)).item() == pytest.approx(1)
        assert fsimc(picture(i), picture(-i)).item() == pytest.approx(similarity**0.03)


def test_featureless_pictures_have_a_figure():
    """Nothing but the frame is an edge there: equal ones are 1, others lose at their frame alone."""
    dark, light = torch.full((1, 3, 64, 64), 0.2), torch.full((1, 3, 64, 64), 0.7)
    for metric in (fsim, fsimc):
        assert metric(dark, dark).item() == pytest.approx(1)
        assert 0.9 < metric(dark, light).item() < 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("h, w", [(64, 128), (75, 98)])                  # the edges of the period are far from the middle
def test_phase_congruency_sees_edges_whatever_their_contrast(dtype, h, w):
    grey = 60 + 40 * (torch.arange(w) >= w // 2).to(dtype).expand(2, h, w)
    grey = grey + torch.rand(2, h, w, generator=torch.Generator().manual_seed(0), dtype=dtype)
    pc = phase_congruency(grey)
    assert pc.shape == grey.shape and pc.dtype == dtype and (pc >= 0).all() and (pc <= 1).all()
    torch.testing.assert_close(phase_congruency(0.5 * grey + 90), pc, atol=1e-3 if dtype == torch.float32 else 1e-5, rtol=0)
    edge, away = pc[..., w // 2 - 1:w // 2 + 1], pc[..., w // 4 - 5:w // 4 + 5]
    assert edge.min() > 0.7 and away.mean() < 0.1
    assert (phase_congruency(torch.full((1, h, w), 137.0, dtype=dtype)) < 1e-6).all()


def test_filters_kept_from_inference_mode_serve_where_slopes_are_asked_for():
    a, b = (x.float()[..., :53] for x in pair(5, 1, 57, 53, 0.2))             # a size that no other test has
    with torch.inference_mode():
        expected = fsim(a, b)
    found = fsim(a.requires_grad_(), b)
    found.sum().backward()
    assert torch.equal(found.detach(), expected)


def test_what_has_no_fsim_is_refused():
    a = torch.rand(2, 3, 48, 50, generator=torch.Generator().manual_seed(0))
    for metric in (fsim, fsimc):
        for bad, sentence in ((a[:, :, :47], "sides of at least 48 pixels, got 47x50"), (a[..., :47], "got 48x47"),
                              (a * 255, "0..255"), (a * float("nan"), "nan"), (a[:, :1], "N, 3, H, W"),
                              (a[:0], "at least one picture"), (a.byte(), "float pictures")):
            with pytest.raises(BadInput, match=sentence):
                metric(bad, bad)
        with pytest.raises(BadInput, match="one shape"):
            metric(a, a[:1])
