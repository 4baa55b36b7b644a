"""A supervised step is the plain PyTorch loop, weight for weight, and so is everything that the other steps take from step.py."""

import copy
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.steps.step import Step, frozen
from minicolor.steps.supervised import SupervisedStep

BF16 = partial(torch.autocast, "cpu", dtype=torch.bfloat16)


def a_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.Conv2d(4, 2, 3, padding=1))


def batches(n: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(3, 1, 8, 8, generator=generator), torch.randn(3, 2, 8, 8, generator=generator)) for _ in range(n)]


@pytest.mark.parametrize("lr, betas", [(1e-3, (0.9, 0.999)), (3e-2, (0.5, 0.99))])
def test_steps_equal_a_loop_written_by_hand(lr, betas):
    network, other = a_network(), a_network()
    step = SupervisedStep(network, {"l1": (2.0, F.l1_loss), "mse": (0.5, F.mse_loss)}, lr, betas)
    adam = torch.optim.Adam(other.parameters(), lr=lr, betas=betas, fused=True)          # the same arithmetic: equal, not close
    for x, y in batches(3):
        losses = step.step(x, y)
        output = other(x)
        l1, mse = (output - y).abs().mean(), F.mse_loss(output, y)
        adam.zero_grad()
        (2 * F.l1_loss(output, y) + 0.5 * mse).backward()
        adam.step()
        assert list(losses) == ["l1", "mse"]                                             # without their weights
        assert losses["l1"].item() == pytest.approx(l1.item(), rel=1e-6) and losses["mse"] == mse
        assert all(loss.shape == () and not loss.requires_grad for loss in losses.values())
    for (name, value), theirs in zip(network.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(value, theirs), name


def test_adam_is_the_papers():
    """Kingma and Ba 2015, algorithm 1, for one weight: a first step has length lr, the next is by hand."""
    network = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(network.weight, 3.0)
    step = SupervisedStep(network, {"square": (1.0, lambda a, b: (a.double() - b).square().sum())}, lr=0.1, betas=(0.8, 0.9))
    w, m, v = 3.0, 0.0, 0.0
    for t in range(1, 4):
        step.step(torch.ones(1, 1).double(), torch.zeros(1, 1).double())
        m, v = 0.8 * m + 0.2 * 2 * w, 0.9 * v + 0.1 * (2 * w) ** 2
        w -= 0.1 * (m / (1 - 0.8**t)) / ((v / (1 - 0.9**t)) ** 0.5 + 1e-8)
        assert network.weight.item() == pytest.approx(w, rel=1e-6)


def test_the_loss_falls():
    step = SupervisedStep(a_network(), {"mse": (1.0, F.mse_loss)}, lr=1e-2)
    (x, y), = batches(1)
    history = [step.step(x, y)["mse"].item() for _ in range(60)]
    assert history[-1] < 0.7 * history[0]


def test_a_term_without_weight_is_never_computed():
    def trap(a, b):
        raise AssertionError("computed")

    step = SupervisedStep(a_network(), {"mse": (1.0, F.mse_loss), "trap": (0.0, trap)})
    assert list(step.step(*batches(1)[0])) == ["mse"]


def test_terms_can_be_added_and_replaced_later():
    class Ruler(nn.Module):
        def forward(self, a, b):
            return (a - b).abs().max()

    step, ruler = SupervisedStep(a_network(), {"mse": (1.0, F.mse_loss)}), Ruler()
    assert step.rulers == []
    step.hold_to({"max": (2.0, ruler)})
    output, y = torch.randn(2, 3, 2, 4, 4)
    losses, total = step.off_by(output, y)
    torch.testing.assert_close(total, F.mse_loss(output, y) + 2 * (output - y).abs().max())
    assert list(losses) == ["mse", "max"] and step.rulers == [ruler]
    step.hold_to({"mse": (0.0, F.mse_loss)})
    assert list(step.off_by(output, y)[0]) == ["max"]
    step.hold_to({"max": (0.0, ruler)})
    assert step.off_by(output, y) == ({}, 0.0) and step.near is None and step.rulers == []


def test_frozen_weights_are_none_of_adams_business():
    network = a_network()
    network[0].requires_grad_(False)
    before = copy.deepcopy(network.state_dict())
    step = SupervisedStep(network, {"mse": (1.0, F.mse_loss)})
    step.step(*batches(1)[0])
    assert torch.equal(before["0.weight"], network[0].weight) and not torch.equal(before["3.weight"], network[3].weight)
    assert len(step.optimizers["network"].param_groups[0]["params"]) == 4                # the norm's and the last one's


def test_bf16_computes_convolutions_and_nothing_else():
    network, seen = a_network(), {}
    network[3].register_forward_hook(lambda layer, given, out: seen.update(network=out.dtype))

    def loss(a, b):
        seen["loss"] = a.dtype
        return F.mse_loss(a, b)

    step = SupervisedStep(network, {"mse": (1.0, loss)}, autocast=BF16)
    (x, y), = batches(1)
    assert step.step(x, y)["mse"].isfinite()
    assert seen == {"network": torch.bfloat16, "loss": torch.float32}
    assert step.generate(x).dtype == torch.float32 and all(p.dtype == torch.float32 for p in network.parameters())


def test_labels_are_answers_too():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    step = SupervisedStep(network, {"cross_entropy": (1.0, F.cross_entropy)})
    x, y = torch.randn(3, 1, 8, 8), torch.tensor([0, 4, 2])
    with torch.no_grad():
        expected = -network(x).double().softmax(1)[range(3), y].log().mean()
    assert step.step(x, y)["cross_entropy"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_several_networks_each_with_its_own_adam():
    a, b = a_network(), a_network()
    step = Step({"a": a, "b": b}, lr=1e-3, autocast=nullcontext)
    assert step.network is a
    assert [step.optimizers[n].param_groups[0]["lr"] for n in "ab"] == [1e-3, 1e-3]
    assert step.extra_state() == {} and step.load_extra_state({}) is None
    with pytest.raises(TypeError, match="Step is missing its step"):
        step.step(*batches(1)[0])


def test_frozen_gives_back_what_was_there_even_after_an_exception():
    network = a_network()
    network[3].weight.requires_grad_(False)
    before = [p.requires_grad for p in network.parameters()]
    x = torch.randn(1, 1, 8, 8, requires_grad=True)
    with pytest.raises(KeyboardInterrupt), frozen(network):
        assert not any(p.requires_grad for p in network.parameters())
        network(x).sum().backward()
        raise KeyboardInterrupt
    assert [p.requires_grad for p in network.parameters()] == before and not all(before)
    assert x.grad is not None and all(p.grad is None for p in network.parameters())
