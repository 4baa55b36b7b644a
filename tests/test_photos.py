"""Every file becomes its first picture or one clear sentence, however damaged it is; and nothing reaches stderr."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from photo_files import FORMATS, PHOTO, PIXELS, exif, header, packed
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngImageFile

from minicolor.data import photos
from minicolor.data.photos import decode, is_photo, read
from minicolor.errors import BadInput

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pytest sets aside the filter that photos.py sets
ROOT = Path(__file__).resolve().parent.parent


# ---- several frames, smaller JPEGs, names


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_counts(form):
    options = {"lossless": True} if form == "WEBP" else {}
    more = [PHOTO.rotate(180), PHOTO.rotate(90)]
    got = decode(packed(PHOTO, form, save_all=True, append_images=more, **options), "x")
    assert got.notes == (("" if form == "TIFF" else "animated: ") + "first of 3 frames used",)
    assert (got.rgb == decode(packed(PHOTO, form, **options), "x").rgb).all()


@pytest.mark.parametrize("at_least", [1, 99, 100, 101, 399, 400, 401, 9999])
def test_a_jpeg_shrinks_no_further_than_twice_what_is_needed(at_least):
    data = packed(PHOTO.resize((1203, 809), Image.Resampling.BICUBIC), "JPEG", exif=exif(6))
    got, full = decode(data, "x", at_least).rgb, decode(data, "x").rgb
    scale = max(s for s in (1, 2, 4, 8) if s == 1 or 809 // s >= 2 * at_least)
    assert got.shape == (-(-1203 // scale), -(-809 // scale), 3)
    small, same = (np.asarray(Image.fromarray(a).resize((20, 30)), float) for a in (got, full))
    assert np.abs(small - same).mean() < 4  # 1203 / 8 is 150.4, but there are 151 pixels
    with pytest.raises(ValueError, match="at_least"):
        decode(data, "x", 0)


def test_names():
    assert all(map(is_photo, ("a.jpg", "A.JPEG", "b/c.tif", "d.webp", "e.x.png")))
    assert not any(map(is_photo, (".a.jpg", "b/._c.jpg", "notes.txt", "jpg", ".png", "a.jpg.tmp", "")))


# ---- refusals


FLOATS = Image.fromarray(np.zeros((4, 4), np.float32))
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n\n"
REFUSED = [
    ("empty", b""),
    ("not a picture", b"hello, world" * 99),
    ("not a picture", bytes(5000)),
    ("not a picture", packed(PHOTO, "PNG")[:20]),
    ("not a picture", header(0, 5)),
    ("cut off", packed(PHOTO, "JPEG")[:-100]),
    ("cut off", packed(PHOTO, "PNG")[:-100]),
    ("too many pixels", header(60_000, 60_000)),
    ("too many pixels", b"P5 1000000000 1000000000 255\n"),
    ("8 or 16 bits", packed(FLOATS, "TIFF")),
    ("8 or 16 bits", packed(Image.new("I", (4, 4)), "TIFF")),
    ("EPS drawing", EPS),
]


@pytest.mark.parametrize("words, data", REFUSED)
def test_one_sentence_for_whatever_is_no_picture(words, data, tmp_path):
    (tmp_path / "my file.jpg").write_bytes(data)
    with pytest.raises(BadInput, match=words) as said:
        read(tmp_path / "my file.jpg")
    assert str(said.value).startswith(f"{tmp_path / 'my file.jpg'}: ") and str(said.value).endswith("expected")
    assert "\n" not in str(said.value) and "BytesIO" not in str(said.value)


RAISED = [SyntaxError, ValueError, struct.error, IndexError, EOFError, zlib.error, KeyError, TypeError, AssertionError]


@pytest.mark.parametrize("error", [*RAISED, OSError, RuntimeError, Image.DecompressionBombError, MemoryError])
def test_whatever_pillow_raises(error, monkeypatch):
    data = packed(PHOTO, "PNG")
    for owner, name in (ImageFile.ImageFile, "load"), (PngImageFile, "_open"):
        monkeypatch.setattr(owner, name, lambda self: (_ for _ in ()).throw(error("no\nwords")))
        with pytest.raises(BadInput, match="^x: (is|does|has).* expected$"):
            decode(data, "x")


def test_no_file_no_picture(tmp_path):
    for path in (tmp_path / "none.jpg", tmp_path, tmp_path / "a\0b.jpg", tmp_path / ("x" * 999), str(tmp_path)):
        with pytest.raises(BadInput, match="cannot be read .* expected"):
            read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among this system's files")
def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    for name in "pipe.jpg", "loop.jpg", "endless.jpg":
        with pytest.raises(BadInput, match=f"{name}: cannot be read .* expected"):
            read(tmp_path / name)


def test_the_limit_is_ours_and_is_known_from_the_header(monkeypatch):
    monkeypatch.setattr(photos, "MAX_PIXELS", 56 * 40)
    assert decode(packed(PHOTO, "PNG"), "x").rgb.shape == (40, 56, 3)
    monkeypatch.setattr(photos, "MAX_PIXELS", 56 * 40 - 1)
    with pytest.raises(BadInput, match="56 x 40 pixels; .* 2,239 "):
        decode(packed(PHOTO, "PNG")[:100], "x")


@settings(deadline=None, max_examples=400)
@given(
    form=st.sampled_from(sorted(FORMATS)),
    keep=st.one_of(st.just(1.0), st.floats(0, 1)),
    flips=st.lists(st.tuples(st.one_of(st.floats(0, 1), st.floats(0, 0.05)), st.integers(1, 255)), max_size=6),
    at_least=st.sampled_from([None, 3]),
)
def test_damage_gives_a_picture_or_a_sentence_never_a_traceback(form, keep, flips, at_least):
    data = bytearray(FORMATS[form][: round(keep * len(FORMATS[form]))])
    for where, change in flips if data else ():
        data[min(int(where * len(data)), len(data) - 1)] ^= change
    limit, photos.MAX_PIXELS = photos.MAX_PIXELS, 1_000_000  # a flipped size must not cost gigabytes here
    try:
        got = decode(bytes(data), "x", at_least)
        assert got.rgb.dtype == np.uint8 and got.rgb.ndim == 3 and got.rgb.shape[2] == 3
    except BadInput as e:
        assert str(e).startswith("x: ")
    finally:
        photos.MAX_PIXELS = limit


@settings(deadline=None, max_examples=150)
@given(junk=st.binary(min_size=1, max_size=60), at=st.integers(0, 150), keep=st.booleans())
@example(junk=b"MM\0*\0\0\xff\xff", at=0, keep=True)
@example(junk=b"x", at=0, keep=False)
def test_broken_exif_never_costs_the_picture(junk, at, keep):
    good = exif(1)
    bad = good[: 6 + at] + junk + (good[6 + at + len(junk) :] if keep else b"")
    got = decode(packed(PHOTO, "PNG", exif=bad), "x")
    assert sorted(got.rgb.ravel()) == sorted(PIXELS.ravel())
    assert got.exif or got.notes == ("broken EXIF dropped",) or bad in (b"Exif\0\0", b"Exif\0\0" * 2)  # EXIF of nothing


def test_nothing_reaches_stderr():
    """Pillow warns of corrupt EXIF and of many pixels, and logs an error: all printed, but for us. Threads, too."""
    program = """if 1:
        import threading; from tests.photo_files import *
        from minicolor.data.photos import decode; from minicolor.errors import BadInput
        def judge(data):
            try: return decode(data, "x").notes
            except BadInput: return "refused"
        far_away = tiff((0x010F, 2, 999, 999))
        tags = (256, 9), (257, 9), (258, 8), (259, 1), (262, 2), (273, 134), (277, 99)
        many = tiff(*((tag, 4, 1, value) for tag, value in tags))
        files = packed(PHOTO, "JPEG", exif=b"Exif\\0\\0" + far_away), far_away, many, header(10_000, 10_000)
        print(*map(judge, files))
        pool = [threading.Thread(target=judge, args=(FORMATS[f],)) for f in FORMATS for _ in "123"]
        [t.start() for t in pool]; [t.join() for t in pool]"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("() refused refused refused\n", "")
