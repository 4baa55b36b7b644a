"""SRGANDiscriminator is the one of SRGAN's Fig. 4: its count, its layers in plain functions, one score for each picture."""

import official
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.srgan_discriminator import SRGANDiscriminator

LAYERS = [(64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)]     # Fig. 4: k3n64s1 ... k3n512s2


def test_it_has_the_papers_number_of_parameters():
    channels, total = 3, 64                                                    # 64: the first convolution's bias
    for i, (out, _) in enumerate(LAYERS):
        total += 9 * channels * out + (2 * out if i else 0)                    # the norm's weight and bias
        channels = out
    total += 512 * 6 * 6 * 1024 + 1024 + 1024 + 1
    with torch.device("meta"):
        assert sum(p.numel() for p in SRGANDiscriminator().parameters()) == total == 23_563_649
        assert SRGANDiscriminator()(torch.zeros(2, 3, 96, 96)).shape == (2, 1)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("side, channels", [(16, 3), (48, 1)])
def test_forward_agrees_with_plain_functions(side, channels, training):
    torch.manual_seed(0)
    network = official.lively(SRGANDiscriminator(channels, base=4, side=side).double()).train(training)
    for p in (p for p in network.parameters() if p.ndim > 1):
        nn.init.normal_(p, std=1.5 * p[0].numel() ** -0.5)                     # PyTorch's own let too little through
    parameters = iter(list(network.parameters()))
    norms = iter([layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)])
    x = y = torch.rand(3, channels, side, side, dtype=torch.float64)
    for i, (_, stride) in enumerate(LAYERS):
        y = F.conv2d(y, next(parameters), next(parameters) if i == 0 else None, stride=stride, padding=1)
        if i:
            norm = next(norms)
            statistics = norm.running_mean.clone(), norm.running_var.clone()
            y = F.batch_norm(y, *statistics, next(parameters), next(parameters), training)
        y = torch.where(y > 0, y, 0.2 * y)
    y = y.reshape(3, -1) @ next(parameters).T + next(parameters)
    y = torch.where(y > 0, y, 0.2 * y) @ next(parameters).T + next(parameters)
    assert next(parameters, None) is None
    torch.testing.assert_close(network(x), y, atol=1e-9, rtol=1e-7)
    assert y.std() > 1e-3, "nothing got through: the comparison says nothing"


@pytest.mark.parametrize("side", [0, 8, 24, 100])
def test_sides_that_do_not_halve_four_times_are_refused(side):
    with pytest.raises(ValueError, match=f"multiple of 16, not {side}"):
        SRGANDiscriminator(base=1, side=side)


@pytest.mark.parametrize("shape", [(1, 3, 16, 32), (1, 3, 48, 48), (1, 1, 32, 32), (3, 32, 32)])
def test_pictures_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"needs \(N, 3, 32, 32\), not \("):
        SRGANDiscriminator(base=1, side=32)(torch.zeros(shape))


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = SRGANDiscriminator(base=4, side=32)
    F.softplus(network(torch.rand(4, 3, 32, 32))).mean().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name
