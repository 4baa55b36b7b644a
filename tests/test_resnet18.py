"""ResNet18 is torchvision's: its names, shapes and order, its count, its output with the same weights."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.resnet18 import ResNet18


def lively(network: nn.Module) -> nn.Module:
    """Weights and statistics that no two layers share and that let a signal through."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():         # in the order of their names: any ResNet18 gets the same
            if name.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif value.ndim == 1:
                value.normal_(0.5 if name.endswith("weight") else 0, 0.5)
            elif value.ndim > 1:
                value.normal_(std=1.5 * value[0].numel() ** -0.5)
    return network.eval()


def stages_in_plain_functions(s: dict, x: torch.Tensor) -> list[torch.Tensor]:
    """The five stages from the state dict alone: weights by name, strides from the paper's table 1."""

    def norm(x, name):
        return F.batch_norm(x, *(s[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")), eps=1e-5)

    x = F.relu(norm(F.conv2d(x, s["conv1.weight"], stride=2, padding=3), "bn1"))
    out = [x]
    x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            at = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = F.conv2d(x, s[f"{at}.conv1.weight"], stride=stride, padding=1)
            y = F.conv2d(F.relu(norm(y, f"{at}.bn1")), s[f"{at}.conv2.weight"], padding=1)
            if stride == 2:
                x = norm(F.conv2d(x, s[f"{at}.downsample.0.weight"], stride=2), f"{at}.downsample.1")
            x = F.relu(norm(y, f"{at}.bn2") + x)
        out.append(x)
    return out


def documented_state(classes: int = 1000) -> list[tuple[str, tuple[int, ...]]]:
    """torchvision's names and shapes, in order, from its structure: conv1 bn1 layer1..4 of two blocks, fc."""

    def norm(name, c):
        vectors = [(f"{name}.{key}", (c,)) for key in ("weight", "bias", "running_mean", "running_var")]
        return [*vectors, (f"{name}.num_batches_tracked", ())]

    state = [("conv1.weight", (64, 3, 7, 7)), *norm("bn1", 64)]
    for layer, (before, c) in enumerate([(64, 64), (64, 128), (128, 256), (256, 512)], start=1):
        for block, cin in enumerate((before, c)):
            at = f"layer{layer}.{block}"
            state += [(f"{at}.conv1.weight", (c, cin, 3, 3)), *norm(f"{at}.bn1", c)]
            state += [(f"{at}.conv2.weight", (c, c, 3, 3)), *norm(f"{at}.bn2", c)]
            if cin != c:
                state += [(f"{at}.downsample.0.weight", (c, cin, 1, 1)), *norm(f"{at}.downsample.1", c)]
    return [*state, ("fc.weight", (classes, 512)), ("fc.bias", (classes,))]


@pytest.fixture(scope="module")
def torchvision_resnet18():
    """torchvision's constructor. Its compiled operators are not needed, but its import asks for these two by name."""
    def imported():
        from torchvision.models import resnet18
        return resnet18

    try:
        yield imported()
        return
    except ImportError as e:
        pytest.skip(f"torchvision is not installed: {e}")
    except RuntimeError as e:                                    # a build for another device: no operators
        if "does not exist" not in str(e):
            pytest.skip(f"torchvision cannot be imported: {e}")
    operators = torch.library.Library("torchvision", "FRAGMENT")
    operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        yield imported()
    except (ImportError, RuntimeError) as e:
        pytest.skip(f"torchvision cannot be imported: {e}")


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_it_has_the_known_number_of_parameters():
    with torch.device("meta"):
        assert count(ResNet18()) == 11_689_512
        assert count(ResNet18(classes=None)) == 11_689_512 - 513_000 == 11_176_512
        assert count(ResNet18(classes=None, in_channels=1)) == 11_176_512 - 2 * 64 * 49


@pytest.mark.parametrize("classes", [1000, 10])
def test_the_state_dict_has_torchvisions_names_shapes_and_order(classes):
    with torch.device("meta"):
        mine = ResNet18(classes).state_dict()
    assert [(name, tuple(value.shape)) for name, value in mine.items()] == documented_state(classes)
    assert mine["bn1.num_batches_tracked"].dtype == torch.int64


def test_torchvisions_own_network_gives_the_same_output(torchvision_resnet18):
    theirs = lively(torchvision_resnet18(weights=None))
    mine = ResNet18().eval()
    assert list(mine.state_dict()) == list(theirs.state_dict())
    mine.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 70, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        out, expected = mine(x), theirs(x)
    torch.testing.assert_close(out, expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-5)
    assert out.std() > 0.1, "nothing got through: the comparison says nothing"


def test_torchvisions_own_network_learns_the_same(torchvision_resnet18):
    """In training too: batch statistics, what they leave behind, and every slope."""
    theirs = lively(torchvision_resnet18(weights=None, num_classes=3)).train()
    mine = ResNet18(classes=3).train()
    mine.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    for network in (mine.double(), theirs.double()):
        network(x.double()).square().sum().backward()
    for (name, p), q in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, atol=1e-8 * q.grad.abs().max().item(), rtol=1e-6, msg=name)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], value, msg=name)


@pytest.mark.parametrize("channels, height, width", [(3, 64, 32), (1, 33, 70), (3, 1, 5)])
def test_stages_agree_with_plain_functions(channels, height, width):
    network = lively(ResNet18(classes=5, in_channels=channels, base=8))
    x = torch.randn(2, channels, height, width)
    with torch.inference_mode():
        stages, expected = network.stages(x), stages_in_plain_functions(network.state_dict(), x)
        logits = F.linear(expected[-1].flatten(2).mean(2), network.fc.weight, network.fc.bias)
        torch.testing.assert_close(network(x), logits, atol=1e-4, rtol=1e-4)
    assert stages._fields == ("stem", "layer1", "layer2", "layer3", "layer4")
    for mine, theirs in zip(stages, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)  # float32 through 20 layers
        assert mine.min() >= 0 and mine.max() > 0.1


def test_stages_have_the_sizes_of_the_papers_table_1():
    with torch.device("meta"):
        stages = ResNet18(classes=None).eval().stages(torch.zeros(1, 3, 224, 224))
    sizes = [(64, 112, 112), (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]
    assert [tuple(s.shape[1:]) for s in stages] == sizes


def test_without_a_head_there_are_stages_only():
    network = ResNet18(classes=None, base=2).eval()
    assert not [name for name in network.state_dict() if name.startswith("fc")]
    with pytest.raises(ValueError, match="without a head"):
        network(torch.zeros(1, 3, 32, 32))


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = ResNet18(classes=3, base=4)
    F.cross_entropy(network(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 2, 0])).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_it_starts_as_he_et_al_2015_say():
    torch.manual_seed(0)
    for layer in ResNet18(classes=None, base=16).modules():
        if isinstance(layer, nn.Conv2d):
            w = layer.weight
            sigma = (2 / (w.shape[0] * w[0, 0].numel())) ** 0.5                # what leaves the layer: out * k * k
            assert abs(w.std() - sigma) < 4 * sigma / (2 * w.numel()) ** 0.5   # 4 sigma of a standard deviation
        elif isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all() and not layer.bias.any()
