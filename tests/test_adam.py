"""One pass over the weights gives the numbers of PyTorch's plain Adam, in whatever order weights and gradients lie in memory."""

import copy

import pytest
import torch

from minicolor.steps.adam import Adam

ORDERS = (torch.contiguous_format, torch.channels_last)
SHAPES = ((6, 5, 4, 4), (1, 5, 4, 4), (6, 1, 4, 4), (3, 2, 1, 1), (7,))


def weights(order) -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    noise = [torch.randn(shape) for shape in SHAPES]
    return [torch.nn.Parameter(n.contiguous(memory_format=order) if n.ndim == 4 else n) for n in noise]


def train(optimizer, parameters, order, updates: int = 4) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(updates):
        for p in parameters:
            g = torch.randn(p.shape, generator=generator)
            p.grad = g.contiguous(memory_format=order) if g.ndim == 4 else g
        optimizer.step()


def plain(updates: int = 4) -> list[torch.nn.Parameter]:
    expected = weights(ORDERS[0])
    train(torch.optim.Adam(expected, 1e-2, (0.5, 0.999), foreach=False), expected, ORDERS[0], updates)
    return expected


@pytest.mark.parametrize("weight_order", ORDERS)
@pytest.mark.parametrize("gradient_order", ORDERS)
def test_the_numbers_are_those_of_the_plain_one(weight_order, gradient_order):
    ours = weights(weight_order)
    train(Adam(ours, 1e-2, (0.5, 0.999)), ours, gradient_order)
    for p, q in zip(ours, plain()):
        torch.testing.assert_close(p, q, atol=5e-7, rtol=0)           # two steps of float32 at 2


@pytest.mark.parametrize("before, after", [ORDERS, ORDERS[::-1]])
def test_what_it_remembers_fits_weights_in_another_order(before, after):
    """A run that was saved by the fast way goes on by the other, and back."""
    first = weights(before)
    old = Adam(first, 1e-2, (0.5, 0.999))
    train(old, first, before, 2)
    second = weights(after)
    with torch.no_grad():
        for p, q in zip(second, first):
            p.copy_(q)
    new = Adam(second, 1e-2, (0.5, 0.999))
    new.load_state_dict(copy.deepcopy(old.state_dict()))
    train(old, first, before, 2)
    train(new, second, after, 2)
    for p, q in zip(second, first):
        torch.testing.assert_close(p, q, atol=5e-7, rtol=0)


def test_nothing_is_copied():
    """Of a weight with its channels last; PyTorch's own copies each gradient (if it no longer does, this file can go)."""
    def copied(kind) -> int:
        p = torch.nn.Parameter(torch.randn(64, 64, 4, 4).contiguous(memory_format=torch.channels_last))
        optimizer = kind([p])
        with torch.profiler.profile() as watched:
            for _ in range(2):
                p.grad = torch.zeros_like(p)
                optimizer.step()
        return sum(e.count for e in watched.key_averages() if e.key == "aten::clone")

    assert copied(lambda p: Adam(p, 1e-2, (0.5, 0.999))) == 0
    assert copied(lambda p: torch.optim.Adam(p, 1e-2, fused=True)) > 0
