"""The U-Net is the paper's, layer by layer: its count, its shapes, its skips, its dropout, against plain functions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from minicolor.models.unet import UNet


def of_kind(network: nn.Module, kind) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def lively(network: nn.Module) -> nn.Module:
    """Weights and statistics that no two layers share and that let a signal through (0.02 all but silences it)."""
    for p in network.parameters():
        nn.init.normal_(p, std=0.5 if p.ndim == 1 else 1.5 * p[0].numel() ** -0.5)
    for norm in of_kind(network, nn.BatchNorm2d):
        norm.running_mean.normal_(0, 0.5)
        norm.running_var.uniform_(0.5, 2)
    return network.eval()


def by_the_paper(network: UNet, x: torch.Tensor) -> torch.Tensor:
    """The same in plain functions, from the inside of the U outwards: each level is down, the rest of the U, up."""
    downs, ups = of_kind(network, nn.Conv2d), of_kind(network, nn.ConvTranspose2d)
    norms = iter(of_kind(network, nn.BatchNorm2d))
    last = len(downs) - 1
    on_the_way_down = {i: next(norms) for i in range(1, last)}       # the first and the deepest level have none
    on_the_way_up = {i: next(norms) for i in range(last, 0, -1)}     # the last, which gives the picture, has none

    def normalized(x, norm):
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-5)

    def level(i: int, x: torch.Tensor) -> torch.Tensor:
        below = F.conv2d(x if i == 0 else F.leaky_relu(x, 0.2), downs[i].weight, stride=2, padding=1)
        below = normalized(below, on_the_way_down[i]) if i in on_the_way_down else below
        inner = below if i == last else torch.cat([below, level(i + 1, below)], dim=1)
        up = ups[last - i]
        out = F.conv_transpose2d(F.relu(inner), up.weight, up.bias, stride=2, padding=1)
        return torch.tanh(out) if i == 0 else normalized(out, on_the_way_up[i])

    return level(0, x)


def test_it_has_the_papers_54_409_858_parameters():
    with torch.device("meta"):                                       # 218 MB of weights that nobody looks at
        network = UNet(1, 2)
    assert sum(p.numel() for p in network.parameters()) == 54_409_858
    first, *_, last = (p.shape for p in network.parameters() if p.ndim == 4)
    assert (first, last) == ((64, 1, 4, 4), (128, 2, 4, 4))


@pytest.mark.parametrize("levels, height, width", [(2, 4, 8), (3, 8, 8), (5, 32, 64), (6, 64, 64)])
def test_forward_agrees_with_plain_functions(levels, height, width):
    torch.manual_seed(levels)
    network = lively(UNet(1, 2, base=3, levels=levels))
    x = torch.rand(2, 1, height, width) * 2 - 1
    out, expected = network(x), by_the_paper(network, x)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)  # float32 through 12 layers
    slopes = [torch.autograd.grad(y.square().sum(), list(network.parameters())) for y in (out, expected)]
    for mine, theirs in zip(*slopes):                                # a skip without a slope would still look right
        torch.testing.assert_close(mine, theirs, atol=1e-4 * theirs.abs().max().item(), rtol=1e-3)
    assert out.std() > 0.05, "nothing got through: the comparison says nothing"


def test_shapes_at_the_papers_size():
    network = UNet(1, 2, base=4).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 256, 256)).shape == (1, 2, 256, 256)
    widths = [layer.out_channels for layer in of_kind(network, nn.Conv2d)]
    assert widths == [4 * k for k in (1, 2, 4, 8, 8, 8, 8, 8)]
    assert [layer.out_channels for layer in of_kind(network, nn.ConvTranspose2d)] == [*widths[-2::-1], 2]


@settings(deadline=None, max_examples=15)
@given(levels=st.integers(2, 4), height=st.integers(1, 40), width=st.integers(1, 40), n=st.integers(1, 3))
def test_multiples_work_and_other_sizes_are_refused(levels, height, width, n):
    network = UNet(2, 3, base=1, levels=levels).eval()
    x = torch.rand(n, 2, height, width)
    if height % 2**levels or width % 2**levels:
        with pytest.raises(ValueError, match=f"multiples of {2**levels}, not {height}x{width}"):
            network(x)
    else:
        out = network(x)
        assert out.shape == (n, 3, height, width) and out.abs().max() <= 1


@pytest.mark.parametrize("height, width", [(16, 12), (12, 16), (8, 16)])
def test_one_wrong_side_is_enough(height, width):
    with pytest.raises(ValueError, match="multiples of 16"):
        UNet(1, 2, base=1, levels=4)(torch.zeros(1, 1, height, width))
    with pytest.raises(ValueError, match="at least 2 levels"):
        UNet(1, 2, base=1, levels=1)


def silence(layers, channels: slice) -> None:
    """What these input channels say is no longer heard."""
    with torch.no_grad():
        for layer in layers:
            layer.weight[channels] = 0                               # a ConvTranspose2d's weight is (in, out, 4, 4)


def test_the_skips_carry_the_picture():
    """Without the way through the bottom the output still follows the input; without the skips as well, it cannot."""
    torch.manual_seed(0)
    network = lively(UNet(1, 2, base=4, levels=4))
    ups = of_kind(network, nn.ConvTranspose2d)
    a, b = torch.rand(2, 1, 1, 16, 16)
    silence(ups[:1], slice(None))
    assert (network(a) - network(b)).abs().max() > 0.1
    for up in ups[1:]:
        silence([up], slice(0, up.in_channels // 2))                 # twin first, then what came from below
    torch.testing.assert_close(network(a), network(b), atol=1e-6, rtol=0)


def test_each_level_has_a_skip_of_its_own():
    for cut in range(1, 4):
        torch.manual_seed(0)
        network = lively(UNet(1, 2, base=4, levels=4))
        x = torch.rand(1, 1, 16, 16)
        before = network(x)
        up = of_kind(network, nn.ConvTranspose2d)[cut]
        silence([up], slice(0, up.in_channels // 2))
        assert (network(x) - before).abs().max() > 0.01, f"the skip into up {cut} does nothing"


def test_dropout_is_where_the_authors_pytorch_code_has_it():
    """In the three full-width levels above the deepest, after the norm, 50 %. The paper's list starts one level deeper."""
    ups = UNet(1, 2, base=1).up
    assert [[d.p for d in of_kind(up, nn.Dropout)] for up in ups] == [[]] + [[0.5]] * 3 + [[]] * 4
    assert all(isinstance(up[-1], nn.Dropout) and isinstance(up[-2], nn.BatchNorm2d) for up in ups[1:4])
    assert not of_kind(UNet(1, 2, base=1, dropout=0), nn.Dropout)
    assert {d.p for d in of_kind(UNet(1, 2, base=1, dropout=0.2), nn.Dropout)} == {0.2}


