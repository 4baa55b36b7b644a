"""What exercise 05 is graded on: PSNR for every picture by itself, with the right peak, of floats and of bytes."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "psnr"
KEY = "minicolor.metrics.psnr:psnr"
TRAINS = "that a figure in dB means nothing without its peak, and which mean is taken before the logarithm"
MINUTES = 20


def adapt(key):
    """The library's pictures always lie in [0, 1]."""
    return lambda prediction, truth, peak=1.0: key(prediction.double() / peak, truth.double() / peak)


def _mse(prediction, truth):
    return (prediction.double() - truth.double()).square().mean((1, 2, 3))


WRONG = {
    "the natural logarithm": lambda p, t, peak=1.0: 10 * torch.log(peak**2 / _mse(p, t)),
    "the sign": lambda p, t, peak=1.0: 10 * torch.log10(_mse(p, t) / peak**2),
    "the root and still 10": lambda p, t, peak=1.0: 10 * torch.log10(peak / _mse(p, t).sqrt()),
    "the peak not squared": lambda p, t, peak=1.0: 10 * torch.log10(peak / _mse(p, t)),
    "the peak is always 1": lambda p, t, peak=1.0: -10 * torch.log10(_mse(p, t)),
    "the peak is always 255": lambda p, t, peak=1.0: 10 * torch.log10(255**2 / _mse(p, t)),
    "the picture's own largest value": lambda p, t, peak=1.0: 10 * torch.log10(t.double().amax((1, 2, 3)) ** 2 / _mse(p, t)),
    "one mean for the whole batch": lambda p, t, peak=1.0: 10 * torch.log10(peak**2 / _mse(p, t).mean()).expand(len(p)),
    "one figure for the whole batch": lambda p, t, peak=1.0: 10 * torch.log10(peak**2 / _mse(p, t)).mean(),
    "the logarithm first, then the mean over channels":
        lambda p, t, peak=1.0: 10 * torch.log10(peak**2 / (p.double() - t.double()).square().mean((2, 3))).mean(1),
    "bytes subtracted as bytes": lambda p, t, peak=1.0: 10 * torch.log10(peak**2 / (p - t).double().square().mean((1, 2, 3))),
    "a small number against division by 0": lambda p, t, peak=1.0: 10 * torch.log10(peak**2 / (_mse(p, t) + 1e-8)),
}  # fmt: skip

often = settings(max_examples=15, deadline=None, database=None)
seeds = st.integers(0, 9999)


def _drawn(seed, n=1, h=4, w=5, type=torch.float64):
    """Two different batches of pictures; none of them uses its whole range."""
    dice = torch.Generator().manual_seed(seed)
    values = [0.05 + 0.8 * torch.rand(n, 3, h, w, generator=dice, dtype=torch.float64) for _ in range(2)]
    return [(255 * v).round().to(type) if type == torch.uint8 else v.to(type) for v in values]


def _close(found, right):
    right = torch.as_tensor(right, dtype=torch.float64).reshape(-1)
    assert tuple(found.shape) == tuple(right.shape), f"one figure per picture: a shape {tuple(right.shape)}"
    torch.testing.assert_close(found.double(), right, rtol=1e-4, atol=1e-3)


@often
@given(difference=st.floats(0.01, 1.0))
def the_same_difference_everywhere(f, difference):
    black = torch.zeros(1, 3, 4, 4)
    _close(f(black + difference, black), -20 * math.log10(difference))


@often
@given(seed=seeds, peak=st.sampled_from([1.0, 100.0, 255.0, 4095.0]))
def the_peak_is_the_one_given(f, seed, peak):
    prediction, truth = _drawn(seed)
    _close(f(peak * prediction, peak * truth, peak=peak), 10 * math.log10(1 / (prediction - truth).square().mean()))


@often
@given(seed=seeds, n=st.integers(2, 5))
def every_picture_by_itself(f, seed, n):
    prediction, truth = _drawn(seed, n)
    prediction[0] = (prediction[0] + truth[0]) / 2
    _close(f(prediction, truth), [-10 * math.log10((p - t).square().mean()) for p, t in zip(prediction, truth)])


@often
@given(seed=seeds, h=st.integers(1, 9), w=st.integers(1, 9))
def pixels_and_channels_alike(f, seed, h, w):
    prediction, truth = _drawn(seed, 1, h, w)
    prediction[:, 0] = (prediction[:, 0] + 9 * truth[:, 0]) / 10                # red is much better than the others
    _close(f(prediction, truth), -10 * math.log10((prediction - truth).square().mean()))


@often
@given(seed=seeds)
def bytes_are_as_good_as_floats(f, seed):
    prediction, truth = _drawn(seed, type=torch.uint8)
    _close(f(prediction, truth, peak=255), 10 * math.log10(255**2 / (prediction.double() - truth.double()).square().mean()))


@often
@given(seed=seeds)
def equal_pictures_are_infinitely_good(f, seed):
    picture, other = _drawn(seed, 2)
    other[0] = picture[0]
    found = f(picture, other).reshape(-1)
    assert found[0] == math.inf and math.isfinite(found[-1]), "of two pictures, only the first was met exactly"


CHECKS = [
    (3, the_same_difference_everywhere, "which logarithm, of what over what, and is it the error or its square?"),
    (2, the_peak_is_the_one_given, "pictures that are 255 times larger, with a peak 255 times larger, are as good as before"),
    (2, every_picture_by_itself, "take the mean over C, H, W, not over N"),
    (1, pixels_and_channels_alike, "one mean over all numbers of a picture; the logarithm comes last"),
    (1, bytes_are_as_good_as_floats, "what is 3 - 5 in torch.uint8?"),
    (1, equal_pictures_are_infinitely_good,
     "what does your formula give where the error is 0, and did you change the error before the logarithm?"),
]
