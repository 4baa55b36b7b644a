"""16 bits in are 16 bits out: every level of a TIFF that others wrote is read, and others read what is written."""

import io
import itertools
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_files import PLAIN, WIDE, exif, packed, png, said
from PIL import Image

from minicolor.data import photos, tiff
from minicolor.data.about import About
from minicolor.data.photos import decode, read, write
from minicolor.errors import BadInput

tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed: it comes with scikit-image")
cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -e '.[test]'")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pytest sets aside the filter that photos.py sets


def noise(*shape, seed=0):
    """Neighbors that differ a little, and by more than 15 bits: what a predictor has to wrap round for."""
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 65536, shape) // rng.choice([1, 300], shape)).astype(np.uint16)


def written(pixels, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, metadata=None, **options)
    return out.getvalue()


# ---- reading


@settings(deadline=None, max_examples=120)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)), samples=st.sampled_from([1, 3]), order=st.sampled_from("<>"),
    planar=st.sampled_from(["contig", "separate"]), pack=st.sampled_from([None, "zlib"]), predict=st.booleans(),
    block=st.sampled_from([{}, {"rowsperstrip": 1}, {"rowsperstrip": 7}, {"tile": (16, 32)}]), big=st.booleans(),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_every_level_of_a_tiff_is_read(size, samples, order, planar, pack, predict, block, big, seed):
    pixels = noise(*size, 3, seed=seed) if samples == 3 else noise(*size, seed=seed)
    stored = pixels.transpose(2, 0, 1) if samples == 3 and planar == "separate" else pixels
    options = {"planarconfig": planar, "photometric": "rgb"} if samples == 3 else {"photometric": "minisblack"}
    big = big and order == "<"                                              # Pillow knows no other
    options |= {"byteorder": order, "compression": pack, "predictor": predict and pack is not None, "bigtiff": big}
    data = written(stored, **block, **options)
    got = decode(data, "x", deep=True)
    assert got.rgb.dtype == np.uint16 and got.notes == ()
    assert (got.rgb == (pixels if samples == 3 else pixels[..., None])).all()
    assert got.rgb.flags.c_contiguous and got.rgb.flags.writeable
    assert decode(data, "x").rgb.dtype == np.uint8                          # who does not ask gets 8 bits, as ever


@pytest.mark.parametrize("compression, predictor", list(itertools.product([1, 5, 8, 32773, 32946], [1, 2])))
def test_whatever_libtiff_packs_is_read(compression, predictor):
    """OpenCV writes through libtiff: LZW, Deflate, PackBits, with and without predictor."""
    pixels = noise(61, 83, 3)
    flags = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 8]
    data = cv2.imencode(".tif", pixels[..., ::-1], flags)[1].tobytes()      # OpenCV speaks BGR
    got = decode(data, "x", deep=True)
    assert got.rgb.dtype == np.uint16 and (got.rgb == pixels).all() and got.notes == ()


