"""The door says in one line what cannot work, exits with 2 and loses nothing; what can work, works as printed."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minicolor import train

TINY = ["--quick", "--size", "32", "--base", "4", "--batch-size", "4", "--epochs", "1", "--pictures", "12", "--device", "cpu"]


def refused(capsys, *argv) -> str:
    """The one line of a run that must be refused."""
    with pytest.raises(SystemExit) as e:
        train.main([str(a) for a in argv])
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.startswith("error: ") and err.count("\n") == 1, err
    return err


def photos(folder, count=6):
    folder.mkdir()
    for i in range(count):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 50, 3), np.uint8)).save(folder / f"{i}.png")
    return folder


def test_unknown_recipe_names_the_nearest(capsys):
    assert "'pix2pics'" in (err := refused(capsys, "pix2pics")) and "pix2pix" in err and "--list" in err


def test_no_recipe(capsys):
    assert "pix2pix_lab" in refused(capsys)


@pytest.mark.parametrize(("flags", "expected"), [
    (["--size", "100"], "multiple of 32"), (["--size", "0"], "multiple of 32"), (["--epochs", "0"], "at least 1"),
    (["--lr", "-1"], "between 0 and 1"), (["--lr", "nan"], "between 0 and 1"), (["--batch-size", "0"], "at least 1"),
    (["--size", "big"], "invalid int"), (["--nonsense"], "--nonsense"), (["--precision", "fp8"], "float32"),
    (["--pictures", "2"], "at least 3"), (["--base", "0"], "at least 1"), (["--levels", "1"], "at least 2"),
    (["--target", "cmyk"], "rgb or ab"), (["--device", "cuda"], "GPU"), (["--device", "toaster"], "cpu"),
    (["--quick", "--full"], "not allowed with"),
])  # fmt: skip
def test_impossible_settings(capsys, tmp_path, flags, expected):
    import torch

    if flags == ["--device", "cuda"] and torch.cuda.is_available():
        pytest.skip("this machine has a GPU, so --device cuda is fine")
    assert expected in refused(capsys, "pix2pix", *flags, "--out", tmp_path / "run")


def test_data_that_is_not_there_or_holds_no_pictures(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("hello")
    (tmp_path / "two").mkdir()
    for data, expected in (("nowhere", "nowhere"), ("empty", "empty"), ("texts", "texts"), ("texts/a.txt", "a.txt")):
        assert expected in refused(capsys, "pix2pix", *TINY, "--data", data)
    for i in range(2):
        Image.new("RGB", (9, 9), (i, 0, 0)).save(tmp_path / "two" / f"{i}.png")
    assert "at least 3" in refused(capsys, "pix2pix", *TINY, "--data", "two")


def test_output_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "file" in refused(capsys, "pix2pix", *TINY, "--out", tmp_path / "file" / "run")


def test_trains_on_a_folder_resumes_and_guards_the_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "album", 12)
    command = ["pix2pix", *TINY, "--data", "album", "--out", "run"]
    train.main(command)
    said = capsys.readouterr().out
    assert "test ab-RMSE" in said and "report.html" in said and "minicolor.colorize" in said
    before = (tmp_path / "run" / "last.pt").read_bytes()
    assert "--resume" in refused(capsys, *command)
    assert "is a run of pix2pix, not of pix2pix_lab" in refused(capsys, "pix2pix_lab", *command[1:], "--resume")
    assert "--lr 0.5" in refused(capsys, *command, "--resume", "--lr", "0.5")
    photos(tmp_path / "other", 7)
    assert "--data other" in refused(capsys, *command, "--resume", "--data", "other")
    assert (tmp_path / "run" / "last.pt").read_bytes() == before
    train.main([*command, "--resume", "--epochs", "2"])           # a finished run may go on for longer
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 3


def test_full_disk_while_training_keeps_the_last_good_checkpoint(tmp_path):
    """The checkpoints do not fit under a limit on file size, which fails in the middle of a write as a full disk does."""
    run = f"import resource, sys; from minicolor.train import main; main({['pix2pix', *TINY, '--out', 'run']!r} + sys.argv[1:])"
    subprocess.run([sys.executable, "-c", run], cwd=tmp_path, check=True, capture_output=True)
    before = (tmp_path / "run" / "last.pt").read_bytes()
    limited = run.replace("main([", "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, -1)); main([", 1)
    longer = [sys.executable, "-c", limited, "--resume", "--epochs", "2"]
    done = subprocess.run(longer, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "error: " in done.stderr.splitlines()[-1]
    assert (tmp_path / "run" / "last.pt").read_bytes() == before


def test_list_and_help_show_every_recipe_and_field(capsys):
    train.main(["--list"])
    listed = capsys.readouterr().out
    assert "pix2pix_lab" in listed and "C1" in listed and "A6" in listed
    with pytest.raises(SystemExit) as e:
        train.main(["pix2pix", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert e.value.code == 0 and "--l1-weight" in said and "weight of L1 beside the adversarial loss" in said


def test_without_a_gpu_the_small_version_is_chosen_and_said_so(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    train.main(["pix2pix", *TINY[1:], "--out", str(tmp_path / "run")])
    assert "--full insists" in capsys.readouterr().out


def test_tensorboard_is_written_when_asked_and_explained_when_missing(capsys, tmp_path):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        assert "pip install tensorboard" in refused(capsys, "pix2pix", *TINY, "--out", tmp_path / "run", "--tensorboard")
    else:
        train.main(["pix2pix", *TINY, "--out", str(tmp_path / "run"), "--tensorboard"])
        assert list((tmp_path / "run" / "tensorboard").glob("events*"))
