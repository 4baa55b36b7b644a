"""--data: scenes, a folder or a pack become a Pack; a folder is packed once; all else is refused in one sentence."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minicolor.data.pack import in_memory
from minicolor.data.pack import pack as pack_folder
from minicolor.data.scenes import draw
from minicolor.data.source import open_data, take
from minicolor.errors import BadInput

SIXTY = np.arange(60, dtype=np.uint8)[:, None, None, None].repeat(3, 3)
MANY = in_memory(SIXTY, [f"{i:03d}" for i in range(60)], "test")


def photographs(folder: Path, count: int = 5, side: int = 16) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(folder / f"{i}.png")
    return folder


def refused(*args, **keys) -> str:
    with pytest.raises(BadInput) as caught:
        open_data(*args, progress=False, **keys)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 400
    return sentence


def content(pack) -> dict:
    return {name: pack.pictures[row].tobytes() for name, row in zip(pack.names, pack.rows)}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty current folder, so that neither a folder called scenes nor packs/ of this checkout plays a part."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_scenes_are_drawn_from_the_seed(elsewhere):
    pack = open_data("scenes", 32, 4, seed=3)
    assert len(pack) == 4 and pack.size == 32 and not list(elsewhere.iterdir()), "nothing is written for drawn scenes"
    for i in range(4):
        np.testing.assert_array_equal(pack.pictures[pack.rows[i]], draw(3, i, 32).rgb)
    assert pack.hash == open_data("scenes", 32, 4, seed=3).hash != open_data("scenes", 32, 4, seed=4).hash
    assert set(open_data("scenes", 32, 2, seed=3).keys) <= set(pack.keys), "more scenes move none to another part"


def test_a_folder_is_packed_only_once(elsewhere, monkeypatch):
    source = photographs(elsewhere / "in")
    first = open_data(str(source), 16, 99, packs=elsewhere / "packs", progress=False)
    for i, name in enumerate(first.names):
        np.testing.assert_array_equal(first.pictures[first.rows[i]], np.asarray(Image.open(source / name)))
    files = {p: p.stat().st_mtime_ns for p in (elsewhere / "packs").rglob("*")}
    assert len(list((elsewhere / "packs").iterdir())) == 1 and list((elsewhere / "packs").glob("in-16-*"))

    def no(*_, **__):
        raise AssertionError("decoded again")

    monkeypatch.setattr("minicolor.data.pack.run", no)
    monkeypatch.chdir(source)                                  # the same folder by another name
    again = open_data(".", 16, 99, packs=elsewhere / "packs", progress=False)
    assert again.hash == first.hash and content(again) == content(first)
    assert {p: p.stat().st_mtime_ns for p in (elsewhere / "packs").rglob("*")} == files


def test_folders_of_one_name_and_other_sizes_have_packs_of_their_own(elsewhere):
    a, b = photographs(elsewhere / "a" / "in", 3), photographs(elsewhere / "b" / "in", 4)
    packs = [open_data(str(f), size, 99, packs="packs", progress=False) for f in (a, b) for size in (16, 8)]
    assert [len(p) for p in packs] == [3, 3, 4, 4] and [p.size for p in packs] == [16, 8, 16, 8]
    assert len(list((elsewhere / "packs").iterdir())) == 4


def test_a_pack_is_opened_as_it_is(elsewhere):
    made = pack_folder(photographs(elsewhere / "in"), elsewhere / "out", size=8, progress=False)
    opened = open_data(str(elsewhere / "out"), 8, 99, packs=elsewhere / "packs")
    assert opened.hash == made.hash and content(opened) == content(made) and not (elsewhere / "packs").exists()
    sentence = refused(str(elsewhere / "out"), 16, 99)
    assert "8 pixels" in sentence and "--size 8" in sentence and "--size 16" in sentence


def test_a_folder_called_scenes_is_that_folder(elsewhere):
    photographs(elsewhere / "scenes", 3)
    assert open_data("scenes", 16, 99, packs="packs", progress=False).names == ("0.png", "1.png", "2.png")


def test_what_is_not_there_is_refused(elsewhere):
    sentence = refused("no/such/folder", 16, 9)
    assert "no/such/folder" in sentence and "scenes" in sentence and "folder" in sentence


@pytest.mark.parametrize("make", ["empty folder", "texts", "text file", "broken pictures", "looks like a tar"])
def test_what_holds_no_pictures_is_refused_and_leaves_nothing(elsewhere, make):
    path = elsewhere / "in"
    if make == "text file":
        path.write_text("hello")
    elif make == "looks like a tar":
        path = elsewhere / "in.tar"
        path.write_bytes(b"no tar at all" * 99)
    else:
        path.mkdir()
    if make == "texts":
        (path / "notes.txt").write_text("hello")
        (path / "table.csv").write_text("1,2")
    if make == "broken pictures":
        (path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    assert str(path.name) in refused(str(path), 16, 9, packs=elsewhere / "packs")
    assert not list((elsewhere / "packs").rglob("*.npy"))


def test_at_most_so_many_of_a_folder(elsewhere):
    source = photographs(elsewhere / "in")
    whole, three = (open_data(str(source), 16, n, packs="packs", progress=False) for n in (5, 3))
    assert len(three) == 3 and content(three).items() <= content(whole).items()
    assert len(os.listdir("packs")) == 1, "taking fewer does not pack again"
    assert three.hash != whole.hash, "a run must notice that it has other pictures"


@settings(deadline=None)
@given(count=st.integers(1, 70))
def test_take_keeps_the_smallest_keys_in_list_order(count):
    taken = take(MANY, count)
    assert len(taken) == len(taken.rows) == len(taken.keys) == min(count, 60)
    assert set(taken.keys) == set(sorted(MANY.keys)[:count]) and taken.names == tuple(sorted(taken.names))
    assert content(taken).items() <= content(MANY).items(), "a name has lost its picture"
    assert [MANY.keys[MANY.names.index(name)] for name in taken.names] == list(taken.keys)
    assert taken.hash == take(MANY, count).hash and (taken.hash == MANY.hash) == (count >= 60)
    assert (taken.hash == take(MANY, count + 1).hash) == (count >= 60)
    assert set(taken.names) <= set(take(MANY, count + 1).names), "one more picture moved the others"


@settings(deadline=None)
@given(order=st.permutations(range(60)), count=st.integers(1, 59))
def test_take_does_not_depend_on_the_order(order, count):
    moved = replace(MANY, **{f: tuple(getattr(MANY, f)[i] for i in order) for f in ("rows", "names", "keys")})
    assert content(take(moved, count)) == content(take(MANY, count))
    assert take(moved, count).hash == take(MANY, count).hash


def test_take_is_no_prefix_of_the_names():
    """Photographs are often sorted by subject: the first twenty names would all be of one."""
    chosen = [int(name) for name in take(MANY, 20).names]
    assert 15 < np.mean(chosen) < 44 and chosen != list(range(20))     # 29.5 +- 4 sigma of a fair draw of 20
    assert "20 of 60" in take(MANY, 20).source


def test_of_a_known_data_set_only_the_color_photographs_are_taken(tmp_path, monkeypatch):
    """The Kaggle landscapes keep grey copies beside the colors; by name, by its own folder, the same pictures come."""
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path))
    place = tmp_path / "data" / "landscapes"
    for folder, color in (("color", (200, 30, 30)), ("gray", (90, 90, 90))):
        (place / "landscape Images" / folder).mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (40, 40), color).save(place / "landscape Images" / folder / f"{i}.jpg")
    by_name = open_data("landscapes", 32, 10, packs=tmp_path / "packs", progress=False)
    by_folder = open_data(str(place), 32, 10, packs=tmp_path / "packs", progress=False)
    for pack in (by_name, by_folder):
        assert len(pack) == 4 and all(np.ptp(pack.pictures[row].reshape(-1, 3).mean(0)) > 100 for row in pack.rows)
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path / "empty"))
    with pytest.raises(BadInput, match="the data set landscapes is not in"):
        open_data("landscapes", 32, 10, packs=tmp_path / "packs", progress=False)
