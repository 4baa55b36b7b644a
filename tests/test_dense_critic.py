"""The dense critic is four convolution blocks and one dense unit: its count, one logit for a picture, its own side only."""

import pytest
import torch
from official import lively
from torch import nn
from torch.nn import functional as F

from minicolor.models.dense_critic import DenseCritic


def test_it_has_the_known_number_of_parameters():
    convs = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512)          # 4x4
    biases, norms, dense = 64, 2 * (128 + 256 + 512), 512 * 16 * 16 + 1
    assert convs + biases + norms + dense == 2_888_513
    assert sum(p.numel() for p in DenseCritic().parameters()) == 2_888_513
    assert dense == 131_073 == sum(p.numel() for p in DenseCritic().dense.parameters())


def test_four_convolution_blocks_with_a_norm_on_all_but_the_first_and_one_dense_unit():
    kinds = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)
    layers = [layer for layer in DenseCritic(base=2, side=16).modules() if isinstance(layer, kinds)]
    conv, norm, dense = kinds
    expected = [conv, conv, norm, conv, norm, conv, norm, dense]
    assert all(isinstance(layer, kind) for layer, kind in zip(layers, expected, strict=True))
    assert layers[-1].out_features == 1


@pytest.mark.parametrize("side", [16, 48, 256])
def test_one_logit_for_each_picture(side):
    with torch.inference_mode():
        assert DenseCritic(base=2, side=side)(torch.rand(3, 3, side, side)).shape == (3, 1)
        assert DenseCritic(4, base=1, side=side).eval()(torch.rand(1, 4, side, side)).shape == (1, 1)


@pytest.mark.parametrize("shape", [(1, 3, 32, 48), (1, 3, 48, 32), (1, 3, 64, 64), (1, 1, 32, 32), (3, 32, 32)])
def test_other_pictures_are_refused(shape):
    with pytest.raises(ValueError, match=r"needs pictures of shape \(N, 3, 32, 32\), not \("):
        DenseCritic(base=1, side=32)(torch.zeros(shape))


@pytest.mark.parametrize("side", [0, 8, 24, 250])
def test_other_sides_are_refused(side):
    with pytest.raises(ValueError, match=f"a multiple of 16, not {side}"):
        DenseCritic(side=side)


@pytest.mark.parametrize("training", [True, False])
def test_forward_agrees_with_plain_functions(training):
    torch.manual_seed(0)
    network = lively(DenseCritic(3, base=3, side=32)).double().train(training)
    for p in network.parameters():
        if p.ndim > 1:
            nn.init.normal_(p, std=1.5 * p[0].numel() ** -0.5)
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    x = 2 * torch.randn(4, 3, 32, 32, dtype=torch.float64)
    y = F.leaky_relu(F.conv2d(x, convs[0].weight, convs[0].bias, stride=2, padding=1), 0.2)
    for conv, norm in zip(convs[1:], norms, strict=True):
        y = F.conv2d(y, conv.weight, stride=2, padding=1)
        means = (None, None) if training else (norm.running_mean, norm.running_var)
        y = F.leaky_relu(F.batch_norm(y, *means, norm.weight, norm.bias, training, eps=1e-5), 0.2)
    y = torch.einsum("nchw,chw->n", y, network.dense.weight.view(y.shape[1:]))[:, None] + network.dense.bias
    out = network(x)
    torch.testing.assert_close(out, y, atol=1e-9, rtol=1e-9)
    assert out.std() > 0.1, "nothing got through: the comparison says nothing"


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = DenseCritic(base=4, side=32)
    F.softplus(network(torch.rand(4, 3, 32, 32))).mean().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_it_starts_as_pix2pix_does():
    torch.manual_seed(0)
    for layer in DenseCritic(base=16, side=64).modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            assert abs(layer.weight.std() - 0.02) < 4 * 0.02 / (2 * layer.weight.numel()) ** 0.5   # 4 sigma
            assert layer.bias is None or not layer.bias.any()
