"""What exercise 08 is graded on: the same answers to grey pictures, and weights that the U-Net can take."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

NAME = "grey_body"
KEY = "minicolor.models.dynamic_unet:grey_body"
TRAINS = "what a convolution does with channels, and how weights move from one network to another by name"
MINUTES = 20


def _answer(grey=lambda w: w.sum(1, keepdim=True), keep=lambda name: not name.startswith("fc."), checks=True, own=dict):
    """A right answer; each argument spoils one thing."""

    def grey_body(state):
        if checks and ("conv1.weight" not in state or state["conv1.weight"].shape[1] != 3):
            raise ValueError("no network for three channels")
        state = own(state)
        state["conv1.weight"] = grey(state["conv1.weight"])
        for name in [name for name in state if not keep(name)]:
            del state[name]
        return state

    return grey_body


def _in_place(w):
    w[:, :1] += w[:, 1:].sum(1, keepdim=True)
    return w[:, :1]


WRONG = {
    "the mean of the three, not their sum": _answer(lambda w: w.mean(1, keepdim=True)),
    "red alone": _answer(lambda w: w[:, :1]),
    "weighed as the eye does": _answer(lambda w: (w * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)),
    "the channel is lost": _answer(lambda w: w.sum(1)),
    "added up over the filters": _answer(lambda w: w.sum(0, keepdim=True).transpose(0, 1)),
    "the head stays": _answer(keep=lambda name: True),
    "the first layer alone": _answer(keep=lambda name: name == "conv1.weight"),
    "everything with fc in its name goes": _answer(keep=lambda name: "fc" not in name),
    "the given dict is changed": _answer(own=lambda state: state),
    "the given weights are changed": _answer(_in_place),
    "any weights are taken": _answer(checks=False),
}

often = settings(max_examples=15, deadline=None, database=None)
networks = st.builds(lambda seed, filters, k: _network(seed, filters, k), st.integers(0, 10**6), st.integers(1, 6),
                     st.sampled_from([1, 3, 5, 7]))


def _network(seed, filters, k):
    torch.manual_seed(seed)
    return {"conv1.weight": torch.randn(filters, 3, k, k), "bn1.weight": torch.randn(filters), "bn1.bias": torch.randn(filters),
            "layer1.0.conv1.weight": torch.randn(filters, filters, 3, 3), "layer4.pfc.weight": torch.randn(2, 2),
            "fc.weight": torch.randn(5, filters), "fc.bias": torch.randn(5)}


@often
@given(state=networks)
def a_grey_picture_gives_what_it_gave(f, state):
    picture, before = torch.randn(2, 1, 9, 9), state["conv1.weight"].clone()
    now = F.conv2d(picture, f(state)["conv1.weight"])
    torch.testing.assert_close(now, F.conv2d(picture.expand(-1, 3, -1, -1), before), atol=1e-4, rtol=1e-4)


@often
@given(state=networks)
def one_channel_goes_in_and_the_filters_stay(f, state):
    filters, _, k, _ = state["conv1.weight"].shape
    assert f(state)["conv1.weight"].shape == (filters, 1, k, k)


@often
@given(state=networks)
def the_head_goes_and_all_else_stays(f, state):
    before = {name: value.clone() for name, value in state.items()}
    body = f(state)
    assert set(body) == {name for name in before if name.split(".")[0] != "fc"}
    assert all(torch.equal(body[name], before[name]) for name in body if name != "conv1.weight")


@often
@given(state=networks)
def what_was_given_is_as_it_was(f, state):
    before = {name: value.clone() for name, value in state.items()}
    f(state)
    assert state.keys() == before.keys() and all(torch.equal(state[name], value) for name, value in before.items())


@often
@given(state=networks, channels=st.sampled_from([1, 2, 4]))
def others_are_refused(f, state, channels):
    first = state.pop("conv1.weight")
    for wrong in (state, state | {"conv1.weight": first[:, :1].repeat(1, channels, 1, 1)}):
        try:
            f(wrong)
        except ValueError:
            continue
        raise AssertionError("no ValueError")


CHECKS = [
    (4, a_grey_picture_gives_what_it_gave, "write a filter's answer at one pixel as three terms, then put in red = green = blue"),
    (1, one_channel_goes_in_and_the_filters_stay, "a convolution's weight has four axes; which one are the colors?"),
    (2, the_head_goes_and_all_else_stays, "compare the names that you return with those that you were given"),
    (2, what_was_given_is_as_it_was, "a dict that you are handed is not a copy, and += on a tensor is not either"),
    (1, others_are_refused, "the last lines of the docstring: two things can be wrong with the first convolution"),
]
