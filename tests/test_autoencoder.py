"""The autoencoders are report B's four, layer by layer: its printed counts and shapes, Keras' conventions, plain functions."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.autoencoder import FIVE_LEVELS, THREE_LEVELS, Autoencoder

# Report B's tables as printed: (side, channels, parameters) of each layer that has some, Keras counting running statistics.
B1 = (THREE_LEVELS, False, 2_960_426, 2_958_890, [
    (80, 128, 3584), (40, 256, 295168), (40, 256, 1024), (20, 512, 1180160), (20, 512, 2048),
    (40, 256, 1179904), (80, 128, 295040), (160, 3, 3459), (160, 3, 39)])
B2 = (FIVE_LEVELS, False, 7_977_258, 7_974_698, [
    (80, 128, 3584), (40, 128, 147584), (20, 256, 295168), (20, 256, 1024), (10, 512, 1180160), (10, 512, 2048),
    (5, 512, 2359808), (5, 512, 2048), (10, 512, 2359808), (20, 256, 1179904), (40, 128, 295040), (80, 128, 147584),
    (160, 3, 3459), (160, 3, 39)])
# of these two it prints blocks, not layers
B3 = (THREE_LEVELS, True, 3_258_830, 3_257_294, [
    (80, 128, 3584), (40, 256, 296192), (20, 512, 1182208), (40, 256, 1179904), (80, 128, 589952), (160, 3, 6915),
    (160, 3, 75)])
B4 = (FIVE_LEVELS, True, 9_602_766, 9_600_206, [
    (80, 128, 3584), (40, 128, 147584), (20, 256, 296192), (10, 512, 1182208), (5, 512, 2361856), (10, 512, 2359808),
    (20, 256, 2359552), (40, 128, 589952), (80, 128, 295040), (160, 3, 6915), (160, 3, 75)])
FOUR = pytest.mark.parametrize("widths, skips, total, trainable, table", [B1, B2, B3, B4], ids=["B1", "B2", "B3", "B4"])
KINDS = pytest.mark.parametrize("widths, skips", [((3, 5, 6), False), ((3, 3, 5, 6, 6), False),
                                                  ((3, 5, 6), True), ((3, 3, 5, 6, 6), True)])


def keras_count(network: nn.Module) -> int:
    kept = [b for name, b in network.named_buffers() if name.endswith(("running_mean", "running_var"))]
    return sum(t.numel() for t in [*network.parameters(), *kept])


def of_kind(network: nn.Module, kind) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def lively(network: nn.Module) -> nn.Module:
    """Weights and statistics that no two layers share and that let a signal through."""
    for p in network.parameters():
        nn.init.normal_(p, std=0.5 if p.ndim == 1 else 1.5 * p[0].numel() ** -0.5)
    for norm in of_kind(network, nn.BatchNorm2d):
        norm.running_mean.normal_(0, 0.5)
        norm.running_var.uniform_(0.5, 2)
    return network


def by_the_report(network: Autoencoder, grey: torch.Tensor, normed: range) -> torch.Tensor:
    """In plain functions, from the inside outwards. Even sides alone: Keras pads those with a row and a column at the end.

    A transposed convolution is the gradient of the padded convolution with respect to its picture; the padding's is dropped.
    """
    *downs, last = of_kind(network, nn.Conv2d)
    ups = of_kind(network, nn.ConvTranspose2d)
    norms = dict(zip(normed, of_kind(network, nn.BatchNorm2d), strict=True))

    def level(i: int, x: torch.Tensor) -> torch.Tensor:
        if i == len(downs):
            return x
        below = F.conv2d(F.pad(x, (0, 1, 0, 1)), downs[i].weight, downs[i].bias, stride=2)
        if i in norms:
            mean, var = norms[i].running_mean.clone(), norms[i].running_var.clone()
            below = F.batch_norm(below, mean, var, norms[i].weight, norms[i].bias, network.training, eps=1e-3)
        below = level(i + 1, F.leaky_relu(below, 0.3))
        up = ups[len(downs) - 1 - i]
        n, _, h, w = below.shape
        back = torch.nn.grad.conv2d_input((n, up.out_channels, 2 * h + 1, 2 * w + 1), up.weight, below, stride=2)
        back = F.leaky_relu(back[:, :, :-1, :-1] + up.bias[:, None, None], 0.3)
        return torch.cat([back, x], dim=1) if network.skips else back

    return F.conv2d(F.pad(level(0, torch.cat([grey] * 3, dim=1)), (0, 1, 0, 1)), last.weight, last.bias)


@FOUR
def test_counts_and_shapes_are_the_printed_ones(widths, skips, total, trainable, table):
    with torch.device("meta"):                                       # shapes without weights
        network = Autoencoder(widths, skips).eval()
        assert keras_count(network) == total == sum(count for _, _, count in table)
        assert sum(p.numel() for p in network.parameters()) == trainable
        layers = [*network.down, *network.up, network.last]
        if not skips:
            layers = of_kind(network, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d))
        seen = []
        for layer in layers:
            layer.register_forward_hook(lambda layer, _, out: seen.append((out.shape[-1], out.shape[1], keras_count(layer))))
        assert network(torch.zeros(2, 1, 160, 160)).shape == (2, 3, 160, 160)
    assert seen == table


def test_the_defaults_are_b4():
    with torch.device("meta"):
        assert keras_count(Autoencoder()) == 9_602_766


@KINDS
@pytest.mark.parametrize("training", [False, True])
def test_forward_agrees_with_plain_functions(widths, skips, training):
    torch.manual_seed(len(widths))
    network = lively(Autoencoder(widths, skips)).train(training)
    grey = torch.rand(2, 1, 32, 64)
    expected = by_the_report(network, grey, range(1, 3) if len(widths) == 3 else range(2, 5))
    out = network(grey)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)  # float32 through 11 layers
    slopes = [torch.autograd.grad(y.square().sum(), list(network.parameters())) for y in (out, expected)]
    for (name, _), mine, theirs in zip(network.named_parameters(), *slopes):
        # training: a bias before a norm is canceled, its slope is rounding alone
        largest = max(theirs.abs().max().item(), 1e-2 * max(t.abs().max().item() for t in slopes[1]))
        torch.testing.assert_close(mine, theirs, atol=1e-4 * largest, rtol=1e-3, msg=name)
    assert out.std() > 0.05, "nothing got through: the comparison says nothing"


def test_one_grey_channel_or_three_equal_ones():
    torch.manual_seed(0)
    network = lively(Autoencoder((2, 4))).eval()
    grey = torch.rand(2, 1, 8, 12)
    assert torch.equal(network(grey), network(grey.repeat(1, 3, 1, 1)))


@KINDS
@pytest.mark.parametrize("height, width", [(1, 0), (0, 1), (1, 1), (-4, 0)])
def test_other_sizes_are_refused(widths, skips, height, width):
    multiple = 2 ** len(widths)
    height, width = multiple + height, 2 * multiple + width
    with pytest.raises(ValueError, match=f"multiples of {multiple}, not {height}x{width}"):
        Autoencoder(widths, skips)(torch.zeros(1, 1, height, width))


@KINDS
def test_every_parameter_learns(widths, skips):
    torch.manual_seed(0)
    network = lively(Autoencoder(widths, skips)).eval()              # with batch statistics a norm cancels the bias before it
    network(torch.rand(2, 1, 32, 32)).square().sum().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_norms_are_keras():
    """Running statistics move by 1 % a batch; a channel without spread divides by the root of 0.001."""
    torch.manual_seed(0)
    network = Autoencoder((2, 4, 6), skips=False).train()
    first, second = of_kind(network, nn.BatchNorm2d)
    heard = []
    first.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0].detach()))
    network(torch.rand(3, 1, 16, 16))
    torch.testing.assert_close(first.running_mean, 0.01 * heard[0].mean((0, 2, 3)))
    for norm in (first, second):
        assert (norm.eps, norm.momentum, norm.slope) == (1e-3, 0.01, 0.3)
        assert (norm.weight == 1).all() and (norm.bias == 0).all()


def test_it_starts_as_keras_does():
    """Glorot: uniform within sqrt(6 / (9 in + 9 out)), biases zero."""
    torch.manual_seed(0)
    *layers, last = of_kind(Autoencoder((16, 32, 64)), (nn.Conv2d, nn.ConvTranspose2d))
    layers = [(layer, 9) for layer in layers] + [(last, 4)]
    for layer, taps in layers:
        limit = (6 / (taps * (layer.in_channels + layer.out_channels))) ** 0.5
        w = layer.weight
        assert w.abs().max() <= limit and (w.numel() < 100 or w.abs().max() > 0.97 * limit)
        assert abs(w.std() - limit / 3**0.5) < 4 * limit / 3**0.5 / w.numel() ** 0.5
        assert not layer.bias.any()
