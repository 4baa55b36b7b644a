"""The discriminator is the paper's 70x70 PatchGAN: its count, its shapes, exactly 70x70 pixels behind each score."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.patchgan import PatchGAN


def test_it_has_the_known_number_of_parameters():
    assert sum(p.numel() for p in PatchGAN(3).parameters()) == 2_765_633
    # the number that the authors' PyTorch code prints for a color picture beside a color picture
    assert sum(p.numel() for p in PatchGAN(6).parameters()) == 2_768_705
    # and the one that it prints for CycleGAN, 2.765 M: no weights in the norms, but biases before them
    assert sum(p.numel() for p in PatchGAN(3, norm="instance").parameters()) == 2_764_737
    assert sum(p.numel() for p in PatchGAN(3, norm="none").parameters()) == 2_764_737


def test_the_names_in_old_checkpoints_still_hold():
    convs = [f"{name}.weight" for name in ("first", "rest.0", "rest.2", "rest.4", "rest.6")] + ["first.bias", "rest.6.bias"]
    norms = [f"rest.{i}.{key}" for i in (1, 3, 5) for key in nn.BatchNorm2d(1).state_dict()]
    assert sorted(PatchGAN(3, base=1).state_dict()) == sorted(convs + norms)


@pytest.mark.parametrize("norm", ["Batch", "", None])
def test_other_norms_are_refused(norm):
    with pytest.raises(ValueError, match='norm is "batch", "instance" or "none", not'):
        PatchGAN(3, base=1, norm=norm)


@pytest.mark.parametrize("side, scores", [(256, 30), (64, 6), (32, 2), (24, 1)])
def test_one_score_for_each_patch(side, scores):
    with torch.inference_mode():
        assert PatchGAN(4, base=2)(torch.zeros(2, 4, side, side)).shape == (2, 1, scores, scores)
        assert PatchGAN(4, base=2)(torch.zeros(1, 4, side, 2 * side)).shape == (1, 1, scores, 2 * side // 8 - 2)


@pytest.mark.parametrize("height, width", [(23, 24), (24, 23), (8, 8), (64, 16)])
def test_pictures_without_a_single_patch_are_refused(height, width):
    with pytest.raises(ValueError, match=f"at least 24 pixels, not {height}x{width}"):
        PatchGAN(3, base=1)(torch.zeros(1, 3, height, width))


@pytest.mark.parametrize("row, column", [(7, 7), (5, 8)])
def test_a_score_sees_exactly_70_by_70_pixels(row, column):
    """Each 4x4 layer of stride s turns first .. last into s first - 1 .. s last + 2, on the way back to the picture."""
    torch.manual_seed(0)
    network = PatchGAN(3, base=2).double().eval()                    # untrained statistics: the norms are neutral
    x = torch.rand(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    (seen,) = torch.autograd.grad(network(x)[0, 0, row, column], x)
    assert (seen != 0).all(1).sum() == 70 * 70 == (seen != 0).any(1).sum()
    for axis, place in ((1, row), (2, column)):
        lines = (seen[0] != 0).any(0).any(2 - axis).nonzero().flatten()
        first = last = place
        for stride in (1, 1, 2, 2, 2):
            first, last = stride * first - 1, stride * last + 2
        assert (lines.min(), lines.max()) == (first, last) and last - first + 1 == 70


@pytest.mark.parametrize("training", [False, True])
def test_forward_agrees_with_plain_functions(training):
    torch.manual_seed(0)
    network = PatchGAN(3, base=3).train(training)
    for p in network.parameters():
        nn.init.normal_(p, std=0.5 if p.ndim == 1 else 1.5 * p[0].numel() ** -0.5)
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.running_mean.normal_(0, 0.5)
        norm.running_var.uniform_(0.5, 2)
    x = torch.rand(2, 3, 40, 32) * 2 - 1
    y = F.leaky_relu(F.conv2d(x, convs[0].weight, convs[0].bias, stride=2, padding=1), 0.2)
    for conv, norm, stride in zip(convs[1:4], norms, (2, 2, 1), strict=True):
        y = F.conv2d(y, conv.weight, None, stride=stride, padding=1)
        mean, var = norm.running_mean.clone(), norm.running_var.clone()
        y = F.batch_norm(y, mean, var, norm.weight, norm.bias, training, eps=1e-5)
        y = F.leaky_relu(y, 0.2)
    y = F.conv2d(y, convs[4].weight, convs[4].bias, padding=1)
    out = network(x)
    torch.testing.assert_close(out, y, atol=1e-5, rtol=1e-4)         # float32 through 5 layers
    assert out.std() > 0.1, "nothing got through: the comparison says nothing"


def without_batches(network: nn.Module, x: torch.Tensor, norm: str) -> torch.Tensor:
    """The two discriminators whose pictures never meet, in plain functions; weights in the order in which data meets them."""
    p = iter(network.parameters())
    for layer, stride in enumerate((2, 2, 2, 1, 1)):
        x = F.conv2d(x, next(p), next(p), stride=stride, padding=1)
        if norm == "instance" and 0 < layer < 4:
            spread = (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
            x = (x - x.mean((2, 3), keepdim=True)) / spread
        x = F.leaky_relu(x, 0.2) if layer < 4 else x
    return x


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("norm", ["instance", "none"])
def test_other_norms_agree_with_plain_functions(norm, training):
    """Also for the slope of a slope, which a gradient penalty needs."""
    torch.manual_seed(0)
    network = PatchGAN(3, base=3, norm=norm).double().train(training)
    for p in network.parameters():
        nn.init.normal_(p, std=0.5 if p.ndim == 1 else 1.5 * p[0].numel() ** -0.5)
    x = (torch.rand(2, 3, 40, 32, dtype=torch.float64) * 2 - 1).requires_grad_()
    outs = network(x), without_batches(network, x, norm)
    torch.testing.assert_close(*outs, atol=1e-9, rtol=1e-7)
    assert outs[0].std() > 0.1, "nothing got through: the comparison says nothing"
    weights = [p for p in network.parameters() if p.ndim > 1]
    slopes = []
    for out in outs:
        (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
        slopes.append(torch.autograd.grad((slope.flatten(1).norm(dim=1) - 1).square().sum(), weights))
    for mine, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-8 * theirs.abs().max().item(), rtol=1e-6)


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_with_other_norms_pictures_do_not_meet(norm):
    torch.manual_seed(0)
    network = PatchGAN(3, base=2, norm=norm)
    x = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), atol=1e-5, rtol=1e-4)


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = PatchGAN(3, base=4)
    F.softplus(network(torch.rand(2, 3, 32, 32))).mean().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_it_starts_as_the_paper_says():
    torch.manual_seed(0)
    for layer in PatchGAN(3, base=16).modules():
        if isinstance(layer, nn.Conv2d):
            assert abs(layer.weight.std() - 0.02) < 4 * 0.02 / (2 * layer.weight.numel()) ** 0.5   # 4 sigma
            assert layer.bias is None or not layer.bias.any()
