"""What is bad is listed, what is done stays, other settings are said, and a full disk leaves whole pictures."""

import dataclasses
import errno
import json
import os

import pytest
from archived import NOW, album, do, invert, pictures
from PIL import Image

from minicolor.archive import manifest, page, work
from minicolor.archive.jobs import jobs
from minicolor.errors import BadInput


def refuse():
    raise AssertionError("the models were loaded though there is nothing to do")


def test_a_folder(tmp_path, capsys):
    source, out = album(tmp_path / "in"), tmp_path / "out"
    assert [line.partition(": ")[0] for line in do(source, out)] == [str(source / "broken.png")]
    assert sorted(pictures(out)) == ["0.png", "1950/1.jpg", "1950/3.webp", "2.gif.png"]
    with Image.open(source / "0.png") as before, Image.open(out / "0.png") as after:
        assert before.tobytes() == bytes(255 - v for v in after.tobytes())
    lines = {e["input"]: e for e in manifest.read(out)}
    assert sorted(lines) == ["0.png", "1950/1.jpg", "1950/3.webp", "2.gif", "broken.png"]
    assert "cut off" in (bad := lines.pop("broken.png"))["error"] or "damaged" in bad["error"]
    for e in lines.values():
        assert e["error"] is None and e["settings"] == NOW and e["size"] == [12, 9] and e["part"] == [0, 1, 0, 1]
        assert set(e["seconds"]) == {"read", "color", "write"} and e["notes"][-1] == "inverted"
    assert "4 done" in capsys.readouterr().out


def test_what_is_done_is_done(tmp_path, capsys):
    source, out = album(tmp_path / "in"), tmp_path / "out"
    do(source, out)
    (source / "broken.png").unlink()
    first, times = pictures(out), {p: p.stat().st_mtime_ns for p in out.rglob("*.*")}
    for overwrite in (False, True):                                # what was made exactly so would come out the same
        assert do(source, out, load=refuse, overwrite=overwrite) == []
        assert "4 of 4 exist already" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in times if "manifest" not in p.name} == {
        p: t for p, t in times.items() if "manifest" not in p.name}

    (out / "0.png").unlink()                                       # a lost result, a new version of a photograph
    Image.new("RGB", (3, 3), "red").save(source / "1950" / "1.jpg")
    assert do(source, out) == [] and "2 of 4 exist already" in capsys.readouterr().out
    again = pictures(out)
    assert {n for n in first if first[n] != again[n]} == {"1950/1.jpg"}


def test_other_settings_are_one_sentence_before_any_work(tmp_path):
    source, out = album(tmp_path / "in"), tmp_path / "out"
    do(source, out)
    before = pictures(out)
    with pytest.raises(BadInput, match=r"other settings \(saturation 1.0, now 0.5\): --overwrite") as said:
        do(source, out, NOW | {"saturation": 0.5}, load=refuse)
    assert "\n" not in str(said.value) and pictures(out) == before
    do(source, out, NOW | {"saturation": 0.5}, overwrite=True)
    assert {e["settings"]["saturation"] for e in manifest.read(out)[-5:]} == {0.5}


def test_what_something_else_made_stays(tmp_path, capsys):
    source, out = album(tmp_path / "in"), tmp_path / "out"
    out.mkdir()
    (out / "0.png").write_bytes(b"mine")
    do(source, out)
    assert (out / "0.png").read_bytes() == b"mine" and "1 of them made by something else" in capsys.readouterr().out
    do(source, out, overwrite=True)
    assert (out / "0.png").read_bytes() != b"mine"


def test_one_name_that_cannot_be_had(tmp_path):
    source, out = album(tmp_path / "in"), tmp_path / "out"
    long = source / ("x" * 251 + ".gif")                           # 255 bytes are a file system's limit; .png comes on top
    Image.new("L", (3, 3)).save(source / "short.gif")
    os.rename(source / "short.gif", long)
    out.mkdir()
    (out / "1950").write_text("a file where a folder should be")
    bad = do(source, out)
    assert len(bad) == 4 and any("too long" in b for b in bad) and sorted(pictures(out)) == ["0.png", "1950", "2.gif.png"]
    assert all("\n" not in b and ".part" not in b for b in bad)


def test_not_enough_memory_for_one(tmp_path):
    def greedy(photo, reuse=False):
        if photo.rgb.shape[0] == 50:
            raise MemoryError
        return invert(photo)

    source = album(tmp_path / "in")
    Image.new("L", (50, 50)).save(source / "large.png")
    bad = do(source, tmp_path / "out", load=lambda: greedy)
    assert len(bad) == 2 and bad[1] == f"{source / 'large.png'}: not enough memory for its size"


def test_a_bug_is_not_called_a_bad_file(tmp_path):
    def wrong(photo, reuse=False):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        do(album(tmp_path / "in"), tmp_path / "out", load=lambda: wrong)
    assert pictures(tmp_path / "out") == {}


