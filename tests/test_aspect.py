"""The aspect filter of a pack: what is outside is left out by its upright width/height, listed, black, and never mixed up."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicolor.data.manifest import JOURNAL, MANIFEST
from minicolor.data.pack import open_pack, pack
from minicolor.data.source import open_data
from minicolor.errors import BadInput

D = (0.5, 1.5)  # report D, 2.1
SIZES = {"low": (20, 40), "lower": (19, 40), "square": (40, 40), "high": (60, 40), "higher": (61, 40), "wide": (160, 90)}


def photograph(width, height, orientation=1, form="PNG"):
    """Bright pixels, so that a black row is no picture; orientation 6 is a camera held on its side."""
    pixels = np.random.default_rng(width * height).integers(100, 256, (height, width, 3), dtype=np.uint8)
    tags, out = Image.Exif(), io.BytesIO()
    tags[0x0112] = orientation
    Image.fromarray(pixels).save(out, form, exif=tags)
    return out.getvalue()


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in SIZES.items():
        (folder / f"{name}.png").write_bytes(photograph(*size))
    return folder


def packed(source, out, **keys):
    return pack(source, out, size=16, progress=False, **keys)


def refused(what, *args, **keys):
    with pytest.raises(BadInput) as caught:
        what(*args, **keys)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 400
    return sentence


def test_what_is_outside_is_skipped_with_its_figure_and_the_ends_are_inside(photos, tmp_path):
    found = packed(photos, tmp_path / "out", aspect=D)
    assert found.names == ("high.png", "low.png", "square.png") and found.aspect == D
    assert dict(found.skipped) == {
        "higher.png": "width/height 1.52 is outside 0.5 to 1.5", "lower.png": "width/height 0.475 is outside 0.5 to 1.5",
        "wide.png": "width/height 1.78 is outside 0.5 to 1.5"}
    everything = packed(photos, tmp_path / "all")
    assert everything.aspect is None and len(everything) == 6 and not everything.skipped
    for name, row in zip(found.names, found.rows):
        there = everything.pictures[everything.rows[everything.names.index(name)]]
        np.testing.assert_array_equal(found.pictures[row], there)
    assert found.hash != everything.hash


def test_what_was_left_out_is_not_in_the_pixels(photos, tmp_path):
    found = packed(photos, tmp_path / "out", aspect=D)
    black = set(range(len(found.pictures))) - set(found.rows)
    assert len(black) == 3 and not any(found.pictures[row].any() for row in black)


def test_the_picture_counts_as_one_sees_it(tmp_path):
    """Stored as 90 x 40 and turned by its EXIF: 40 x 90 is 0.444; large ones are decoded at a reduced scale."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "upright.jpg").write_bytes(photograph(90, 40, form="JPEG"))
    (folder / "turned.jpg").write_bytes(photograph(90, 40, orientation=6, form="JPEG"))
    (folder / "large.jpg").write_bytes(photograph(900, 400, orientation=6, form="JPEG"))
    found = packed(folder, tmp_path / "out", aspect=(0.4, 1.0))
    assert found.names == ("large.jpg", "turned.jpg")
    assert dict(found.skipped) == {"upright.jpg": "width/height 2.25 is outside 0.4 to 1"}


