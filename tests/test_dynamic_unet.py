"""DynamicUnet is fastai's on ResNet18, part by part: its counts, its skips, its ICNR start, against plain functions."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.dynamic_unet import DynamicUnet, Shuffle, grey_body
from minicolor.models.resnet18 import ResNet18

BLOCKS = ("up16", "up8", "up4", "up2")


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def lively(network: nn.Module) -> nn.Module:
    """Weights and statistics that no two layers share and that let a signal through."""
    torch.manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.normal_(0, 0.5) if p.ndim == 1 else p.normal_(0, 1.5 * p[0].numel() ** -0.5)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.normal_(1, 0.2)
                layer.running_mean.normal_(0, 0.5)
                layer.running_var.uniform_(0.5, 2)
    return network.eval()


def in_plain_functions(network: DynamicUnet, x: torch.Tensor) -> torch.Tensor:
    """As fastai describes it: normalize the skip, ReLU of both together, interleave pixels by hand, from the inside outwards."""

    def norm(x, bn):
        return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=1e-5)

    def conv(x, layer, **kwargs):
        return F.conv2d(x, layer.weight, layer.bias, **kwargs)

    def block(x, b, stride):
        y = F.relu(norm(conv(x, b.conv1, stride=stride, padding=1), b.bn1))
        y = norm(conv(y, b.conv2, padding=1), b.bn2)
        return F.relu(y + (norm(conv(x, b.downsample[0], stride=2), b.downsample[1]) if stride == 2 else x))

    def shuffled(x, layer):
        y = F.relu(conv(x, layer))
        out = y.new_empty(y.shape[0], y.shape[1] // 4, 2 * y.shape[2], 2 * y.shape[3])
        for k, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            out[:, :, row::2, column::2] = y[:, k::4]
        return out

    body = network.body
    skips = [F.relu(norm(conv(x, body.conv1, stride=2, padding=3), body.bn1))]
    y = F.max_pool2d(skips[0], 3, stride=2, padding=1)
    for layer, stride in ((body.layer1, 1), (body.layer2, 2), (body.layer3, 2), (body.layer4, 2)):
        y = block(block(y, layer[0], stride), layer[1], 1)
        skips.append(y)
    y = F.relu(norm(skips.pop(), network.norm))
    y = F.relu(conv(F.relu(conv(y, network.middle[0], padding=1)), network.middle[2], padding=1))
    for up in (network.up16, network.up8, network.up4, network.up2):
        y = F.relu(torch.cat([shuffled(y, up.shuffle.conv), norm(skips.pop(), up.norm)], dim=1))
        y = F.relu(conv(F.relu(conv(y, up.convs[0], padding=1)), up.convs[2], padding=1))
    y = torch.cat([shuffled(y, network.up1.conv), x], dim=1)
    z = conv(F.relu(conv(y, network.residual[0], padding=1)), network.residual[2], padding=1)
    return conv(F.relu(y + z), network.last)


def test_it_has_the_known_number_of_parameters_part_by_part():
    with torch.device("meta"):
        network = DynamicUnet()
    assert {name: count(part) for name, part in network.named_children()} == {
        "body": 11_170_240, "norm": 1_024, "middle": 9_438_720,
        "up16": 5_245_440, "up8": 3_180_544, "up4": 1_475_968, "up2": 380_736,
        "up1": 37_248, "residual": 169_556, "last": 196,
    }  # fmt: skip
    assert count(network) == 31_099_672


def test_the_convolutions_have_fastais_shapes():
    with torch.device("meta"):
        network = DynamicUnet()
    shapes = [(up.shuffle.conv.weight.shape[:2], up.norm.num_features, up.convs[0].weight.shape[:2], up.convs[2].weight.shape[:2])
              for up in (network.up16, network.up8, network.up4, network.up2)]
    assert shapes == [((1024, 512), 256, (512, 512), (512, 512)), ((1024, 512), 128, (384, 384), (384, 384)),
                      ((768, 384), 64, (256, 256), (256, 256)), ((512, 256), 64, (96, 192), (96, 96))]
    assert network.last.weight.shape == (2, 97, 1, 1)


@pytest.mark.parametrize("channels, out, base, height, width", [(1, 2, 8, 32, 64), (3, 2, 4, 64, 32), (1, 3, 6, 32, 32)])
def test_forward_agrees_with_plain_functions(channels, out, base, height, width):
    network = lively(DynamicUnet(channels, out, base))
    x = torch.rand(2, channels, height, width) * 2 - 1
    y, expected = network(x), in_plain_functions(network, x)
    assert y.shape == (2, out, height, width)
    scale = expected.detach().abs().max().item()
    torch.testing.assert_close(y, expected, atol=2e-5 * scale, rtol=1e-4)   # float32 through 34 layers
    slopes = [torch.autograd.grad(z.square().mean(), list(network.parameters())) for z in (y, expected)]
    for mine, theirs in zip(*slopes, strict=True):                          # a skip without a slope would still look right
        torch.testing.assert_close(mine, theirs, atol=2e-4 * theirs.abs().max().item(), rtol=1e-3)
    assert y.std() > 0.05, "nothing got through: the comparison says nothing"


def test_shapes_at_the_reports_size():
    with torch.device("meta"):
        assert DynamicUnet().eval()(torch.zeros(1, 1, 256, 256)).shape == (1, 2, 256, 256)


@pytest.mark.parametrize("height, width", [(31, 32), (32, 48), (16, 16), (1, 1)])
def test_sizes_that_are_no_multiple_of_32_are_refused(height, width):
    with pytest.raises(ValueError, match=f"multiples of 32, not {height}x{width}"):
        DynamicUnet(base=2)(torch.zeros(1, 1, height, width))


def test_right_after_initialization_the_up_sampling_is_nearest_neighbor():
    torch.manual_seed(0)
    network = DynamicUnet(base=8)
    shuffles = [layer for layer in network.modules() if isinstance(layer, Shuffle)]
    assert len(shuffles) == 5
    for shuffle in shuffles:
        out = shuffle(torch.randn(2, shuffle.conv.in_channels, 3, 5))
        assert out.shape[-2:] == (6, 10) and out.std() > 0.1
        corners = out[:, :, ::2, ::2]
        assert torch.equal(out, corners.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
        assert (corners[..., 1:] != corners[..., :-1]).any(), "all blocks alike: the test says nothing"
        w = shuffle.conv.weight[::4].flatten(1)
        assert torch.unique(w, dim=0).shape == w.shape, "only the four pixels of one channel start alike"


def test_the_way_up_starts_as_he_et_al_2015_say():
    torch.manual_seed(0)
    network = DynamicUnet(base=16)
    way_up = [network.middle, network.up16, network.up8, network.up4, network.up2, network.up1, network.residual]
    convs = [layer for part in way_up for layer in part.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convs) == 17
    for conv in convs:
        w = conv.weight if conv.kernel_size == (3, 3) else conv.weight[::4]    # of four copies, one
        sigma = (2 / w[0].numel()) ** 0.5                                      # what enters the layer: in * k * k
        assert abs(w.std() - sigma) < 4 * sigma / (2 * w.numel()) ** 0.5       # 4 sigma of a standard deviation
        assert not conv.bias.any()
    assert all((network.get_submodule(f"{b}.norm").bias == 1e-3).all() for b in BLOCKS) and (network.norm.bias == 1e-3).all()


@pytest.mark.parametrize("block, stage", [*zip(BLOCKS, ("layer3", "layer2", "layer1", "stem"))])
def test_the_skip_of_each_stage_arrives(block, stage):
    """The block gets that very tensor, and what it gets changes the picture."""
    network = lively(DynamicUnet(base=4))
    x = torch.rand(1, 1, 32, 64)
    heard = []
    handle = network.get_submodule(block).register_forward_pre_hook(lambda _, given: heard.append(given[1]))
    before = network(x)
    handle.remove()
    assert torch.equal(heard[0], getattr(network.body.stages(x), stage))

    def without_skip(_, given):
        return given[0], torch.zeros_like(given[1])

    network.get_submodule(block).register_forward_pre_hook(without_skip)
    assert (network(x) - before).abs().max() > 1e-3 * before.abs().max(), f"{block} does not listen to {stage}"


def test_the_input_itself_arrives_at_the_end():
    network = lively(DynamicUnet(base=4))
    given = []
    network.residual.register_forward_pre_hook(lambda _, x: given.append(x[0]))
    x = torch.rand(1, 1, 32, 32) * 2 - 1
    network(x)
    assert given[0].shape == (1, 7, 32, 32) and torch.equal(given[0][:, 6:], x)


def test_a_pretrained_body_sees_grey_as_it_saw_equal_channels():
    pretrained = lively(ResNet18(classes=10, base=4))
    given = pretrained.state_dict()
    before = {name: value.clone() for name, value in given.items()}
    network = DynamicUnet(base=4).eval()
    network.body.load_state_dict(grey_body(given))                          # strict: no name missing, none too many
    grey = torch.rand(1, 1, 32, 64) * 2 - 1
    for mine, theirs in zip(network.body.stages(grey), pretrained.stages(grey.expand(-1, 3, -1, -1)), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)
    assert all(torch.equal(given[name], value) for name, value in before.items()), "what was handed in has changed"


@pytest.mark.parametrize("state", [{}, {"conv1.weight": torch.zeros(4, 1, 7, 7)}, {"model": {}}])
def test_what_is_no_resnet18_for_rgb_is_refused(state):
    with pytest.raises(ValueError, match="grey_body needs a ResNet18's state dict"):
        grey_body(state)


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = DynamicUnet(base=4).train()
    (network(torch.rand(2, 1, 64, 64)) - 0.3).abs().mean().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name