@pytest.mark.parametrize("at", range(1, 9))
def test_a_full_disk_ends_the_work_and_leaves_whole_pictures(tmp_path, monkeypatch, at):
    """Every call that makes something durable fails once, pictures and manifest alike."""
    source, out, calls = album(tmp_path / "in"), tmp_path / "out", []

    def full(handle, real=os.fsync):
        calls.append(handle)
        if len(calls) == at + 1:                                   # the first is the new manifest's folder
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle)

    do(source, tmp_path / "whole")
    monkeypatch.setattr(os, "fsync", full)
    try:
        do(source, out)
    except OSError as e:
        assert e.errno == errno.ENOSPC and ".part" not in str(e.filename)
    monkeypatch.undo()
    whole = pictures(tmp_path / "whole")
    assert pictures(out).items() <= whole.items()                  # no half picture, nothing else
    do(source, out)
    assert pictures(out) == whole


@pytest.mark.parametrize("at", range(2, 11))
def test_a_full_disk_leaves_the_older_results(tmp_path, monkeypatch, at):
    source, out, calls = album(tmp_path / "in", 2), tmp_path / "out", []
    do(source, tmp_path / "whole")
    do(source, out, NOW | {"saturation": 0.0}, load=lambda: lambda photo, reuse=False: invert(photo_of(photo)))
    older, whole = pictures(out), pictures(tmp_path / "whole")

    def full(handle, real=os.fsync):
        calls.append(handle)
        if len(calls) >= at:                                       # full, and full it stays
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        do(source, out, overwrite=True)
    monkeypatch.undo()
    left = pictures(out)
    assert left.keys() == older.keys() and all(left[n] in (older[n], whole[n]) for n in left)
    do(source, out, overwrite=True)
    assert pictures(out) == whole


def photo_of(photo):
    return dataclasses.replace(photo, rgb=photo.rgb // 2)


def test_a_replacement_that_was_killed_is_made_again_also_without_overwrite(tmp_path):
    source, out = album(tmp_path / "in", 1), tmp_path / "out"
    do(source, out)
    true = pictures(out)
    begun = {**manifest.read(out)[0], "error": manifest.BEGUN}
    with manifest.writing(out) as (append, _):                     # killed here, so which of the two it is nobody knows
        append(begun)
    (out / "0.png").write_bytes(b"the old one")
    do(source, out)
    assert pictures(out) == true and manifest.read(out)[-2]["error"] is None


def test_what_another_run_did_meanwhile_is_done(tmp_path, capsys):
    source, out = album(tmp_path / "in"), tmp_path / "out"

    def load():                                                    # takes long enough for a whole other run
        do(source, out)
        capsys.readouterr()
        return lambda photo, reuse=False: pytest.fail("made twice")

    do(source, out, load=load)
    assert "4 of 5 exist already" in capsys.readouterr().out
    assert len([e for e in manifest.read(out) if not e["error"]]) == 4


def test_what_never_became_a_job_is_noted_once(tmp_path, monkeypatch):
    source, out = album(tmp_path / "in", 1), tmp_path / "out"
    os.symlink("nowhere", source / "dead.jpg")
    for rank in "0", "1", "0":
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "2")
        do(source, out)
    dead = [e for e in manifest.read(out) if e["input"] == "dead.jpg"]
    assert len(dead) == 1 and dead[0]["output"] is None and "cannot be read" in dead[0]["error"]


def test_shares_of_several_processes(tmp_path, monkeypatch):
    source, out = album(tmp_path / "in", 7), tmp_path / "out"
    do(source, tmp_path / "whole")
    failed = []
    for rank in (2, 0, 1):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "3")
        failed += do(source, out)
        assert work.write_page(jobs(source, out)[0], out, []) == (rank == 1)       # the last one, whichever it is
    assert len(failed) == 1 and {n: b for n, b in pictures(out).items() if n != page.NAME} == pictures(tmp_path / "whole")
    every = [e["input"] for e in manifest.read(out)]
    assert len(every) == len(set(every)) == 8                      # nothing twice
    monkeypatch.setenv("WORLD_SIZE", "2")                          # gone on with by fewer
    assert do(source, out, load=lambda: invert) in ([], failed)


def test_the_page_knows_what_the_manifest_knows(tmp_path):
    source, out = album(tmp_path / "in"), tmp_path / "out"
    do(source, out)
    found, _ = jobs(source, out)
    assert work.write_page(found, out, ["loop: a link back"])
    text = (out / page.NAME).read_text()
    assert text.count("<figure") == 4 and "2 without a result" in text and "broken.png" in text and "loop: a link" in text


def test_settings_know_the_weights(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "best.pt").write_bytes(b"weights")
    runs = {"run": str(tmp_path / "mine"), "denoise": None}
    one = work.settings(runs, crop=True)
    assert one["run"].startswith("mine ") and one["denoise"] is None and one["crop"] is True
    assert one == json.loads(json.dumps(one))                      # as it will be compared with what a manifest holds
    (tmp_path / "mine" / "best.pt").write_bytes(b"trained further")
    assert work.settings(runs, crop=True) != one
    for run in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(BadInput, match=f"--denoise {run}: .* cannot be read"):
            work.settings({"denoise": str(run)})
