"""Intervals and agreement are the literature's: SciPy's Wilson; Krippendorff's examples, his definition, another's program."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.judging.agreement import alpha, wilson


@settings(deadline=None)
@given(n=st.integers(1, 400), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.95, 0.99]))
@example(n=1, share=0.0, confidence=0.95)
@example(n=1, share=1.0, confidence=0.95)
def test_the_interval_is_scipys(n, share, confidence):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed: pip install -e '.[test]'")
    hits = round(n * share)
    found, expected = wilson(hits, n, confidence), stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found[0] <= hits / n <= found[1] <= 1


def test_an_interval_by_hand():
    """5 of 10, z = 1.959964: the middle is 1/2, the half width z sqrt(1/40 + z^2/400) / (1 + z^2/10) = 0.26340."""
    assert wilson(5, 10) == pytest.approx((0.5 - 0.26340, 0.5 + 0.26340), abs=1e-5)


def test_an_interval_of_nothing_is_everything_and_the_impossible_is_refused():
    assert wilson(0, 0) == (0, 1)
    for hits, n in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match=f"{hits} of {n}"):
            wilson(hits, n)


def test_krippendorffs_two_observers():
    """Krippendorff 2011, part A: binary data, two observers, ten articles. alpha = 0.095."""
    meg, owen = "0100000010", "1110010000"
    units = list(zip(meg, owen))
    assert alpha(units) == pytest.approx(1 - 19 * 8 / (2 * 14 * 6)) and round(alpha(units), 3) == 0.095


def test_krippendorffs_four_observers_who_left_things_out():
    """Krippendorff 2011, part C and D: nominal data, four observers, twelve units, gaps. alpha = 0.743."""
    observers = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    units = [[value for value in unit if value != "."] for unit in zip(*observers)]
    assert len(units) == 12 and sum(len(u) for u in units if len(u) > 1) == 40
    assert round(alpha(units), 3) == 0.743


def definition(units):
    """Every ordered pair of answers to one thing, weighed by 1 / (answers - 1), against every pair of all of them."""
    units = [unit for unit in units if len(unit) > 1]
    everything = [value for unit in units for value in unit]
    observed = sum(sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(everything)
    pairs = list(permutations(everything, 2))
    return 1 - observed / (sum(a != b for a, b in pairs) / len(pairs))


@settings(deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=8))
def test_alpha_is_its_definition(units):
    if len({value for unit in units if len(unit) > 1 for value in unit}) < 2:
        assert alpha(units) is None
    else:
        assert alpha(units) == pytest.approx(definition(units), abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6), judges=st.integers(2, 6), things=st.integers(2, 30), gaps=st.floats(0, 0.7))
def test_alpha_is_the_packages(seed, judges, things, gaps):
    """The package is written from the same author's books; a table with a row per judge, NaN where one left something out."""
    oracle = pytest.importorskip("krippendorff", reason="krippendorff is not installed: pip install -e '.[test]'")
    rng = np.random.default_rng(seed)
    said = np.where(rng.random((judges, things)) < gaps, np.nan, rng.integers(0, 2, (judges, things)).astype(float))
    units = [column[~np.isnan(column)].tolist() for column in said.T]
    if (found := alpha(units)) is not None:
        assert found == pytest.approx(oracle.alpha(said, level_of_measurement="nominal"), abs=1e-12)


def test_alpha_of_friends_and_of_opposites():
    assert alpha([(0, 0), (1, 1), (0, 0)]) == 1
    assert alpha([(0, 1)] * 5) < 0
    assert alpha([(0,), (1,)]) is None and alpha([]) is None and alpha([(1, 1), (1, 1)]) is None
