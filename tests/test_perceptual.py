"""A network by name is the lpips package's or FID's with the same files; without files one sentence says what is missing."""

from dataclasses import replace

import numpy as np
import official
import pytest
import torch
from torch.nn import functional as F

from minicolor import checkpoint, recipe, weights
from minicolor.errors import BadInput
from minicolor.fit import fit
from minicolor.metrics.fid import figure, statistics
from minicolor.models.inception import Inception
from minicolor.models.resnet18 import ResNet18
from minicolor.models.squeezenet import SqueezeNet
from minicolor.perceptual import NETWORKS, PerceptualLoss, fid_network, own_features, perceptual
from minicolor.steps.supervised import SupervisedStep

FILES = {"alex": ("alexnet", "lpips_alex"), "vgg": ("vgg16", "lpips_vgg"), "squeeze": ("squeezenet1_1", "lpips_squeeze"),
         "squeeze-keras": ("squeezenet1_1_keras", "lpips_squeeze")}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Every test has an empty cache of its own and no checksum in memory."""
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "_verified", set())
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The folder of a tiny run of classify."""
    quick = replace(recipe.load("classify").QUICK, pictures=12, size=32, base=4, batch_size=4, epochs=1).check()
    out = tmp_path_factory.mktemp("runs") / "classify"
    fit(quick, quick.open(), out, quiet=True)
    return out


def pictures(n: int = 2, side: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.rand(2, n, 3, side, side, generator=torch.Generator().manual_seed(3)) * 2 - 1)


def refused(name: str, opened=perceptual) -> str:
    with pytest.raises(BadInput) as e:
        opened(name)
    assert "\n" not in str(e.value)
    return str(e.value)


def theirs(network: str, features: dict | None = None):
    """The lpips package's network with its own heads and these features, or random ones; and both as our files hold them."""
    lpips = official.load("lpips")
    torch.manual_seed(0)
    with pytest.warns(UserWarning):                                     # torchvision's, about a deprecated argument
        judge = lpips.LPIPS(net=network, pretrained=True, pnet_rand=True, verbose=False).eval()
    body = judge.net.state_dict()                                       # slice2.3.weight is features.3.weight
    named = {name: "features." + name.split(".", 1)[1] for name in body}
    if features:
        judge.net.load_state_dict({name: features[name_of] for name, name_of in named.items()})
    heads = {name: value for name, value in judge.state_dict().items() if name.startswith("lin") and "lins" not in name}
    return judge, {named[name]: value for name, value in judge.net.state_dict().items()}, heads


@pytest.mark.parametrize("name", FILES)
def test_the_distance_is_the_lpips_packages(name, monkeypatch):
    """Each name takes its own two files, and of the network's file the features alone."""
    judge, body, heads = theirs(name.partition("-")[0])
    network, linear = FILES[name]
    files = {network: body | {"classifier.6.weight": torch.zeros(1000, 4096)}, linear: heads}
    monkeypatch.setattr(weights, "load", files.__getitem__)
    a, b = pictures()
    with torch.no_grad():
        mine, expected = perceptual(name)(a, b), judge(a, b).flatten()
    assert mine.shape == (2,) and expected.min() > 1e-3
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-4)


