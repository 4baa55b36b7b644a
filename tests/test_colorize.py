"""A file or a folder comes out colored; what exists stays, what is bad is listed, nothing is half-written."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from archived_runs import coloring, denoising, enlarging
from photo_files import WIDE
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minicolor import checkpoint, colorize
from minicolor.restoring import enlarge


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return coloring(tmp_path_factory.mktemp("runs") / "mine")


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """The two stages beside coloring."""
    folder = tmp_path_factory.mktemp("others")
    return "--denoise", denoising(folder / "clean"), "--enlarge", enlarging(folder / "double")


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
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != "manifest.jsonl")


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
    assert "1 without a result" in err and "broken.png" in err and "Traceback" not in err


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
        assert "replace the photograph" in refused(capsys, *argv, "--run", run, "--overwrite")
    assert (album / "album" / "a.jpg").read_bytes() == before


def test_results_inside_the_folder_are_not_colored_again(album, run):
    for _ in range(2):
        assert call("album", "album/colored", "--run", run) == 1
    assert files(album / "album" / "colored") == ["1950/b.gif.png", "a.jpg"]


@pytest.mark.parametrize(("argv", "expected"), [
    (("album/none.jpg", "out.png"), "none.jpg"), (("album/notes.txt", "out.png"), "notes.txt"),
    (("album/broken.png", "out.png"), "broken.png"), (("album/a.jpg", "out.docx"), ".docx"),
    (("empty", "out"), "no pictures"), (("texts", "out"), "no pictures"), (("album/a.jpg", "file/x.png"), "file"),
    (("album", "file"), "must be a folder"), (("album/a.jpg", "out.png", "--quality", "0"), "quality"),
    (("album/a.jpg", "out.png", "--device", "toaster"), "cpu or cuda"),
    (("album/a.jpg", "out.png", "--size", "0"), "--size"), (("album/a.jpg", "out.png", "--saturation", "-1"), "saturation"),
    (("album/a.jpg", "out.png", "--saturation", "nan"), "saturation"), (("album/a.jpg", "out.png", "--format", "tif"), ".tiff"),
    (("album/a.jpg", "out.png", "--sizes", "a,b"), "--sizes"), (("album", "out", "--sizes", "64"), "one photograph"),
    (("album/a.jpg", "out.png", "--denoise", "album"), "best.pt"), (("album", "out", "--denoise", "album"), "best.pt"),
    (("album", "out", "--size", "0"), "--size"),
])  # fmt: skip
def test_bad_input_is_one_sentence(album, run, capsys, argv, expected):
    (album / "empty").mkdir()
    (album / "texts").mkdir()
    (album / "texts" / "a.txt").write_text("x")
    (album / "file").write_text("in the way")
    assert expected in refused(capsys, *argv, "--run", run)
    assert not (album / "out.png").exists() and not (album / "out").exists()


def test_runs_that_are_none(album, run, capsys):
    assert "best.pt" in refused(capsys, "album/a.jpg", "o.png", "--run", "album")
    assert "nowhere" in refused(capsys, "album/a.jpg", "o.png", "--run", "nowhere")
    for source, out in ("album/a.jpg", "o.png"), ("album", "out"):
        assert "--run" in refused(capsys, source, out) and "clean" in refused(capsys, source, out, "--run", "clean")
        assert "a run of pix2pix_lab" in refused(capsys, source, out, "--denoise", run)    # it does something else
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


def test_every_stage_alone_and_all_together(album, run, others, capsys):
    """The flags reach their stages: sizes, colors and what is said."""
    scan = np.full((100, 120), 255, np.uint8)                      # a white border of 20 pixels
    scan[20:80, 20:100] = np.random.default_rng(0).integers(40, 160, (60, 80), np.uint8)
    Image.fromarray(scan).save("scan.png")
    grey, colored = {}, {}
    for name, argv in {"denoise": others[:2], "enlarge": others[2:], "crop": ("--crop",), "run": ("--run", run),
                       "vivid": ("--run", run, "--saturation", "2"), "pale": ("--run", run, "--saturation", "0"),
                       "small": ("--run", run, "--size", "64"), "all": ("--run", run, "--crop", *others)}.items():
        assert call("scan.png", f"{name}.png", *argv) == 0
        with Image.open(f"{name}.png") as im:
            colored[name] = im.size
            pixels = np.asarray(im).astype(int)
            grey[name] = np.abs(pixels - pixels.mean(-1, keepdims=True).astype(int)).max() <= 1
    assert colored["enlarge"] == (240, 200) and colored["denoise"] == colored["run"] == colored["small"] == (120, 100)
    assert colored["crop"] == (80, 60) and colored["all"] == (160, 120)
    assert grey["denoise"] and grey["crop"] and grey["pale"] and not grey["run"] and not grey["all"]
    chroma = {n: np.ptp(np.asarray(Image.open(f"{n}.png"), int), axis=-1).mean() for n in ("run", "vivid", "pale")}
    assert chroma["pale"] < 1 < chroma["run"] < chroma["vivid"]
    assert "cropped from 120 x 100 to 80 x 60" in capsys.readouterr().out


def test_too_large_to_be_enlarged(album, others, capsys, monkeypatch):
    monkeypatch.setattr(enlarge, "MAX_PIXELS", 90 * 119)           # a.jpg is 45 x 60
    assert "album/a.jpg: 45 x 60 pixels would be" in refused(capsys, "album/a.jpg", "a.png", *others[2:])
    assert call("album", "out", *others[2:]) == 1 and "album/a.jpg: 45 x 60 pixels would be" in capsys.readouterr().err


def test_16_bits_stay_16_bits(album, run):
    tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed: pip install -e '.[test]'")
    ramp = np.linspace(20_000, 30_000, 64 * 50, dtype=np.uint16).reshape(50, 64)
    tifffile.imwrite("album/deep.tif", ramp)
    assert call("album/deep.tif", "out", "--run", run, "--saturation", "0") == 0
    out = tifffile.imread("out/deep.tif")
    assert out.dtype == np.uint16 and out.shape == (50, 64, 3) and np.abs(out.astype(int) - ramp[..., None]).max() <= 64
    assert len(np.unique(out[..., 1])) > 1000                      # 8 bits would be 40 steps


def test_what_the_file_says_goes_along(album, run):
    about = PngInfo()
    about.add_text("Description", "grandmother, 1950")
    Image.new("RGB", (40, 30), (90, 90, 90)).save("album/c.png", pnginfo=about, icc_profile=WIDE)
    for argv in ("album/c.png", "one/c.png"), ("album", "many"):
        call(*argv, "--run", run)
    for name in "one/c.png", "many/c.png":
        with Image.open(name) as im:
            assert im.text["Description"] == "grandmother, 1950" and im.info["icc_profile"] == WIDE


def test_another_format(album, run):
    assert call("album", "out", "--run", run, "--format", "webp", "--quality", "70") == 1
    assert files(album / "out") == ["1950/b.gif.webp", "a.jpg.webp"]
    with Image.open("out/a.jpg.webp") as im:
        assert im.format == "WEBP"


def test_a_folder_goes_on(album, run, capsys):
    assert call("album", "out", "--run", run) == 1
    os.remove("out/a.jpg")
    capsys.readouterr()
    assert call("album", "out", "--run", run) == 1
    said = capsys.readouterr()
    assert "1 of 3 exist already" in said.out and "1 done" in said.out and "broken.png" in said.err       # bad files every time
    assert "saturation 1.0, now 0.5" in refused(capsys, "album", "out", "--run", run, "--saturation", "0.5")
    assert call("album", "out", "--run", run, "--saturation", "0.5", "--overwrite") == 1
    lines = [json.loads(line) for line in (album / "out" / "manifest.jsonl").read_text().splitlines()]
    assert [e["input"] for e in lines if not e["error"]] == ["1950/b.gif", "a.jpg"] + ["a.jpg"] + ["1950/b.gif", "a.jpg"]


def test_a_contact_sheet(album, run, capsys):
    assert call("album/a.jpg", "sheet.png", "--run", run, "--sizes", "32,64,96") == 0
    with Image.open("sheet.png") as im:
        assert im.width > 3 * 45 and im.height > 60                # three pictures beside each other, and their labels
    assert "--run" in refused(capsys, "album/a.jpg", "x.png", "--crop", "--sizes", "32") and not os.path.exists("x.png")
    assert "such as 192,256,384, got '192,x'" in refused(capsys, "album/a.jpg", "x.png", "--run", run, "--sizes", "192,x")


def test_a_contact_sheet_does_not_take_the_name_of_the_result(album, run):
    assert call("album/a.jpg", "out", "--run", run, "--sizes", "32,64") == 0 and files(album / "out") == ["a-sizes.jpg"]
    assert call("album/a.jpg", "out", "--run", run) == 0 and files(album / "out") == ["a-sizes.jpg", "a.jpg"]


def test_a_folder_in_the_place_of_the_result(album, run, capsys):
    (album / "out" / "a.jpg").mkdir(parents=True)
    for more in (), ("--overwrite",):
        assert "a folder has the name" in refused(capsys, "album/a.jpg", "out", "--run", run, *more)
        assert call("album", "out", "--run", run, *more) == 1 and "album/a.jpg: a folder has" in capsys.readouterr().err


def test_the_page(album, run, capsys):
    assert call("album", "out", "--run", run, "--page") == 1 and "look at out/before_after.html" in capsys.readouterr().out
    made = album / "out" / "before_after.html"
    text = made.read_text()
    assert text.count("<figure") == 2 and "broken.png" in text
    made.unlink()
    assert call("album", "out", "--run", run, "--page") == 1 and made.read_text() == text     # also later
    before = made.read_bytes()
    assert call("album/a.jpg", "out/c.png", "--run", run, "--page") == 0
    assert (album / "out" / "c-before_after.html").read_text().count("<figure") == 1 and made.read_bytes() == before
