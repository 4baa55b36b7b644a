"""What exercise 10 is graded on: SSIM as a loss, window by window."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

NAME = "ssim_loss"
KEY = "minicolor.losses.ssim_loss:ssim_loss"
TRAINS = "what SSIM looks at: means, variances and covariance in small windows, and a loss that can be descended"
MINUTES = 40

C1, C2 = 0.01**2, 0.03**2
x = torch.arange(11, dtype=torch.float64) - 5
line = torch.exp(-(x**2) / (2 * 1.5**2))
GAUSS = torch.outer(line, line) / line.sum() ** 2
BOX = torch.full((11, 11), 1 / 121, dtype=torch.float64)


def _ssim(a, b, window=GAUSS, c1=C1, c2=C2, stride=1, pad=0):
    """(N, C, H, W) twice -> the map, each window cut out on its own: slow, and none of the library's code."""
    n, c, h, w = a.shape
    p, q = (F.unfold(v.double().reshape(n * c, 1, h, w), 11, padding=pad, stride=stride) for v in (a, b))    # (NC, 121, windows)
    weights = window.reshape(1, 121, 1)
    mp, mq = ((weights * v).sum(1, keepdim=True) for v in (p, q))
    vp, vq, cov = ((weights * u * v).sum(1) for u, v in ((p - mp, p - mp), (q - mq, q - mq), (p - mp, q - mq)))
    mp, mq = mp[:, 0], mq[:, 0]
    return (2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2))


def _whole(a, b):
    """One window as large as the picture."""
    a, b = a.double().flatten(2), b.double().flatten(2)
    ma, mb = a.mean(2), b.mean(2)
    va, vb, cov = a.var(2, unbiased=False), b.var(2, unbiased=False), ((a - ma[..., None]) * (b - mb[..., None])).mean(2)
    return (2 * ma * mb + C1) * (2 * cov + C2) / ((ma**2 + mb**2 + C1) * (va + vb + C2))


WRONG = {
    "SSIM itself, not 1 - SSIM": lambda a, b: _ssim(a, b).mean(),
    "all weights alike": lambda a, b: 1 - _ssim(a, b, BOX).mean(),
    "zeros around the picture": lambda a, b: 1 - _ssim(a, b, pad=5).mean(),
    "constants for values up to 255": lambda a, b: 1 - _ssim(a, b, c1=2.55**2, c2=7.65**2).mean(),
    "one window, the whole picture": lambda a, b: 1 - _whole(a, b).mean(),
    "windows side by side, not one at each place": lambda a, b: 1 - _ssim(a, b, stride=11).mean(),
    "a plain number, through which no gradient passes": lambda a, b: torch.tensor(1 - _ssim(a, b).mean().item()),
    "one number for each picture": lambda a, b: 1 - _ssim(a, b).unflatten(0, a.shape[:2]).mean((1, 2)),
}

few = settings(max_examples=15, deadline=None, database=None)
seeds = st.integers(0, 10**6)


def _pair(seed, height, width, n=2, channels=3):
    """Two pictures that have something in common, off the middle grey."""
    draw = torch.Generator().manual_seed(seed)
    a = torch.rand(n, channels, height, width, generator=draw) ** 2
    return a, (0.7 * a + 0.3 * torch.rand(a.shape, generator=draw))


def _number(f, a, b):
    loss = f(a, b)
    assert tuple(loss.shape) == (), "one number for the whole batch is wanted: a tensor of no dimension"
    return loss.item()


@few
@given(seed=seeds, height=st.integers(11, 24), width=st.integers(11, 24))
def equal_pictures_have_no_loss(f, seed, height, width):
    a, _ = _pair(seed, height, width)
    assert abs(_number(f, a, a.clone())) < 1e-4


@few
@given(p=st.floats(0.05, 1), q=st.floats(0.05, 1), side=st.integers(12, 20))
def flat_pictures_differ_by_their_means_alone(f, p, q, side):
    a, b = torch.full((1, 3, side, side), p), torch.full((1, 3, side, side), q)
    assert abs(_number(f, a, b) - (1 - (2 * p * q + C1) / (p * p + q * q + C1))) < 1e-3


@few
@given(seed=seeds)
def one_window_is_weighted_from_its_middle(f, seed):
    a, b = _pair(seed, 11, 11)
    assert abs(_number(f, a, b) - (1 - _ssim(a, b).mean().item())) < 1e-4


@few
@given(seed=seeds, height=st.integers(22, 30), width=st.integers(11, 30))
def every_place_has_its_window(f, seed, height, width):
    a, b = _pair(seed, height, width)
    assert abs(_number(f, a, b) - (1 - _ssim(a, b).mean().item())) < 1e-4


@few
@given(seed=seeds)
def a_step_against_the_gradient_makes_it_smaller(f, seed):
    a, b = _pair(seed, 16, 18)
    a.requires_grad_()
    loss = f(a, b)
    assert loss.requires_grad, "the loss has no gradient"
    loss.sum().backward()
    assert a.grad.isfinite().all() and a.grad.any(), "a slope of numbers, not all of them 0, is wanted"
    with torch.no_grad():
        assert f(a - 1e-2 * a.grad / a.grad.abs().max(), b).sum() < loss.sum()


CHECKS = [
    (1, equal_pictures_have_no_loss, "SSIM is 1 for equal pictures; what should a loss be?"),
    (2, flat_pictures_differ_by_their_means_alone,
     "flat pictures have no variance: what is left of the formula? Is c1 for values up to 1? What do windows at the edge see?"),
    (2, one_window_is_weighted_from_its_middle,
     "a picture of 11x11 has one window: are its weights a Gaussian that sums to 1, and is each variance taken with them?"),
    (3, every_place_has_its_window, "windows overlap: each lies one pixel beside the one before; the mean is over all of them"),
    (2, a_step_against_the_gradient_makes_it_smaller,
     "train with it: stay with tensors from the input to the answer, and mind the sign"),
]