def test_the_converted_squeezenet_with_its_real_files(cache, real_pictures):
    network, linear = (weights.get(name) for name in FILES["squeeze-keras"])
    for row in (network, linear):
        if not (real_pictures / "weights" / row.file).is_file():
            pytest.skip(f"no {row.file} in ../shared/data/weights")
        (cache / row.file).symlink_to(real_pictures / "weights" / row.file)
    judge, _, _ = theirs("squeeze", weights.load("squeezenet1_1_keras"))
    a, b = pictures()
    loss = PerceptualLoss("squeeze-keras")
    with torch.no_grad():
        torch.testing.assert_close(loss.distance(a, b), judge(a, b).flatten(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(loss(a, b), judge(a, b).mean(), atol=1e-5, rtol=1e-4)
        near, far = (loss(a, (a + s * b).clamp(-1, 1)) for s in (0.05, 0.5))
    assert 0 < near < far and loss(a, a) == 0


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_one_sentence_with_name_address_and_place(name, cache):
    sentence, row = refused(name), weights.get(FILES[name][0])
    assert row.name in sentence and row.file in sentence and str(cache / row.file) in sentence
    assert (row.address or "nobody serves") in sentence and (row.command in sentence) == (row.address is not None)


@pytest.mark.parametrize("name", FILES)
def test_random_weights_under_the_right_name_are_refused(name, cache):
    row = weights.get(FILES[name][0])
    torch.save({"features.0.weight": torch.randn(64, 3, 3, 3)}, cache / row.file)
    assert str(cache / row.file) in (sentence := refused(name)) and "expected" in sentence and "another file" in sentence


@pytest.mark.parametrize("which", [0, 1], ids=["network", "heads"])
def test_files_of_the_right_size_are_refused_by_their_checksum(which, cache, real_pictures):
    for i, name in enumerate(FILES["squeeze-keras"]):
        row, source = weights.get(name), real_pictures / "weights" / weights.get(name).file
        if not source.is_file():
            pytest.skip(f"no {row.file} in ../shared/data/weights")
        data = bytearray(source.read_bytes())
        data[len(data) // 2] ^= i == which                              # one bit of one of the two
        (cache / row.file).write_bytes(data)
    sentence = refused("squeeze-keras")
    assert "SHA-256" in sentence and weights.get(FILES["squeeze-keras"][which]).file in sentence


@pytest.mark.parametrize("as_file", [False, True], ids=["folder", "file"])
def test_a_run_of_classify_is_a_plain_distance_of_its_features(classifier, as_file):
    distance = perceptual(str(classifier / "best.pt" if as_file else classifier))
    state = checkpoint.load(classifier / "best.pt")["networks"]["network"]
    network = ResNet18(classes=5, base=4).eval()
    network.load_state_dict(state)
    a, b = pictures()
    shift, scale = (torch.tensor(v).view(3, 1, 1) for v in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))
    with torch.no_grad():                                               # LPIPS' equation 1, every channel alike
        f, g = (network.stages((x - shift) / scale) for x in (a, b))
        by_hand = sum((F.normalize(p, dim=1) - F.normalize(q, dim=1)).square().mean(dim=(1, 2, 3)) for p, q in zip(f, g))
        torch.testing.assert_close(distance(a, b), by_hand, atol=1e-6, rtol=1e-4)
    assert by_hand.min() > 1e-4


def test_as_a_loss_it_is_the_mean_pulls_at_the_picture_and_never_learns(classifier):
    loss = PerceptualLoss(str(classifier)).train()
    a, b = pictures()
    a.requires_grad_()
    value = loss(a, b)
    torch.testing.assert_close(value, loss.distance(a, b).mean())
    value.backward()
    assert a.grad.isfinite().all() and a.grad.any()
    assert all(not p.requires_grad and p.grad is None for p in loss.parameters())
    assert not any(layer.training for layer in loss.distance.modules())
    before = {name: tensor.clone() for name, tensor in loss.state_dict().items()}
    loss(a.detach().clone(), b)
    assert all(torch.equal(tensor, before[name]) for name, tensor in loss.state_dict().items())
    step = SupervisedStep(torch.nn.Sequential(torch.nn.Conv2d(1, 3, 1), torch.nn.Tanh()), {"features": (1.0, loss)})
    assert step.rulers == [loss] and "features" in step.step(a.detach()[:, :1], b)


def test_what_is_no_run_of_classify_is_one_sentence(classifier, tmp_path):
    for missing in ("runs/nowhere", str(tmp_path)):                      # no such folder; a folder without a run
        for opened, names in ((perceptual, NETWORKS), (fid_network, ["inception", "squeeze", "squeeze-keras"])):
            sentence = refused(missing, opened)
            assert sentence.startswith(f"{missing}: expected {', '.join(names)}, or a run of classify")
            assert "minicolor.train classify" in sentence
        assert missing in refused(missing, own_features)
    other = tmp_path / "other"
    other.mkdir()
    saved = checkpoint.load(classifier / "best.pt")
    for opened in (perceptual, fid_network, own_features):
        checkpoint.save(other / "best.pt", {**saved, "recipe": {**saved["recipe"], "name": "cae"}})
        assert refused(str(other), opened) == f"{other}: a run of cae, expected one of classify"
        (tmp_path / "text.pt").write_text("no checkpoint")
        assert "text.pt" in refused(str(tmp_path / "text.pt"), opened)
        checkpoint.save(other / "best.pt", {**saved, "recipe": {**saved["recipe"], "base": 8}})
        assert "weights of another network" in refused(str(other), opened)


@pytest.mark.parametrize("grey", [True, False])
def test_the_body_of_a_run_has_its_weights_and_says_what_it_has_seen(classifier, tmp_path, grey):
    saved = checkpoint.load(classifier / "best.pt")
    checkpoint.save(tmp_path / "best.pt", {**saved, "recipe": {**saved["recipe"], "grey": grey}})
    (body, name), (same, _) = own_features(tmp_path), fid_network(str(tmp_path))
    assert name == f"ResNet18 of {tmp_path}, trained on {'grey' if grey else 'color'} pictures"
    state = {key: value for key, value in saved["networks"]["network"].items() if not key.startswith("fc.")}
    for network in (body, same):
        assert network.state_dict().keys() == state.keys()
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_fids_network_has_pytorch_fids_file_or_says_which_is_missing(monkeypatch):
    sentence, row = refused("inception", fid_network), weights.get("inception_fid")
    assert row.command in sentence and row.address in sentence and str(row.path) in sentence
    torch.manual_seed(0)
    state = {key: value for key, value in Inception().state_dict().items() if not key.endswith("num_batches_tracked")}
    monkeypatch.setattr(weights, "load", {"inception_fid": state}.__getitem__)
    network, name = fid_network("inception")
    assert name == "pytorch-fid weights"
    assert all(torch.equal(network.state_dict()[key], value) for key, value in state.items())
    del state["fc.bias"]
    assert "fc.bias" in refused("inception", fid_network)


def test_the_proxy_on_a_squeezenet_is_the_distance_of_torchvisions_features(monkeypatch):
    """Their network, their normalization, NumPy's covariance and SciPy's root; pictures of more than its 512 features' worth."""
    torchvision = official.load("torchvision")
    sqrtm = pytest.importorskip("scipy.linalg", reason="SciPy's root is what the distance is compared with").sqrtm
    torch.manual_seed(0)
    net = torchvision.models.squeezenet1_1(weights=None).eval()
    heads = {f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1) for i, c in enumerate(SqueezeNet.CHANNELS)}
    monkeypatch.setattr(weights, "load", {"squeezenet1_1_keras": net.state_dict(), "lpips_squeeze": heads}.__getitem__)
    ours, name = fid_network("squeeze-keras")
    sets = (torch.rand(520, 3, 24, 24), torch.rand(530, 3, 24, 24) ** 1.5)
    found = figure(*(statistics(ours, x.split(100), name) for x in sets))
    mean, sd = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        seen = [net.features(((255 * x).round() / 255 - mean) / sd).mean(dim=(2, 3)).double().numpy() for x in sets]
    (m, n), (s, t) = [x.mean(0) for x in seen], [np.cov(x.T) for x in seen]
    expected = ((m - n) ** 2).sum() + np.trace(s + t) - 2 * sqrtm(s @ t).real.trace()
    assert found.value == pytest.approx(expected, rel=1e-3) and found.title.startswith("fid_proxy (SqueezeNet")


@pytest.mark.parametrize("name", ["recolor_lpips", "recolor_wgan_lpips"])
def test_report_es_recipes_ask_for_it_when_training_begins(name, classifier):
    module = recipe.load(name)
    small = replace(module.QUICK, base=2, d_base=2, features="alex")
    step = small.build(torch.no_grad)
    with pytest.raises(BadInput, match="alexnet"):                       # building needs no weights: coloring does not have them
        small.equip(step)
    replace(small, lpips_weight=0.0).equip(step)
    assert step.rulers == []
    replace(small, features=str(classifier)).equip(step)
    assert len(step.rulers) == 1 and step.near.terms["features"][0] == 50 and "lpips" not in step.near.terms