def test_norms_are_where_the_paper_has_them():
    network = UNet(1, 2, base=1)
    assert [len(of_kind(down, nn.BatchNorm2d)) for down in network.down] == [0, 1, 1, 1, 1, 1, 1, 0]
    assert [len(of_kind(up, nn.BatchNorm2d)) for up in network.up] == [1] * 7 + [0]


def test_in_training_two_passes_differ_and_in_test_they_agree():
    torch.manual_seed(0)
    network = UNet(1, 2, base=2)
    x = torch.rand(1, 1, 256, 256)
    assert not torch.equal(network(x), network(x)), "dropout does nothing"
    network.eval()
    with torch.inference_mode():
        assert torch.equal(network(x), network(x))


def test_it_starts_as_the_paper_says():
    torch.manual_seed(0)
    for layer in of_kind(UNet(1, 2, base=16, levels=6), (nn.Conv2d, nn.ConvTranspose2d)):
        n = layer.weight.numel()
        assert abs(layer.weight.std() - 0.02) < 4 * 0.02 / (2 * n) ** 0.5         # 4 sigma of a standard deviation
        assert abs(layer.weight.mean()) < 4 * 0.02 / n**0.5
        assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("levels", [2, 5])
def test_one_picture_in_training_works_and_every_parameter_learns(levels):
    """One picture of 2^levels: the deepest level is a single value, which a norm there would turn into 0 or refuse."""
    torch.manual_seed(0)
    network = UNet(1, 2, base=4, levels=levels).train()
    x = torch.rand(1, 1, 2**levels, 2**levels)
    (network(x) - 0.3).square().sum().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_channels_last_is_the_same_network():
    torch.manual_seed(0)
    network = lively(UNet(1, 2, base=4, levels=4))
    x = torch.rand(2, 1, 32, 32)
    plain = network(x)
    network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(x.contiguous(memory_format=torch.channels_last)), plain, atol=1e-5, rtol=1e-4)
