"""The residual U-Net is report A's Table II, row by row: its count, its shapes, its joints, against plain functions."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from minicolor.models.residual_unet import ResidualUNet

# Table II: kind, side (of what comes in), channels in, channels out, kernel. Its Concat rows are the jumps between the T rows.
TABLE = [
    ("conv", 256, 1, 32, 4), ("conv", 128, 32, 64, 4), ("conv", 64, 64, 128, 4), ("conv", 32, 128, 256, 4),
    ("tconv", 16, 256, 128, 4), ("tconv", 32, 256, 64, 4), ("tconv", 64, 128, 32, 4), ("tconv", 128, 64, 2, 4),
    ("conv", 256, 3, 2, 3),
]  # fmt: skip


def by_the_table(network: ResidualUNet, x: torch.Tensor) -> torch.Tensor:
    """From the inside of the U outwards. In Table II every T row but the first reads its own result beside its twin's."""
    downs, ups = list(network.down), list(network.up)

    def level(i: int, x: torch.Tensor) -> torch.Tensor:
        """What stands beside x on the way up: as large as x."""
        below = F.conv2d(x, downs[i].weight, downs[i].bias, stride=2, padding=1).clamp(min=0)
        inner = below if i == 3 else torch.cat([level(i + 1, below).clamp(min=0), below], dim=1)
        return F.conv_transpose2d(inner, ups[3 - i].weight, ups[3 - i].bias, stride=2, padding=1)

    return F.conv2d(torch.cat([level(0, x), x], dim=1), network.last.weight, network.last.bias, padding=1)


def test_it_has_the_tables_1_543_418_parameters():
    with torch.device("meta"):
        count = sum(p.numel() for p in ResidualUNet().parameters())
    assert count == sum(c * o * k * k + o for _, _, c, o, k in TABLE) == 1_543_418


def test_layers_and_shapes_are_the_tables():
    seen, kinds = [], {nn.Conv2d: "conv", nn.ConvTranspose2d: "tconv"}
    network, x = ResidualUNet(), torch.zeros(1, 1, 256, 256)
    for layer in network.modules():
        for kind, name in kinds.items():
            if isinstance(layer, kind):
                layer.register_forward_hook(lambda layer, x, y, name=name: seen.append(
                    (name, x[0].shape[-1], x[0].shape[1], y.shape[1], layer.kernel_size[0])))
    with torch.inference_mode():
        assert network(x).shape == (1, 2, 256, 256)
    assert seen == TABLE


@pytest.mark.parametrize("height, width", [(16, 16), (32, 48)])
def test_forward_agrees_with_plain_functions(height, width):
    torch.manual_seed(0)
    network = ResidualUNet(2, 3, base=4)
    for p in network.parameters():
        nn.init.normal_(p, std=0.5 if p.ndim == 1 else 1.5 * p[0].numel() ** -0.5)
    x = torch.rand(2, 2, height, width) * 2 - 1
    out, expected = network(x), by_the_table(network, x)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)           # float32 through 9 layers
    slopes = [torch.autograd.grad(y.square().sum(), list(network.parameters())) for y in (out, expected)]
    for mine, theirs in zip(*slopes, strict=True):                            # a skip without a slope would still look right
        torch.testing.assert_close(mine, theirs, atol=1e-4 * theirs.abs().max().item(), rtol=1e-3)
    assert out.std() > 0.1 and out.min() < 0 < out.max(), "a and b have both signs"


@settings(deadline=None, max_examples=20)
@given(height=st.integers(1, 3), width=st.integers(1, 3), more=st.integers(0, 15), n=st.integers(1, 2))
@example(height=1, width=1, more=8, n=1)                                      # a multiple of 8 alone
@example(height=1, width=2, more=0, n=1)
def test_multiples_of_16_work_and_other_sizes_are_refused(height, width, more, n):
    network, (height, width) = ResidualUNet(base=1), (16 * height, 16 * width + more)
    if more:
        for sides in ((height, width), (width, height)):
            with pytest.raises(ValueError, match=f"multiples of 16, not {sides[0]}x{sides[1]}"):
                network(torch.rand(n, 1, *sides))
    else:
        assert network(torch.rand(n, 1, height, width)).shape == (n, 2, height, width)


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = ResidualUNet(base=4)
    F.mse_loss(network(torch.rand(2, 1, 32, 32)), torch.rand(2, 2, 32, 32) - 0.5).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name
