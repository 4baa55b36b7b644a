"""CIEDE2000 gives the 34 published pairs to four decimals, and scikit-image's and a second package's figures on any others."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.metrics.ciede2000 import ciede2000 as metric
from minicolor.ops.ciede2000 import ciede2000

BRITISH = "colo" + "ur"                                                   # so the second package is called, and -science
# Sharma, Wu and Dalal 2005, table 1: L, a, b of one color, of the other, and their difference.
PAIRS = """
50.0000   2.6772 -79.7751   50.0000   0.0000 -82.7485    2.0425
50.0000   3.1571 -77.2803   50.0000   0.0000 -82.7485    2.8615
50.0000   2.8361 -74.0200   50.0000   0.0000 -82.7485    3.4412
50.0000  -1.3802 -84.2814   50.0000   0.0000 -82.7485    1.0000
50.0000  -1.1848 -84.8006   50.0000   0.0000 -82.7485    1.0000
50.0000  -0.9009 -85.5211   50.0000   0.0000 -82.7485    1.0000
50.0000   0.0000   0.0000   50.0000  -1.0000   2.0000    2.3669
50.0000  -1.0000   2.0000   50.0000   0.0000   0.0000    2.3669
50.0000   2.4900  -0.0010   50.0000  -2.4900   0.0009    7.1792
50.0000   2.4900  -0.0010   50.0000  -2.4900   0.0010    7.1792
50.0000   2.4900  -0.0010   50.0000  -2.4900   0.0011    7.2195
50.0000   2.4900  -0.0010   50.0000  -2.4900   0.0012    7.2195
50.0000  -0.0010   2.4900   50.0000   0.0009  -2.4900    4.8045
50.0000  -0.0010   2.4900   50.0000   0.0010  -2.4900    4.8045
50.0000  -0.0010   2.4900   50.0000   0.0011  -2.4900    4.7461
50.0000   2.5000   0.0000   50.0000   0.0000  -2.5000    4.3065
50.0000   2.5000   0.0000   73.0000  25.0000 -18.0000   27.1492
50.0000   2.5000   0.0000   61.0000  -5.0000  29.0000   22.8977
50.0000   2.5000   0.0000   56.0000 -27.0000  -3.0000   31.9030
50.0000   2.5000   0.0000   58.0000  24.0000  15.0000   19.4535
50.0000   2.5000   0.0000   50.0000   3.1736   0.5854    1.0000
50.0000   2.5000   0.0000   50.0000   3.2972   0.0000    1.0000
50.0000   2.5000   0.0000   50.0000   1.8634   0.5757    1.0000
50.0000   2.5000   0.0000   50.0000   3.2592   0.3350    1.0000
60.2574 -34.0099  36.2677   60.4626 -34.1751  39.4387    1.2644
63.0109 -31.0961  -5.8663   62.8187 -29.7946  -4.0864    1.2630
61.2901   3.7196  -5.3901   61.4292   2.2480  -4.9620    1.8731
35.0831 -44.1164   3.7933   35.0232 -40.0716   1.5901    1.8645
22.7233  20.0904 -46.6940   23.0331  14.9730 -42.5619    2.0373
36.4612  47.8580  18.3852   36.2715  50.5065  21.2231    1.4146
90.8027  -2.0831   1.4410   91.1528  -1.6435   0.0447    1.4441
90.9257  -0.5406  -0.9208   88.6381  -0.8985  -0.7239    1.5381
 6.7747  -0.2908  -2.4247    5.8714  -0.0985  -2.2286    0.6377
 2.0776   0.0795  -1.1350    0.9033  -0.0636  -0.5514    0.9082
