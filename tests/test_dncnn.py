"""DnCNN is the paper's: its count, its 35x35 pixels behind each answer, its start, and it subtracts what it predicts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from minicolor.models.dncnn import DnCNN


def of_kind(network: nn.Module, kind) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def lively(network: nn.Module) -> nn.Module:
    """Biases, gains and statistics that no two layers share: new ones are 0 and 1, which hides what is left out."""
    for p in network.parameters():
        if p.ndim == 1:
            nn.init.normal_(p, std=0.5)
    for norm in of_kind(network, nn.BatchNorm2d):
        norm.running_mean.normal_(0, 0.5)
        norm.running_var.uniform_(0.5, 2)
    return network


def by_the_paper(network: DnCNN, noisy: torch.Tensor, training: bool) -> torch.Tensor:
    """The noise, in plain functions."""
    first, *middle, last = of_kind(network, nn.Conv2d)
    x = F.relu(F.conv2d(noisy, first.weight, first.bias, padding=1))
    for conv, norm in zip(middle, of_kind(network, nn.BatchNorm2d), strict=True):
        x = F.conv2d(x, conv.weight, padding=1)
        mean, var = norm.running_mean.clone(), norm.running_var.clone()
        x = F.relu(F.batch_norm(x, mean, var, norm.weight, norm.bias, training, eps=1e-5))
    return F.conv2d(x, last.weight, last.bias, padding=1)


@pytest.mark.parametrize("channels, depth", [(1, 17), (1, 20), (3, 17)])
def test_it_has_the_papers_layers_and_their_count(channels, depth):
    with torch.device("meta"):
        network = DnCNN(channels, depth=depth)
    ends = (9 * channels * 64 + 64) + (9 * 64 * channels + channels)          # weights and biases of the first and last
    assert sum(p.numel() for p in network.parameters()) == ends + (depth - 2) * (9 * 64 * 64 + 2 * 64)
    widths = [(c.in_channels, c.out_channels) for c in of_kind(network, nn.Conv2d)]
    assert widths == [(channels, 64), *[(64, 64)] * (depth - 2), (64, channels)]


def test_the_default_has_556_097_parameters():
    with torch.device("meta"):
        assert sum(p.numel() for p in DnCNN().parameters()) == 556_097


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_forward_agrees_with_plain_functions(training, residual):
    torch.manual_seed(0)
    network = lively(DnCNN(2, width=6, depth=5, residual=residual)).train(training)
    noisy = torch.rand(2, 2, 9, 12)
    noise = by_the_paper(network, noisy, training)
    expected = noisy - noise if residual else noise
    out = network(noisy)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)           # float32 through 5 layers
    slopes = [torch.autograd.grad(y.square().sum(), list(network.parameters())) for y in (out, expected)]
    for mine, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4 * theirs.abs().max().item(), rtol=1e-3)
    assert noise.std() > 0.1, "nothing got through: the comparison says nothing"


def test_noise_with_noise_is_clean_with_clean():
    """Report A's loss is the MSE between the true and the estimated noise: the MSE of the clean pictures is the same."""
    torch.manual_seed(0)
    network = DnCNN(width=8, depth=4).double().eval()
    clean = torch.rand(2, 1, 16, 16, dtype=torch.float64)
    noise = 0.03 * torch.randn_like(clean)
    estimate = network.body(clean + noise)
    torch.testing.assert_close(F.mse_loss(network(clean + noise), clean), F.mse_loss(estimate, noise))


@pytest.mark.parametrize("depth", [2, 5, 17])
def test_an_answer_sees_one_pixel_further_with_each_layer(depth):
    torch.manual_seed(0)
    network = DnCNN(width=8, depth=depth).double().eval()
    x = torch.rand(1, 1, 41, 45, dtype=torch.float64, requires_grad=True)
    (seen,) = torch.autograd.grad(network(x)[0, 0, 20, 22], x)
    rows, columns = seen[0, 0].nonzero().T
    side = 2 * depth + 1
    assert (rows.min(), rows.max()) == (20 - depth, 20 + depth) and rows.max() - rows.min() + 1 == side
    assert (columns.min(), columns.max()) == (22 - depth, 22 + depth)


def test_it_starts_as_the_paper_says():
    torch.manual_seed(0)
    for conv in of_kind(DnCNN(width=32, depth=4), nn.Conv2d):
        n, he = conv.weight.numel(), (2 / conv.weight[0].numel()) ** 0.5
        assert abs(conv.weight.std() - he) < 4 * he / (2 * n) ** 0.5          # 4 sigma of a standard deviation
        assert conv.bias is None or not conv.bias.any()


@settings(deadline=None, max_examples=15)
@given(height=st.integers(1, 20), width=st.integers(1, 20), n=st.integers(1, 3), channels=st.integers(1, 3))
def test_any_size_comes_back_as_it_was(height, width, n, channels):
    with torch.inference_mode():
        x = torch.rand(n, channels, height, width)
        assert DnCNN(channels, width=2, depth=3).eval()(x).shape == x.shape


@pytest.mark.parametrize("depth", [1, 0, -3])
def test_a_depth_without_a_first_and_a_last_layer_is_refused(depth):
    with pytest.raises(ValueError, match=f"at least 2, not {depth}"):
        DnCNN(depth=depth)


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = DnCNN(width=8, depth=6)
    x = torch.rand(2, 1, 12, 12)
    F.mse_loss(network(x + 0.03 * torch.randn_like(x)), x).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name
