"""Means with honest doubt: the deviation is the textbook's, the interval SciPy's bootstrap, and it holds as often as it says."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.evaluation.summary import differs, interval, summarize

NUMBERS = st.lists(st.floats(-1e3, 1e3, allow_nan=False), min_size=2, max_size=50)


@settings(max_examples=50, deadline=None)
@given(NUMBERS)
def test_mean_and_deviation_are_the_textbooks(values):
    found = summarize(np.array(values))
    assert found.n == len(values)
    assert found.mean == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert found.sd == pytest.approx(statistics.stdev(values), abs=1e-6)
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack


def test_the_interval_is_scipys():
    stats = pytest.importorskip("scipy.stats", reason="SciPy's bootstrap is the oracle: pip install scipy")
    values = np.random.default_rng(3).gamma(2.0, 3.0, 80)                # skewed, as errors are
    other = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
    low, high = interval(values)
    width = other.confidence_interval.high - other.confidence_interval.low
    # 2000 draws place a quantile of 2.5 % with a deviation of about 2.5 % of the width; four of them
    assert low == pytest.approx(other.confidence_interval.low, abs=0.1 * width)
    assert high == pytest.approx(other.confidence_interval.high, abs=0.1 * width)


def test_it_holds_the_true_mean_about_as_often_as_it_says():
    generator, held = np.random.default_rng(0), 0
    for trial in range(200):
        low, high = interval(generator.normal(5.0, 2.0, 60), seed=trial)
        held += low <= 5.0 <= high
    assert 0.88 < held / 200 < 0.99, "95 %, less a little that the bootstrap loses with 60 figures"


def test_many_figures_in_little_memory_give_the_interval_of_the_normal_law():
    values = np.random.default_rng(1).normal(0.0, 1.0, 50_000)
    low, high = interval(values)
    half = 1.96 / 50_000**0.5
    assert (high - low) / 2 == pytest.approx(half, rel=0.1) and (low + high) / 2 == pytest.approx(values.mean(), abs=0.1 * half)


def test_one_figure_has_no_spread_and_what_is_not_finite_no_summary():
    one = summarize(np.array([3.0]))
    assert (one.n, one.mean, one.sd, one.low, one.high) == (1, 3.0, None, None, None)
    for bad in (np.array([]), np.array([1.0, np.nan]), np.array([1.0, np.inf]), np.ones((2, 2))):
        with pytest.raises(ValueError, match="finite figures"):
            summarize(bad)


def test_two_runs_are_compared_picture_by_picture():
    """A difference far smaller than the spread of the pictures shows, because each picture is its own control."""
    generator = np.random.default_rng(0)
    hard = generator.normal(20.0, 5.0, 60)
    better = hard - 0.5 + generator.normal(0.0, 0.2, 60)
    assert differs(better, hard) and differs(hard, better)
    (_, low_high), (high_low, _) = sorted([interval(hard), interval(better)])
    assert low_high > high_low, "their own intervals overlap"
    assert not differs(hard, hard + generator.permutation(np.tile([-0.2, 0.2], 30))), "nothing but noise of mean 0"
    broken = np.where(np.arange(60) % 2, hard, np.nan)
    assert not differs(broken, broken) and differs(broken - 1, hard) and not differs(np.full(60, np.inf), hard)
    assert not differs(hard, hard) and not differs(np.array([1.0]), np.array([2.0]))
