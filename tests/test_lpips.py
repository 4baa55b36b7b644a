"""LPIPS is the lpips package's distance: values and slopes with the same weights; it refuses what it would silently misread."""

import re

import official
import pytest
import torch
from torch import nn

from minicolor.errors import BadInput
from minicolor.losses.lpips import LPIPS, heads_from
from minicolor.models.alexnet import AlexNet
from minicolor.models.resnet18 import ResNet18
from minicolor.models.squeezenet import SqueezeNet
from minicolor.models.vgg16 import VGG16

NETWORKS = {"squeeze": SqueezeNet, "alex": AlexNet, "vgg": VGG16}
NAMES = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(scope="module")
def package():
    """name -> the package's module with a random network and random heads >= 0; it downloads nothing."""
    made = {}

    def build(name: str) -> nn.Module:
        lpips = official.load("lpips")
        if name not in made:
            torch.manual_seed(0)
            with pytest.warns(UserWarning):  # torchvision's, about a deprecated argument
                theirs = lpips.LPIPS(net=name, pretrained=False, pnet_rand=True, eval_mode=True, verbose=False)
            official.lively(theirs.net)
            for p in theirs.lins.parameters():
                p.data.uniform_(0, 1)
            made[name] = theirs
        return made[name]

    return build


def network_of(theirs: nn.Module, name: str) -> nn.Module:
    """Our network with the package's weights: net.slice2.3.weight there is features.3.weight here."""
    network = NETWORKS[name](classes=None)
    network.load_state_dict({re.sub(r"slice\d+", "features", key): v for key, v in theirs.net.state_dict().items()})
    return network


def heads_in(theirs: nn.Module) -> dict:
    return {key: value.clone() for key, value in theirs.state_dict().items() if re.match(r"lin\d", key)}


def pictures(n: int = 3, height: int = 70, width: int = 64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth color fields that reach -1 and 1, and noisy ones."""
    generator = torch.Generator().manual_seed(seed)
    a = nn.functional.interpolate(torch.rand(n, 3, 5, 6, generator=generator), (height, width), mode="bicubic").clamp(0, 1)
    b = (a + 0.2 * torch.randn(a.shape, generator=generator)).clamp(0, 1)
    return 2 * a - 1, 2 * b - 1


def assert_equal_to_the_package(mine: LPIPS, theirs: nn.Module) -> None:
    a, b = pictures()
    slopes = []
    for metric in (mine, theirs):
        x, y = a.clone().requires_grad_(), b.clone().requires_grad_()
        d = metric(x, y).flatten()
        slopes.append((d, *torch.autograd.grad(d.sum(), (x, y))))
    (d, *slopes), (expected, *others) = slopes
    assert d.shape == (3,) and d.min() > 1e-4, "nothing was compared"
    torch.testing.assert_close(d, expected, atol=0, rtol=1e-5)
    for slope, other in zip(slopes, others, strict=True):
        torch.testing.assert_close(slope, other, atol=2e-5 * other.abs().max().item(), rtol=1e-4)


@NAMES
def test_random_network_and_heads_give_the_packages_values_and_slopes(package, name):
    theirs = package(name)
    assert_equal_to_the_package(LPIPS(network_of(theirs, name), heads_from(heads_in(theirs))), theirs)


@NAMES
def test_the_official_heads_give_the_packages_values_and_slopes(package, name, real_pictures):
    path = real_pictures / "weights" / f"lpips_v0.1_{name}.pth"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside this checkout")
    theirs, heads = package(name), torch.load(path, map_location="cpu", weights_only=True)
    assert not theirs.load_state_dict(heads, strict=False).unexpected_keys
    assert_equal_to_the_package(LPIPS(network_of(theirs, name), heads_from(heads)), theirs)


def test_real_squeezenet_weights_and_heads_give_the_packages_values(package, real_pictures):
    stems = ("squeezenet1_1_features_imagenet_from_keras", "lpips_v0.1_squeeze")
    files = [real_pictures / "weights" / f"{stem}.pth" for stem in stems]
    if missing := [f.name for f in files if not f.is_file()]:
        pytest.skip(f"no {missing[0]} beside this checkout")
    features, heads = (torch.load(f, map_location="cpu", weights_only=True) for f in files)
    theirs, network = package("squeeze"), SqueezeNet(classes=None)
    network.load_state_dict(features)
    slices = {re.sub(r"net\.slice\d+", "features", key): key for key in theirs.state_dict() if key.startswith("net.")}
    theirs.load_state_dict({slices[key]: value for key, value in features.items()} | heads, strict=False)
    assert_equal_to_the_package(LPIPS(network, heads_from(heads)), theirs)


@NAMES
def test_without_heads_it_is_the_mean_over_channels(package, name):
    """The package's own baseline sums over channels instead; stage by stage that is C times as much."""
    lpips, theirs = official.load("lpips"), package(name)
    a, b = pictures()
    with torch.inference_mode():
        expected = 0
        for f, g in zip(theirs.net(theirs.scaling_layer(a)), theirs.net(theirs.scaling_layer(b)), strict=True):
            d = lpips.normalize_tensor(f) - lpips.normalize_tensor(g)
            expected = expected + d.square().mean(dim=(1, 2, 3))
        torch.testing.assert_close(LPIPS(network_of(theirs, name))(a, b), expected, atol=0, rtol=1e-5)


class Identity(nn.Module):
    """A network whose stages can be worked out by hand: the picture, and every second pixel of it."""

    def stages(self, x):
        return x, x[:, :, ::2, ::2]


def test_the_formula_by_hand():
    a, b = pictures(2, 6, 8)
    heads = [torch.tensor([0.5, 0.0, 2.0]), torch.tensor([1.0, 3.0, 0.25])]
    shift, scale = torch.tensor([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]])
    expected = torch.zeros(2, dtype=torch.float64)
    for head, step in zip(heads, (1, 2), strict=True):
        pixels = [(y, x) for y in range(0, 6, step) for x in range(0, 8, step)]
        for n in range(2):
            for y, x in pixels:
                f, g = ((p[n, :, y, x].double() - shift) / scale for p in (a, b))
                expected[n] += (head * (f / f.norm() - g / g.norm()) ** 2).sum() / len(pixels)
    torch.testing.assert_close(LPIPS(Identity(), heads)(a, b).double(), expected, atol=0, rtol=1e-5)


