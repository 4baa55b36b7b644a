"""The generated pictures of lessons/grading/inputs.py are what they say, and all kinds are among a few of them."""

import pytest
import torch
from graded import ROOT  # noqa: F401  (puts lessons on the path)
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons.grading.inputs import KINDS, greys, pairs, picture, pictures

few = settings(max_examples=40, deadline=None, database=None)


@few
@given(x=pictures(channels=2, smallest=4, largest=7, most=2))
def test_shapes_and_ranges(x):
    n, channels, height, width = x.shape
    assert (n <= 2, channels) == (True, 2)
    assert 4 <= height <= 7
    assert 4 <= width <= 7
    assert x.dtype == torch.float32
    assert 0 <= x.min() <= x.max() <= 1


@few
@given(x=greys(), xy=pairs())
def test_greys_have_one_channel_and_pairs_one_shape(x, xy):
    assert x.shape[1] == 1
    assert xy[0].shape == xy[1].shape
    assert (xy[0] != xy[1]).float().mean() > 0.9
    assert 0 <= xy[1].min() <= xy[1].max() <= 1


@few
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 999))
def test_what_a_report_shows_can_be_called_again(kind, seed):
    a, b = (picture(2, 3, 5, 8, kind=kind, seed=seed) for _ in range(2))
    assert torch.equal(a, b)
    a[0] = 7                                            # no views of one another: a student may write into it
    assert torch.equal(picture(2, 3, 5, 8, kind=kind, seed=seed), b)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_what_it_is_called(kind):
    x = picture(1, 3, 6, 9, kind=kind, seed=4)[0]
    flat = (x.flatten(1) == x[:, :1, 0]).all()
    assert flat == (kind in ("flat", "black", "white"))
    assert (x == 0).all() == (kind == "black")
    assert (x == 1).all() == (kind == "white")
    assert (x == x[:, :1]).all() == (kind != "noise")   # of every kind but noise, all rows are alike
