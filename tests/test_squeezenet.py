"""SqueezeNet is torchvision's squeezenet1_1: its names, shapes and order, its count, its output; stages() is what LPIPS reads."""

import official
import pytest
import torch
from torch import nn

from minicolor.models.squeezenet import SqueezeNet

FIRES = {3: (64, 16, 128), 4: (128, 16, 128), 6: (128, 32, 256), 7: (256, 32, 256),
         9: (256, 48, 384), 10: (384, 48, 384), 11: (384, 64, 512), 12: (512, 64, 512)}  # fmt: skip


def documented_state(classes: int | None = 1000) -> list[tuple[str, tuple[int, ...]]]:
    """torchvision's names and shapes, in order, from its structure: a convolution, eight fires, a convolution."""

    def conv(name, out, cin, k):
        return [(f"{name}.weight", (out, cin, k, k)), (f"{name}.bias", (out,))]

    state = conv("features.0", 64, 3, 3)
    for i, (cin, squeezed, out) in FIRES.items():
        state += conv(f"features.{i}.squeeze", squeezed, cin, 1)
        state += conv(f"features.{i}.expand1x1", out // 2, squeezed, 1) + conv(f"features.{i}.expand3x3", out // 2, squeezed, 3)
    return state if classes is None else state + conv("classifier.1", classes, 512, 1)


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    torch.manual_seed(0)
    return official.lively(official.load("torchvision.models").squeezenet1_1(weights=None, num_classes=7))


@pytest.fixture(scope="module")
def mine(theirs) -> nn.Module:
    network = SqueezeNet(7).eval()
    network.load_state_dict(theirs.state_dict())
    return network


@pytest.mark.parametrize("classes, count", [(1000, 1_235_496), (None, 722_496)])
def test_the_parameter_count_is_the_documented_one(classes, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in SqueezeNet(classes).parameters()) == count


@pytest.mark.parametrize("classes", [1000, 10, None])
def test_the_state_dict_has_torchvisions_names_shapes_and_order(classes):
    with torch.device("meta"):
        mine = SqueezeNet(classes).state_dict()
    assert [(name, tuple(value.shape)) for name, value in mine.items()] == documented_state(classes)


@pytest.mark.parametrize("height, width", [(17, 17), (64, 64), (65, 63), (33, 80), (50, 98)])   # full and broken edges
def test_torchvisions_own_network_gives_the_same_output(mine, theirs, height, width):
    assert list(mine.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        out, expected = mine(x), theirs(x)
    assert out.shape == (2, 7)
    torch.testing.assert_close(out, expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-5)
    assert out.std() > 0.01, "nothing got through: the comparison says nothing"


def test_torchvisions_own_network_learns_the_same(mine, theirs):
    """Every slope, without dropout, which would draw two different masks."""
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    grads = [torch.autograd.grad(network(x).square().sum(), list(network.parameters())) for network in (mine, theirs)]
    for (name, _), p, q in zip(mine.named_parameters(), *grads, strict=True):
        torch.testing.assert_close(p, q, atol=1e-5 * q.abs().max().item(), rtol=1e-4, msg=name)


def test_stages_are_what_torchvisions_layers_leave(mine, theirs):
    """The 7 that the lpips package takes: the first ReLU, the fire before each pool, every fire after the last."""
    x = torch.randn(2, 3, 70, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        stages = mine.stages(x)
        expected = [theirs.features[: i + 1](x) for i in (1, 4, 7, 9, 10, 11, 12)]
    assert tuple(s.shape[1] for s in stages) == SqueezeNet.CHANNELS
    for stage, other in zip(stages, expected, strict=True):
        torch.testing.assert_close(stage, other, atol=1e-5 * other.max().item(), rtol=1e-5)
        assert stage.min() >= 0 and stage.max() > 0.1


def test_stages_have_the_sizes_of_version_1_1():
    with torch.device("meta"):
        stages = SqueezeNet(classes=None).stages(torch.zeros(1, 3, 227, 227))
    sizes = [(64, 113, 113), (128, 56, 56), (256, 28, 28), (384, 14, 14), (384, 14, 14), (512, 14, 14), (512, 14, 14)]
    assert [tuple(s.shape[1:]) for s in stages] == sizes


def test_what_it_cannot_take_is_refused_in_one_sentence(mine, theirs):
    for shape in ((1, 3, 16, 64), (1, 3, 64, 16), (1, 1, 64, 64), (3, 64, 64)):
        with pytest.raises(ValueError, match=r"expects \(N, 3, H, W\) from 17x17, got"):
            mine(torch.zeros(shape))
    with pytest.raises(RuntimeError):
        theirs(torch.zeros(1, 3, 16, 64))                                   # and 17 is the least that torchvision takes
    with pytest.raises(ValueError, match="without a head"):
        SqueezeNet(classes=None)(torch.zeros(1, 3, 32, 32))


def test_every_parameter_learns_and_a_new_network_lets_the_signal_through():
    torch.manual_seed(0)
    network = SqueezeNet(classes=None)
    stages = network.stages(torch.randn(2, 3, 64, 64))
    assert all(0.05 < s.std() < 20 for s in stages)                           # He's start, not PyTorch's: that fades
    stages[-1].square().sum().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_the_head_drops_out_in_training_only():
    torch.manual_seed(0)
    network, x = SqueezeNet(3, dropout=0.9), torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert not torch.equal(network(x), network(x))
        network.eval()
        assert torch.equal(network(x), network(x))


def test_the_real_weights_fit_without_a_head(real_pictures):
    path = real_pictures / "weights" / "squeezenet1_1_features_imagenet_from_keras.pth"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside this checkout")
    SqueezeNet(classes=None).load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
