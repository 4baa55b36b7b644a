"""An archive is unpacked whole or not at all, and never outside its folder; Python's own packers made what is unpacked."""

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from minicolor.data import unpack as module
from minicolor.data.unpack import unpack
from minicolor.errors import BadInput

FILES = {"set/train/a.jpg": b"a" * 3000, "set/train/b b.jpg": b"b", "set/val/\u00fc.jpg": bytes(range(256)) * 9000,
         "set/empty.txt": b""}


def pack(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, {".tar": "w", ".tgz": "w:gz", ".gz": "w:gz", ".xz": "w:xz"}[path.suffix]) as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def place(tmp_path):
    """The folder to unpack into; around it nothing may change."""
    (tmp_path / "around" / "into").mkdir(parents=True)
    yield tmp_path / "around" / "into"
    assert os.listdir(tmp_path / "around") == ["into"]


def refused(archive, place, said):
    before = tree(place)
    with pytest.raises(BadInput, match=said) as e:
        unpack(archive, place, progress=False)
    assert "\n" not in str(e.value) and tree(place) == before
    assert not (place / module.UNFINISHED).exists()


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tgz", "x.tar.gz", "x.tar.xz"])
def test_files_come_back_as_they_went_in(tmp_path, place, name):
    archive = pack(tmp_path / name, FILES)
    assert unpack(archive, place, progress=False) == place / "set"
    assert tree(place) == FILES and archive.exists()


@pytest.mark.parametrize("name", ["many.zip", "many.tar.gz"])
def test_what_has_no_single_folder_gets_one_of_the_archives_name(tmp_path, place, name):
    files = {"a/1.jpg": b"1", "b/2.jpg": b"2", "list.csv": b"3"}
    assert unpack(pack(tmp_path / name, files), place, progress=False) == place / "many"
    assert tree(place / "many") == files


def test_what_a_mac_packs_beside_the_files_is_left_out(tmp_path, place):
    unpack(pack(tmp_path / "x.zip", {"set/a.jpg": b"a", "__MACOSX/set/._a.jpg": b"?"}), place, progress=False)
    assert tree(place) == {"set/a.jpg": b"a"}


def test_an_archive_in_its_own_folder_stays(place):
    archive = pack(place / "x.zip", {"set/a.jpg": b"a"})
    unpack(archive, place, progress=False)
    assert sorted(os.listdir(place)) == ["set", "x.zip"]


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "//x", "..\\x", "a\\..\\x", "C:\\x", "c:x", "\\x", "a/.."])
def test_no_name_leads_outside(tmp_path, place, suffix, name):
    archive = pack(tmp_path / f"evil{suffix}", {"set/good.jpg": b"good", name: b"evil"})
    refused(archive, place, "leads outside")
    assert not (tmp_path / "x").exists() and not Path("/x").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_no_links_and_special_files_in_a_tar(tmp_path, place, kind):
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        for name, type_, target in (("set/out", kind, "../.."), ("set/out/x", tarfile.REGTYPE, "")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = type_, target
            archive.addfile(info)
    refused(tmp_path / "evil.tar", place, "a link or special file")


def test_no_links_in_a_zip(tmp_path, place):
    info = zipfile.ZipInfo("set/out")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(info, "../..")
    refused(tmp_path / "evil.zip", place, "a link or special file")


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tgz", "x.tar.xz"])
def test_every_truncation_is_refused_whole(tmp_path, place, name):
    data = pack(tmp_path / name, {**FILES, "set/noise": os.urandom(40_000)}).read_bytes()
    content = len(data) if name != "x.tar" else len(data.rstrip(b"\0")) // 512 * 512   # a tar ends with zeros nobody needs
    first = 512 + 3072                                              # where the first file of a tar ends: Python sees no harm
    for n in [0, 1, 100, 511, 512, 1024, first, content // 4, content // 2, content - 600, content - 1]:
        (tmp_path / name).write_bytes(data[:n])
        refused(tmp_path / name, place, "cannot be unpacked|no files in it")


@pytest.mark.parametrize("name", ["x.zip", "x.tgz"])
def test_a_flipped_bit_is_noticed(tmp_path, place, name):
    data = bytearray(pack(tmp_path / name, {"set/noise": os.urandom(40_000)}).read_bytes())
    data[20_000] ^= 1
    (tmp_path / name).write_bytes(data)
    refused(tmp_path / name, place, "cannot be unpacked")


@pytest.mark.parametrize("data", [b"<html>", b"\x89PNG" + bytes(600), b"Rar!"])
def test_what_is_no_archive_is_refused(tmp_path, place, data):
    (tmp_path / "x.zip").write_bytes(data)
    refused(tmp_path / "x.zip", place, "no zip or tar")


def test_an_archive_without_files_is_refused(tmp_path, place):
    refused(pack(tmp_path / "x.zip", {}), place, "no files in it")
    refused(pack(tmp_path / "x.zip", {"set/": b""}), place, "no files in it")


def test_what_is_already_there_is_not_touched(tmp_path, place):
    (place / "set").mkdir()
    (place / "set" / "mine.jpg").write_bytes(b"mine")
    refused(pack(tmp_path / "x.zip", FILES), place, "already there")
    assert tree(place) == {"set/mine.jpg": b"mine"}


def test_what_a_kill_left_is_cleared_and_a_failure_leaves_nothing(tmp_path, place, monkeypatch):
    (place / module.UNFINISHED / "set").mkdir(parents=True)
    (place / module.UNFINISHED / "set" / "half.jpg").write_bytes(b"ha")
    archive, read = pack(tmp_path / "x.zip", FILES), module._read

    def full(file, archive):
        if file.name.endswith("b b.jpg"):
            raise OSError(28, "No space left on device")
        return read(file, archive)

    with monkeypatch.context() as context, pytest.raises(OSError, match="No space"):
        context.setattr(module, "_read", full)
        unpack(archive, place, progress=False)
    assert os.listdir(place) == []
    unpack(archive, place, progress=False)
    assert tree(place) == FILES
