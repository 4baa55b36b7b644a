"""DeepLabV3 is torchvision's: names, count, output and slopes. V3+ takes its encoder and decodes as the paper says."""

import official
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.deeplab import DeepLabV3, DeepLabV3Plus, encoder


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


def theirs(classes: int = 21) -> nn.Module:
    build = official.load("torchvision.models.segmentation").deeplabv3_mobilenet_v3_large
    return build(weights=None, weights_backbone=None, num_classes=classes, aux_loss=True)


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    """torchvision's network with 5 classes and lively weights, for tests that leave it as it is."""
    return lively(theirs(5))


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def pictures(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def close(out: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(out, expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-5)
    assert (out[0] - out[-1]).abs().max() > 0.1 * out.abs().max(), "the picture does not matter: the comparison says nothing"


def test_they_have_the_known_numbers_of_parameters():
    with torch.device("meta"):
        assert count(DeepLabV3()) == 11_029_328
        auxiliary = 9 * 40 * 10 + 2 * 10 + 10 * 21 + 21
        head = 9 * 256 * 256 + 2 * 256 + 256 * 21 + 21
        decoder = 24 * 48 + 2 * 48 + 9 * (256 + 48) * 256 + 2 * 256 + 9 * 256 * 256 + 2 * 256 + 256 * 21 + 21
        assert count(DeepLabV3Plus()) == 11_029_328 - auxiliary - head + decoder == 11_727_653
    meta = official.load("torchvision.models.segmentation").DeepLabV3_MobileNet_V3_Large_Weights.DEFAULT.meta
    assert meta["num_params"] == 11_029_328


@pytest.mark.parametrize("classes", [21, 3])
def test_the_state_dict_has_torchvisions_names_shapes_types_and_order(classes):
    with torch.device("meta"):
        mine, expected = (build(classes).state_dict() for build in (DeepLabV3, theirs))
    described = [[(name, v.shape, v.dtype) for name, v in state.items()] for state in (mine, expected)]
    assert described[0] == described[1]


@pytest.mark.parametrize("height, width", [(64, 96), (70, 33), (32, 640)])      # 640/16: even the rate 36 finds a neighbor
def test_torchvisions_own_network_gives_the_same_output(reference, height, width):
    mine = DeepLabV3(5).eval()
    mine.load_state_dict(reference.state_dict())
    x = pictures(2, 3, height, width)
    with torch.inference_mode():
        out, aux = mine.heads(x)
        expected = reference(x)
        close(out, expected["out"])
        close(aux, expected["aux"])
        assert mine(x).equal(out) and out.shape == (2, 5, height, width)


def test_torchvisions_own_network_learns_the_same(reference):
    """In training too: both heads, batch statistics, what they leave behind, dropout, and every slope."""
    reference = theirs(5).train()
    mine = DeepLabV3(5).train()
    mine.load_state_dict(lively(reference).train().state_dict())
    x = pictures(2, 3, 64, 64).double()
    for network in (mine.double(), reference.double()):
        torch.manual_seed(0)                                                     # both drop the same
        heads = network.heads(x) if network is mine else network(x).values()
        sum(head.square().sum() for head in heads).backward()
    # shifts that the next norm takes away again have no slope but rounding: so a tolerance of the whole network's
    largest = max(q.grad.abs().max().item() for q in reference.parameters())
    for (name, p), q in zip(mine.named_parameters(), reference.parameters(), strict=True):
        assert q.grad.any() and p.grad is not None, name
        torch.testing.assert_close(p.grad, q.grad, atol=1e-12 * largest, rtol=1e-6, msg=name)
    for name, value in reference.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], value, msg=name)


def test_v3s_weights_fit_the_encoder_of_v3_plus(reference):
    plus = DeepLabV3Plus(classes=7)
    before = {name: value.clone() for name, value in plus.state_dict().items()}
    loaded = plus.load_state_dict(encoder(reference.state_dict()), strict=False)
    assert not loaded.unexpected_keys
    assert {name.split(".")[0] for name in loaded.missing_keys} == {"reduce", "decoder"}
    for name, value in plus.state_dict().items():
        own = name.startswith(("reduce.", "decoder."))
        assert value.equal(before[name] if own else reference.state_dict()[name]), name
    assert encoder(plus.state_dict()).keys() == encoder(DeepLabV3().state_dict()).keys() == encoder(reference.state_dict()).keys()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("height, width", [(64, 96), (70, 33)])
