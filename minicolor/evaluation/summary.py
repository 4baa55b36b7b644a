"""What a column of figures says: mean, standard deviation, and how far the mean can be trusted.

    interval   bootstrap: draw n pictures of the n with replacement, many times; the middle 95 % of the means
    sd         sqrt(sum (x - mean)^2 / (n - 1)), the spread of single pictures

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile intervals). Two runs that answered the same
pictures are compared picture by picture: a hard picture is hard for both, so the interval of the mean difference is much
narrower than either's own.
"""

from dataclasses import dataclass

import numpy as np

DRAWS = 2000
LEVEL = 0.95
_AT_ONCE = 1 << 22             # numbers in memory


@dataclass(frozen=True)
class Summary:
    """Of n figures. sd, low and high are None below two of them."""

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None


def summarize(values: np.ndarray, seed: int = 0) -> Summary:
    """(n,) finite figures, n >= 1 -> their summary; the same for the same seed."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"expected finite figures (n,), got {values.shape}")
    if len(values) == 1:
        return Summary(1, float(values[0]), None, None, None)
    low, high = interval(values, seed)
    return Summary(len(values), float(values.mean()), float(values.std(ddof=1)), low, high)


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The middle 95 % of the means of 2000 draws with replacement from (n,) figures."""
    generator, means, n = np.random.default_rng(seed), [], len(values)
    rounds = max(1, min(DRAWS, _AT_ONCE // n))
    for first in range(0, DRAWS, rounds):
        picked = generator.integers(0, n, (min(rounds, DRAWS - first), n))
        means.append(values[picked].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def differs(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two columns of figures of the same pictures differ: the interval of the mean difference leaves 0 out.

    Pictures for which either is not finite do not count.
    """
    fine = np.isfinite(a) & np.isfinite(b)
    if fine.sum() < 2:
        return False
    low, high = interval(np.asarray(a, np.float64)[fine] - np.asarray(b, np.float64)[fine])
    return not low <= 0 <= high
