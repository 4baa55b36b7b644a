"""What a check gives to an answer is the check's: an answer that writes into it fails, and gradients flow as they did."""

import pytest
import torch
from graded import ROOT
from hypothesis import settings

from lessons.grading.answers import passed
from lessons.grading.sheet import read
from lessons.grading.untouched import leaves_alone


def zeroed(x, how: str):
    if how == "fill":
        x.fill_(0)
    elif how == "data":
        x.data.zero_()
    elif how == "numpy":
        x.detach().numpy()[...] = 0
    elif how == "there and back":
        x.mul_(2).div_(2)
    elif how == "shape":
        x.data = x.data[:1]


@pytest.mark.parametrize("how", ["fill", "data", "numpy", "there and back", "shape"])
@pytest.mark.parametrize("give", [lambda f, x: f(x), lambda f, x: f(x=x), lambda f, x: f([1, (x,)])],
                         ids=["one", "named", "list"])
def test_an_answer_that_writes_into_what_it_is_given_fails(how, give):
    """Else a check that calculates what it expects after the call would expect nothing but zeros."""
    def answer(x):
        zeroed(x[1][0] if isinstance(x, list) else x, how)
        return 0.0

    def check(f):
        x = torch.tensor([1.0, torch.nan])
        assert give(f, x) == x.nan_to_num().sum() * 0

    with pytest.raises(AssertionError, match="^it writes into what it was given$"):
        check(leaves_alone(answer))
    check(leaves_alone(lambda x: 0.0))


def test_gradients_flow_as_they_did():
    x = torch.ones(2, requires_grad=True)
    leaves_alone(lambda x: (x * x).sum())(x).backward()
    assert x.grad.tolist() == [2, 2]
    assert leaves_alone(lambda x: x)(x) is x


@pytest.mark.parametrize("lesson", ["10_color_and_resolution", "01_color_spaces"])
def test_zeros_for_everybody_are_no_points(lesson):
    """In the exercises themselves: the library's own answer, to pictures that it has made black before."""
    settings.load_profile("grading")
    try:
        sheet = read(ROOT / "lessons" / lesson)
    finally:
        settings.load_profile("default")

    def answer(*pictures):
        for picture in pictures:
            picture.data.zero_()
        return sheet.key()(*pictures)

    own = passed(sheet, answer, 0)
    assert not any(own), own
