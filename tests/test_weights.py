"""A name of the table gives the published file, its checksum compared, or one sentence that says how to get it."""

import hashlib
import io
import os
import re
from collections import OrderedDict
from dataclasses import replace

import official
import pytest
import torch
from torch import nn

from minicolor import weights
from minicolor.data import sets
from minicolor.errors import BadInput

STATE = OrderedDict(a=torch.arange(2500.0), b=torch.zeros(3, dtype=torch.int64))


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path, monkeypatch):
    """Every test has an empty cache of its own and no checksum in memory."""
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "_verified", set())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache" / "weights").mkdir(parents=True)


def saved(value) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def one_sentence(error) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 600
    return text


@pytest.fixture
def toy(monkeypatch):
    """A row of the table whose file is 20 kB; the file is not yet there."""
    data = saved(STATE)
    row = weights.Weights("toy", "toy-1234.pth", "https://example.org/toy-1234.pth", hashlib.sha256(data).hexdigest(), len(data),
                          "none", "a test")
    monkeypatch.setitem(weights.WEIGHTS, "toy", row)
    return row, data


def test_the_table_agrees_with_what_torchvision_and_pytorch_fid_publish():
    models = official.load("torchvision.models")
    kinds = {
        "resnet18": models.ResNet18_Weights.IMAGENET1K_V1,
        "mobilenet_v3_large": models.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
        "deeplabv3_mobilenet_v3_large": models.segmentation.DeepLabV3_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1,
        "alexnet": models.AlexNet_Weights.IMAGENET1K_V1,
        "vgg16": models.VGG16_Weights.IMAGENET1K_V1,
        "squeezenet1_1": models.SqueezeNet1_1_Weights.IMAGENET1K_V1,
    }
    for name, kind in kinds.items():
        row = weights.WEIGHTS[name]
        assert row.address == kind.url and row.file == kind.url.rsplit("/", 1)[1]
        assert abs(row.size / 2**20 - kind.meta["_file_size"]) < 1e-3, name    # torchvision gives MiB to three digits
    assert weights.WEIGHTS["inception_fid"].address == official.load("pytorch_fid.inception").FID_WEIGHTS_URL


def test_the_table_is_complete_and_digests_begin_as_the_file_names_say():
    assert len(weights.WEIGHTS) == 11
    for name, row in weights.WEIGHTS.items():
        assert name == row.name and row.licence and row.purpose and row.size > 0
        assert re.fullmatch(r"[0-9a-f]{64}", row.sha256)
        if prefix := re.search(r"-([0-9a-f]{8})\.pth$", row.file):
            assert row.sha256.startswith(prefix[1])
        assert row.address is None or row.address.startswith("https://")
    assert len({row.file for row in weights.WEIGHTS.values()}) == len(weights.WEIGHTS)
    assert "never reference LPIPS" in weights.WEIGHTS["squeezenet1_1_keras"].purpose


@pytest.mark.parametrize("name", ["lpips_alex", "lpips_vgg", "lpips_squeeze", "squeezenet1_1_keras"])
def test_the_files_that_are_at_hand_are_those_of_the_table(real_pictures, name):
    row = weights.WEIGHTS[name]
    there = real_pictures / "weights" / row.file
    if not there.is_file():
        pytest.skip(f"no {there}")
    row.path.symlink_to(there)
    state = weights.load(name)                                      # size and checksum compared on the way
    assert all(value.device.type == "cpu" for value in state.values())
    if name.startswith("lpips"):
        channels = {"lpips_alex": (64, 192, 384, 256, 256), "lpips_vgg": (64, 128, 256, 512, 512),
                    "lpips_squeeze": (64, 128, 256, 384, 384, 512, 512)}[name]
        assert [tuple(v.shape) for v in state.values()] == [(1, c, 1, 1) for c in channels]
        assert all((v >= 0).all() for v in state.values())          # arXiv:1801.03924: the heads are kept non-negative


def test_the_converted_squeezenet_fits_torchvisions_features(real_pictures):
    there = real_pictures / "weights" / weights.WEIGHTS["squeezenet1_1_keras"].file
    if not there.is_file():
        pytest.skip(f"no {there}")
    theirs = official.load("torchvision.models").squeezenet1_1(weights=None)
    holder = nn.Module()
    holder.features = theirs.features
    weights.fit_into(holder, weights.load(there), "squeezenet")


