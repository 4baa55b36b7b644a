"""load() reads a dict of tensors and nothing else; fit_into() fills a network or says in one sentence what does not fit."""

import io
import os
import pickle
import tarfile
from collections import OrderedDict

import official
import pytest
import torch
from torch import nn

from minicolor import weights
from minicolor.errors import BadInput
from minicolor.models.resnet18 import ResNet18

STATE = OrderedDict(a=torch.arange(2500.0), b=torch.zeros(3, dtype=torch.int64))


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def saved(value, as_zip: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=as_zip)
    return file.getvalue()


def one_sentence(error) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 600
    return text


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "before 1.6"])
def test_both_of_torchs_formats_are_read(tmp_path, as_zip):
    (tmp_path / "w.pth").write_bytes(saved(STATE, as_zip))
    state = weights.load("w.pth")
    assert type(state) is dict and list(state) == ["a", "b"] and state["b"].dtype == torch.int64
    assert torch.equal(state["a"], STATE["a"])


class _Evil:
    def __reduce__(self):
        return os.system, ("touch evil-was-here",)


def _old_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name in ("storages", "tensors", "pickle"):
            tar.addfile(tarfile.TarInfo(name))
    return file.getvalue()


def _script() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), file)
    return file.getvalue()


BAD = {
    "empty": (lambda: b"", "empty"),
    "web page": (lambda: b" <html>not found</html>", "web page"),
    "text": (lambda: b"just some words", "damaged|not weights"),
    "pointer": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n", "not weights that PyTorch wrote"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(50), "not weights|damaged"),
    "zeros": (lambda: bytes(3000), "damaged"),
    "code in a zip": (lambda: saved({"a": _Evil()}), "run code"),
    "code in an old file": (lambda: saved({"a": _Evil()}, False), "run code"),
    "code in a bare pickle": (lambda: pickle.dumps({"a": _Evil()}), "run code"),
    "a whole network": (lambda: saved(nn.Linear(2, 2)), "run code.*state_dict"),
    "a tensor": (lambda: saved(torch.zeros(2)), "tensors by name.*Tensor"),
    "a list": (lambda: saved([torch.zeros(2)]), "tensors by name.*list"),
    "nothing": (lambda: saved({}), "no weights at all"),
    "wrapped": (lambda: saved({"epoch": 3, "state_dict": STATE}), "tensors by name.*'epoch': int"),
    "wrapped deeper": (lambda: saved({"state_dict": STATE}), "tensors by name.*'state_dict': OrderedDict"),
    "numbers for names": (lambda: saved({1: torch.zeros(2)}), "tensors by name"),
    "a tar of 2016": (_old_tar, "old PyTorch"),
    "TorchScript": (_script, "TorchScript"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.filterwarnings("error::UserWarning", "ignore::DeprecationWarning")
def test_what_is_no_dict_of_tensors_is_one_sentence(tmp_path, kind):
    make, said = BAD[kind]
    (tmp_path / "bad.pth").write_bytes(make())
    with pytest.raises(BadInput, match=said) as e:
        weights.load("bad.pth")
    assert "bad.pth" in one_sentence(e)
    assert not (tmp_path / "evil-was-here").exists()


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "before 1.6"])
def test_every_truncation_is_one_sentence(tmp_path, as_zip):
    data = saved(STATE, as_zip)
    for n in [*range(1, 600, 37), *range(600, len(data), 1499), len(data) - 100, len(data) - 1]:
        (tmp_path / "cut.pth").write_bytes(data[:n])
        with pytest.raises(BadInput, match="cut.pth") as e:
            weights.load("cut.pth")
        one_sentence(e)


def test_a_file_that_may_not_be_read_keeps_the_systems_words(tmp_path):
    (tmp_path / "w.pth").write_bytes(saved(STATE))
    (tmp_path / "w.pth").chmod(0)
    if os.access(tmp_path / "w.pth", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PermissionError, match="w.pth"):
        weights.load("w.pth")


def small() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def test_fitting_weights_are_loaded():
    torch.manual_seed(0)
    mine, theirs = small(), small()
    weights.fit_into(mine, theirs.state_dict(), "w.pth")
    assert all(torch.equal(a, b) for a, b in zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True))


def test_files_of_before_0_4_1_fit(tmp_path):
    torch.manual_seed(0)
    mine, theirs = small(), small()
    with torch.no_grad():
        theirs[1].running_mean.add_(2)
    old = {k: v for k, v in theirs.state_dict().items() if not k.endswith("num_batches_tracked")}
    (tmp_path / "w.pth").write_bytes(saved(old))
    weights.fit_into(mine, weights.load("w.pth"), "w.pth")
    assert (mine[1].running_mean == 2).all()


@pytest.mark.parametrize(("change", "said"), [
    (lambda s: s.pop("2.bias"), r"holds 8 entries that begin with 0.weight \(4, 3, 3, 3\), expected 2.bias \(2,\)"),
    (lambda s: s.update({"0.weight": torch.zeros(4, 3, 5, 5)}), r"holds 0.weight \(4, 3, 5, 5\), expected \(4, 3, 3, 3\)"),
    (lambda s: s.update({"9.weight": torch.zeros(7)}), r"the network has no 9.weight \(7,\)"),
    (lambda s: s.pop("1.running_mean"), r"expected 1.running_mean \(4,\)"),
    (lambda s: s.clear(), r"holds 0 entries, expected 0.weight"),
])  # fmt: skip
def test_a_misfit_names_the_first_entry_and_leaves_the_network_alone(change, said):
    torch.manual_seed(0)
    network = small()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    state = {k: v + 1 for k, v in before.items()}
    change(state)
    with pytest.raises(BadInput, match=f"^w.pth: .*{said}") as e:
        weights.fit_into(network, state, "w.pth")
    one_sentence(e)
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_weights_of_another_architecture():
    alexnet = official.load("torchvision.models").alexnet(weights=None).state_dict()
    with torch.device("meta"):
        network = ResNet18()
    with pytest.raises(BadInput, match=r"holds 16 entries that begin with features.0.weight \(64, 3, 11, 11\), expected "
                                       r"conv1.weight \(64, 3, 7, 7\): weights of another network"):
        weights.fit_into(network, alexnet, "alexnet")
