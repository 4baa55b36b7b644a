"""What exercise 12 is graded on: when a training stops, and what it keeps."""

import math
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.tasks.task import Task

NAME = "early_stopping"
KEY = "minicolor.fit:_enough"
TRAINS = "that early stopping is a rule about the best so far, on pictures that were not trained on"
MINUTES = 20


def adapt(key):
    """fit()'s own rule, asked after each epoch, with the tasks' own idea of better."""
    def early_stopping(figures, patience, higher=False):
        task, run = Task(), {"epoch": 0, "best_epoch": 0}
        task.higher = higher
        for epoch, figure in enumerate(figures, 1):
            run["epoch"] = epoch
            if epoch == 1 or task.better(figure, run["best"]):
                run |= {"best": figure, "best_epoch": epoch}
            if key(run, SimpleNamespace(patience=patience)):
                break
        return run["epoch"], run["best_epoch"]
    return early_stopping


def _rule(figures, patience, higher, better=None, late=0, never=True, reset=True, against="best"):
    """The rule with one thing wrong."""
    better = better or (lambda a, b: math.isnan(b) or (a > b if higher else a < b))
    best, kept, waited, before = figures[0], 1, 0, figures[0]
    for epoch, figure in enumerate(figures[1:], 2):
        if better(figure, best if against == "best" else before):
            best, kept, waited = figure, epoch, 0 if reset else waited
        else:
            waited += 1
        before = figure
        if (patience > 0 or not never) and waited >= patience + late:
            return epoch, kept
    return len(figures), kept


def _last_kept(figures, patience, higher=False):
    epochs, _ = _rule(figures, patience, higher)
    return epochs, epochs


def _whole_best(figures, patience, higher=False):
    """The best of all that would have come, also of what was never run."""
    epochs, _ = _rule(figures, patience, higher)
    numbers = [f for f in figures if not math.isnan(f)] or figures
    return epochs, figures.index(max(numbers) if higher else min(numbers)) + 1


WRONG = {
    "lower is always better": lambda f, p, higher=False: _rule(f, p, False),
    "higher is always better": lambda f, p, higher=False: _rule(f, p, True),
    "one epoch too late": lambda f, p, higher=False: _rule(f, p, higher, late=1),
    "compared with the epoch before, not with the best": lambda f, p, higher=False: _rule(f, p, higher, against="before"),
    "bad epochs are counted, not those in a row": lambda f, p, higher=False: _rule(f, p, higher, reset=False),
    "an equal figure counts as better": lambda f, p, higher=False: _rule(f, p, higher, lambda a, b: a >= b if higher else a <= b),
    "patience 0 stops at the first bad epoch": lambda f, p, higher=False: _rule(f, p, higher, never=False),
    "the last epoch is kept": _last_kept,
    "the best is looked for in epochs that were never run": _whole_best,
    "nan at the start is never left": lambda f, p, higher=False: _rule(f, p, higher, lambda a, b: a > b if higher else a < b),
}

often = settings(max_examples=60, deadline=None, database=None)
curves = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=20)
patiences = st.integers(1, 5)


def _expected(figures, patience):
    """Lower is better, no nan: by looking at the whole list again after each epoch."""
    for epoch in range(1, len(figures) + 1):
        best = figures.index(min(figures[:epoch])) + 1
        if patience and epoch - best >= patience:
            break
    return epoch, best


@often
@given(curve=st.lists(st.integers(0, 10**6), min_size=1, max_size=12, unique=True), patience=patiences)
def what_falls_all_the_way_is_never_stopped(f, curve, patience):
    curve = sorted(map(float, curve), reverse=True)
    assert tuple(f(curve, patience)) == (len(curve), len(curve)), "each epoch is the best so far"


@often
@given(fall=st.integers(1, 6), rise=st.integers(1, 8), patience=patiences)
def it_stops_in_time_and_keeps_the_lowest(f, fall, rise, patience):
    curve = [float(fall - i) for i in range(fall)] + [1.5 + i for i in range(rise)]
    epochs, best = f(curve, patience)
    assert best == fall and epochs == min(fall + patience, len(curve))


@often
@given(curve=curves, patience=st.integers(0, 5))
def curves_go_up_and_down(f, curve, patience):
    assert tuple(f(curve, patience)) == _expected(curve, patience)


@often
@given(curve=curves, patience=patiences)
def sometimes_more_is_better(f, curve, patience):
    assert tuple(f(curve, patience, True)) == _expected([-v for v in curve], patience)


@often
@given(curve=curves, bad=st.integers(1, 3), patience=st.integers(4, 6), higher=st.booleans())
def not_a_number_is_not_better(f, curve, bad, patience, higher):
    epochs, best = f([math.nan] * bad + curve, patience, higher)
    expected = _expected([-v for v in curve] if higher else curve, patience)
    assert (epochs - bad, best - bad) == expected, "a training that begins with nan goes on from the first number"


CHECKS = [
    (1, what_falls_all_the_way_is_never_stopped, "begin with the easy case: every epoch is better than all before"),
    (2, it_stops_in_time_and_keeps_the_lowest, "count the epochs since the best one; what is kept is that one, not the last"),
    (3, curves_go_up_and_down, "in a row, since the best so far; equal is not better; patience 0; epochs not run are not known"),
    (2, sometimes_more_is_better, "PSNR: which way does `higher` turn the comparison?"),
    (2, not_a_number_is_not_better, "every comparison with nan is false: what becomes of yours, if the first figure is nan?"),
]
