"""Whatever the number of photographs, runs and judges: no photograph twice, every version equally often, in a random order."""

from collections import Counter
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.judging.plan import BLOCK, REAL, WRONG, checks, questions, versions

cases = given(photos=st.integers(1, 150), runs=st.integers(1, 4), pairs=st.booleans(), judge=st.integers(0, 30),
              seed=st.integers(0, 99))


@settings(deadline=None)
@cases
@example(photos=1, runs=1, pairs=False, judge=0, seed=0)
@example(photos=8, runs=4, pairs=True, judge=1, seed=0)
def test_every_photograph_once_and_balanced(photos, runs, pairs, judge, seed):
    asked = questions(photos, runs, pairs, judge, Random(seed))
    assert sorted(photo for photo, _ in asked) == list(range(photos))
    assert all(len(shown) == 1 + pairs and len(set(shown)) == len(shown) for _, shown in asked)
    tests = [shown for _, shown in asked if WRONG not in shown]
    times = Counter(tests)
    wanted = Counter(versions(runs, pairs))
    shares = [times[shown] / n for shown, n in wanted.items()]
    assert max(shares) - min(shares) <= 1                   # as equal as the number of photographs allows
    assert {photo for photo, shown in asked if WRONG in shown} == set(checks(photos))


@settings(deadline=None)
@cases
def test_wherever_a_judge_stops_it_is_balanced(photos, runs, pairs, judge, seed):
    """After each block the versions differ by at most two blocks' unevenness; of singles, half are real."""
    tests = [shown for _, shown in questions(photos, runs, pairs, judge, Random(seed)) if WRONG not in shown]
    slots = len(versions(runs, pairs))
    block = slots * -(-BLOCK // slots)
    full = len(tests) // block * block
    for end in range(block, full + 1, block):
        if pairs:
            assert len(set(Counter(tests[:end]).values())) == 1
        else:
            assert sum(shown == (REAL,) for shown in tests[:end]) == end / 2


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("runs", [1, 2, 3])
def test_over_judges_every_photograph_is_shown_in_every_version(runs, pairs):
    wanted = Counter(versions(runs, pairs))
    seen = Counter()
    for judge in range(2 * wanted.total()):                  # judges come in twos
        seen.update(q for q in questions(40, runs, pairs, judge, Random(judge)) if WRONG not in q[1])
    for photo in range(len(checks(40)), 40):
        assert {shown: seen[photo, shown] for shown in wanted} == {shown: 2 * n for shown, n in wanted.items()}


def test_versions_by_hand():
    assert sorted(versions(1, False)) == [(0,), (1,)] and sorted(versions(2, False)) == [(0,), (0,), (1,), (2,)]
    assert sorted(versions(1, True)) == [(0, 1), (1, 0)]
    assert sorted(versions(2, True)) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


def test_two_judges_see_the_same_in_another_order_and_the_next_two_the_rest():
    first, second, third = (questions(60, 1, False, judge, Random(judge)) for judge in range(3))
    assert sorted(first) == sorted(second) and first != second
    both = {photo: {shown for p, shown in first + third if p == photo} for photo in range(len(checks(60)), 60)}
    assert all(shown == {(0,), (1,)} for shown in both.values())


def test_checks_are_spread_out_and_never_come_first():
    for seed in range(200):
        asked = questions(60, 1, True, 0, Random(seed))
        places = [i for i, (_, shown) in enumerate(asked) if WRONG in shown]
        assert len(places) == 6 and places[0] > 0
        assert max(b - a for a, b in zip(places, places[1:])) <= 21      # two stretches of 9, and the checks themselves
    sides = Counter(shown for seed in range(200) for _, shown in questions(20, 1, True, 0, Random(seed)) if WRONG in shown)
    assert set(sides) == {(REAL, WRONG), (WRONG, REAL)} and min(sides.values()) > 140    # 400 fair coins: 200 +- 6 deviations


def test_few_photographs_are_not_spent_on_checks():
    assert [len(checks(n)) for n in (1, 7, 8, 20, 60, 200)] == [0, 0, 2, 2, 6, 20]


def test_the_order_is_random_and_not_alternating():
    """A judge who expects the other answer each time must be right half of the time."""
    changes = []
    for seed in range(50):
        tests = [shown for _, shown in questions(100, 1, False, 0, Random(seed)) if WRONG not in shown]
        changes += [a != b for a, b in zip(tests, tests[1:])]
    assert 0.45 < sum(changes) / len(changes) < 0.6           # 4 of 7 within a block of 8 without repeats
