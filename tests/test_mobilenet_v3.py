"""MobileNetV3 is torchvision's: its names, shapes and order, its count, its output and slopes with the same weights."""

import official
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.mobilenet_v3 import BLOCKS, MobileNetV3, round_to_8

DILATED = pytest.mark.parametrize("dilated", [False, True], ids=["plain", "dilated"])


def lively(network: nn.Module) -> nn.Module:
    """official.lively, and what lets a picture through 17 blocks: shifts around 0, larger weights."""
    official.lively(network)
    generator = torch.Generator().manual_seed(1)
    for norm in (layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)):
        norm.bias.data -= 0.5
    for p in network.parameters():
        if p.ndim > 1:
            p.data.normal_(std=2.5 * p[0].numel() ** -0.5, generator=generator)
    return network.eval()


def theirs(classes: int = 1000, dilated: bool = False) -> nn.Module:
    return official.load("torchvision.models").mobilenet_v3_large(weights=None, num_classes=classes, dilated=dilated)


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_it_has_the_known_number_of_parameters():
    with torch.device("meta"):
        assert count(MobileNetV3()) == 5_483_032
        head = 960 * 1280 + 1280 + 1280 * 1000 + 1000
        assert count(MobileNetV3(classes=None)) == 5_483_032 - head == 2_971_952
        assert count(MobileNetV3(dilated=True)) == 5_483_032
    meta = official.load("torchvision.models").MobileNet_V3_Large_Weights.IMAGENET1K_V1.meta
    assert meta["num_params"] == 5_483_032


@DILATED
@pytest.mark.parametrize("classes", [1000, 7])
def test_the_state_dict_has_torchvisions_names_shapes_types_and_order(classes, dilated):
    with torch.device("meta"):
        mine, expected = (build(classes, dilated).state_dict() for build in (MobileNetV3, theirs))
    described = [[(name, v.shape, v.dtype) for name, v in state.items()] for state in (mine, expected)]
    assert described[0] == described[1]


@DILATED
@pytest.mark.parametrize("height, width", [(64, 96), (70, 33)])
def test_torchvisions_own_network_gives_the_same_output(dilated, height, width):
    reference = lively(theirs(50, dilated))
    mine = MobileNetV3(50, dilated).eval()
    mine.load_state_dict(reference.state_dict())
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        out, expected = mine(x), reference(x)
    torch.testing.assert_close(out, expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-5)
    assert (out[0] - out[1]).abs().max() > 0.1 * out.abs().max(), "the picture does not matter: the comparison says nothing"


@DILATED
def test_torchvisions_own_network_learns_the_same(dilated):
    """In training too: batch statistics, what they leave behind, dropout, and every slope."""
    reference = lively(theirs(3, dilated)).train()
    mine = MobileNetV3(3, dilated).train()
    mine.load_state_dict(reference.state_dict())
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2)).double()
    for network in (mine.double(), reference.double()):
        torch.manual_seed(0)                                                     # both drop the same
        network(x).square().sum().backward()
    # shifts that the next norm takes away again have no slope but rounding: so a tolerance of the whole network's
    largest = max(q.grad.abs().max().item() for q in reference.parameters())
    for (name, p), q in zip(mine.named_parameters(), reference.parameters(), strict=True):
        assert q.grad.any() and p.grad is not None, name
        torch.testing.assert_close(p.grad, q.grad, atol=1e-12 * largest, rtol=1e-6, msg=name)
    for name, value in reference.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], value, msg=name)


@DILATED
def test_stages_are_what_leaves_torchvisions_layers(dilated):
    reference = lively(theirs(3, dilated))
    mine = MobileNetV3(classes=None, dilated=dilated).eval()
    missing = mine.load_state_dict(reference.state_dict(), strict=False)
    assert not missing.missing_keys and all(name.startswith("classifier.") for name in missing.unexpected_keys)
    x = torch.randn(1, 3, 48, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        stages = mine.stages(x)
        for out, place in zip(stages, (3, 4, 16), strict=True):
            expected = reference.features[: place + 1](x)
            torch.testing.assert_close(out, expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-5)
            assert expected.std() > 0.1, "nothing got through: the comparison says nothing"
    assert stages._fields == ("low", "middle", "last")


@pytest.mark.parametrize("dilated, last", [(False, 7), (True, 14)])
def test_stages_have_the_papers_sizes(dilated, last):
    with torch.device("meta"):
        stages = MobileNetV3(None, dilated).eval().stages(torch.zeros(1, 3, 224, 224))
    assert [tuple(s.shape[1:]) for s in stages] == [(24, 56, 56), (40, 28, 28), (960, last, last)]


def test_the_table_is_the_papers():
    """Its columns on their own, as table 1 prints them."""
    assert [row.kernel for row in BLOCKS] == [3, 3, 3, 5, 5, 5, 3, 3, 3, 3, 3, 3, 5, 5, 5]
    assert [row.expanded for row in BLOCKS] == [16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960]
    assert [row.out for row in BLOCKS] == [16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160]
    assert [row.stride for row in BLOCKS] == [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1]
    assert [row.squeeze for row in BLOCKS] == [place in (3, 4, 5, 10, 11, 12, 13, 14) for place in range(15)]
    assert [row.act for row in BLOCKS] == ["relu"] * 6 + ["hswish"] * 9


def test_widths_are_rounded_as_torchvision_rounds_them():
    rounded = official.load("torchvision.models._utils")._make_divisible
    assert [round_to_8(width) for width in range(1, 400)] == [rounded(width, 8) for width in range(1, 400)]


def test_without_a_head_there_are_stages_only():
    network = MobileNetV3(classes=None).eval()
    assert all(name.startswith("features.") for name in network.state_dict())
    with pytest.raises(ValueError, match="without a head"):
        network(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 4, 32, 32), (3, 32, 32), (32, 3, 32)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"pictures of shape \(N, 3, H, W\), not \("):
        MobileNetV3(classes=2)(torch.zeros(shape))


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = MobileNetV3(classes=3).eval()  # batch statistics would take some shifts away again, and their slopes
    F.cross_entropy(network(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 2, 0])).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_it_starts_as_torchvisions():
    torch.manual_seed(0)
    mine, reference = MobileNetV3(classes=20), theirs(20)
    for (name, p), q in zip(mine.named_parameters(), reference.parameters(), strict=True):
        if p.ndim > 1:
            assert abs(p.std() / q.std() - 1) < 5 / p.numel() ** 0.5, name       # 5 sigma of a ratio of two deviations
        else:
            assert (p == q).all(), name
