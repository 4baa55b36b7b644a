"""A pack holds each picture once, under its own name, and says in one sentence what keeps it from being one."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minicolor.benches import packing as bench
from minicolor.data.manifest import digest
from minicolor.data.pack import in_memory, is_pack, open_pack, pack
from minicolor.errors import BadInput
from minicolor.pack import main

ROOT = Path(__file__).parents[1]


def draw(folder: Path, count: int, side: int = 40, suffix: str = ".png", seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{i:04d}{suffix}")
    return folder


def content(out: Path) -> tuple[bytes, dict]:
    """Everything in a pack but where it came from and when the files were written."""
    found = json.loads((out / "manifest.json").read_text())
    for entry in found["pictures"] + found["skipped"]:
        entry.pop("mtime_ns", None)
    return (out / "pictures.npy").read_bytes(), {**found, "source": "", "stamp": None}


def test_every_picture_is_where_the_manifest_says(tmp_path):
    source = draw(tmp_path / "in", 5, side=16)
    (source / "b").mkdir()
    (source / "0003.png").rename(source / "b" / "a.png")
    packed = pack(source, tmp_path / "out", size=16, progress=False)
    assert packed.names == ("0000.png", "0001.png", "0002.png", "0004.png", "b/a.png") and len(packed) == 5
    for i, name in enumerate(packed.names):
        file = source / name
        assert packed.keys[i] == hashlib.sha256(file.read_bytes()).hexdigest()
        np.testing.assert_array_equal(packed.pictures[packed.rows[i]], np.asarray(Image.open(file)))
    plain = np.load(tmp_path / "out" / "pictures.npy", mmap_mode="r")
    assert plain.shape == (5, 16, 16, 3) and plain.dtype == np.uint8
    np.testing.assert_array_equal(plain, packed.pictures)
    lines = "".join(f"{name}\0{key}\n" for name, key in zip(packed.names, packed.keys))
    assert packed.hash == hashlib.sha256(f"16\n{lines}".encode()).hexdigest()
    assert packed.hash == digest(packed.names[::-1], packed.keys[::-1], 16) != digest(packed.names, packed.keys, 17)
    with pytest.raises(ValueError, match="read-only"):
        packed.pictures[0, 0, 0, 0] = 1
    assert sorted(os.listdir(tmp_path / "out")) == ["manifest.json", "pictures.npy"], "the journal was left behind"


@pytest.mark.parametrize("turn", [False, True], ids=["wide", "tall"])
def test_the_middle_square_is_kept_and_antialiased(tmp_path, turn):
    stripes = np.zeros((60, 181, 3), np.uint8)  # middle square: columns 60 to 119
    stripes[:, :, 0], stripes[:, 60:120] = 255, (0, 128, 0)
    stripes[::2, 60:120, 2] = 255  # a fine grid, which must become an even grey-blue, not beats
    (tmp_path / "in").mkdir()
    Image.fromarray(stripes.swapaxes(0, 1) if turn else stripes).save(tmp_path / "in" / "x.png")
    packed = pack(tmp_path / "in", tmp_path / "out", size=17, progress=False)
    inside = packed.pictures[0].swapaxes(0, 1)[2:-2, 2:-2] if turn else packed.pictures[0][2:-2, 2:-2]
    np.testing.assert_allclose(inside, np.broadcast_to([0, 128, 127.5], inside.shape), atol=14)  # Lanczos rings
    entry = json.loads((tmp_path / "out" / "manifest.json").read_text())["pictures"][0]
    assert (entry["width"], entry["height"]) == ((60, 181) if turn else (181, 60))


def test_the_size_of_a_large_jpeg_is_that_of_the_file(tmp_path):
    draw(tmp_path / "in", 1, side=256, suffix=".jpg")  # decoded at 1/8 for size 16, so its size must be asked for
    pack(tmp_path / "in", tmp_path / "out", size=16, progress=False)
    entry = json.loads((tmp_path / "out" / "manifest.json").read_text())["pictures"][0]
    assert (entry["width"], entry["height"]) == (256, 256)


@settings(deadline=None, max_examples=5)
@given(order=st.permutations(range(8)), workers=st.integers(1, 3))
def test_the_order_of_the_directory_plays_no_part(tmp_path_factory, order, workers):
    room = tmp_path_factory.mktemp("order")
    source = draw(room / "in", 8)
    (room / "again").mkdir()
    for i in order:
        shutil.copy(source / f"{i:04d}.png", room / "again")
    pack(source, room / "a", size=16, progress=False)
    pack(room / "again", room / "b", size=16, workers=workers, progress=False)
    assert content(room / "a") == content(room / "b")


def test_the_number_of_workers_plays_no_part(tmp_path):
    source = draw(tmp_path / "in", 130, side=24)
    (source / "0050.png").write_bytes(b"nonsense")
    for workers in (1, 3):
        assert len(pack(source, tmp_path / str(workers), size=16, workers=workers, progress=False)) == 129
    assert content(tmp_path / "1") == content(tmp_path / "3")


def test_every_kind_of_picture(tmp_path):
    (tmp_path / "in").mkdir()
    ramp = np.linspace(0, 255, 32).round().astype(np.uint8)
    grey = Image.fromarray(np.tile(ramp, (32, 1)))
    red = Image.new("RGB", (32, 32), (255, 0, 0))
    for name, picture in {
        "16.png": Image.fromarray(np.tile(ramp.astype(np.uint16) * 257, (32, 1))), "grey.png": grey,
        "cmyk.jpg": red.convert("CMYK"), "palette.gif": red.convert("P"), "alpha.png": red.convert("RGBA"),
        "bits.png": grey.convert("1"),
    }.items():
        picture.save(tmp_path / "in" / name)
    packed = pack(tmp_path / "in", tmp_path / "out", size=32, progress=False)
    assert len(packed) == 6 and packed.skipped == ()
    by_name = {name: packed.pictures[row].astype(int) for name, row in zip(packed.names, packed.rows)}
    for name in "16.png", "grey.png":
        np.testing.assert_array_equal(by_name[name], np.tile(ramp[None, :, None], (32, 1, 3)))
    for name in "palette.gif", "alpha.png":
        np.testing.assert_array_equal(by_name[name], np.broadcast_to([255, 0, 0], (32, 32, 3)))
    assert (by_name["cmyk.jpg"][..., 0] > 230).all() and (by_name["cmyk.jpg"][..., 1:] < 40).all()


def test_bad_pictures_are_skipped_and_named(tmp_path, capsys):
    source = draw(tmp_path / "in", 4)
    whole = (source / "0001.png").read_bytes()
    (source / "0001.png").write_bytes(whole[: len(whole) // 2])
    (source / "0002.png").write_bytes(b"")
    packed = pack(source, tmp_path / "out", size=64)
    assert packed.names == ("0000.png", "0003.png") and packed.rows == (0, 3)
    assert [name for name, _ in packed.skipped] == ["0001.png", "0002.png"] and not packed.pictures[1:3].any()
    assert packed.pictures[0].any() and packed.pictures[3].any()
    said = capsys.readouterr().out
    assert "2 pictures of 64x64" in said and "2 of them were smaller" in said and "skipped 0001.png: is damaged" in said


def test_open_pack_refuses_what_is_broken(tmp_path):
    whole = tmp_path / "whole"
    pack(draw(tmp_path / "in", 3), whole, size=16, progress=False)
    text = (whole / "manifest.json").read_text()

    def broken(change, match):
        out = tmp_path / "broken"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(whole, out)
        change(out)
        with pytest.raises(BadInput, match=match):
            open_pack(out)
        return is_pack(out)

    assert is_pack(whole) and not is_pack(tmp_path / "in") and not is_pack(tmp_path / "nowhere")
    assert not broken(lambda out: (out / "manifest.json").unlink(), "is no pack")
    assert not broken(lambda out: (out / "manifest.json").rename(out / "journal.jsonl"), "journal")
    assert not broken(lambda out: (out / "manifest.json").write_text(text[:-40]), "no manifest|broken")
    assert not broken(lambda out: (out / "manifest.json").write_text(text.replace("0001.png", "9.png")), "broken")
    assert not broken(lambda out: (out / "manifest.json").write_text('{"format": "an app"}'), "no manifest")
    assert broken(lambda out: os.truncate(out / "pictures.npy", 1000), "cut off")
    assert broken(lambda out: (out / "pictures.npy").unlink(), "missing")
    assert broken(lambda out: np.save(out / "pictures.npy", np.zeros((3, 16, 16), np.uint8)), "does not fit")
    with pytest.raises(BadInput, match="is no pack"):
        open_pack(tmp_path / "nowhere")


def test_drawn_pictures_without_a_file():
    pictures = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)
    packed = in_memory(pictures, ["c", "a", "b"], "drawn")
    assert packed.names == ("a", "b", "c") and packed.keys[0] == hashlib.sha256(b"a").hexdigest() and packed.size == 4
    np.testing.assert_array_equal(packed.pictures[packed.rows[2]], pictures[0])
    for wrong, names in (pictures[..., :2], "abc"), (pictures / 255, "abc"), (pictures, "aab"), (pictures, "ab"):
        with pytest.raises(BadInput, match="expected"):
            in_memory(wrong, list(names), "wrong")


def _bad_inputs(room: Path) -> dict[str, tuple[list, str]]:
    good = draw(room / "good", 3)
    for name in "empty", "text", "broken", "foreign":
        (room / name).mkdir()
    for name in "text/a.txt", "text/b.txt", "foreign/notes.txt", "broken/a.jpg", "not.tar", "file":
        (room / name).write_text("words " * 200)
    with tarfile.open(room / "whole.tar", "w") as tar:
        tar.add(good, "good")
    with tarfile.open(room / "whole.tgz", "w:gz") as tar:
        tar.add(good, "good")
    data = (room / "whole.tar").read_bytes()
    with tarfile.open(room / "whole.tar") as tar:
        third = tar.getmembers()[3].offset
    (room / "cut.tar").write_bytes(data[: len(good.name) + 1000])
    (room / "cut2.tar").write_bytes(data[:third])  # exactly between two pictures: Python's tarfile sees nothing amiss
    (room / "cut.tgz").write_bytes((room / "whole.tgz").read_bytes()[:-100])
    pack(good, room / "small", size=8, progress=False)
    out = room / "out"
    return {
        "no source": ([room / "nowhere", out], "is not there"), "no picture": ([room / "empty", out], "no pictures in"),
        "text only": ([room / "text", out], "only 2 .txt"), "all broken": ([room / "broken", out], "none of the 1"),
        "not a tar": ([room / "not.tar", out], "as a tar"), "one picture": ([good / "0000.png", out], "as a tar"),
        "tar cut in a picture": ([room / "cut.tar", out], "tar"), "no end": ([room / "cut2.tar", out], "cut off"),
        "tgz cut": ([room / "cut.tgz", out], "cut off"), "out is a file": ([good, room / "file"], "expected a folder"),
        "out in a file": ([good, room / "file" / "out"], "not a directory"), "out is in": ([good, good], "other files"),
        "nobody may write there": ([good, "/proc/out"], "cannot write to /proc/out"),
        "foreign files": ([good, room / "foreign"], "notes.txt"), "size 0": ([good, out, "--size", "0"], "size 0"),
        "another size": ([good, room / "small", "--size", "16"], "size 8, not 16"),
        "another source": ([room / "whole.tar", room / "small", "--size", "8"], "already holds a pack of source"),
    }


def test_whatever_is_wrong_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys):
    cases = _bad_inputs(tmp_path)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    for what, (args, expected) in cases.items():
        monkeypatch.setattr(sys, "argv", ["minicolor.pack", *map(str, args)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr().err.replace("\r", "\n").split("\n")
        said = [line for line in said if line and not line.startswith("pack:")]  # but for the progress bar
        assert end.value.code == 2 and len(said) == 1 and expected in said[0], (what, end.value.code, said)
        assert sorted(str(path) for path in tmp_path.rglob("*")) == before, f"{what}: something was left behind"


def test_the_door_itself(tmp_path):
    def door(*args) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "minicolor.pack", *map(str, args)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    done = door(draw(tmp_path / "in", 3), tmp_path / "out", "--size", 8)
    assert done.returncode == 0 and "3 pictures of 8x8" in done.stdout and len(open_pack(tmp_path / "out")) == 3
    done = door(tmp_path / "nowhere", tmp_path / "new")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stderr.startswith("error: ")


def test_the_bench_times_both_sides(tmp_path):
    draw(tmp_path / "in", 3)
    for source, count in (tmp_path / "in", 2), (None, 4):
        row = bench.run(source, size=8, count=count, rounds=1)
        assert row["pictures"] == count and row["ratio"] > 0 and row["bare_pillow_per_s"] > 0


def test_importing_pack_does_not_import_torch():
    """Workers import it: two seconds of torch in each would be most of the time of packing a small folder."""
    code = "import sys, minicolor.data.pack, minicolor.data.workers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
