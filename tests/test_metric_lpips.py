"""LPIPS of pictures in [0, 1] is the lpips package's, and a figure that is not reference LPIPS is not called so."""

import re
import shutil

import official
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minicolor import weights
from minicolor.data import photos
from minicolor.errors import BadInput
from minicolor.losses.lpips import LPIPS, heads_from
from minicolor.metrics.lpips import lpips, title
from minicolor.models.alexnet import AlexNet
from minicolor.models.resnet18 import ResNet18
from minicolor.models.squeezenet import SqueezeNet
from minicolor.models.vgg16 import VGG16
from minicolor.perceptual import perceptual

NETWORKS = {"alex": AlexNet, "vgg": VGG16, "squeeze": SqueezeNet}


@pytest.fixture(scope="module")
def both():
    """The package's distance with a random network and random heads >= 0, and ours with the same; nothing is downloaded."""
    package = official.load("lpips")
    torch.manual_seed(0)
    with pytest.warns(UserWarning):                                           # torchvision's, about a deprecated argument
        theirs = package.LPIPS(net="squeeze", pretrained=False, pnet_rand=True, eval_mode=True, verbose=False)
    official.lively(theirs.net)
    for p in theirs.lins.parameters():
        p.data.uniform_(0, 1)
    network = SqueezeNet(classes=None)
    network.load_state_dict({re.sub(r"slice\d+", "features", key): v for key, v in theirs.net.state_dict().items()})
    return LPIPS(network, heads_from({key: v for key, v in theirs.state_dict().items() if re.match(r"lin\d", key)})), theirs


def pair(seed: int, n: int, height: int, width: int, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = F.interpolate(torch.rand(n, 3, 5, 6, generator=generator), (height, width), mode="bicubic").clamp(0, 1)
    return (a + noise * torch.randn(a.shape, generator=generator)).clamp(0, 1), a


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 3), height=st.integers(17, 50), width=st.integers(17, 50),
       noise=st.floats(0.01, 0.5))
@example(seed=0, n=1, height=17, width=17, noise=0.2)                         # the least that SqueezeNet takes
def test_it_is_the_packages_after_its_own_conversion_from_0_to_1(both, seed, n, height, width, noise):
    mine, theirs = both
    a, b = pair(seed, n, height, width, noise)
    with torch.no_grad():
        expected = theirs(a, b, normalize=True).flatten()                     # "normalize": 2 x - 1
    found = lpips(a, b, mine)
    assert found.shape == (n,) and found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)         # float32 through 26 layers


def test_equal_pictures_are_0_and_it_rises_with_noise(both):
    distance, _ = both
    d = [lpips(*pair(1, 2, 40, 40, noise), distance).mean() for noise in (0, 0.02, 0.1, 0.3)]
    assert d[0] == 0 < d[1] < d[2] < d[3]


def test_any_float_type_is_taken_and_no_slope_is_kept(both):
    a, b = pair(2, 2, 30, 30, 0.2)
    expected = lpips(a, b, both[0])
    found = lpips(a.double().requires_grad_(), b.double(), both[0])
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad


def test_a_figure_is_named_after_the_network_and_lpips_alone_is_called_lpips():
    with torch.device("meta"):
        for name, network in NETWORKS.items():
            heads = [torch.ones(c, device="cpu") for c in network.CHANNELS]
            assert title(name, LPIPS(network(classes=None), heads)) == f"LPIPS-{name}"
            assert title(name, LPIPS(network(classes=None))) == f"features-{name}"               # no heads
        heads = [torch.ones(c, device="cpu") for c in SqueezeNet.CHANNELS]
        assert title("squeeze-keras", LPIPS(SqueezeNet(classes=None), heads)) == "features-squeeze-keras"
        assert title("alex", LPIPS(SqueezeNet(classes=None), heads)) == "features-alex"          # another network
        assert title("runs/classify", LPIPS(ResNet18(classes=None, base=2))) == "features-runs/classify"


def test_with_files_real_photographs_fall_behind_as_noise_rises(real_pictures, tmp_path, monkeypatch):
    files = ("squeezenet1_1_features_imagenet_from_keras.pth", "lpips_v0.1_squeeze.pth")
    if missing := [f for f in files if not (real_pictures / "weights" / f).is_file()]:
        pytest.skip(f"no {missing[0]} beside this checkout")
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "_verified", set())
    (tmp_path / "weights").mkdir()
    for f in files:
        shutil.copy(real_pictures / "weights" / f, tmp_path / "weights" / f)
    distance = perceptual("squeeze-keras")
    read = [photos.read(p).rgb for p in sorted((real_pictures / "faces").iterdir())[:4]]
    truth = torch.stack([torch.from_numpy(rgb).permute(2, 0, 1) / 255 for rgb in read])
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    d = torch.stack([lpips((truth + s * noise).clamp(0, 1), truth, distance) for s in (0, 0.05, 0.2)])
    assert (d[0] == 0).all() and (d[1] > 0.01).all() and (d[2] > d[1]).all()
    assert title("squeeze-keras", distance) == "features-squeeze-keras"


def test_what_would_read_better_than_it_is_is_refused_in_one_sentence(both):
    distance, _ = both
    a, b = pair(3, 2, 20, 20, 0.1)
    for wrong, words in ((2 * a - 1, "looks like -1..1"), (255 * a, "looks like 0..255"), (a * torch.nan, "got nan")):
        for two in ((wrong, b), (b, wrong)):
            with pytest.raises(BadInput, match=rf"expected values in \[0, 1\].*{words.removeprefix('got ')}"):
                lpips(*two, distance)
    with pytest.raises(BadInput, match="pictures of one shape"):
        lpips(a, b[:1], distance)
    with pytest.raises(BadInput, match="SqueezeNet expects .* from 17x17, got"):
        lpips(a[..., :16], b[..., :16], distance)