def test_a_path_is_taken_as_it_is_and_a_name_from_the_cache(toy, tmp_path):
    row, data = toy
    row.path.write_bytes(data)
    assert weights.find("toy") == row.path == tmp_path / "cache" / "weights" / "toy-1234.pth"
    (tmp_path / "mine.pth").write_bytes(saved({"w": torch.ones(1)}))
    assert weights.find("mine.pth") == weights.find(tmp_path / "mine.pth").relative_to(tmp_path)
    assert weights.load(tmp_path / "mine.pth")["w"] == 1


def test_the_cache_is_where_the_variable_says_else_at_home(monkeypatch, tmp_path):
    assert weights.cache() == sets.cache() == tmp_path / "cache"
    monkeypatch.delenv("MINICOLOR_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert weights.cache() == sets.cache() == tmp_path / "home" / ".cache" / "minicolor"


def test_missing_weights_are_said_with_all_that_is_needed(tmp_path):
    with pytest.raises(BadInput) as e:
        weights.load("resnet18")
    text, row = one_sentence(e), weights.WEIGHTS["resnet18"]
    for part in ("python -m minicolor.data.download weights resnet18", row.address, row.file, str(row.path), "46.8 MB"):
        assert part in text
    with pytest.raises(BadInput, match="nobody serves them.*squeezenet1_1_features_imagenet_from_keras.pth") as e:
        weights.find("squeezenet1_1_keras")
    assert "download" not in one_sentence(e)


@pytest.mark.parametrize(("name", "said"), [
    ("resnet", "nearest names are resnet18"), ("lpips_alx", "nearest names are lpips_alex"), ("vgg19", "vgg16"),
    ("xyz", "nearest names are resnet18, .*inception_fid"), ("nowhere/a.pth", "no such file"), ("a.pth", "no such file"),
    ("", "folder"), ("cache", "folder"),
])  # fmt: skip
def test_what_is_neither_a_name_nor_a_file(name, said):
    with pytest.raises(BadInput, match=said) as e:
        weights.find(name)
    one_sentence(e)


def test_a_wrong_checksum_names_both_and_is_noticed_each_time_the_file_changes(toy):
    row, data = toy
    row.path.write_bytes(data)
    weights.load("toy")
    wrong = data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]
    row.path.write_bytes(wrong)
    os.utime(row.path, ns=(1, 1))                                   # the file system's clock can be slower than this test
    with pytest.raises(BadInput, match=row.sha256[:12]) as e:
        weights.load("toy")
    assert hashlib.sha256(wrong).hexdigest()[:12] in one_sentence(e) and row.command in str(e.value)
    assert row.path.read_bytes() == wrong                           # it is the user's to delete


def test_a_verified_file_is_not_hashed_twice(toy, monkeypatch):
    row, data = toy
    row.path.write_bytes(data)
    calls, digest = [], weights.digest
    monkeypatch.setattr(weights, "digest", lambda path: calls.append(path) or digest(path))
    for _ in range(3):
        weights.load("toy")
    assert calls == [row.path]


def test_the_first_digits_of_a_checksum_are_enough(toy, monkeypatch):
    row, data = toy
    row.path.write_bytes(data)
    monkeypatch.setitem(weights.WEIGHTS, "toy", replace(row, sha256=row.sha256[:8], size=None))
    assert torch.equal(weights.load("toy")["a"], STATE["a"])
    other = "0" if row.sha256[7] != "0" else "1"
    monkeypatch.setitem(weights.WEIGHTS, "toy", replace(row, sha256=row.sha256[:7] + other, size=None))
    monkeypatch.setattr(weights, "_verified", set())
    with pytest.raises(BadInput, match="SHA-256"):
        weights.load("toy")


@pytest.mark.parametrize(("data", "said"), [
    (b"", "empty"), (b"\n<!DOCTYPE html><html>", "web page"), (b"x" * 10, "10 bytes, expected"),
])  # fmt: skip
def test_a_spoilt_file_in_the_cache_is_called_what_it_is(toy, data, said):
    row, _ = toy
    row.path.write_bytes(data)
    with pytest.raises(BadInput, match=said) as e:
        weights.find("toy")
    one_sentence(e)


def test_digest_is_hashlibs(tmp_path):
    for n in (0, 1, 1 << 20, (1 << 20) + 1):
        (tmp_path / "f").write_bytes(b"a" * n)
        assert weights.digest(tmp_path / "f") == hashlib.sha256(b"a" * n).hexdigest()
