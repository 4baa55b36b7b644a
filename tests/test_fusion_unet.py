"""The fusion model hands a frozen segmenter's class maps to the U-Net, and nothing that happens to it changes the segmenter."""

import pytest
import torch
from official import lively
from torch import nn
from torch.nn import functional as F

from minicolor.models.deeplab import DeepLabV3Plus
from minicolor.models.fusion_unet import FusionUNet
from minicolor.models.modes import at_test, settling
from minicolor.models.norm_act import BatchNormAct
from minicolor.models.superres_unet import SuperResUNet


def small_segmenter(classes: int = 3, norm: type = nn.BatchNorm2d) -> nn.Module:
    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 6, 3, padding=1), norm(6), nn.Dropout(0.5), nn.Conv2d(6, classes, 1)]
    return lively(nn.Sequential(*layers))


def small(**settings) -> FusionUNet:
    torch.manual_seed(0)
    return FusionUNet(small_segmenter(), **({"classes": 3, "base": 4, "levels": 2} | settings))


def expected_maps(grey: torch.Tensor) -> torch.Tensor:
    """ImageNet's normalization, the segmenter in eval mode, softmax: by hand."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    rgb = torch.stack([(grey[:, 0] - m) / s for m, s in zip(mean, std, strict=True)], dim=1)
    weights = small_segmenter().eval()(rgb).exp()
    return (weights / weights.sum(1, keepdim=True)).detach()


def test_it_has_the_known_number_of_parameters_and_the_reports_blocks():
    with torch.device("meta"):
        network = FusionUNet(DeepLabV3Plus(21), classes=21)
    learn = sum(p.numel() for p in network.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    # test_superres_unet.py counts the U-Net of one channel by hand; 21 more channels meet 64 kernels of 3x3
    assert (learn, frozen) == (26_738_691 + 21 * 64 * 9, 11_727_653) == (26_750_787, 11_727_653)
    assert (len(network.unet.down), len(network.unet.up)) == (4, 5)
    assert network.unet.bottleneck[0].out_channels == 1024


def test_with_deeplab_a_grey_picture_becomes_rgb_of_twice_the_size():
    torch.manual_seed(0)
    network = FusionUNet(DeepLabV3Plus(5), classes=5, base=4, levels=3)
    for mode in (True, False):
        out = network.train(mode)(torch.rand(1, 1, 32, 48))                      # of a single picture, in training too
        assert out.shape == (1, 3, 64, 96) and out.min() >= 0 and out.max() <= 1


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("settings", [{}, {"convs": 1, "slope": 0.0, "output": "linear"}])
def test_the_u_net_sees_grey_beside_softmax_maps(settings, training):
    network = small(**settings).train(training)
    unet = SuperResUNet(4, base=4, levels=2, **settings).train(training)
    unet.load_state_dict(network.unet.state_dict())
    grey = torch.rand(2, 1, 16, 24)
    maps = expected_maps(grey)
    torch.testing.assert_close(network.segment(grey), maps, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(network(grey), unet(torch.cat([grey, maps], dim=1)), atol=1e-5, rtol=1e-5)
    assert maps.std() > 0.05, "every pixel is every class alike: the comparison says nothing"
    torch.testing.assert_close(network.segment(grey).sum(1), torch.ones(2, 16, 24))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, BatchNormAct])
def test_nothing_changes_the_segmenter(norm):
    """Training, the test's modes, renewed averages: its weights, statistics and maps stay."""
    segmenter = small_segmenter(norm=norm)
    before = {name: value.clone() for name, value in segmenter.state_dict().items()}
    network = FusionUNet(segmenter, classes=3, base=4, levels=2)
    grey = torch.rand(4, 1, 16, 16)
    maps = network.segment(grey)

    def unchanged():
        torch.testing.assert_close(network.segment(grey), maps)
        assert all(value.equal(before[name]) for name, value in segmenter.state_dict().items())

    network.train()
    assert network.training and network.unet.training and not any(layer.training for layer in segmenter.modules())
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0, weight_decay=0.1)
    network(grey).mean().backward()
    optimizer.step()
    unchanged()
    for mode in (at_test(network, norm="batch", dropout=True), at_test(network), settling(network)):
        with mode, torch.inference_mode():
            network(grey)
            unchanged()
        unchanged()
        assert network.unet.training and not any(layer.training for layer in segmenter.modules())
    assert not network.eval().training and not network.unet.training
    unchanged()


def test_only_the_u_net_learns():
    network = small()
    grey = torch.rand(2, 1, 16, 16).requires_grad_()
    assert not network.segment(grey).requires_grad
    network(grey).square().mean().backward()
    for name, p in network.named_parameters():
        if name.startswith("segmenter."):
            assert not p.requires_grad and p.grad is None, name
        else:
            assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_a_state_dict_is_whole():
    network = small().eval()
    other = FusionUNet(nn.Sequential(*(type(layer)(*args) for layer, args in zip(
        network.segmenter, [(3, 6, 3, 1, 1), (6,), (), (6, 3, 1)], strict=True))), classes=3, base=4, levels=2).eval()
    grey = torch.rand(1, 1, 16, 16)
    assert not torch.allclose(other(grey), network(grey))
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other(grey), network(grey))
    parts = {name.split(".")[0] for name in network.state_dict()}
    assert parts == {"segmenter", "unet"}, "ImageNet's constants are no weights"


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (1, 16, 16), (16, 1, 16)])
def test_other_pictures_are_refused(shape):
    with pytest.raises(ValueError, match=r"grey pictures of shape \(N, 1, H, W\), not \("):
        small()(torch.rand(shape))


def test_sides_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        small()(torch.rand(1, 1, 16, 18))


@pytest.mark.parametrize("segmenter", [small_segmenter(4), nn.Conv2d(3, 3, 2, stride=2)], ids=["other classes", "half the size"])
def test_a_segmenter_that_does_not_fit_is_refused(segmenter):
    network = FusionUNet(segmenter, classes=3, base=2, levels=2)
    with pytest.raises(ValueError, match=r"a segmenter that gives \(1, 3, 16, 16\), not \("):
        network(torch.rand(1, 1, 16, 16))


def test_the_maps_matter():
    network = small().eval()
    grey = torch.rand(1, 1, 16, 16)
    blind = network.unet(F.pad(grey, (0, 0, 0, 0, 0, 3)))
    assert (network(grey) - blind).abs().max() > 1e-3
