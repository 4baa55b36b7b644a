"""What exercise 09 is graded on: whose slope, where, of how many numbers, and that the critic can learn from it."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "gradient_penalty"
KEY = "minicolor.losses.gradient_penalty:gradient_penalty"
TRAINS = "a derivative of a derivative: what autograd keeps, per-picture norms, and what WGAN-GP asks of its critic"
MINUTES = 30


def adapt(key):
    return lambda critic, condition, real, fake, e: key(critic, real, fake, condition, draws=e, patches="mean")


def _answer(point=lambda real, fake, e: e * real + (1 - e) * fake, graph=True, score=lambda s: s.mean((1, 2, 3)).sum(),
            length=lambda slope: slope.flatten(1).norm(dim=1), off=lambda length: (length - 1) ** 2, both=False):
    """A right answer; each argument spoils one thing."""

    def gradient_penalty(critic, condition, real, fake, e):
        condition, at = condition.clone().requires_grad_(both), point(real, fake, e).requires_grad_()
        slopes = torch.autograd.grad(score(critic(condition, at)), (at, condition) if both else at, create_graph=graph,
                                     materialize_grads=True)                # zeros, where a critic ignores the condition
        return off(length(torch.cat(slopes, 1))).mean()

    return gradient_penalty


WRONG = {
    "on true pictures alone": _answer(point=lambda real, fake, e: real.clone()),
    "one e for the whole batch": _answer(point=lambda real, fake, e: e[0] * real + (1 - e[0]) * fake),
    "without create_graph": _answer(graph=False),
    "one norm for the whole batch": _answer(length=lambda slope: slope.flatten().norm()),
    "a norm over the channels at each pixel": _answer(length=lambda slope: slope.norm(dim=1)),
    "the squared length minus 1": _answer(length=lambda slope: slope.flatten(1).square().sum(1), off=lambda length: length - 1),
    "only where it is too steep": _answer(off=lambda length: (length - 1).clamp(min=0) ** 2),
    "the sum of the map, not its mean": _answer(score=lambda s: s.sum()),
    "the condition's slope as well": _answer(both=True),
}

often = settings(max_examples=15, deadline=None, database=None)
seeds = st.integers(0, 10**6)


def _numbers(seed, n, side=5):
    """condition (n, 1, ..), real and fake (n, 2, ..), e: all different, float64."""
    torch.manual_seed(seed)
    return (torch.randn(n, 1, side, side, dtype=torch.float64), torch.randn(n, 2, side, side, dtype=torch.float64),
            torch.randn(n, 2, side, side, dtype=torch.float64), torch.rand(n, 1, 1, 1, dtype=torch.float64))


def _slanted(seed, length):
    """A direction of this length, and a critic that rises along it alone."""
    torch.manual_seed(seed + 1)
    w = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    w = (length * w / w.norm()).requires_grad_()
    return w, lambda condition, picture: (w * picture).sum((1, 2, 3), keepdim=True)


@often
@given(seed=seeds, length=st.floats(1.5, 9))
def too_steep_costs_the_square(f, seed, length):
    condition, real, fake, e = _numbers(seed, 1)
    torch.testing.assert_close(f(_slanted(seed, length)[1], condition, real, fake, e).item(), (length - 1) ** 2)


@often
@given(seed=seeds, length=st.floats(0.01, 0.6))
def too_flat_costs_it_as_well(f, seed, length):
    condition, real, fake, e = _numbers(seed, 1)
    torch.testing.assert_close(f(_slanted(seed, length)[1], condition, real, fake, e).item(), (length - 1) ** 2)


@often
@given(seed=seeds, n=st.integers(2, 5))
def each_picture_has_its_own_slope(f, seed, n):
    condition, real, fake, _ = _numbers(seed, n)
    e = torch.full((n, 1, 1, 1), 0.5, dtype=torch.float64)
    lengths = ((real + fake) / 2).flatten(1).norm(dim=1)                    # the derivative of |x|^2 / 2 is x
    penalty = f(lambda condition, x: x.square().sum((1, 2, 3), keepdim=True) / 2, condition, real, fake, e)
    torch.testing.assert_close(penalty.item(), (lengths - 1).square().mean().item())


@often
@given(seed=seeds, n=st.integers(2, 5))
def it_looks_where_e_says(f, seed, n):
    torch.manual_seed(seed)
    shape = n, 2, 5, 5
    real, fake = (torch.full(shape, v, dtype=torch.float64) for v in (1.0, 0.0))
    e = torch.rand(n, 1, 1, 1, dtype=torch.float64)
    penalty = f(lambda condition, x: x[:, :1, :1, :1] ** 2, real[:, :1], real, fake, e)      # at x the slope is 2x, one number
    torch.testing.assert_close(penalty.item(), (2 * e - 1).square().mean().item())


@often
@given(seed=seeds, h=st.integers(2, 4), w=st.integers(2, 4), times=st.floats(2, 9))
def a_map_counts_with_its_mean_and_the_condition_not_at_all(f, seed, h, w, times):
    condition, real, fake, e = _numbers(seed, 1)
    penalty = f(lambda condition, x: (times * x[:, :1, :1, :1] + 7 * condition[:, :, :1, :1]).expand(-1, -1, h, w),
                condition, real, fake, e)
    torch.testing.assert_close(penalty.item(), (times - 1) ** 2)


@often
@given(seed=seeds, length=st.floats(1.5, 9))
def the_critic_learns_from_it(f, seed, length):
    condition, real, fake, e = _numbers(seed, 1)
    w, critic = _slanted(seed, length)
    penalty = f(critic, condition, real, fake, e)
    assert penalty.requires_grad, "backward() finds no way from the penalty to the critic's weights"
    (found,) = torch.autograd.grad(penalty, w)
    torch.testing.assert_close(found, (2 * (length - 1) / length * w).detach())


CHECKS = [
    (2, too_steep_costs_the_square, "a critic that rises evenly: which numbers make one length, and what is squared?"),
    (1, too_flat_costs_it_as_well, "a length below 1 is as far from 1 as one above: does your formula see it?"),
    (2, each_picture_has_its_own_slope, "several pictures: how many lengths do you have, and over what is the mean?"),
    (1, it_looks_where_e_says, "the slope is asked for at a point between the two, another one for each picture"),
    (2, a_map_counts_with_its_mean_and_the_condition_not_at_all,
     "a map of equal scores is one score; and with respect to what do you differentiate?"),
    (2, the_critic_learns_from_it,
     "the first derivative must itself be differentiable: what does torch.autograd.grad keep by default?"),
]
