"""normal_ draws what it says, into every layer, from torch's own generator, and touches nothing else."""

import pytest
import torch
from torch import nn

from minicolor.models.initialize import normal_


def a_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(8, 32, 4), nn.BatchNorm2d(600), nn.Sequential(nn.ConvTranspose2d(16, 16, 4), nn.ReLU()),
        nn.Linear(64, 64), nn.Conv2d(8, 32, 3, bias=False),
    )


@pytest.mark.parametrize("sigma", [0.02, 0.5])
def test_every_layer_gets_its_distribution(sigma):
    torch.manual_seed(0)
    network = a_network()
    for p in network.parameters():
        nn.init.constant_(p, 7.0)                                    # so that what is left out is seen
    network[1].running_mean.fill_(3.0)
    assert normal_(network, sigma) is network
    for layer in (m for m in network.modules() if getattr(m, "weight", None) is not None):
        w, center = layer.weight, 1.0 if isinstance(layer, nn.BatchNorm2d) else 0.0
        n = w.numel()
        assert abs(w.mean() - center) < 4 * sigma / n**0.5           # 4 sigma of a mean, and of a standard deviation
        assert abs(w.std() - sigma) < 4 * sigma / (2 * n) ** 0.5
        # normal and not uniform: fourth moment 3 sigma^4, with standard error sqrt(96 / n) sigma^4; uniform has 1.8
        assert abs(((w - center) / sigma).pow(4).mean() - 3) < 4 * (96 / n) ** 0.5
        assert layer.bias is None or not layer.bias.any()
    assert (network[1].running_mean == 3).all(), "statistics are not weights"


def test_the_paper_says_0_02():
    torch.manual_seed(0)
    assert abs(normal_(nn.Linear(300, 300)).weight.std() - 0.02) < 2e-4   # 4 sigma: 0.02 * 4 / sqrt(2 * 90000)


def test_the_seed_decides():
    drawn = []
    for seed in (0, 0, 1):
        network = a_network()
        torch.manual_seed(seed)
        drawn.append(torch.cat([p.flatten() for p in normal_(network).parameters()]).detach())
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_weights_still_learn_afterwards():
    network = normal_(nn.Linear(3, 3))
    network(torch.ones(1, 3)).sum().backward()
    assert all(p.requires_grad and p.is_leaf and p.grad is not None for p in network.parameters())
