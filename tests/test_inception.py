"""Inception is pytorch-fid's network: the same names, and the same features of all four sizes with the same weights."""

import official
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.inception import Inception

SIZES = (64, 192, 768, 2048)


@pytest.fixture(scope="module")
def weights() -> dict:
    """Random ones under torchvision's names, which pytorch-fid's file has too; like that file, without batch counters."""
    with torch.device("meta"):
        network = official.load("torchvision.models").inception_v3(
            weights=None, num_classes=1008, aux_logits=False, init_weights=False)  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    official.lively(network.to_empty(device="cpu"))
    for name, p in network.named_parameters():      # strong enough for two pictures to differ at the far end
        if p.ndim > 1:
            p.data.normal_(0, 1.5 * p[0].numel() ** -0.5, generator=generator)
        elif name.endswith("bn.weight"):
            p.data.uniform_(0.8, 1.8, generator=generator)
        else:
            p.data.normal_(0, 0.3, generator=generator)
    return {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}


@pytest.fixture(scope="module")
def theirs(weights) -> nn.Module:
    """The package's own constructor, which would download: it is given our weights instead."""
    package = official.load("pytorch_fid.inception")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "load_state_dict_from_url", lambda *args, **kwargs: weights)
        return package.InceptionV3([0, 1, 2, 3]).eval()


@pytest.fixture(scope="module")
def mine(weights) -> Inception:
    network = Inception()
    network.load_state_dict(weights)                                          # strict: no name missing, none left over
    return network


def pictures(n: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height)
    coarse = torch.rand(n, 3, 7, 7, generator=generator)
    x = F.interpolate(coarse, (height, width), mode="bicubic") + 0.2 * torch.randn(n, 3, height, width, generator=generator)
    return x.clamp(0, 1)


def test_the_parameter_count_is_the_documented_one():
    with torch.device("meta"):
        network = Inception()
    assert sum(p.numel() for p in network.parameters()) == 23_850_960
    assert sum(p.numel() for p in network.fc.parameters()) == 2_065_392 == 1008 * 2049


def test_names_shapes_and_order_are_the_official_ones():
    package = official.load("pytorch_fid.inception")
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(package, "load_state_dict_from_url", lambda *args, **kwargs: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *args, **kwargs: None)
        expected, state = package.fid_inception_v3().state_dict(), Inception().state_dict()
    assert [(name, tuple(v.shape)) for name, v in state.items()] == [(name, tuple(v.shape)) for name, v in expected.items()]
    assert state["Mixed_7c.branch3x3dbl_3b.conv.weight"].shape == (384, 384, 3, 1)


@pytest.mark.parametrize("height, width", [(299, 299), (64, 96), (350, 320)])   # as it is, enlarged, reduced
def test_all_four_features_are_pytorch_fids(mine, theirs, height, width):
    x = pictures(2, height, width)
    with torch.inference_mode():
        expected = [f.mean(dim=(2, 3)) for f in theirs(x)]                      # what its fid_score pools, too
        for size, other in zip(SIZES, expected, strict=True):
            out = mine(x, size)
            assert out.shape == (2, size) == other.shape
            torch.testing.assert_close(out, other, atol=1e-5 * other.abs().max().item(), rtol=1e-5)
            assert (out[0] - out[1]).abs().max() > 0.01 * out.abs().max(), "nothing got through"


def test_the_usual_size_is_2048_and_train_changes_nothing(mine):
    x = pictures(2, 40, 40)
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    with torch.inference_mode():
        expected = mine(x)
        assert expected.shape == (2, 2048)
        torch.testing.assert_close(nn.Sequential(mine).train()(x), expected)
        torch.testing.assert_close(mine(x[:1]), expected[:1], atol=1e-5 * expected.max().item(), rtol=1e-5)
    assert not any(module.training for module in mine.modules())
    assert not any(p.requires_grad for p in mine.parameters())
    assert all(torch.equal(value, before[name]) for name, value in mine.state_dict().items())


def test_slopes_reach_the_picture(mine, theirs):
    x, y = (pictures(1, 30, 20).requires_grad_() for _ in range(2))
    mine(x, 192).square().sum().backward()
    theirs(y)[1].mean(dim=(2, 3)).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad, atol=1e-4 * y.grad.abs().max().item(), rtol=1e-3)
    assert x.grad.any()


def test_what_it_cannot_take_is_refused_in_one_sentence():
    with torch.device("meta"):
        network = Inception()
    good = torch.rand(1, 3, 16, 16)
    for x in (good[0], good[:, :1], good[:0], (good * 255).byte()):
        with pytest.raises(ValueError, match="expects float RGB pictures"):
            network(x)
    for x, words in ((good * 255, "looks like 0..255"), (2 * good - 1, r"looks like -1..1"), (good * torch.nan, "got nan")):
        with pytest.raises(ValueError, match=r"expects values in \[0, 1\].*" + words.removeprefix("got ")):
            network(x)
    with pytest.raises(ValueError, match="64, 192, 768 or 2048, not 512"):
        network(good, 512)
