"""VGG16 is torchvision's vgg16: its names, shapes and order, its count, its output; stages() is what LPIPS reads."""

import official
import pytest
import torch
from torch import nn

from minicolor.models.vgg16 import VGG16


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    """Built without memory and filled by our start: 500 MB of random numbers once, not twice."""
    with torch.device("meta"):
        network = official.load("torchvision.models").vgg16(weights=None, num_classes=7)
    generator = torch.Generator().manual_seed(0)
    network.to_empty(device="cpu")
    for p in network.parameters():
        if p.ndim > 1:
            p.data.normal_(0, (2 / p[0].numel()) ** 0.5, generator=generator)
    return official.lively(network)


@pytest.fixture(scope="module")
def mine(theirs) -> nn.Module:
    with torch.device("meta"):
        network = VGG16(7).eval()
    network.load_state_dict(theirs.state_dict(), assign=True)
    return network


@pytest.mark.parametrize("classes, count", [(1000, 138_357_544), (None, 14_714_688)])
def test_the_parameter_count_is_the_documented_one(classes, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in VGG16(classes).parameters()) == count


@pytest.mark.parametrize("classes", [1000, 10, None])
def test_the_state_dict_has_torchvisions_names_shapes_and_order(classes):
    """A convolution and its ReLU take two places in `features`, a pool one."""
    weights, at, before = [], 0, 3
    for c in (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512):
        if c == "pool":
            at += 1
            continue
        weights.append((f"features.{at}", (c, before, 3, 3)))
        at, before = at + 2, c
    if classes is not None:
        weights += [("classifier.0", (4096, 25088)), ("classifier.3", (4096, 4096)), ("classifier.6", (classes, 4096))]
    documented = [pair for name, shape in weights for pair in ((f"{name}.weight", shape), (f"{name}.bias", shape[:1]))]
    with torch.device("meta"):
        state = VGG16(classes).state_dict()
    assert [(name, tuple(value.shape)) for name, value in state.items()] == documented


@pytest.mark.parametrize("height, width", [(32, 32), (47, 70), (288, 33)])   # the 7x7 grid spreads 1 to 9
def test_torchvisions_own_network_gives_the_same_output(mine, theirs, height, width):
    assert list(mine.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        out, expected = mine(x), theirs(x)
    assert out.shape == (2, 7)
    torch.testing.assert_close(out, expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-5)
    assert (out[0] - out[1]).abs().max() > 0.1, "nothing got through: the comparison says nothing"


@pytest.mark.parametrize("height, width", [(16, 16), (50, 39)])
def test_stages_are_what_torchvisions_layers_leave(mine, theirs, height, width):
    """Values, and slopes to the picture: the ReLUs work in place, and no stage may be changed after it is read."""
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1), requires_grad=True)
    stages = mine.stages(x)
    expected = [theirs.features[: i + 1](x) for i in (3, 8, 15, 22, 29)]    # relu1_2, 2_2, 3_3, 4_3, 5_3
    assert tuple(s.shape[1] for s in stages) == VGG16.CHANNELS
    for stage, other in zip(stages, expected, strict=True):
        torch.testing.assert_close(stage, other, atol=1e-5 * other.max().item(), rtol=1e-5)
        assert stage.min() >= 0 and stage.max() > 0.1
    slope, other = (torch.autograd.grad(sum(s.mean() for s in group), x)[0] for group in (stages, expected))
    torch.testing.assert_close(slope, other, atol=1e-5 * other.abs().max().item(), rtol=1e-4)


def test_stages_have_the_papers_sizes():
    with torch.device("meta"):
        stages = VGG16(classes=None).stages(torch.zeros(1, 3, 224, 224))
    assert [tuple(s.shape[1:]) for s in stages] == [(64, 224, 224), (128, 112, 112), (256, 56, 56), (512, 28, 28), (512, 14, 14)]


def test_what_it_cannot_take_is_refused_in_one_sentence(mine, theirs):
    for shape in ((1, 3, 15, 64), (1, 3, 64, 15), (1, 1, 64, 64), (3, 64, 64)):
        with pytest.raises(ValueError, match=r"expects \(N, 3, H, W\) from 16x16, got"):
            mine.stages(torch.zeros(shape))
    for shape in ((1, 3, 31, 64), (1, 3, 64, 31)):
        with pytest.raises(ValueError, match=r"head expects \(N, 3, H, W\) from 32x32, got"):
            mine(torch.zeros(shape))
        with pytest.raises(RuntimeError):
            theirs(torch.zeros(shape))                                      # and 32 is the least that torchvision takes
    with pytest.raises(RuntimeError):
        theirs.features[:30](torch.zeros(1, 3, 15, 64))
    with pytest.raises(ValueError, match="without a head"):
        VGG16(classes=None)(torch.zeros(1, 3, 64, 64))


def test_every_parameter_learns_and_a_new_network_lets_the_signal_through():
    torch.manual_seed(0)
    network = VGG16(classes=None)
    stages = network.stages(torch.randn(2, 3, 64, 64))
    assert all(0.03 < s.std() < 20 for s in stages)                           # He's start, not PyTorch's: that fades
    stages[-1].square().sum().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_the_head_drops_out_in_training_only(mine):
    x = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(mine(x), mine(x))
        mine.train()
        assert not torch.equal(mine(x), mine(x))
        mine.eval()
