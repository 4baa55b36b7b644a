"""The fast path computes what the plain one does: the same gradients and weights, compiled or step by step."""

import shutil

import pytest
import torch
from hurrying import NAMES, begun, pairs
from torch import nn

from minicolor.distribute import distribute
from minicolor.errors import BadInput
from minicolor.fast import hurried, set_lr
from minicolor.kernels.backend import set_fast
from minicolor.models.dropout import SharedDropout


@pytest.fixture(autouse=True)
def fast_again():
    yield
    set_fast(True)


def trained(name: str, fast: bool, compiled: bool = False, device: str = "cpu", updates: int = 1, seed: int = 0, sides=None):
    """-> (losses of the last update, its gradients, the weights after it). sides: gets each value's side of its ReLU."""
    recipe, step = begun(name, device, seed=seed)
    for network in step.networks.values() if sides is not None else ():
        for layer in network.modules():
            if getattr(layer, "slope", None) is not None or isinstance(layer, nn.ReLU | nn.LeakyReLU):
                layer.register_forward_hook(lambda layer, x, y: sides.append((y > 0).contiguous()))
    update = hurried(step, device, fast, compiled)
    distribute(step)
    set_lr(step, recipe.lr)
    torch.manual_seed(1)
    for pair in pairs(recipe, device, updates):
        losses = update(*pair)
    named = {f"{n} {k}": p for n, network in step.networks.items() for k, p in network.named_parameters()}
    return ({k: v.item() for k, v in losses.items()}, {k: p.grad.clone() for k, p in named.items()},
            {k: p.detach().clone() for k, p in named.items()}, recipe.lr)


def assert_alike(plain, other, tolerance: float) -> None:
    """Losses and gradients within `tolerance`, weights within a step of Adam where a gradient's sign is in doubt.

    Of biases within `tolerance` of their network's largest gradient, as in test_parallel.py.
    """
    (losses, gradients, weights, lr), (other_losses, other_gradients, other_weights, _) = plain, other
    for name, value in losses.items():
        assert abs(other_losses[name] - value) <= tolerance * max(1, abs(value)), name
    largest: dict[str, torch.Tensor] = {}
    for key, gradient in gradients.items():
        largest[key.split()[0]] = max(largest.get(key.split()[0], gradient.new_zeros(())), gradient.abs().max())
    for key, gradient in gradients.items():
        off = (other_gradients[key] - gradient).abs()
        assert off.max() <= tolerance * (largest[key.split()[0]] if key.endswith("bias") else gradient.abs().max()), key
        moved = (other_weights[key] - weights[key]).abs()
        assert moved.max() <= 2.1 * lr * 5, key                      # a critic is updated up to five times
        assert key.endswith("bias") or (moved > 0.1 * lr).float().mean() <= 0.02, key        # few weights are in doubt


@pytest.mark.parametrize("name", NAMES)
def test_fast_is_the_same_on_a_cpu(name):
    """Winograd's convolution and the products round in their own ways: 4e-6 of a tensor's largest gradient was measured.

    A value that rounding moves to the other side of a ReLU (seen: from 8e-8 to -1e-7) changes gradients by all it counts for.
    Two runs of which that is true are no comparison, and others are made, from other weights.
    """
    for seed in range(4):
        sides: tuple[list, list] = ([], [])
        plain, quick = (trained(name, fast, seed=seed, sides=sides[fast]) for fast in (False, True))
        assert sides[0] and len(sides[0]) == len(sides[1])
        if all(torch.equal(a, b) for a, b in zip(*sides)):
            return assert_alike(plain, quick, tolerance=2e-5)
    pytest.fail("from no weights did the two ways stay on the same side of every ReLU")


def test_compiled_is_the_same():
    """Of a network without dropout, whose dice are torch.compile's own. It is fused in other orders, with other rounding."""
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        pytest.skip("torch.compile needs a C++ compiler on a CPU")
    torch.compiler.reset()
    assert_alike(trained("dncnn", fast=False), trained("dncnn", fast=False, compiled=True), tolerance=2e-5)


def test_compiling_without_a_compiler_is_refused(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BadInput, match="needs a C.. compiler"):
        hurried(begun("dncnn")[1], "cpu", compiled=True)


def test_dropout_of_everything_leaves_nothing():
    """As nn.Dropout's: 1 / (1 - p) would be infinite, and infinity times 0 is not a number."""
    x, dropout = torch.rand(2, 3, 4, 4, requires_grad=True), SharedDropout(1.0)
    y = dropout(x)
    y.sum().backward()
    assert torch.equal(y, nn.Dropout(1.0)(x)) and not y.any() and not x.grad.any() and dropout.eval()(x) is x
