"""A line that was confirmed is read again after any kill; a torn one is not; two runs never write into one folder."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.archive import manifest
from minicolor.data.manifest import replace
from minicolor.errors import BadInput

text = st.text(st.characters(codec=None, exclude_characters="\0"), max_size=12)    # lone surrogates too: names that are no UTF-8


def entry(name="a.jpg", **more):
    return {"input": name, "output": name, "bytes": 1, "mtime_ns": 2, "settings": {"size": None}, "error": None, **more}


def plain(entries):
    return [{k: v for k, v in e.items() if k != "finished"} for e in entries]


@settings(max_examples=40, deadline=None)
@given(names=st.lists(text, max_size=5), error=st.none() | text)
def test_what_is_written_is_read(tmp_path_factory, names, error):
    out, lines = tmp_path_factory.mktemp("out"), [entry(n, error=error) for n in names]
    for line in lines:                                             # each in a run of its own
        with manifest.writing(out) as (append, _):
            append(dict(line))
    got = manifest.read(out)
    assert plain(got) == lines and [e["finished"] for e in got] == sorted(e["finished"] for e in got)
    raw = (out / "manifest.jsonl").read_bytes() if names else b""
    assert raw.isascii() and [json.loads(one)["input"] for one in raw.splitlines()] == names       # JSON lines for any program


@settings(max_examples=60, deadline=None)
@given(keep=st.floats(0, 1), more=st.integers(0, 2))
def test_a_torn_line_is_no_line(tmp_path_factory, keep, more):
    out, lines = tmp_path_factory.mktemp("out"), [entry(f"{i}.jpg") for i in range(3)]
    with manifest.writing(out) as (append, _):
        for line in lines:
            append(dict(line))
    whole = (out / "manifest.jsonl").read_bytes()
    torn = whole[: round(keep * len(whole))]                       # what a power cut leaves of it
    (out / "manifest.jsonl").write_bytes(torn)
    left = torn.count(b"\n")
    assert plain(manifest.read(out)) == lines[:left]
    with manifest.writing(out) as (append, _):
        for line in lines[:more]:
            append(dict(line))
    assert plain(manifest.read(out)) == lines[:left] + lines[:more]


def test_several_processes_write_several_files_and_all_are_read(tmp_path):
    with manifest.writing(tmp_path, 1, 3) as (second, _), manifest.writing(tmp_path, 0, 3) as (first, _):
        second(entry("b.jpg"))
        first(entry("a.jpg"))
        second(entry("c.jpg"))
        assert [e["input"] for e in manifest.read(tmp_path)] == ["b.jpg", "a.jpg", "c.jpg"]    # in the order of time
    assert sorted(os.listdir(tmp_path)) == ["manifest-0.jsonl", "manifest-1.jsonl"]
    with manifest.writing(tmp_path) as (alone, _):
        alone(entry("d.jpg"))
    assert [e["input"] for e in manifest.read(tmp_path)][-1] == "d.jpg"


@pytest.mark.parametrize(("one", "other"), [((0, 1), (0, 1)), ((0, 1), (1, 2)), ((1, 2), (0, 1)), ((1, 2), (1, 2)),
                                            ((3, 4), (0, 2))])
def test_two_runs_at_once_are_refused(tmp_path, one, other):
    pytest.importorskip("fcntl", reason="this system has no file locks")
    with manifest.writing(tmp_path, *one), pytest.raises(BadInput, match="another run"), manifest.writing(tmp_path, *other):
        pass
    with manifest.writing(tmp_path, *other):                       # its end is the end of the lock
        pass


def test_a_killed_run_holds_no_lock_and_leaves_nothing(tmp_path):
    code = ("import os, sys; from pathlib import Path; from minicolor.archive import manifest\n"
            "with manifest.writing(Path(sys.argv[1]), 2, 4) as (_, staging):\n"
            "    (staging / 'picture.png').write_bytes(b'half'); os.kill(os.getpid(), 9)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60)
    assert done.returncode == -9 and (tmp_path / ".manifest-2.part" / "picture.png").exists()
    with manifest.writing(tmp_path, 0, 2) as (_, staging):         # of fewer processes: nobody else would sweep there
        assert list(staging.iterdir()) == [] and not (tmp_path / ".manifest-2.part").exists()
    assert sorted(os.listdir(tmp_path)) == ["manifest-0.jsonl", "manifest-2.jsonl"]


@pytest.mark.parametrize("text", ["[1]\n", "hello\n", '{"input": "a"}\n', "{}\n{}\n", "\xff\n", '{"input": \n{}\n'])
def test_another_file_of_that_name_is_refused(tmp_path, text):
    (tmp_path / "manifest.jsonl").write_text(text, encoding="latin-1")
    with pytest.raises(BadInput, match="no manifest of minicolor"):
        manifest.read(tmp_path)
    assert (tmp_path / "manifest.jsonl").read_text(encoding="latin-1") == text


def test_no_folder_no_lines(tmp_path):
    assert manifest.read(tmp_path / "nowhere") == []


def test_two_writers_of_one_file(tmp_path, monkeypatch):
    """The page of several processes: each writes it whole, one of them last, and neither falls over the other."""
    real, again = os.replace, []

    def slow(new, path):                                           # between the writing and the renaming of the one, the other
        if not again:
            again.append(new)
            replace(tmp_path / "page.html", "theirs")
        return real(new, path)

    monkeypatch.setattr(os, "replace", slow)
    replace(tmp_path / "page.html", "ours")
    assert (tmp_path / "page.html").read_text() == "ours" and os.listdir(tmp_path) == ["page.html"]
    assert again[0].name.startswith(".") and again[0].name.endswith(".new")       # what a kill leaves is hidden
