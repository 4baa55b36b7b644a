"""UQI is Wang and Bovik's formula, window by window, flat windows too, in float32; equal pictures have 1."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.uqi import uqi


def oracle(a, b):
    """Two (3, H, W) of whole numbers 0..255 -> eq. 1 in every 8x8 window. Sums of whole numbers are exact, so 0 is 0."""
    x, y = (np.lib.stride_tricks.sliding_window_view(v.astype(np.int64), (8, 8), (1, 2)).reshape(-1, 64) for v in (a, b))
    sx, sy = x.sum(1), y.sum(1)
    spread = 64 * ((x * x).sum(1) + (y * y).sum(1)) - sx * sx - sy * sy                  # 64^2 (va + vb)
    power, joint = sx * sx + sy * sy, 64 * (x * y).sum(1) - sx * sy
    q = []
    for i in range(len(x)):
        if spread[i] == 0:
            q.append(2 * sx[i] * sy[i] / power[i] if power[i] else 1.0)
        else:
            q.append(4 * joint[i] * sx[i] * sy[i] / (spread[i] * power[i]))
    return np.mean(q)


def squares(seed, n, h, w, noise):
    """Squares of 10 pixels, some black: many windows are flat in one picture or in both. The lower half has noise."""
    rng = np.random.default_rng(seed)
    big = np.kron(rng.integers(0, 3, (2, n, 3, h // 10 + 1, w // 10 + 1)) * 90, np.ones((10, 10), dtype=np.int64))[..., :h, :w]
    a, b = big[0], np.where(rng.random((n, 1, 1, 1)) < 0.5, big[0], big[1])
    b = b + (np.arange(h)[:, None] >= h // 2) * rng.integers(-noise, noise + 1, b.shape)
    return a, b.clip(0, 255)


def pictures(*whole):
    return tuple(torch.from_numpy(v.astype(np.float32) / np.float32(255)) for v in whole)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 3), h=st.integers(8, 30), w=st.integers(8, 30), noise=st.integers(0, 90))
@example(seed=0, n=1, h=8, w=8, noise=0)                                                  # one window
@example(seed=0, n=1, h=8, w=8, noise=1)                                                  # 1.3e-5 from the truth, 0
@example(seed=1, n=2, h=30, w=30, noise=1)                                                # nearly flat: one step of 8 bits
def test_it_is_the_formula_in_every_window(seed, n, h, w, noise):
    a, b = squares(seed, n, h, w, noise)
    exact = uqi(*(torch.from_numpy(v / 255) for v in (a, b)))
    assert exact.shape == (n,) and exact.dtype == torch.float64
    np.testing.assert_allclose(exact.numpy(), [oracle(*both) for both in zip(a, b)], atol=1e-10)
    # float32 pixels: the sum of two is rounded by up to 2^-24 of 2, beside a difference of a step of 1/255 at least
    found = uqi(*pictures(a, b))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), exact.numpy(), atol=1e-5 if noise > 2 else 255 * 2**-23)


def test_photographs_by_the_same_formula_and_it_falls_as_noise_rises(real_pictures):
    rng, files = np.random.default_rng(0), sorted((real_pictures / "objects").iterdir())[:2]
    whole = np.stack([photos.read(f).rgb.transpose(2, 0, 1)[:, :90, :70] for f in files]).astype(np.int64)
    before = torch.ones(2)
    for sigma in (2, 8, 32):
        noisy = (whole + rng.normal(0, sigma, whole.shape).round().astype(np.int64)).clip(0, 255)
        found = uqi(*pictures(whole, noisy))
        np.testing.assert_allclose(found.numpy(), [oracle(*both) for both in zip(whole, noisy)], atol=1e-5)
        assert (found < before).all()
        before = found


def test_figures_known_without_a_computer():
    """Flat pictures: 2 ma mb / (ma^2 + mb^2). Scaled by k, without noise: (2 k / (1 + k^2))^2. Negative about 1/2: -1."""
    def flat(level):
        return torch.full((1, 3, 9, 9), level)

    assert uqi(flat(0.5), flat(0.25)).item() == pytest.approx(2 * 0.5 * 0.25 / (0.25 + 0.0625))
    assert uqi(flat(0.0), flat(0.0)).item() == 1 and uqi(flat(0.0), flat(0.3)).item() == 0
    a = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert uqi(a, 0.5 * a).tolist() == pytest.approx([(2 * 0.5 / 1.25) ** 2] * 2)
    checks = (torch.arange(16)[:, None] + torch.arange(16)) % 2                                    # mean 1/2 in every window
    assert uqi(*(v.expand(1, 3, 16, 16).double() for v in (checks, 1 - checks))).item() == pytest.approx(-1)


def test_equal_pictures_are_1_the_order_plays_no_part_and_neighbors_neither():
    a, b = pictures(*squares(3, 3, 25, 17, 40))
    torch.testing.assert_close(uqi(a, a), torch.ones(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(uqi(a, b), uqi(b, a))
    torch.testing.assert_close(uqi(a, b), torch.cat([uqi(a[i:i + 1], b[i:i + 1]) for i in range(3)]))
    torch.testing.assert_close(uqi(a.mT, b.mT), uqi(a, b))                                          # strided, and turned
    assert uqi(a.bfloat16(), b.bfloat16()).dtype == torch.float32
    torch.testing.assert_close(uqi(a.double(), b.double()).float(), uqi(a, b), atol=1e-5, rtol=0)


def test_what_has_no_index_is_refused():
    a = torch.full((2, 3, 8, 9), 0.5)
    assert uqi(a, a).tolist() == [1, 1]
    for bad, sentence in ((a[:, :, :7], "sides of at least 8 pixels, got 7x9"), (a[..., :7], "got 8x7"), (a * 255, "0..255"),
                          (a * float("nan"), "nan"), (a[:, :1], "N, 3, H, W"),
                          (a[:0], "at least one picture"), (a.byte(), "float pictures")):
        with pytest.raises(BadInput, match=sentence):
            uqi(bad, bad)
    with pytest.raises(BadInput, match="one shape"):
        uqi(a, a[:1])