"""
TABLE = torch.tensor([[float(v) for v in row.split()] for row in PAIRS.strip().splitlines()], dtype=torch.float64)


@pytest.mark.parametrize("dtype, close", [(torch.float64, 5.001e-5), (torch.float32, 2e-4)])    # half of the fourth decimal
def test_the_34_published_pairs_in_either_order(dtype, close):
    one, other, expected = TABLE[:, :3].to(dtype), TABLE[:, 3:6].to(dtype), TABLE[:, 6].to(dtype)
    assert len(expected) == 34
    torch.testing.assert_close(ciede2000(one, other), expected, atol=close, rtol=0)
    torch.testing.assert_close(ciede2000(other, one), expected, atol=close, rtol=0)


def labs(seed, *shape, widest=110):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(0, 100, (*shape, 1)), rng.uniform(-widest, widest, (*shape, 2))], axis=-1)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 3), h=st.integers(1, 9), w=st.integers(1, 9),
       widest=st.sampled_from([0.5, 10, 110]), near=st.sampled_from([0.01, 1]))
def test_any_colors_agree_with_two_packages(seed, n, h, w, widest, near):
    difference = pytest.importorskip(f"{BRITISH}.difference", reason=f"pip install {BRITISH}-science, to compare with")
    one = labs(seed, n, h, w, widest=widest)
    other = one + near * (labs(seed + 1, n, h, w, widest=widest) - one)
    found = ciede2000(*(torch.from_numpy(v).movedim(-1, 1) for v in (one, other)))
    assert found.shape == (n, h, w)
    np.testing.assert_allclose(found.numpy(), deltaE_ciede2000(one, other), atol=1e-8)
    np.testing.assert_allclose(found.numpy(), difference.delta_E_CIE2000(one, other), atol=1e-8)
    single = ciede2000(*(torch.from_numpy(v).movedim(-1, 1).float() for v in (one, other)))
    np.testing.assert_allclose(single.numpy(), found.numpy(), atol=1e-3)       # hues of float32 near grey


def test_grey_has_no_hue():
    """Either color grey: the difference is that in chroma over 1 + 0.045 of the mean (b* alone is not stretched)."""
    grey, yellow = torch.tensor([[50.0, 0, 0]]), torch.tensor([[50.0, 0, 30]])
    for found in (ciede2000(grey, yellow), ciede2000(yellow, grey)):
        assert found.item() == pytest.approx(30 / (1 + 0.045 * 15))
    assert ciede2000(grey, grey).item() == 0 and ciede2000(yellow, yellow).item() == 0


def oracle(a, b):
    a, b = (rgb2lab(x.double().permute(0, 2, 3, 1).numpy()) for x in (a, b))
    return deltaE_ciede2000(a, b).mean((1, 2))


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 4), h=st.integers(1, 9), w=st.integers(1, 9), noise=st.floats(0, 1))
def test_pictures_agree_with_scikit_image(seed, n, h, w, noise):
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(n, 3, h, w, generator=generator)
    b = a + noise * (torch.rand(a.shape, generator=generator) - a)
    assert metric(a, b).shape == (n,)
    np.testing.assert_allclose(metric(a, b).numpy(), oracle(a, b), atol=0.02)  # its Lab has another white: 0.01 for each


def test_photographs_agree_and_it_rises_with_the_noise(real_pictures):
    files, before = sorted((real_pictures / "objects").iterdir())[:2], torch.zeros(2)
    a = torch.stack([torch.from_numpy(photos.read(f).rgb).permute(2, 0, 1) / 255.0 for f in files])
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(0))
    for sigma in (0.01, 0.05, 0.2):
        b = (a + sigma * noise).clamp(0, 1)
        found = metric(a, b)
        np.testing.assert_allclose(found.numpy(), oracle(a, b), atol=0.005)    # the mean of many has less than each
        assert (found > before).all()
        before = found


def test_figures_known_without_a_computer():
    """Black and white: dL = 100, and SL = 1 as their mean is L = 50. Equal ones: 0."""
    black, white = torch.zeros(2, 3, 4, 5), torch.ones(2, 3, 4, 5)
    white[1] = 0
    assert metric(black, white).tolist() == pytest.approx([100, 0], abs=1e-3)
    a, b = torch.rand(2, 3, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(metric(a, a), torch.zeros(3))
    torch.testing.assert_close(metric(a, b), metric(b, a))
    torch.testing.assert_close(metric(a, b), torch.cat([metric(a[i:i + 1], b[i:i + 1]) for i in range(3)]))
    assert metric(a.half(), b.half()).dtype == torch.float32


def test_what_is_no_pair_of_pictures_is_refused():
    a = torch.full((2, 3, 4, 4), 0.5)
    for other, sentence in ((255 * a, "0..255"), (a * float("nan"), "nan"), (a[:1], "one shape"), (a.byte(), "float pictures")):
        with pytest.raises(BadInput, match=sentence):
            metric(a, other)
    with pytest.raises(BadInput, match="at least one picture"):
        metric(a[:0], a[:0])