@pytest.mark.parametrize("seed, height, width", [(0, 17, 40), (1, 33, 18), (2, 40, 40)])
def test_it_is_a_distance(seed, height, width):
    torch.manual_seed(3)
    metric = LPIPS(SqueezeNet(classes=None))
    a, b = pictures(2, height, width, seed)
    assert not metric(a, a.clone()).any()
    torch.testing.assert_close(metric(a, b), metric(b, a))
    torch.testing.assert_close(metric(a, b)[:1], metric(a[:1], b[:1]), atol=0, rtol=1e-4)    # each picture for itself
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(seed))
    inside = 0.6 * a
    d = [metric(inside, (inside + sigma * noise).clamp(-1, 1)).mean() for sigma in (0.01, 0.05, 0.2)]
    assert 0 < d[0] < d[1] < d[2]


def test_resnet18_serves_too_and_stays_in_eval_mode():
    torch.manual_seed(0)
    metric = LPIPS(ResNet18(classes=None, base=8), [torch.rand(c) for c in (8, 8, 16, 32, 64)])
    (a, b), before = pictures(2, 20, 12), metric(*pictures(2, 20, 12))
    parent = nn.Sequential(metric).train()
    assert not any(module.training for module in metric.modules()) and parent.training
    torch.testing.assert_close(metric(a, b), before)            # BatchNorm's statistics have not moved
    assert metric(a, a).eq(0).all() and before.min() > 0


def test_the_network_is_frozen_and_slopes_reach_the_pictures():
    torch.manual_seed(0)
    metric = LPIPS(SqueezeNet(classes=None))
    a, b = (x.requires_grad_() for x in pictures(1, 24, 24))
    metric(a, b).sum().backward()
    assert not any(p.requires_grad or p.grad is not None for p in metric.parameters())
    assert a.grad.any() and b.grad.any()


def test_where_all_features_are_0_the_slope_is_finite():
    """A plain square root has an infinite slope at 0, and 0 * inf is not a number. This picture is 0 after normalization."""
    a = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1).repeat(1, 1, 4, 4).requires_grad_()
    d = LPIPS(Identity())(a, torch.full((1, 3, 4, 4), 0.5))
    d.sum().backward()
    assert d.isfinite().all() and a.grad.isfinite().all()


