"""What cannot be trained is said once, in one sentence, and no run is lost: wrong numbers, changed data, no memory."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from PIL import Image
from processes import environment, photographs, torchrun

from minicolor import checkpoint, parallel, train
from minicolor.data.pack import pack
from minicolor.errors import BadInput
from minicolor.out_of_memory import largest_batch

JOBS = Path(__file__).with_name("processes.py")
TINY = ["--quick", "--size", "32", "--base", "4", "--d-base", "4", "--batch-size", "4", "--epochs", "1", "--pictures", "20",
        "--device", "cpu"]
DENOISE = ["dncnn", "--quick", "--size", "64", "--crop", "0", "--crops", "1", "--depth", "3", "--width", "64", "--pictures", "80",
           "--device", "cpu"]
TOO_LARGE = 60                                                       # 63 MB for each of a dozen tensors; 250 MB are free


def refused(capsys, *argv) -> str:
    """The one line of a run that must be refused."""
    with pytest.raises(SystemExit) as e:
        train.main([str(a) for a in argv])
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.startswith("error: ") and err.count("\n") == 1, err
    return err


def test_a_batch_larger_than_the_data(capsys, tmp_path):
    said = refused(capsys, "pix2pix", *TINY, "--batch-size", "500", "--out", tmp_path / "run")
    assert "--batch-size 500" in said and re.search(r"only 1\d pictures to train on", said)
    assert not (tmp_path / "run" / "last.pt").exists()


def test_a_pack_that_changed_since_the_split_was_made(capsys, tmp_path):
    """A run on a pack; then a picture joins the folder and the pack is brought up to date: the split no longer holds."""
    shown, packed, run = photographs(tmp_path / "photographs", 20), tmp_path / "pack", tmp_path / "run"
    again = ["pix2pix", *TINY, "--data", packed, "--out", run]
    pack(shown, packed, 32, progress=False)
    train.main([str(a) for a in again])
    kept = (run / "last.pt").read_bytes(), (run / "split.json").read_bytes()
    Image.new("RGB", (40, 40), (200, 30, 30)).save(shown / "red.png")
    pack(shown, packed, 32, progress=False)
    capsys.readouterr()
    assert "other pictures" in refused(capsys, *again, "--resume", "--epochs", "2")
    assert ((run / "last.pt").read_bytes(), (run / "split.json").read_bytes()) == kept


def test_processes_with_other_flags_are_refused(capsys, monkeypatch, tmp_path):
    """As if there were a second process, begun with another --lr: it is named, before the processes wait for each other."""
    monkeypatch.setattr(parallel, "everyone", lambda value: [value, value | {"--lr": 0.5}])
    said = refused(capsys, "pix2pix", *TINY, "--lr", "0.25", "--out", tmp_path / "run")
    assert said == "error: the processes do not have the same --lr: process 0 has 0.25, process 1 0.5\n"
    assert not (tmp_path / "run").exists()


def test_what_was_refused_is_refused_at_once_where_torchrun_begins_anew(monkeypatch):
    """Though the run had begun: the successors would only find the same, some hours later."""
    store = dist.HashStore()
    monkeypatch.setattr(parallel, "_store", store)
    parallel.remember("begun")
    with pytest.raises(BadInput), parallel.one_voice():
        raise BadInput("out of memory, or so")
    monkeypatch.setattr(parallel, "_store", None)                    # the dead are gone; torchrun and its store are not
    monkeypatch.setattr(dist, "rendezvous", lambda *_, **__: iter([(store, 0, 1)]))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "anew")
    with pytest.raises(BadInput, match="^out of memory, or so$"):
        parallel.start("cpu")
    assert not dist.is_initialized()


class Bug:
    """A step that fails, and not for want of memory."""

    networks, optimizers = {}, {}

    def step(self, *pair):
        raise TypeError("a bug")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="tries in a copy of the process, where the system can copy one")
def test_a_bug_is_not_taken_for_a_batch_that_does_not_fit(capfd):
    with pytest.raises(RuntimeError, match="2 pictures failed, and not for want of memory"):
        largest_batch(Bug(), (torch.zeros(4, 1), torch.zeros(4, 1)))
    assert "TypeError: a bug" in capfd.readouterr().err


@pytest.mark.parametrize("flags, sentence", [
    (["--batch-size", "1"], "2 processes cannot share batches of 1: every process needs a picture"),
    (["--search", "lr=1e-3,1e-4"], "--search, --folds and --trials make runs of their own: start them without torchrun"),
])
def test_two_processes_speak_with_one_voice(tmp_path, flags, sentence):
    """Once when it is found, and once in torchrun's last lines, below its own traceback."""
    done = torchrun(2, "-m", "minicolor.train", "pix2pix", *TINY, *flags, "--out", tmp_path / "run")
    first, _, torchs = done.stderr.partition("Sending process")
    assert done.returncode != 0 and first.count(sentence) == 1 and "Traceback" not in first, done.stderr
    assert torchs.count(sentence) == 1 and sentence in torchs.partition("Root Cause")[2], done.stderr
    assert not (tmp_path / "run" / "last.pt").exists()


