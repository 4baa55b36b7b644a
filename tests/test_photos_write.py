"""What is written comes back, its EXIF too; and no write ever harms what was there."""

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from photo_files import PIXELS, exif, said

from minicolor.data.photos import encode, read, write
from minicolor.errors import BadInput

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pytest sets aside the filter that photos.py sets
ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("suffix", [".png", ".TIF", ".tiff", ".jpg", ".JPEG", ".webp"])
def test_what_is_written_comes_back(suffix, tmp_path):
    path = tmp_path / ("x" * 200 + suffix)
    view = np.ascontiguousarray(PIXELS[:, ::-1])[:, ::-1]  # strides that only a copy can write
    write(path, view, exif(1, width=9999), quality=100)
    write(str(path), view, exif(1, width=9999))  # over the old one
    got = read(path)
    assert said(got.exif) == ("Leitz", 1, "1932:05:01 12:00:00") and got.notes == ()
    if "TIF" in suffix.upper():  # there the inner folder moves, so the number that said where it was must go
        assert struct.pack("<H", 0xA005) not in path.read_bytes()
    off = np.abs(got.rgb.astype(int) - PIXELS)
    assert off.max() == 0 if suffix in (".png", ".TIF", ".tiff") else off.mean() < 8  # WebP: color at half size
    assert os.listdir(tmp_path) == [path.name]
    write(path, PIXELS)
    assert read(path).exif is None


def test_jpegs_keep_their_color_sharp(tmp_path):
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 200  # red, blue, red, blue: gone where two pixels share a color
    write(tmp_path / "a.jpg", stripes, quality=100)
    assert np.abs(read(tmp_path / "a.jpg").rgb.astype(int) - stripes).max() < 10


def test_exif_from_anywhere_can_be_written_anywhere(tmp_path):
    for data in (b"Exif\0\0junk", b"junk", b"", exif() + bytes(70_000), exif()[:40]):
        for suffix in ".jpg", ".png", ".tif", ".webp":
            write(tmp_path / f"a{suffix}", PIXELS, data)
            assert read(tmp_path / f"a{suffix}").rgb.shape == PIXELS.shape


def test_exif_that_a_tiff_cannot_repeat_does_not_swap_its_bytes(tmp_path):
    """Of such EXIF nothing is left; the file must say that its numbers are little-endian all the same."""
    odd = b"Exif\0\0MM\0*\0\0\0\x08\0\1" + struct.pack(">HHI4s", 0x011A, 2, 4, b"abc\0") + bytes(4)   # a resolution in letters
    grey = np.full((4, 5, 3), 1000, np.uint16)
    write(tmp_path / "a.tif", grey, odd)
    assert (read(tmp_path / "a.tif", deep=True).rgb == grey).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.webp"])
def test_a_file_in_memory_is_the_file_on_disk(name, tmp_path):
    out = io.BytesIO()
    assert encode(out, name, PIXELS, exif(1), 90) == write(tmp_path / name, PIXELS, exif(1), 90) == ()
    assert out.getvalue() == (tmp_path / name).read_bytes()


def test_what_cannot_be_written_is_refused(tmp_path):
    for name, width, words in ("a.bmp", 2, ".jpg .jpeg .png"), ("a", 2, ".tif"), ("a.webp", 16_384, "16383"):
        with pytest.raises(BadInput, match=words):
            write(tmp_path / name, np.zeros((1, width, 3), np.uint8))
    for wrong in np.zeros((2, 2)), np.zeros((2, 2, 3)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2, 3), np.uint8):
        with pytest.raises(ValueError, match="uint8"):
            write(tmp_path / "a.png", wrong)
    assert os.listdir(tmp_path) == []


def test_a_failed_write_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "folder.png", tmp_path / "none" / "a.png"):
        with pytest.raises(OSError) as e:
            write(path, PIXELS)
        assert e.value.filename == str(path) and e.value.strerror
    write(tmp_path / "a.png", PIXELS)
    for step, error in ("fsync", KeyboardInterrupt()), ("replace", OSError(28, "No space left on device")):

        def fail(*_, error=error):
            raise error

        with monkeypatch.context() as patch, pytest.raises(type(error)):
            patch.setattr(os, step, fail)
            write(tmp_path / "a.png", PIXELS[::-1])
    assert (read(tmp_path / "a.png").rgb == PIXELS).all()
    assert sorted(os.listdir(tmp_path)) == ["a.png", "folder.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    (tmp_path / "a.png").write_bytes(b"the old file")
    program = f"""if 1:
        import errno, os, resource; from tests.photo_files import PIXELS; from minicolor.data.photos import write
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try: write({str(tmp_path / "a.png")!r}, PIXELS)
        except OSError as e: print(errno.errorcode[e.errno], os.path.basename(e.filename))"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("EFBIG a.png\n", "")
    assert os.listdir(tmp_path) == ["a.png"] and (tmp_path / "a.png").read_bytes() == b"the old file"
