"""A file or a folder comes out colored; what exists stays, what is bad is listed, nothing is half-written."""

import contextlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from minicolor import checkpoint, colorize
from minicolor.recipe import to_dict
from minicolor.recipes.pix2pix_lab import QUICK


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    torch.manual_seed(0)
    recipe = replace(QUICK, size=32, base=4)
    networks = {n: net.state_dict() for n, net in recipe.build(contextlib.nullcontext).networks.items()}
    networks["generator"]["up.4.0.bias"].fill_(0.2)                # the untrained answer: a pinkish a = b = 22 everywhere
    folder = tmp_path_factory.mktemp("run")
    checkpoint.save(folder / "best.pt", {"recipe": to_dict(recipe), "networks": networks})
    return str(folder)


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Two good photographs, one in a subfolder, a broken one and a text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "album" / "1950").mkdir(parents=True)
    grey = np.random.default_rng(0).integers(60, 200, (45, 60), np.uint8)
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "grandmother", 6                  # a description, and "turn me right"
    Image.fromarray(grey).save("album/a.jpg", exif=exif)
    Image.fromarray(grey).save("album/1950/b.gif")
    (tmp_path / "album" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (tmp_path / "album" / "notes.txt").write_text("1950")
    return tmp_path


def call(*argv) -> int:
    with pytest.raises(SystemExit) as e:
        colorize.main([str(a) for a in argv])
    return e.value.code


def refused(capsys, *argv) -> str:
    code, err = call(*argv), capsys.readouterr().err
    assert code == 2 and err.startswith("error: ") and err.count("\n") == 1, err
    return err


def files(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_one_photograph(album, run, capsys):
    assert call("album/a.jpg", "out/colored.png", "--run", run) == 0
    with Image.open("out/colored.png") as im:
        assert im.size == (45, 60)                                 # upright: the orientation was applied
        assert im.getexif()[0x010E] == "grandmother" and im.getexif().get(0x0112, 1) == 1
        pixels = np.asarray(im).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).max() > 3       # and it has color
    assert call("album/a.jpg", "out", "--run", run) == 0 and files(album / "out") == ["a.jpg", "colored.png"]


def test_a_folder_goes_on_past_a_bad_file_and_lists_it(album, run, capsys):
    assert call("album", "out", "--run", run) == 1
    assert files(album / "out") == ["1950/b.gif.png", "a.jpg"]     # the same tree, nothing half-written
    err = capsys.readouterr().err
    assert "1 could not be read" in err and "broken.png" in err and "Traceback" not in err


def test_what_exists_is_left_alone_unless_told_otherwise(album, run, capsys):
    (album / "out").mkdir()
    (album / "out" / "a.jpg").write_bytes(b"mine")
    assert call("album/a.jpg", "out/a.jpg", "--run", run) == 0
    assert (album / "out" / "a.jpg").read_bytes() == b"mine" and "--overwrite" in capsys.readouterr().out
    assert call("album/a.jpg", "out/a.jpg", "--run", run, "--overwrite") == 0
    assert (album / "out" / "a.jpg").read_bytes() != b"mine"


def test_the_photograph_itself_is_never_replaced(album, run, capsys):
    before = (album / "album" / "a.jpg").read_bytes()
    for argv in (("album/a.jpg", "album/a.jpg"), ("album/a.jpg", "album"), ("album", "album")):
        assert "photograph itself" in refused(capsys, *argv, "--run", run, "--overwrite")
    assert (album / "album" / "a.jpg").read_bytes() == before


def test_results_inside_the_folder_are_not_colored_again(album, run):
    for _ in range(2):
        assert call("album", "album/colored", "--run", run) == 1
    assert files(album / "album" / "colored") == ["1950/b.gif.png", "a.jpg"]


@pytest.mark.parametrize(("argv", "expected"), [
    (("album/none.jpg", "out.png"), "none.jpg"), (("album/notes.txt", "out.png"), "notes.txt"),
    (("album/broken.png", "out.png"), "broken.png"), (("album/a.jpg", "out.docx"), ".docx"),
    (("empty", "out"), "no photographs"), (("texts", "out"), "no photographs"), (("album/a.jpg", "file/x.png"), "file"),
    (("album", "file"), "must be a folder"), (("album/a.jpg", "out.png", "--quality", "0"), "quality"),
    (("album/a.jpg", "out.png", "--device", "toaster"), "cpu or cuda"),
])  # fmt: skip
def test_bad_input_is_one_sentence(album, run, capsys, argv, expected):
    (album / "empty").mkdir()
    (album / "texts").mkdir()
    (album / "texts" / "a.txt").write_text("x")
    (album / "file").write_text("in the way")
    assert expected in refused(capsys, *argv, "--run", run)
    assert not (album / "out.png").exists()


def test_runs_that_are_none(album, run, capsys):
    assert "best.pt" in refused(capsys, "album/a.jpg", "o.png", "--run", "album")
    assert "nowhere" in refused(capsys, "album/a.jpg", "o.png", "--run", "nowhere")
    assert "--run" in refused(capsys, "album/a.jpg", "o.png")
    saved = checkpoint.load(f"{run}/best.pt")
    for change, expected in (({"name": "pix2piks"}, "pix2piks"), ({"base": 8}, "do not fit"), ({"nonsense": 1}, "nonsense")):
        checkpoint.save("other.pt", saved | {"recipe": saved["recipe"] | change})
        assert expected in refused(capsys, "album/a.jpg", "o.png", "--run", "other.pt")


def test_a_full_disk_leaves_no_half_picture(album, run):
    code = ("import resource, sys; from minicolor.colorize import main; "
            "resource.setrlimit(resource.RLIMIT_FSIZE, (900, -1)); main()")
    done = subprocess.run([sys.executable, "-c", code, "album", "out", "--run", run], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "too large" in done.stderr
    assert files(album / "out") == []
