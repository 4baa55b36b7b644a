"""Folder or tar, whatever lies in it and however it is named: the same pictures, and a reason for each one left out."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minicolor.data.listing import listing
from minicolor.data.pack import pack
from minicolor.errors import BadInput


def draw(folder: Path, *names: str | bytes) -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file, "PNG")
    return folder


def listed(source: Path) -> tuple[list[str], dict[str, str]]:
    with listing(source, source.parent / "out") as found:
        return [file.name for file in found.files], dict(found.skipped)


@pytest.mark.parametrize("kind", ["", "gz", "bz2", "xz"])
@pytest.mark.parametrize("top", [".", "", "photos"], ids=["dot", "bare", "in a folder"])
def test_a_tar_is_the_folder(tmp_path, kind, top):
    source = draw(tmp_path / "in", "b/1.png", "a.png", "b/c/2.png")
    (source / "b" / "._1.png").write_bytes(b"\0" * 50)
    archive = tmp_path / f"x.tar{'.' if kind else ''}{kind}"
    with tarfile.open(archive, f"w:{kind}") as tar:
        if top:
            tar.add(source, top)
        else:
            for path in sorted(source.rglob("*"), reverse=True):
                tar.add(path, path.relative_to(source), recursive=False)
    folder = pack(source, tmp_path / "a", size=8, progress=False)
    packed = pack(archive, tmp_path / "b", size=8, progress=False)
    assert packed.hash == folder.hash and packed.names == folder.names == ("a.png", "b/1.png", "b/c/2.png")
    assert packed.skipped == folder.skipped
    np.testing.assert_array_equal(packed.pictures[list(packed.rows)], folder.pictures[list(folder.rows)])
    assert sorted(os.listdir(tmp_path / "b")) == ["manifest.json", "pictures.npy"], "the unpacked tar was left behind"


def test_of_two_members_with_one_name_the_later_counts(tmp_path):
    for part in "old", "new":
        draw(tmp_path / part, *(["x.png"] if part == "old" else ["other.png", "x.png"]))
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(tmp_path / "old" / "x.png", "x.png")
        tar.add(tmp_path / "new" / "x.png", "x.png")
    packed = pack(tmp_path / "x.tar", tmp_path / "out", size=8, progress=False)
    assert len(packed) == 1
    np.testing.assert_array_equal(packed.pictures[0], np.asarray(Image.open(tmp_path / "new" / "x.png")))


def test_hidden_files_and_macos_leftovers_are_skipped_with_a_reason(tmp_path):
    source = draw(tmp_path / "in", "a.png", ".b.png", "._a.png", "__MACOSX/c.png", ".thumbs/d.png", "x/.y/e.png")
    (source / "notes.txt").write_text("no picture, no mention")
    names, skipped = listed(source)
    assert names == ["a.png"]
    assert skipped == {".b.png": "hidden", "._a.png": "macOS metadata, not a picture", ".thumbs": "hidden (folder)",
                       "__MACOSX": "macOS metadata, not a picture (folder)", "x/.y": "hidden (folder)"}
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(source, "photos")
    assert listed(tmp_path / "x.tar")[0] == ["a.png"]


def test_links_are_followed_but_not_in_circles(tmp_path):
    source, elsewhere = draw(tmp_path / "in", "a/1.png"), draw(tmp_path / "elsewhere", "2.png")
    (source / "far").symlink_to(elsewhere)
    (source / "file.png").symlink_to(elsewhere / "2.png")
    (source / "a" / "up").symlink_to(source)
    (source / "a" / "here").symlink_to(".")
    (source / "self.png").symlink_to("self.png")
    (source / "gone.png").symlink_to(tmp_path / "nothing")
    names, skipped = listed(source)
    assert names == ["a/1.png", "far/2.png", "file.png"]
    assert sorted(skipped) == ["a/here", "a/up", "gone.png", "self.png"] and "link back" in skipped["a/up"]


def test_a_pipe_is_not_waited_for_and_a_file_that_fails_is_named(tmp_path):
    source = draw(tmp_path / "in", "a.png")
    os.mkfifo(source / "pipe.png")
    if os.path.exists("/proc/self/mem"):
        (source / "mem.png").symlink_to("/proc/self/mem")  # opens, then fails to be read, even for root
    packed = pack(source, tmp_path / "out", size=8, progress=False)
    assert packed.names == ("a.png",) and dict(packed.skipped)["pipe.png"] == "not a regular file"
    if os.path.exists("/proc/self/mem"):
        assert dict(packed.skipped)["mem.png"].startswith("cannot be read: ")


def test_names_that_are_no_unicode(tmp_path):
    source = draw(tmp_path / "in", b"caf\xe9.png", "été.png", b"bad\xff.png", "new\nline.png")
    (source / os.fsdecode(b"bad\xff.png")).write_bytes(b"nonsense")
    command = [sys.executable, "-m", "minicolor.pack", source, tmp_path / "out", "--size", "8"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True)
    assert done.returncode == 0 and rb"bad\udcff.png" in done.stdout, done.stderr
    packed = pack(source, tmp_path / "out", size=8, progress=False)
    assert packed.names == tuple(sorted(["caf\udce9.png", "new\nline.png", "été.png"]))
    with tarfile.open(tmp_path / "x.tar", "w", errors="surrogateescape") as tar:
        tar.add(source, ".")
    assert pack(tmp_path / "x.tar", tmp_path / "tar", size=8, progress=False).hash == packed.hash


def test_a_pack_inside_its_own_source(tmp_path):
    source = draw(tmp_path / "in", "a.png", "b.png")
    first = pack(source, source / "packs" / "mine", size=8, progress=False)
    draw(source / "packs" / "mine", "put_here_later.png")  # tolerated, never packed, never deleted
    draw(source, "c.png")
    second = pack(source, source / "packs" / "mine", size=8, progress=False)
    assert len(first) == 2 and second.names == ("a.png", "b.png", "c.png")
    assert (source / "packs" / "mine" / "put_here_later.png").exists()


def test_no_picture_says_what_is_there(tmp_path):
    source = draw(tmp_path / "in", ".only.png")
    (source / "read.me").touch()
    with pytest.raises(BadInput, match=r"only 1 \.me\).*skipped \.only\.png: hidden.*expected files such as \.jpg"):
        listed(source)
