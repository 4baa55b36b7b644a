"""A checkpoint comes back as it went in, runs no code, and is never half-written; anything else is one sentence."""

import io
import os
import pickle
import resource
import subprocess
import sys
import zipfile

import pytest
import torch

from minicolor import checkpoint
from minicolor.errors import BadInput

STATE = {"recipe": {"name": "pix2pix"}, "networks": {"g": {"w": torch.arange(1000.0)}}, "run": {"epoch": 3, "best": 1.5}}


def test_comes_back_as_it_went_in(tmp_path):
    checkpoint.save(tmp_path / "a.pt", STATE)
    back = checkpoint.load(tmp_path / "a.pt")
    assert torch.equal(back["networks"]["g"]["w"], STATE["networks"]["g"]["w"])
    assert back["recipe"] == STATE["recipe"] and back["run"] == STATE["run"]
    assert back["environment"]["torch"] == str(torch.__version__)
    assert os.listdir(tmp_path) == ["a.pt"]                        # no temporary left


def test_random_state_comes_back():
    before = checkpoint.random_state()
    first = torch.rand(3)
    checkpoint.set_random_state(before)
    assert torch.equal(torch.rand(3), first)


class _Evil:
    def __reduce__(self):
        return (os.system, ("touch evil-was-here",))


def _zip_of(member: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr(member, "hello")
    return file.getvalue()


def _torch_of(value) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


BAD = {
    "empty": (b"", "empty"),
    "web page": (b"\n <!DOCTYPE html><html>not found</html>", "web page"),
    "text": (b"just some words", "not a checkpoint"),
    "old pickle": (pickle.dumps({"w": 1}), "not a checkpoint"),
    "pickle with code in a torch file": (_torch_of({"format": checkpoint.FORMAT, "x": _Evil()}), "run code"),
    "some other zip": (_zip_of("readme.txt"), "damaged"),
    "weights of other software": (_torch_of({"state_dict": {"w": torch.zeros(2)}}), "not a checkpoint of minicolor"),
    "a bare tensor": (_torch_of(torch.zeros(2)), "not a checkpoint of minicolor"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_in_one_sentence(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    data, why = BAD[kind]
    path = tmp_path / "bad.pt"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=why) as e:
        checkpoint.load(path)
    assert "bad.pt" in str(e.value) and "\n" not in str(e.value)
    assert not (tmp_path / "evil-was-here").exists()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.999])
def test_truncated_files_are_refused(tmp_path, share):
    checkpoint.save(tmp_path / "a.pt", STATE)
    data = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput, match="truncated"):
        checkpoint.load(tmp_path / "a.pt")


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(BadInput, match="no such checkpoint"):
            checkpoint.load(path)


SAVE_UNDER_LIMIT = """
import resource, sys, torch
from minicolor import checkpoint
from minicolor.errors import one_line
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
with one_line():
    checkpoint.save(sys.argv[1], {"networks": {"g": torch.zeros(1_000_000)}})
"""


def test_full_disk_keeps_the_old_checkpoint(tmp_path):
    """A limit on file size fails in the middle of the write as a full disk does, and needs no rights to set up."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    checkpoint.save(tmp_path / "last.pt", STATE)
    before = (tmp_path / "last.pt").read_bytes()
    done = subprocess.run([sys.executable, "-c", SAVE_UNDER_LIMIT, str(tmp_path / "last.pt")], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error:") and done.stderr.count("\n") == 1 and "too large" in done.stderr
    assert (tmp_path / "last.pt").read_bytes() == before and os.listdir(tmp_path) == ["last.pt"]
