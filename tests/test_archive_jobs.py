"""Every photograph of a folder is one job with a place of its own, whatever names and links there are; shares are the whole."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.archive.jobs import FORMATS, WRITABLE, Job, jobs, key, renamed, same, share
from minicolor.errors import BadInput


def put(root: Path, *names: str | bytes) -> None:
    for name in names:
        path = Path(os.fsdecode(os.path.join(os.fsencode(root), os.fsencode(name))))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(source, out, form=None):
    todo, bad = jobs(source, out, form)
    return {job.input: job.output for job in todo}, dict(bad)


def test_the_same_tree(tmp_path):
    put(tmp_path / "in", "b.JPG", "1950/a.tiff", "1950/may/c.gif", "notes.txt", "d.bmp", ".thumb.jpg", "._b.JPG")
    todo, bad = jobs(tmp_path / "in", tmp_path / "out")
    assert [(j.input, j.output) for j in todo] == [
        ("1950/a.tiff", "1950/a.tiff"), ("1950/may/c.gif", "1950/may/c.gif.png"), ("b.JPG", "b.JPG"), ("d.bmp", "d.bmp.png")]
    assert bad == []                                               # hidden files and texts are nobody's loss
    for job in todo:
        status = job.photo.stat()
        assert (job.photo, job.target) == (tmp_path / "in" / job.input, tmp_path / "out" / job.output)
        assert (job.bytes, job.mtime_ns) == (status.st_size, status.st_mtime_ns)


@pytest.mark.parametrize(("form", "name", "expected"), [
    ("png", "a.png", "a.png"), ("png", "a.jpg", "a.jpg.png"), ("jpg", "a.JPEG", "a.JPEG"), ("tif", "a.tiff", "a.tiff"),
    ("webp", "a.tif", "a.tif.webp"), (None, "a.webp", "a.webp"), (None, "a.jp2", "a.jp2.png"),
])  # fmt: skip
def test_another_format_keeps_the_old_name(form, name, expected):
    assert renamed(name, form) == expected


@given(st.sets(st.tuples(st.sampled_from("ab"), st.sampled_from([".jpg", ".jpeg", ".PNG", ".tif", ".webp"])), min_size=2),
       st.sampled_from([None, *FORMATS]))
def test_photographs_that_can_be_written_never_meet(names, form):
    got = [renamed(stem + suffix, form) for stem, suffix in names]
    assert len(set(got)) == len(got) and all(Path(n).suffix.lower() in WRITABLE for n in got)


def test_two_that_would_become_one(tmp_path):
    put(tmp_path / "in", "a.gif", "a.gif.png", "b.png")
    done, bad = found(tmp_path / "in", tmp_path / "out")
    assert done == {"a.gif": "a.gif.png", "b.png": "b.png"}        # the others go on
    assert list(bad) == ["a.gif.png"] and "as a.gif does" in bad["a.gif.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="on other systems these cannot stand beside each other")
def test_two_that_would_become_one_on_another_system(tmp_path):
    put(tmp_path / "in", "A.jpg", "a.jpg", "e\u0301.jpg", "\u00e9.jpg", "1950/b.jpg", "1950/B.JPG")
    done, bad = found(tmp_path / "in", tmp_path / "out")
    assert sorted(done) == ["1950/B.JPG", "A.jpg", "e\u0301.jpg"]
    assert sorted(bad) == ["1950/b.jpg", "a.jpg", "\u00e9.jpg"] and "the same name on some systems" in bad["a.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse names that are no UTF-8")
def test_names_that_are_no_text(tmp_path):
    put(tmp_path / "in", b"caf\xe9.jpg", "祖母/写真.jpg", "a b\n.png", "x" * 250 + ".jpg")
    done, bad = found(tmp_path / "in", tmp_path / "out")
    assert len(done) == 4 and all(k == v for k, v in done.items()) and not bad
    assert os.fsencode(next(n for n in done if n.startswith("caf"))) == b"caf\xe9.jpg"


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders on this system")
def test_links(tmp_path):
    put(tmp_path / "in", "1950/a.jpg")
    put(tmp_path / "elsewhere", "b.jpg")
    os.symlink(tmp_path / "in", tmp_path / "in" / "1950" / "round")        # a loop
    os.symlink(tmp_path / "elsewhere", tmp_path / "in" / "attic")          # a folder that is somewhere else
    os.symlink("nowhere", tmp_path / "in" / "dead.jpg")
    os.symlink("self.jpg", tmp_path / "in" / "self.jpg")
    os.mkfifo(tmp_path / "in" / "pipe.jpg")                                # reading it would wait for ever
    done, bad = found(tmp_path / "in", tmp_path / "out")
    assert sorted(done) == ["1950/a.jpg", "attic/b.jpg"]
    assert sorted(bad) == ["1950/round", "dead.jpg", "pipe.jpg", "self.jpg"] and "link back" in bad["1950/round"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every folder")
def test_a_locked_folder_is_listed_as_root_never_sees_it(tmp_path):
    put(tmp_path / "in", "a.jpg", "locked/b.jpg")
    (tmp_path / "in" / "locked").chmod(0)
    done, bad = found(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "locked").chmod(0o700)
    assert list(done) == ["a.jpg"] and "permission denied" in bad["locked"]


def test_a_folder_that_cannot_be_read_is_listed(tmp_path, monkeypatch):
    put(tmp_path / "in", "a.jpg", "locked/b.jpg")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    done, bad = found(tmp_path / "in", tmp_path / "out")
    assert list(done) == ["a.jpg"] and "permission denied" in bad["locked"]


def test_results_are_never_photographs(tmp_path):
    put(tmp_path / "in", "a.jpg", "colored/a.jpg", "b.jpg")
    assert sorted(found(tmp_path / "in", tmp_path / "in" / "colored")[0]) == ["a.jpg", "b.jpg"]
    for out in (tmp_path / "in", tmp_path / "in" / "colored" / ".."):
        with pytest.raises(BadInput, match="photographs themselves"):
            jobs(tmp_path / "in", out)
    put(tmp_path / "out", "b.jpg")
    os.symlink(tmp_path / "in" / "a.jpg", tmp_path / "out" / "a.jpg")      # a result that is the photograph under another name
    done, bad = found(tmp_path / "in", tmp_path / "out")
    assert "a.jpg" not in done and "photograph itself" in bad["a.jpg"] and same(tmp_path / "in/a.jpg", tmp_path / "out/a.jpg")


def test_no_photograph_is_ever_replaced_by_the_result_of_another(tmp_path):
    """photos/photos/b.png colored into the folder above would become photos/b.png."""
    put(tmp_path / "p", "photos/a.png", "photos/b.png", "photos/photos/b.png", "photos/photos/c.png")
    done, bad = found(tmp_path / "p" / "photos", tmp_path / "p")
    assert sorted(done) == ["a.png", "b.png"]
    assert "another photograph" in bad["photos/b.png"] and "among the photographs" in bad["photos/c.png"]
    (tmp_path / "out").mkdir()
    os.symlink(tmp_path / "p" / "photos", tmp_path / "out" / "photos")      # a link leads there
    done, bad = found(tmp_path / "p" / "photos", tmp_path / "out")
    assert sorted(done) == ["a.png", "b.png"] and sorted(bad) == ["photos/b.png", "photos/c.png"]


def test_a_folder_in_the_place_of_a_result_is_listed(tmp_path):
    put(tmp_path, "in/a.jpg", "in/b.jpg", "out/a.jpg/x")
    done, bad = found(tmp_path / "in", tmp_path / "out")
    assert list(done) == ["b.jpg"] and "a folder has the name" in bad["a.jpg"]


def test_out_is_no_photograph_from_the_moment_it_is_made(tmp_path, monkeypatch):
    put(tmp_path / "in", "a.jpg")
    real = os.scandir

    def scandir(path):                                             # another process makes OUT while this one looks
        put(tmp_path / "in" / "colored", "a.jpg")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert list(found(tmp_path / "in", tmp_path / "in" / "colored")[0]) == ["a.jpg"]


@pytest.mark.parametrize(("source", "out", "words"), [
    ("empty", "out", "no pictures"), ("texts", "out", "1 .txt"), ("in", "file", "OUT must be a folder")])
def test_bad_input_is_one_sentence(tmp_path, source, out, words):
    put(tmp_path, "in/a.jpg", "texts/a.txt", "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=words) as said:
        jobs(tmp_path / source, tmp_path / out)
    assert "\n" not in str(said.value)


def named(names) -> list[Job]:
    return [Job(Path(n), Path(n), n, n, 0, 0) for n in names]


# a job belongs to one process, whatever else that process sees: here it sees only some of the others
@settings(max_examples=50)
@given(names=st.sets(st.text(st.characters(codec=None), min_size=1)), world=st.integers(1, 9), missing=st.sets(st.integers(0, 9)))
def test_shares_are_the_whole_and_nothing_twice(names, world, missing):
    shares = [share(named(sorted(names)), rank, world) for rank in range(world)]
    assert sorted(j.output for one in shares for j in one) == sorted(names)
    fewer = [n for i, n in enumerate(sorted(names)) if i not in missing]
    assert [share(named(fewer), rank, world) for rank in range(world)] == [
        [j for j in one if j.output in fewer] for one in shares]


def test_shares_are_fair():
    sizes = [len(share(named(f"{i}.jpg" for i in range(4000)), rank, 4)) for rank in range(4)]
    assert max(sizes) < 1100                                       # 1000 each, and a spread of some 30
    assert key("e\u0301.JPG") == key("\u00e9.jpg") and share(named(["A.jpg"]), 0, 2) == share(named(["A.jpg"]), 0, 2)
