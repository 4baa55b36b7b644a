"""BatchNormAct and InstanceNormAct are PyTorch's norm and activation, in training, at test, when saved, copied and switched."""

import copy

import pytest
import torch
from torch import nn

from minicolor.errors import BadInput
from minicolor.kernels import backend
from minicolor.models.initialize import normal_
from minicolor.models.modes import at_test, settling
from minicolor.models.norm_act import BatchNormAct, InstanceNormAct

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TRITON = pytest.param("triton", marks=pytest.mark.skipif(not backend.HAVE_TRITON, reason="Triton is not installed"))


@pytest.fixture(params=["torch", TRITON], autouse=True)
def both_backends(request):
    with backend.using(request.param):
        yield request.param


def activation(slope):
    return nn.Identity() if slope is None else nn.ReLU() if slope == 0 else nn.LeakyReLU(slope)


def pair(slope=0.2, ours=BatchNormAct, theirs=nn.BatchNorm2d, **options):
    """One of ours, and PyTorch's two layers with the same weights."""
    torch.manual_seed(0)
    one, norm = ours(3, slope=slope, **options).to(DEVICE), theirs(3, **options).to(DEVICE)
    for p in one.parameters():
        nn.init.normal_(p)
    norm.load_state_dict(one.state_dict())          # the same names, or this fails
    return one, nn.Sequential(norm, activation(slope))


def batches(count, scale=3.0):
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(2, 3, 4, 4, generator=generator) * scale + i).to(DEVICE) for i in range(count)]


def same(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=3e-5, rtol=1e-4)    # float32 sums in another order, then a few SGD steps


@pytest.mark.parametrize("slope", [None, 0.0, 0.2])
@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"track_running_stats": False}, {"affine": False, "eps": 1e-3}],
                         ids=str)
def test_training_steps_and_test(slope, options):
    one, two = pair(slope, **options)
    steps = [torch.optim.SGD(net.parameters(), 0.1) if options.get("affine", True) else None for net in (one, two)]
    for x in batches(3):
        for net, step in zip((one, two), steps):
            if step:
                step.zero_grad()
                net(x).sin().sum().backward()
                step.step()
        same(one(x), two(x))
    for name, value in two[0].state_dict().items():
        same(one.state_dict()[name], value)
    x = batches(4)[3]
    same(one.eval()(x), two.eval()(x))


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm(affine):
    one, two = pair(0.2, InstanceNormAct, nn.InstanceNorm2d, affine=affine)
    assert one.state_dict().keys() == two[0].state_dict().keys()
    for x in batches(2):
        leaves = [x.clone().requires_grad_() for _ in range(2)]
        for net, leaf in zip((one, two), leaves):
            net(leaf).sin().sum().backward()
        same(one(x), two(x))
        same(leaves[0].grad, leaves[1].grad)
        same(one.eval()(x), two.eval()(x))
    for ours, theirs in zip(one.parameters(), two.parameters()):
        same(ours.grad, theirs.grad)


@pytest.mark.parametrize("norm", ["batch", "running"])
def test_modes_switch_it_as_they_switch_pytorchs(norm):
    one, two = pair()
    first, x = batches(2)
    one(first), two(first)
    before = copy.deepcopy(one.state_dict())
    with at_test(one, norm), at_test(two, norm):
        same(one(x), two(x))
    for name, value in one.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_settling_leaves_plain_averages():
    one, two = pair()
    for net in (one, two):
        net(batches(1)[0] + 100)
        with settling(net):
            for x in batches(3):
                net(x)
    for name, value in two[0].state_dict().items():
        same(one.state_dict()[name], value)
    same(one.running_mean, torch.stack([x.mean((0, 2, 3)) for x in batches(3)]).mean(0))


def test_it_can_be_copied_saved_and_initialized():
    one, two = pair()
    x = batches(1)[0]
    twin = copy.deepcopy(one)
    one(x)
    assert twin.num_batches_tracked == 0 and one.num_batches_tracked == 1 and twin.slope == one.slope
    twin.load_state_dict(one.state_dict())
    same(twin.eval()(x), one.eval()(x))
    two[0].load_state_dict(one.state_dict())
    same(two.eval()(x), one(x))
    normal_(one, sigma=0.0)
    assert (one.weight == 1).all() and not one.bias.any()
    assert "slope=0.2" in repr(one) and "slope=None" in repr(InstanceNormAct(3))


@pytest.mark.parametrize("kinds", [(BatchNormAct, nn.BatchNorm2d), (InstanceNormAct, nn.InstanceNorm2d)])
def test_half_precision_of_autocast(kinds):
    """A convolution gives bf16 there; parameters and statistics stay float32."""
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 3, 3, padding=1).to(DEVICE)
    one, two = pair(0.2, *kinds, affine=True)
    (x,) = batches(1)
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        ours, theirs = one(conv(x)), two(conv(x))
    assert ours.dtype == theirs.dtype == torch.bfloat16
    ours.float().sin().sum().backward()
    theirs.float().sin().sum().backward()
    torch.testing.assert_close(ours, theirs, atol=4e-2, rtol=0)       # values up to 5: an ulp of bf16
    torch.testing.assert_close(one.weight.grad, two[0].weight.grad, atol=0.3, rtol=0.05)
    assert one.weight.grad.dtype == torch.float32


def test_what_it_cannot_do_is_said():
    with pytest.raises(BadInput, match="track_running_stats=False"):
        InstanceNormAct(3, track_running_stats=True)
    with pytest.raises(BadInput, match="more than 1 value per channel"):
        BatchNormAct(3).to(DEVICE)(torch.zeros(1, 3, 1, 1, device=DEVICE))
    with pytest.raises(BadInput, match="argument weight"):
        BatchNormAct(3).to(DEVICE)(torch.zeros(2, 4, 2, 2, device=DEVICE))
    with pytest.raises(ValueError, match="4D"):
        BatchNormAct(3)(torch.zeros(2, 3))
    assert BatchNormAct(3).eval().to(DEVICE)(torch.zeros(1, 3, 1, 1, device=DEVICE)).shape == (1, 3, 1, 1)
