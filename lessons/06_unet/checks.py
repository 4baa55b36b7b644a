"""What exercise 06 is graded on: which result a U-Net's layers take, and in which order."""

from types import SimpleNamespace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "unet"
KEY = "minicolor.models.residual_unet:ResidualUNet"
TRAINS = "how a skip hands the way down's result to the way up: the last one out is the first one back, joined by channels"
MINUTES = 30


def adapt(key):
    """ResidualUNet.forward on layers that are handed in."""
    return lambda x, down, up, last: key.forward(SimpleNamespace(down=down, up=up, last=last), x)


def _answer(x, down, up, last, order="backward", act="all but the last", when="before", join="below first", with_x=True):
    """A student's U-Net, with the habits that go wrong as options."""
    results = [x]
    for layer in down:
        results.append(layer(results[-1]))
    y, twins = results.pop(), results
    for i, layer in enumerate(up):
        y = layer(y)
        twin = twins.pop(0 if order == "forward" else -1)
        relu = act == "all" or act == "all but the last" and i < len(up) - 1
        if relu and when == "before":
            y = y.relu()
        if i == len(up) - 1 and not with_x:
            twin = torch.zeros_like(twin)
        y = y + twin.mean(1, keepdim=True) if join == "added" else torch.cat([twin, y] if join == "twin first" else [y, twin], 1)
        if relu and when == "after":
            y = y.relu()
    return last(y)


WRONG = {
    "the first twin first": lambda *a: _answer(*a, order="forward"),
    "added, not joined": lambda *a: _answer(*a, join="added"),
    "the twin before what comes from below": lambda *a: _answer(*a, join="twin first"),
    "no ReLU on the way up": lambda *a: _answer(*a, act="none"),
    "a ReLU behind the last layer, too": lambda *a: _answer(*a, act="all"),
    "the ReLU after joining": lambda *a: _answer(*a, when="after"),
    "the picture forgotten at the end": lambda *a: _answer(*a, with_x=False),
    "each layer of the way down run twice, once for its twin":
        lambda x, down, up, last: _answer(x, [lambda z, f=f: (f(z), f(z))[0] for f in down], up, last),
}  # fmt: skip


class Spy:
    """A layer that notes what it takes and gives: random numbers of both signs, `channels` of them, the sides times `scale`."""

    def __init__(self, channels: int, scale: float):
        self.channels, self.scale, self.took, self.gave = channels, scale, [], []

    def __call__(self, x):
        n, _, height, width = x.shape
        self.took.append(x.clone())
        self.gave.append(torch.randn(n, self.channels, int(height * self.scale), int(width * self.scale)))
        return self.gave[-1].clone()


def walk(f, n, width):
    """Send a random picture through a U-Net of n levels -> picture, way down, way up, last, answer."""
    x = torch.randn(2, 1, 16, 32)
    down = [Spy(width + i, 0.5) for i in range(n)]
    up, last = [Spy(2 * width + i, 2.0) for i in range(n)], Spy(2, 1.0)
    return x, down, up, last, f(x, down, up, last)


def same(a, b):
    return a.shape == b.shape and torch.equal(a, b)


levels = {"n": st.integers(1, 4), "width": st.integers(1, 5)}
deeper = {"n": st.integers(2, 4), "width": st.integers(1, 5)}
often = settings(max_examples=15, deadline=None, database=None)


@often
@given(**levels)
def every_layer_is_called_once(f, n, width):
    x, down, up, last, answer = walk(f, n, width)
    assert all(len(layer.took) == 1 for layer in [*down, *up, last]), "a layer was called twice, or never"
    assert same(down[0].took[0], x) and same(up[0].took[0], down[-1].gave[0]) and same(answer, last.gave[0])


@often
@given(**deeper)
def what_comes_from_below_goes_through_a_relu(f, n, width):
    x, down, up, last, _ = walk(f, n, width)
    for below, layer in zip(up, up[1:]):
        made = below.gave[0].relu()
        # wherever it was put among the channels
        places = [layer.took[0][:, i : i + made.shape[1]] for i in range(layer.took[0].shape[1])]
        assert any(same(place, made) for place in places), "what an up layer takes does not hold the ReLU of the one below"


@often
@given(**deeper)
def each_twin_comes_back_untouched(f, n, width):
    x, down, up, last, _ = walk(f, n, width)
    for twin, layer in zip(down[-2::-1], up[1:]):
        gave = twin.gave[0]
        places = [layer.took[0][:, i : i + gave.shape[1]] for i in range(layer.took[0].shape[1])]
        assert any(same(place, gave) for place in places), "what an up layer takes does not hold its twin as it came"


@often
@given(**deeper)
def from_below_first_and_the_twin_after_it(f, n, width):
    x, down, up, last, _ = walk(f, n, width)
    for below, twin, layer in zip(up, down[-2::-1], up[1:]):
        assert layer.took[0].shape[1] == below.channels + twin.channels, "the channels do not add up"
        assert same(layer.took[0][:, below.channels :], twin.gave[0])


@often
@given(**levels)
def the_last_layer_takes_the_picture_too(f, n, width):
    x, down, up, last, _ = walk(f, n, width)
    assert last.took[0].shape[1] == up[-1].channels + 1, "the channels do not add up"
    assert same(last.took[0].sort(1).values, torch.cat([x, up[-1].gave[0]], 1).sort(1).values)


CHECKS = [
    (2, every_layer_is_called_once, "keep the results of the way down in a list: each layer runs once"),
    (2, what_comes_from_below_goes_through_a_relu, "on the way up: what happens to a layer's result before it meets its twin?"),
    (2, each_twin_comes_back_untouched, "which result of the way down has the same sides? The newest comes back first"),
    (2, from_below_first_and_the_twin_after_it, "dimension 1, and look at the order in which the docstring names the two"),
    (2, the_last_layer_takes_the_picture_too, "behind the last layer of the way up: no ReLU, and the picture itself"),
]
