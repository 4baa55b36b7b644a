"""SuperResUNet is report D's network: its blocks, its count, its skips; RGB in [0, 1] at twice the size."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from official import lively
from torch import nn
from torch.nn import functional as F

from minicolor.models.superres_unet import SuperResUNet


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def in_plain_functions(network: SuperResUNet, x: torch.Tensor, levels: int, convs: int, slope: float, training: bool):
    """The report's list of blocks from the weights alone, taken in their order, with torch's own functions."""
    layers = (layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d)))

    def conv_norm_lrelu(x):
        x = F.conv2d(x, next(layers).weight, padding=1)
        norm = next(layers)
        means = (None, None) if training else (norm.running_mean, norm.running_var)
        return F.leaky_relu(F.batch_norm(x, *means, norm.weight, norm.bias, training, eps=1e-5), slope)

    twins = []
    for _ in range(levels):
        for _ in range(convs):
            x = conv_norm_lrelu(x)
        twins.append(x)
        x = x.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).amax((3, 5))           # the greatest of each 2x2
    for _ in range(convs):
        x = conv_norm_lrelu(x)
    for twin in [*reversed(twins), None]:
        x = conv_norm_lrelu(x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
        x = x if twin is None else torch.cat([x, twin], dim=1)
    last = next(layers)
    return F.conv2d(x, last.weight, last.bias, padding=1)


def count_by_hand(channels: int, base: int, levels: int, convs: int) -> int:
    """9 weights for each pair of channels, a gain and a shift for each output; the last convolution has a bias instead."""
    widths = [base * 2**i for i in range(levels + 1)]                            # with the bottleneck's
    pairs, before = [], channels
    for width in widths:
        pairs += [(before, width)] + [(width, width)] * (convs - 1)
        before = width
    pairs += [(before, before // 2)]
    pairs += [(w, w // 4) for w in reversed(widths[2:])]                         # twice w/2 come up: the block below and its twin
    pairs += [(2 * base, base)]
    return sum(9 * a * b + 2 * b for a, b in pairs) + 9 * base * 3 + 3


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, 26_746_883),
        ({"convs": 1}, 14_163_011),
        ({"convs": 3}, 39_330_755),
        ({"base": 64, "levels": 4}, 26_738_691),
        ({"in_channels": 22, "base": 64, "levels": 4}, 26_750_787),
    ],
)
def test_it_has_the_known_number_of_parameters(settings, expected):
    with torch.device("meta"):
        assert count(SuperResUNet(**settings)) == expected
    s = {"in_channels": 1, "base": 32, "levels": 5, "convs": 2} | settings
    assert count_by_hand(s["in_channels"], s["base"], s["levels"], s["convs"]) == expected


@pytest.mark.parametrize("base, levels", [(32, 5), (64, 4)])
def test_the_reports_blocks_bottleneck_and_sizes(base, levels):
    seen = {}
    with torch.device("meta"):
        network = SuperResUNet(base=base, levels=levels)
        for name, block in network.named_modules():
            block.register_forward_hook(lambda _, __, out, name=name: seen.update({name: tuple(out.shape[1:])}))
        assert network(torch.zeros(2, 1, 128, 128)).shape == (2, 3, 256, 256)
    assert (len(network.down), len(network.up)) == (levels, levels + 1)          # 5 and 6; in the fusion 4 and 5
    assert seen["bottleneck"] == (1024, 128 >> levels, 128 >> levels)
    for i in range(levels):
        assert seen[f"down.{i}"] == seen[f"up.{levels - 1 - i}"] == (base << i, 128 >> i, 128 >> i), "twins have one shape"
    assert seen[f"up.{levels}"] == (base, 256, 256)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("levels, convs, slope", [(1, 1, 0.2), (2, 3, 0.2), (3, 2, 0.0)])
def test_forward_agrees_with_plain_functions(levels, convs, slope, training):
    torch.manual_seed(0)
    network = lively(SuperResUNet(2, 3, base=4, levels=levels, convs=convs, slope=slope)).double().train(training)
    x = 2 * torch.randn(2, 2, 24, 16, dtype=torch.float64)
    expected = in_plain_functions(network, x, levels, convs, slope, training)
    out = network(x)
    torch.testing.assert_close(out, 1 / (1 + torch.exp(-expected)), atol=1e-10, rtol=1e-9)
    assert out.std() > 0.02, "nothing got through: the comparison says nothing"


def test_a_linear_output_is_clipped_at_test_only():
    torch.manual_seed(0)
    network = lively(SuperResUNet(base=4, levels=2, output="linear"))
    x = torch.rand(2, 1, 16, 16)
    out = network(x)
    expected = in_plain_functions(network, x, 2, 2, 0.2, training=False)
    torch.testing.assert_close(out, expected.clamp(0, 1), atol=1e-5, rtol=1e-5)
    assert expected.min() < 0 < 1 < expected.max(), "the comparison needs values on both sides"
    network.train()
    torch.testing.assert_close(network(x), in_plain_functions(network, x, 2, 2, 0.2, training=True), atol=1e-5, rtol=1e-5)


@settings(deadline=None, max_examples=15)
@given(
    levels=st.integers(1, 3), height=st.integers(1, 4), width=st.integers(1, 4), batch=st.integers(1, 3),
    channels=st.integers(1, 4), output=st.sampled_from(["sigmoid", "linear"]),
)  # fmt: skip
def test_any_multiple_doubles_and_stays_in_0_1(levels, height, width, batch, channels, output):
    network = lively(SuperResUNet(channels, base=2, levels=levels, output=output))
    height, width = height * 2**levels, width * 2**levels
    with torch.inference_mode():
        out = network(torch.rand(batch, channels, height, width))
    assert out.shape == (batch, 3, 2 * height, 2 * width) and out.min() >= 0 and out.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1, 8, 12), (1, 1, 12, 8), (1, 3, 8, 8), (1, 8, 8), (8, 1, 8), (1, 1, 4, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"needs \(N, 1, H, W\) with sides that are multiples of 8, not \("):
        SuperResUNet(base=1, levels=3)(torch.zeros(shape))


@pytest.mark.parametrize("bad", [{"levels": 0}, {"convs": 0}])
def test_a_network_without_blocks_is_refused(bad):
    with pytest.raises(ValueError, match="levels and convs of at least 1"):
        SuperResUNet(**bad)


def test_other_outputs_are_refused():
    with pytest.raises(ValueError, match='output is "sigmoid" or "linear", not \'tanh\''):
        SuperResUNet(output="tanh")


@pytest.mark.parametrize("output", ["sigmoid", "linear"])
def test_every_parameter_learns(output):
    torch.manual_seed(0)
    network = SuperResUNet(base=4, levels=2, output=output)
    (network(torch.rand(2, 1, 16, 16)) - 0.5).abs().mean().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_it_starts_as_glorot_says():
    torch.manual_seed(0)
    for layer in SuperResUNet(base=16, levels=2).modules():
        if isinstance(layer, nn.Conv2d):
            bound = (6 / (9 * (layer.in_channels + layer.out_channels))) ** 0.5
            assert 0.95 * bound < layer.weight.abs().max() <= bound and abs(layer.weight.mean()) < 0.2 * bound
            assert layer.bias is None or not layer.bias.any()