def test_alpha_lies_over_white_in_16_bits():
    color, alpha = noise(40, 50, 3), noise(40, 50, 1, seed=1)
    over = np.rint((color.astype(float) * alpha + 65535.0 * (65535 - alpha)) / 65535)
    straight = written(np.concatenate([color, alpha], 2), photometric="rgb", extrasamples=["unassalpha"])
    got = decode(straight, "x", deep=True)
    assert (got.rgb == over).all() and got.notes == ("transparent parts put over white",)
    weak = np.rint(color.astype(float) * alpha / 65535).astype(np.uint16)
    got = decode(written(np.concatenate([weak, alpha], 2), photometric="rgb", extrasamples=["assocalpha"]), "x", deep=True)
    assert np.abs(got.rgb - over).max() <= 1.5                              # the weak color is rounded, then ours
    other = written(np.concatenate([color, alpha], 2), photometric="rgb", extrasamples=["unspecified"])
    assert (decode(other, "x", deep=True).rgb == color).all()               # infrared of a scanner, say
    assert (decode(written(color[..., 0], photometric="miniswhite"), "x", deep=True).rgb == 65535 - color[..., :1]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_and_shallow_stand_upright_alike(orientation):
    pixels = noise(30, 44, 3)
    data = written(pixels, photometric="rgb", extratags=[(274, 3, 1, orientation, True), (270, 2, 0, "grandmother", True)])
    deep, shallow = decode(data, "x", deep=True), decode(data, "x")
    assert (deep.rgb >> 8 == shallow.rgb).all() and deep.exif == shallow.exif     # Pillow gives the high byte
    tags = Image.Exif()
    tags.load(deep.exif)
    assert (tags[0x010E], tags[0x0112]) == ("grandmother", 1)


def test_grey_of_16_bits_comes_from_any_format():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pgm = b"P5 256 256 65535 " + every.astype(">u2").tobytes()
    for data in pgm, *(packed(Image.fromarray(every), form) for form in ("PNG", "JPEG2000", "TIFF")):
        got = decode(data, "x", deep=True)
        assert got.rgb.dtype == np.uint16 and (got.rgb == every[..., None]).all() and got.notes == ()
    grey = b"".join(b"\0" + row.astype(">u2").tobytes() for row in every)
    got = decode(png(256, 256, 16, 0, grey, (b"tRNS", b"\1\0")), "x", deep=True)
    assert (got.rgb[1, :2] == [[65535], [257]]).all()                       # only the value 256 is clear


def test_twelve_bits_fill_sixteen():
    every = np.arange(4096)
    bits = "".join(f"{v:012b}" for v in every)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    tags = [(256, 64), (257, 64), (258, 12), (259, 1), (262, 1), (273, 122), (277, 1), (278, 64), (279, len(data))]
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", 9) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags) + bytes(4)
    assert (decode(head + data, "x", deep=True).rgb.reshape(4096, 3) == np.rint(every / 4095 * 65535)[:, None]).all()


def test_what_comes_in_8_bits_says_so(monkeypatch):
    rows = b"".join(b"\0" + row.tobytes() for row in noise(8, 9, 3).astype(">u2"))
    note = ("16-bit color read as 8 bits",)
    assert decode(png(9, 8, 16, 2, rows), "x", deep=True).notes == note
    assert decode(png(9, 8, 16, 2, rows), "x").notes == ()                  # nobody asked
    for strange in {"planarconfig": "contig", "photometric": "rgb"}, {"photometric": "rgb", "tile": (16, 16)}:
        data = written(noise(40, 40, 3), compression="zlib", **strange)
        with monkeypatch.context() as patch:
            patch.setattr(tiff, "_LARGEST", 100)                            # a packed strip too large for the memory limit
            got = decode(data, "x", deep=True)
        assert got.rgb.dtype == np.uint8 and got.notes == note
    eight = decode(packed(Image.new("RGB", (3, 3), "red"), "TIFF"), "x", deep=True)
    assert eight.rgb.dtype == np.uint8 and eight.notes == ()                # 8 bits stay 8


@settings(deadline=None, max_examples=300)
@given(
    pack=st.sampled_from([None, "zlib"]), block=st.sampled_from([{"rowsperstrip": 5}, {"tile": (16, 16)}]), keep=st.floats(0, 1),
    flips=st.lists(st.tuples(st.integers(0, 420), st.integers(1, 255)), max_size=4),
)  # fmt: skip
def test_damage_gives_a_picture_or_a_sentence(pack, block, keep, flips):
    data = bytearray(written(noise(20, 31, 3), photometric="rgb", compression=pack, **block))
    data = data[: len(data) if keep > 0.5 else round(2 * keep * len(data))]
    for where, change in flips if data else ():
        data[where % len(data)] ^= change
    limit, photos.MAX_PIXELS = photos.MAX_PIXELS, 1_000_000
    try:
        assert decode(bytes(data), "x", deep=True).rgb.shape[2] == 3
    except BadInput as e:
        assert str(e).startswith("x: ")
    finally:
        photos.MAX_PIXELS = limit


# ---- writing


@settings(deadline=None, max_examples=40)
@given(size=st.tuples(st.integers(1, 60), st.integers(1, 60)), deep=st.booleans(), seed=st.integers(0, 9))
def test_others_read_what_is_written(size, deep, seed, tmp_path_factory):
    path = tmp_path_factory.mktemp("out") / "a.tif"
    pixels = noise(*size, 3, seed=seed) if deep else (noise(*size, 3, seed=seed) >> 8).astype(np.uint8)
    write(path, pixels, exif(1), about=About(icc=PLAIN, xmp=b"<x/>"))
    with tifffile.TiffFile(path) as f:
        page = f.pages[0]
        assert page.photometric.name == "RGB" and page.dtype == pixels.dtype and (page.asarray() == pixels).all()
        assert page.tags[34675].value == PLAIN and page.tags[700].value == b"<x/>" and page.tags[271].value == "Leitz"
    assert (cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1] == pixels).all()
    got = read(path, deep=True)
    assert (got.rgb == pixels).all() and got.rgb.dtype == pixels.dtype and got.about == About(PLAIN, b"<x/>")
    assert said(got.exif) == ("Leitz", 1, "1932:05:01 12:00:00") and got.notes == ()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_formats_of_8_bits_round(suffix, tmp_path):
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, 2)
    write(tmp_path / f"deep{suffix}", deep)
    write(tmp_path / f"shallow{suffix}", np.rint(deep / 257).astype(np.uint8))
    assert (tmp_path / f"deep{suffix}").read_bytes() == (tmp_path / f"shallow{suffix}").read_bytes()


def test_bands_meet_without_a_seam(tmp_path, monkeypatch):
    """A megapixel goes in one band; here, a row or two."""
    pixels, alpha = noise(37, 41, 3), noise(37, 41, 1, seed=1)
    rgba = np.concatenate([pixels, alpha], 2)
    blocks = {}, {"rowsperstrip": 5}, {"compression": "zlib"}
    files = [written(rgba, photometric="rgb", extrasamples=["unassalpha"], **block) for block in blocks]
    files.append(packed(Image.fromarray((rgba >> 8).astype(np.uint8)), "PNG"))
    files.append(packed(Image.fromarray(pixels[..., 0]), "PNG"))
    files.append(packed(Image.fromarray((rgba[..., :3] >> 8).astype(np.uint8)).quantize(20), "PNG", icc_profile=WIDE))
    whole = [decode(f, "x", deep=True).rgb for f in files]
    write(tmp_path / "whole.tif", pixels, about=About(WIDE))
    write(tmp_path / "whole.png", pixels, about=About(WIDE))
    monkeypatch.setattr(tiff, "BAND", 90)
    assert all((decode(f, "x", deep=True).rgb == w).all() for f, w in zip(files, whole))
    for suffix in "tif", "png":
        write(tmp_path / f"bands.{suffix}", pixels, about=About(WIDE))
        assert (tmp_path / f"bands.{suffix}").read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()