def test_v3_plus_decodes_as_the_paper_says(reference, height, width, training):
    """Chen et al. 2018, section 3.1 and figure 2, from the weights alone, on what leaves torchvision's layers."""
    plus = lively(DeepLabV3Plus(classes=7))
    plus.load_state_dict(encoder(reference.state_dict()), strict=False)
    plus.reduce.train(training)
    plus.decoder.train(training)
    weights = {name: value.clone() for name, value in plus.state_dict().items()}

    def conv_norm_relu(x, conv, norm, padding):
        means = (None, None) if training else (weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"])
        x = F.conv2d(x, weights[f"{conv}.weight"], padding=padding)
        return F.relu(F.batch_norm(x, *means, weights[f"{norm}.weight"], weights[f"{norm}.bias"], training))

    x = pictures(2, 3, height, width)
    with torch.inference_mode():
        out = plus(x)
        layers, low = x, None
        for name, layer in reference.backbone.items():
            layers = layer(layers)
            low = layers if name == "3" else low
        y = reference.classifier[0](layers)
        for stage, step in ((low, 4), (y, 16)):
            assert stage.shape[-2:] == (-(-height // step), -(-width // step))   # rounded up
        low = conv_norm_relu(low, "reduce.0", "reduce.1", padding=0)
        y = F.interpolate(y, size=low.shape[-2:], mode="bilinear", align_corners=False)
        y = conv_norm_relu(torch.cat([y, low], dim=1), "decoder.0", "decoder.1", padding=1)
        y = conv_norm_relu(y, "decoder.2", "decoder.3", padding=1)
        y = F.conv2d(y, weights["decoder.4.weight"], weights["decoder.4.bias"])
        close(out, F.interpolate(y, size=(height, width), mode="bilinear", align_corners=False))


def other_architectures():
    models = official.load("torchvision.models")
    segmentation = official.load("torchvision.models.segmentation")
    none = {"weights": None, "weights_backbone": None}
    return {
        "mobilenet_v3_large": models.mobilenet_v3_large(),
        "lraspp_mobilenet_v3_large": segmentation.lraspp_mobilenet_v3_large(**none),
        "deeplabv3_resnet50": segmentation.deeplabv3_resnet50(**none),
        "nothing": nn.Identity(),
    }


def test_other_architectures_are_refused():
    with torch.device("meta"):
        for network in other_architectures().values():
            with pytest.raises(ValueError, match="not the weights of torchvision's deeplabv3_mobilenet_v3_large: expected"):
                encoder(network.state_dict())
        state = DeepLabV3().state_dict()
    with pytest.raises(ValueError, match="expected backbone.99.0.weight of shape None, found"):
        encoder(state | {"backbone.99.0.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"expected backbone.0.0.weight of shape \(16, 3, 3, 3\), found \(16, 1, 3, 3\)"):
        encoder(state | {"backbone.0.0.weight": torch.zeros(16, 1, 3, 3)})


@pytest.mark.parametrize("build", [DeepLabV3, DeepLabV3Plus])
def test_a_single_picture_cannot_be_trained_on_but_is_segmented(build):
    network = build(classes=2)
    with pytest.raises(ValueError, match="at least 2 pictures in training, not 1"):
        network(pictures(1, 3, 32, 32))
    with torch.inference_mode():
        assert network.eval()(pictures(1, 3, 32, 32)).shape == (1, 2, 32, 32)


@pytest.mark.parametrize("build", [DeepLabV3, DeepLabV3Plus])
@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (3, 32, 32)])
def test_other_shapes_are_refused(build, shape):
    with torch.device("meta"), pytest.raises(ValueError, match=r"pictures of shape \(N, 3, H, W\), not \("):
        build(classes=2).eval()(torch.zeros(shape))


def test_every_parameter_of_v3_plus_learns():
    torch.manual_seed(0)
    network = DeepLabV3Plus(classes=3).eval()  # batch statistics would take some shifts away again, and their slopes
    F.cross_entropy(network(pictures(2, 3, 64, 64)), torch.arange(2).view(2, 1, 1).expand(2, 64, 64)).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name
