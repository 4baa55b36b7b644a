"""UQI, the universal quality index: Wang and Bovik, "A Universal Image Quality Index", IEEE SPL 9(3), 2002, eq. 1, in
windows of 8x8 without weights, one at every pixel where it lies in the picture; mean over windows, red, green and blue.

    Q = 4 cov ma mb / ((va + vb) (ma^2 + mb^2))      means m, population variances v, covariance cov of a window

The index has no constants, so no peak either: the scale cancels. A window that is flat in both pictures has only its means to
compare, Q = 2 ma mb / (ma^2 + mb^2), and Q = 1 where both are black, as in the authors' code.

Differs from the paper: it has grey pictures; of the channels the mean is taken. Differs from report B's table, whose library
counts flat windows as 0, so that a picture is not even like itself.
"""

import torch
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.metrics.ranges import at_least_float32, check_rgb, in_cache

SIDE = 8


def uqi(a: Tensor, b: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,) in [-1, 1], 1 for equal ones, float32 at least. Symmetric.

    BadInput as check_rgb, and for sides below 8.
    """
    check_rgb(a, b)
    if min(a.shape[2:]) < SIDE:
        raise BadInput(f"UQI needs sides of at least {SIDE} pixels, got {a.shape[2]}x{a.shape[3]}")
    return in_cache(_uqi, *at_least_float32(a, b))


def _uqi(a: Tensor, b: Tensor) -> Tensor:
    # With p = a + b and q = a - b: 4 cov = vp - vq, 2 (va + vb) = vp + vq, and the same for ma mb and ma^2 + mb^2. Both
    # factors are ratios, so sums will do for means.
    (mp, mq), (vp, vq) = _windows(torch.stack([a + b, a - b]))
    return (_contrast(vp, vq) * _contrast(mp.square_(), mq.square_())).mean(dim=(1, 2, 3))


def _contrast(p: Tensor, q: Tensor) -> Tensor:
    """(p - q) / (p + q) of p, q >= 0, and 1 for 0 / 0: neither picture has any, so they agree."""
    return (p - q).div_(p + q).nan_to_num_(nan=1)


def _windows(x: Tensor) -> tuple[Tensor, Tensor]:
    """(..., H, W) -> sum, and sum of squared differences to the mean, of every window, each (..., H - 7, W - 7).

    Two halves of n pixels give the whole: sums l + r, squares sl + sr + (l - r)^2 / 2n. Three times each way makes 8x8 of
    single pixels. Nothing cancels, unlike in E[x^2] - E[x]^2: a flat window has 0 and not rounding.
    """
    total, squares, pixels = x, None, 1
    for dim in (-1, -2):
        for step in (1, 2, 4):
            count = total.shape[dim] - step
            left, right = total.narrow(dim, 0, count), total.narrow(dim, step, count)
            apart = left - right
            if squares is None:
                squares = apart.square_().mul_(0.5)
            else:
                squares = squares.narrow(dim, 0, count) + squares.narrow(dim, step, count)
                squares.addcmul_(apart, apart, value=0.5 / pixels)
            total, pixels = left + right, 2 * pixels
    return total, squares