def test_a_run_that_is_refused_is_not_begun_anew(tmp_path):
    """torchrun begins the refused processes again (--max-restarts). They are no successors: they must not go on with the run."""
    train.main(["pix2pix", *TINY, "--out", str(tmp_path / "run")])
    kept = (tmp_path / "run" / "last.pt").read_bytes()
    again = ["-m", "minicolor.train", "pix2pix", *TINY, "--epochs", "2", "--out", tmp_path / "run"]
    done = torchrun(1, *again, flags=["--max-restarts=1"])
    assert done.returncode != 0 and done.stderr.count("add --resume to go on with it") == 3, done.stderr  # twice, and at the end
    assert (tmp_path / "run" / "last.pt").read_bytes() == kept


@pytest.fixture(scope="module")
def denoised(tmp_path_factory):
    out = tmp_path_factory.mktemp("memory") / "run"
    train.main([*DENOISE, "--batch-size", "8", "--epochs", "1", "--out", str(out)])
    return out


def starved(out: Path, batch_size: int, epochs: int) -> list[str]:
    """Training with little memory left: see processes.py."""
    return [str(JOBS), "starve", "250", *DENOISE, "--batch-size", str(batch_size), "--epochs", str(epochs), "--out", str(out),
            "--resume"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="limits memory by what /proc says of it, which is Linux's")
def test_out_of_memory_names_the_batch_that_fits(denoised):
    kept = (denoised / "last.pt").read_bytes()
    done = subprocess.run([sys.executable, *starved(denoised, TOO_LARGE, 2)], env=environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    found = re.search(r"error: out of memory: dncnn with --batch-size 60 .* --resume --batch-size (\d+) goes on", done.stderr)
    assert found and 1 <= int(found[1]) < TOO_LARGE, done.stderr
    assert (denoised / "last.pt").read_bytes() == kept and checkpoint.load(denoised / "last.pt")["run"]["epoch"] == 1
    again = subprocess.run([sys.executable, *starved(denoised, int(found[1]), 2)], env=environment(), capture_output=True,
                           text=True)
    assert again.returncode == 0, again.stderr                       # as named: it does fit
    assert checkpoint.load(denoised / "last.pt")["run"]["epoch"] == 2


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="limits memory by what /proc says of it, which is Linux's")
def test_one_of_two_runs_out_of_memory_and_none_waits(denoised):
    """The last one does; the other is in the midst of an exchange with it, for which it would wait half an hour."""
    kept, began = (denoised / "last.pt").read_bytes(), time.monotonic()
    done = torchrun(2, *starved(denoised, TOO_LARGE, 9), timeout=150)
    first, _, torchs = done.stderr.partition("Sending process")
    assert done.returncode != 0 and time.monotonic() - began < 150
    assert len(re.findall(r"error: out of memory: .* --resume --batch-size \d+ goes on", first)) == 1, done.stderr
    assert "error: out of memory" in torchs.partition("Root Cause")[2]
    assert (denoised / "last.pt").read_bytes() == kept