def test_a_figure_just_outside_does_not_look_inside(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(photograph(1501, 1000))
    (folder / "b.png").write_bytes(photograph(8, 8))
    assert dict(packed(folder, tmp_path / "out", aspect=D).skipped) == {"a.png": "width/height 1.501 is outside 0.5 to 1.5"}


@pytest.mark.parametrize("first, second", [(D, None), (None, D), (D, (0.5, 2.0))])
def test_another_aspect_is_refused_and_leaves_the_pack_alone(photos, tmp_path, first, second):
    out = tmp_path / "out"
    packed(photos, out, aspect=first)
    before = (out / MANIFEST).read_bytes()
    assert "already holds a pack of aspect" in refused(packed, photos, out, aspect=second)
    assert (out / MANIFEST).read_bytes() == before


def test_an_unfinished_pack_of_another_aspect_is_refused_too(photos, tmp_path):
    out = tmp_path / "out"
    packed(photos, out, aspect=D)
    head = {key: value for key, value in json.loads((out / MANIFEST).read_text()).items() if not isinstance(value, list)}
    (out / MANIFEST).unlink()
    (out / JOURNAL).write_text(json.dumps({**head, "aspect": list(D)}) + "\n")
    assert "an unfinished pack of aspect [0.5, 1.5], not any" in refused(packed, photos, out)
    assert len(packed(photos, out, aspect=D)) == 3


def test_the_same_again_does_nothing_and_a_new_picture_is_judged(photos, tmp_path):
    out = tmp_path / "out"
    first = packed(photos, out, aspect=D)
    before = (out / MANIFEST).stat().st_mtime_ns
    assert packed(photos, out, aspect=D).hash == first.hash and (out / MANIFEST).stat().st_mtime_ns == before
    (photos / "new.png").write_bytes(photograph(100, 30))
    (photos / "wide.png").write_bytes(photograph(30, 31))                # replaced: now it fits
    updated = packed(photos, out, aspect=D)
    assert updated.names == ("high.png", "low.png", "square.png", "wide.png")
    assert dict(updated.skipped)["new.png"] == "width/height 3.33 is outside 0.5 to 1.5"
    assert updated.pictures[updated.rows[3]].any()


def test_a_tar_gives_the_same_and_workers_too(photos, tmp_path):
    for i in range(80):                                                  # enough for workers to start
        (photos / f"{i:02d}.png").write_bytes(photograph(20 + i, 40))
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(photos, "photos")
    folder = packed(photos, tmp_path / "a", aspect=D, workers=2)
    tar = packed(tmp_path / "photos.tar", tmp_path / "b", aspect=D, workers=1)
    assert folder.hash == tar.hash and len(folder) == 3 + 41 and len(folder.skipped) == 3 + 39
    assert packed(tmp_path / "photos.tar", tmp_path / "b", aspect=D).hash == tar.hash
    assert "pack of aspect" in refused(packed, tmp_path / "photos.tar", tmp_path / "b")
    rows = [found.pictures[list(found.rows)].tobytes() for found in (folder, tar)]
    assert rows[0] == rows[1]


def test_nothing_inside_is_one_sentence_and_leaves_no_pack(photos, tmp_path):
    sentence = refused(packed, photos, tmp_path / "out", aspect=(5, 6))
    assert "none of the 6 pictures" in sentence and "high.png: width/height 1.5 is outside 5 to 6" in sentence
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("aspect", [(1.5, 0.5), (0, 1), (-1, 1), (0.5, float("inf")), (float("nan"), 1), (0.5,)])
def test_values_that_are_none_are_refused(photos, tmp_path, aspect):
    assert "expected the lowest and the highest width/height" in refused(packed, photos, tmp_path / "out", aspect=aspect)
    assert not (tmp_path / "out").exists()


def test_open_data_keeps_the_two_packs_apart(photos, tmp_path):
    packs = tmp_path / "packs"
    everything = open_data(str(photos), 16, 100, packs=packs, progress=False)
    chosen = open_data(str(photos), 16, 100, packs=packs, progress=False, aspect=D)
    assert len(everything) == 6 and len(chosen) == 3 and chosen.aspect == D
    folders = sorted(p.name for p in packs.iterdir())
    assert len(folders) == 2 and sum("aspect-0.5-1.5" in name for name in folders) == 1
    assert open_data(str(photos), 16, 2, packs=packs, progress=False, aspect=D).aspect == D
    assert len(list(packs.iterdir())) == 2


def test_open_data_takes_a_pack_of_the_aspect_asked_for_alone(photos, tmp_path):
    packed(photos, tmp_path / "all")
    packed(photos, tmp_path / "d", aspect=D)
    assert len(open_data(str(tmp_path / "d"), 16, 100, aspect=D)) == 3
    assert len(open_data(str(tmp_path / "d"), 16, 100)) == 3             # no wish: a pack is what it is
    sentence = refused(open_data, str(tmp_path / "all"), 16, 100, aspect=D)
    assert "was packed with width/height of any value" in sentence and "--aspect 0.5,1.5" in sentence
    assert "from 0.5 to 1.5" in refused(open_data, str(tmp_path / "d"), 16, 100, aspect=(0.5, 2))
    assert len(open_data("scenes", 16, 2, aspect=D)) == 2


def test_a_manifest_with_a_broken_aspect_is_called_broken(photos, tmp_path):
    packed(photos, tmp_path / "out", aspect=D)
    path = tmp_path / "out" / MANIFEST
    path.write_text(path.read_text().replace("[0.5, 1.5]", '["a", 1]'))
    assert "is broken" in refused(open_pack, tmp_path / "out")


def door(*args):
    command = [sys.executable, "-m", "minicolor.pack", *map(str, args)]
    return subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)


def test_the_door_takes_it_and_says_what_was_skipped(photos, tmp_path):
    done = door(photos, tmp_path / "out", "--size", "16", "--aspect", "0.5,1.5")
    assert done.returncode == 0 and "3 pictures of 16x16" in done.stdout
    assert "skipped wide.png: width/height 1.78 is outside 0.5 to 1.5" in done.stdout
    assert open_pack(tmp_path / "out").aspect == D


@pytest.mark.parametrize("text", ["1", "a,b", "0.5,1,2", "1.5,0.5"])
def test_the_door_refuses_what_is_no_pair_in_one_line(photos, tmp_path, text):
    done = door(photos, tmp_path / "out", "--size", "16", "--aspect", text)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "such as 0.5,1.5" in done.stderr and not (tmp_path / "out").exists()
