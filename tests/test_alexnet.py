"""AlexNet is torchvision's alexnet: its names, shapes and order, its count, its output; stages() is what each ReLU leaves."""

import official
import pytest
import torch
from torch import nn

from minicolor.models.alexnet import AlexNet


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    torch.manual_seed(0)
    network = official.lively(official.load("torchvision.models").alexnet(weights=None, num_classes=7))
    for p in network.parameters():
        if p.ndim > 1:
            nn.init.kaiming_normal_(p)          # PyTorch's start fades: after 8 layers only biases would be compared
    return network


@pytest.fixture(scope="module")
def mine(theirs) -> nn.Module:
    with torch.device("meta"):
        network = AlexNet(7).eval()
    network.load_state_dict(theirs.state_dict(), assign=True)
    return network


@pytest.mark.parametrize("classes, count", [(1000, 61_100_840), (None, 2_469_696)])
def test_the_parameter_count_is_the_documented_one(classes, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in AlexNet(classes).parameters()) == count


@pytest.mark.parametrize("classes", [1000, 10, None])
def test_the_state_dict_has_torchvisions_names_shapes_and_order(classes):
    convs = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
    weights = [(f"features.{i}", shape) for i, shape in convs.items()]
    if classes is not None:
        weights += [("classifier.1", (4096, 9216)), ("classifier.4", (4096, 4096)), ("classifier.6", (classes, 4096))]
    documented = [pair for name, shape in weights for pair in ((f"{name}.weight", shape), (f"{name}.bias", shape[:1]))]
    with torch.device("meta"):
        state = AlexNet(classes).state_dict()
    assert [(name, tuple(value.shape)) for name, value in state.items()] == documented


@pytest.mark.parametrize("height, width", [(63, 63), (64, 99), (290, 71)])                 # the 6x6 grid spreads 1 to 8 rows
def test_torchvisions_own_network_gives_the_same_output(mine, theirs, height, width):
    assert list(mine.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        out, expected = mine(x), theirs(x)
    assert out.shape == (2, 7)
    torch.testing.assert_close(out, expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-5)
    assert (out[0] - out[1]).abs().max() > 0.1, "nothing got through: the comparison says nothing"


def test_torchvisions_own_network_learns_the_same(mine, theirs):
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    grads = [torch.autograd.grad(network(x).square().sum(), list(network.parameters())) for network in (mine, theirs)]
    for (name, _), p, q in zip(mine.named_parameters(), *grads, strict=True):
        torch.testing.assert_close(p, q, atol=1e-5 * q.abs().max().item(), rtol=1e-4, msg=name)


@pytest.mark.parametrize("height, width", [(31, 31), (64, 50)])
def test_stages_are_what_torchvisions_layers_leave(mine, theirs, height, width):
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        stages = mine.stages(x)
        expected = [theirs.features[: i + 1](x) for i in (1, 4, 7, 9, 11)]
    assert tuple(s.shape[1] for s in stages) == AlexNet.CHANNELS
    for stage, other in zip(stages, expected, strict=True):
        torch.testing.assert_close(stage, other, atol=1e-5 * other.max().item(), rtol=1e-5)
        assert stage.min() >= 0 and stage.max() > 0.1


def test_stages_have_the_papers_sizes():
    with torch.device("meta"):
        stages = AlexNet(classes=None).stages(torch.zeros(1, 3, 224, 224))
    assert [tuple(s.shape[1:]) for s in stages] == [(64, 55, 55), (192, 27, 27), (384, 13, 13), (256, 13, 13), (256, 13, 13)]


def test_what_it_cannot_take_is_refused_in_one_sentence(mine, theirs):
    for shape in ((1, 3, 30, 64), (1, 3, 64, 30), (1, 1, 64, 64), (3, 64, 64)):
        with pytest.raises(ValueError, match=r"expects \(N, 3, H, W\) from 31x31, got"):
            mine.stages(torch.zeros(shape))
    for shape in ((1, 3, 62, 64), (1, 3, 64, 62)):
        with pytest.raises(ValueError, match=r"head expects \(N, 3, H, W\) from 63x63, got"):
            mine(torch.zeros(shape))
        with pytest.raises(RuntimeError):
            theirs(torch.zeros(shape))                                      # and 63 is the least that torchvision takes
    with pytest.raises(RuntimeError):
        theirs.features[:8](torch.zeros(1, 3, 30, 64))
    with pytest.raises(ValueError, match="without a head"):
        AlexNet(classes=None)(torch.zeros(1, 3, 64, 64))


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = AlexNet(classes=None)
    network.stages(torch.randn(2, 3, 64, 64))[-1].square().sum().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_the_head_drops_out_in_training_only(mine):
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(mine(x), mine(x))
        mine.train()
        assert not torch.equal(mine(x), mine(x))
        mine.eval()
