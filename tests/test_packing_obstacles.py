"""An unreadable file, a full disk or a second run costs a pack nothing that it had, and is said."""

import os

import pytest
from noise_folder import draw

from minicolor.data import workers
from minicolor.data.pack import open_pack, pack
from minicolor.errors import BadInput


def test_an_unreadable_file_is_tried_again(tmp_path, monkeypatch):
    source = draw(tmp_path / "in", 3)
    read = workers.read

    def forbidden(root, name, *args):
        if name == "0001.png":
            raise PermissionError(13, "Permission denied")
        return read(root, name, *args)

    monkeypatch.setattr(workers, "read", forbidden)
    packed = pack(source, tmp_path / "out", size=24, progress=False)
    assert packed.skipped == (("0001.png", "cannot be read: permission denied"),)
    monkeypatch.setattr(workers, "read", read)  # chmod changes neither bytes nor mtime
    assert len(pack(source, tmp_path / "out", size=24, progress=False)) == 3


def test_a_full_disk_leaves_a_finished_pack_alone(tmp_path, monkeypatch):
    source = draw(tmp_path / "in", 3)
    pack(source, tmp_path / "out", size=24, progress=False)
    draw(source, 9)

    held = (tmp_path / "out" / "pictures.npy").stat().st_size

    def full(handle, *_):
        os.ftruncate(handle, held + 1000)  # some file systems take what there is before they say no
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        pack(source, tmp_path / "out", size=24, progress=False)
    assert len(open_pack(tmp_path / "out")) == 3 and (tmp_path / "out" / "pictures.npy").stat().st_size == held


def test_two_runs_into_one_folder(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    source = draw(tmp_path / "in", 3)
    (tmp_path / "out").mkdir()
    handle = os.open(tmp_path / "out", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(BadInput, match="another run"):
        pack(source, tmp_path / "out", size=24, progress=False)
    os.close(handle)
    assert len(pack(source, tmp_path / "out", size=24, progress=False)) == 3