def test_under_autocast_the_distance_is_float32():
    torch.manual_seed(0)
    metric = LPIPS(SqueezeNet(classes=None), [torch.rand(c) for c in SqueezeNet.CHANNELS])
    a, b = pictures(2, 40, 40)
    expected = metric(a, b)
    b.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        d = metric(a, b)
        half = metric(a.bfloat16(), b.bfloat16())
        equal = metric(a, a)
    assert d.dtype == half.dtype == torch.float32 and not equal.any()
    torch.testing.assert_close(d, expected, atol=0, rtol=0.05)                # bfloat16 has 8 bits
    d.sum().backward()
    assert b.grad.isfinite().all() and b.grad.any()
    assert metric.bfloat16()(a.bfloat16(), b.bfloat16()).dtype == torch.float32       # a network in bfloat16 through and through


@pytest.mark.parametrize("change, words", [
    (lambda x: (x + 1) * 127.5, "looks like 0..255"),
    (lambda x: x * 2.2, "looks like ImageNet-normalized"),
    (lambda x: x - 0.05, "got -1.05 .. 0.95; looks"),
    (lambda x: x + 0.05, "got -0.95 .. 1.05; looks"),
    (lambda x: x * torch.nan, "got nan"),
], ids=["bytes", "normalized", "below", "above", "nan"])  # fmt: skip
def test_values_outside_are_refused(change, words):
    metric = LPIPS(Identity())
    a, b = pictures(1, 64, 64)
    a[0, 0, 0, :2] = torch.tensor([-1.0, 1.0])
    for pair in ((change(a), b), (b, change(a))):
        with pytest.raises(ValueError, match=r"expects values in \[-1, 1\], got .*" + words.removeprefix("got ")):
            metric(*pair)
    metric(a * 1.005, b)                                                      # rounding is no reason to refuse


def test_shapes_that_cannot_be_are_refused():
    metric, x = LPIPS(Identity()), torch.zeros(2, 3, 8, 8)
    for a, b in ((x, x[:1]), (x[:, :1], x[:, :1]), (x[0], x[0]), (x, x[..., :7]), (x.byte(), x.byte())):
        with pytest.raises(ValueError, match="two float RGB batches"):
            metric(a, b)
    with pytest.raises(ValueError, match="at least one picture"):
        metric(x[:0], x[:0])


@pytest.mark.parametrize("network, least", [(SqueezeNet, 17), (AlexNet, 31), (VGG16, 16)])
def test_pictures_too_small_for_the_network_are_refused(network, least):
    metric = LPIPS(network(classes=None))
    x = torch.zeros(1, 3, least, least)
    assert metric(x, x).item() == 0
    with pytest.raises(ValueError, match=rf"{network.__name__} expects \(N, 3, H, W\) from {least}x{least}, got"):
        metric(x[..., 1:], x[..., 1:])


def test_heads_that_do_not_fit_are_refused():
    fitting = [torch.ones(c) for c in SqueezeNet.CHANNELS]
    for heads in (fitting[:5], fitting[::-1], []):
        with pytest.raises(ValueError, match="SqueezeNet has stages of"):
            LPIPS(SqueezeNet(classes=None), heads)
    for wrong in (-torch.ones(64), torch.ones(1, 64), torch.tensor(1.0), torch.full((64,), torch.nan)):
        with pytest.raises(ValueError, match="head 0: expected"):
            LPIPS(SqueezeNet(classes=None), [wrong, *fitting[1:]])
    for heads in ([], [torch.ones(8)] * 5):                                   # known only once the stages are there
        with pytest.raises(ValueError, match="ResNet18 has stages of"):
            LPIPS(ResNet18(classes=None, base=4), heads)(*pictures())


def test_files_that_are_no_heads_are_refused():
    good = {f"lin{i}.model.1.weight": torch.ones(1, 4, 1, 1) for i in range(12)}
    good["lin10.model.1.weight"] = torch.ones(1, 9, 1, 1)
    assert [len(h) for h in heads_from(dict(sorted(good.items())))] == [4] * 10 + [9, 4]      # by number, not by letter
    gap = {key: value for key, value in good.items() if key != "lin3.model.1.weight"}
    for state in ({}, {"features.0.weight": torch.ones(1)}, gap, {"lin0.model.1.weight": torch.ones(4)}):
        with pytest.raises(BadInput, match="expected LPIPS heads named"):
            heads_from(state)
