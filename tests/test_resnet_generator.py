"""ResnetGenerator is the CycleGAN authors' generator: their count, their layers in plain functions, mirrored edges."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.resnet_generator import ResnetGenerator


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_it_has_the_authors_number_of_parameters():
    with torch.device("meta"):
        assert count(ResnetGenerator(3, 3)) == 11_378_179                      # what their code prints: 11.378 M
        assert count(ResnetGenerator(3, 3, blocks=6)) == 11_378_179 - 3 * 2 * (256 * 256 * 9 + 256)
        assert count(ResnetGenerator(1, 3)) == 11_378_179 - 2 * 49 * 64
        assert count(ResnetGenerator(3, 1)) == 11_378_179 - 2 * (49 * 64 + 1)


def in_plain_functions(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The authors' order of layers; weights in the order in which data meets them."""
    parameters = iter(network.parameters())

    def conv(x, mirror=0, **options):
        x = F.pad(x, 4 * [mirror], mode="reflect") if mirror else x
        return F.conv2d(x, next(parameters), next(parameters), **options)

    def norm(x):                                                               # each channel of each picture by itself
        return (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()

    x = F.relu(norm(conv(x, mirror=3)))
    for _ in range(2):
        x = F.relu(norm(conv(x, stride=2, padding=1)))
    for _ in range(len(network.blocks)):
        x = x + norm(conv(F.relu(norm(conv(x, mirror=1))), mirror=1))
    for _ in range(2):
        x = F.conv_transpose2d(x, next(parameters), next(parameters), stride=2, padding=1, output_padding=1)
        x = F.relu(norm(x))
    x = torch.tanh(conv(x, mirror=3))
    assert next(parameters, None) is None
    return x


@pytest.mark.parametrize("height, width, blocks", [(8, 8, 1), (16, 28, 3), (32, 12, 0)])
@pytest.mark.parametrize("training", [True, False])
def test_forward_agrees_with_plain_functions(height, width, blocks, training):
    torch.manual_seed(0)
    network = ResnetGenerator(2, 3, base=4, blocks=blocks).double().train(training)
    for p in network.parameters():
        nn.init.normal_(p, std=0.5 if p.ndim == 1 else 1.5 * p[0].numel() ** -0.5)
    x = torch.rand(2, 2, height, width, dtype=torch.float64) * 2 - 1
    out = network(x)
    assert out.shape == (2, 3, height, width)
    torch.testing.assert_close(out, in_plain_functions(network, x), atol=1e-9, rtol=1e-7)
    assert out.std() > 0.1 and out.abs().max() <= 1


def test_a_picture_looks_the_same_whatever_stands_beside_it():
    torch.manual_seed(0)
    network = ResnetGenerator(1, 3, base=4, blocks=1)
    x = torch.rand(3, 1, 16, 16) * 2 - 1
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("height, width", [(4, 8), (8, 4), (18, 16), (16, 30), (0, 8)])
def test_sides_that_do_not_come_back_are_refused(height, width):
    with pytest.raises(ValueError, match=f"multiples of 4, at least 8, not {height}x{width}"):
        ResnetGenerator(1, 3, base=1, blocks=1)(torch.zeros(1, 1, height, width))


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (1, 16, 16), (16,)])
def test_other_channels_are_refused(shape):
    with pytest.raises(ValueError, match=r"needs \(N, 1, H, W\), not"):
        ResnetGenerator(1, 3, base=1, blocks=1)(torch.zeros(shape))


def test_every_weight_learns():
    torch.manual_seed(0)
    network = ResnetGenerator(1, 3, base=4, blocks=2)
    network(torch.rand(2, 1, 16, 16)).square().mean().backward()
    for name, p in network.named_parameters():                                 # biases before a norm have no slope
        assert p.grad is not None and p.grad.isfinite().all() and (p.ndim == 1 or p.grad.any()), name


def test_it_starts_as_the_paper_says():
    torch.manual_seed(0)
    for layer in ResnetGenerator(3, 3, base=16, blocks=1).modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert abs(layer.weight.std() - 0.02) < 4 * 0.02 / (2 * layer.weight.numel()) ** 0.5   # 4 sigma
            assert not layer.bias.any()
