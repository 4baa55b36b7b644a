"""Every file becomes the picture that its maker saw, or one clear sentence; and no write ever harms what was there."""

import io
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
from PIL import Image, ImageCms, ImageFile
from PIL.PngImagePlugin import PngImageFile

from minicolor.data import photos
from minicolor.data.photos import decode, is_photo, read, write
from minicolor.errors import BadInput

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pytest sets aside the filter that photos.py sets
ROOT = Path(__file__).resolve().parent.parent
PIXELS = np.kron(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
PHOTO = Image.fromarray(PIXELS)  # 56 x 40: blocks of 8, so that JPEG hardly hurts it


def packed(im, form, **options):
    out = io.BytesIO()
    im.save(out, form, **options)
    return out.getvalue()


def png(width, height, bits, kind, rows=b"", *chunks):
    """A PNG made by hand, for what Pillow cannot write."""
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    every = [head, *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    tagged = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in every]
    return b"\x89PNG\r\n\x1a\n" + b"".join(tagged)


def tiff(*tags):
    """The head of a little TIFF made by hand, (tag, type, how many, value) for each tag; its data may follow."""
    folder = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + folder + bytes(4)


def exif(orientation=1, order=">", width=None):
    tags = Image.Exif()
    tags.endian = order
    tags[0x010F], tags[0x0112] = "Leitz", orientation
    if width:
        tags[0x0100] = width
    tags[0x8769] = {0x9003: "1932:05:01 12:00:00", 0xA005: {1: "R98"}}  # when it was taken; a folder in the folder
    return tags.tobytes()


def said(data):
    tags = Image.Exif()
    tags.load(data)
    return tags.get(0x010F), tags.get(0x0112), tags.get_ifd(0x8769).get(0x9003)


def srgb(linear):
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


# ---- color profiles, made by hand after ICC.1:2001-04, so that their arithmetic is known


def fixed(*values):
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))


def xyz(*values):
    return b"XYZ \0\0\0\0" + fixed(*values)


def curve(*values):  # one value: a gamma in 1/256; more: a table
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def profile(space, pcs, **tags):
    at, index, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        index += name.encode() + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s12x4s28x12s", at + len(body), 0x02400000, b"mntr", space, pcs, b"acsp", D50)
    return head.ljust(128, b"\0") + index + body


D50 = fixed(0.9642, 1, 0.8249)
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
ramp = np.arange(1024) / 1023
table = np.where(ramp <= 0.04045, ramp / 12.92, ((ramp + 0.055) / 1.055) ** 2.4)


def rgb_profile(matrix, trc):
    r, g, b = (xyz(*column) for column in matrix.T)
    return profile(b"RGB ", b"XYZ ", wtpt=xyz(0.9642, 1, 0.8249), rXYZ=r, gXYZ=g, bXYZ=b, rTRC=trc, gTRC=trc, bTRC=trc)


WIDE = rgb_profile(ADOBE, curve(563))  # Adobe RGB (1998): gamma 563 / 256
PLAIN = rgb_profile(SRGB, curve(*(round(65535 * v) for v in table)))  # what cameras and HP's profile call sRGB
LIGHT = profile(b"GRAY", b"XYZ ", wtpt=xyz(0.9642, 1, 0.8249), kTRC=curve(256))  # grey values are amounts of light
PAPER = [255 * (1 - c / 2) * (1 - k) for c in (0, 1) for _m in (0, 1) for _y in (0, 1) for k in (0, 1)]
INK = profile(  # a press whose cyan is a middle grey and whose magenta and yellow leave no trace: nobody's default
    b"CMYK", b"Lab ",
    A2B0=b"mft1\0\0\0\0\4\3\2\0" + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + bytes(range(256)) * 4
    + bytes(v for light in PAPER for v in (round(light), 128, 128)) + bytes(range(256)) * 3,
)  # fmt: skip


def test_a_profile_moves_colors_where_arithmetic_says():
    got = decode(packed(PHOTO, "PNG", icc_profile=WIDE), "x.png")
    light = (PIXELS / 255) ** (563 / 256) @ ADOBE.T @ np.linalg.inv(SRGB).T
    assert np.abs(got.rgb - srgb(light.clip(0, 1))).max() <= 2  # lcms counts in 8 and 16 bits here
    assert np.abs(got.rgb.astype(int) - PIXELS).max() > 40  # the question was not idle
    assert got.notes == ()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_a_grey_profile_and_alpha_together(form):
    grey, half = np.meshgrid(np.arange(256), np.arange(0, 256, 5))
    im = Image.merge("LA", [Image.fromarray(c.astype(np.uint8)) for c in (grey, half)])
    got = decode(packed(im, form, icc_profile=LIGHT), "x")
    want = srgb(grey / 255) * half / 255 + 255 - half
    assert np.abs(got.rgb - want[..., None]).max() <= 1.01
    assert got.notes == ("transparent parts put over white",)


def test_cmyk_goes_through_the_profile_of_its_press():
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255]]], np.uint8)
    im = Image.frombytes("CMYK", (32, 8), np.repeat(np.repeat(inks, 8, 0), 8, 1).tobytes())
    for form, options in ("TIFF", {}), ("JPEG", {"quality": 100, "subsampling": 0}):
        got = decode(packed(im, form, icc_profile=INK, **options), "x")
        middle = srgb(((128 / 255 * 100 + 16) / 116) ** 3)  # CIELAB: light from L*
        assert np.abs(got.rgb[4, 4::8] - np.array([255, middle, 255, 0])[:, None]).max() <= 2
        assert got.notes == ("CMYK converted",)
    got = decode(packed(im, "TIFF"), "x")  # without a profile: what ink leaves of red, green, blue
    assert got.rgb[4, 4::8].tolist() == [[255, 255, 255], [0, 255, 255], [255, 0, 0], [0, 0, 0]]


def test_an_srgb_profile_is_recognized_and_a_useless_one_ignored():
    lcms = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert photos._transform(lcms, "RGB") is None and photos._transform(PLAIN, "RGB") is None  # costs no conversion
    got = decode(packed(PHOTO, "PNG", icc_profile=PLAIN), "x")
    assert (got.rgb == PIXELS).all() and got.notes == ()
    for im, icc in (PHOTO, WIDE[:150]), (PHOTO, b"junk"), (PHOTO, LIGHT), (PHOTO.convert("L"), WIDE):
        got = decode(packed(im, "PNG", icc_profile=icc), "x")
        assert (got.rgb == np.asarray(im.convert("RGB"))).all()
        assert got.notes == ("broken or mismatched color profile ignored",)


def test_lab():
    lab = Image.merge("LAB", [PHOTO.getchannel(0), *[Image.new("L", PHOTO.size, 128)] * 2])
    lightness = PIXELS[..., :1] / 255 * 100
    light = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    assert np.abs(decode(packed(lab, "TIFF"), "x").rgb - srgb(light)).max() <= 2


# ---- depth, alpha, orientation


def test_sixteen_bits_are_scaled_not_clipped():
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    want = np.rint(every / 257)[..., None]
    deep = Image.fromarray(every)
    big_endian = Image.frombytes("I;16B", (256, 256), every.astype(">u2").tobytes())
    pgm = b"P5 256 256 65535 " + every.astype(">u2").tobytes()
    for data in (packed(deep, "PNG"), packed(deep, "TIFF"), packed(big_endian, "TIFF"), pgm):
        assert (decode(data, "x").rgb == want).all()
    assert (decode(packed(deep, "TIFF", tiffinfo={262: 0}), "x").rgb == 255 - want).all()  # 262: white is zero
    rows = b"".join(b"\0" + row.repeat(3).astype(">u2").tobytes() for row in every)
    assert np.abs(decode(png(256, 256, 16, 2, rows), "x").rgb - want).max() <= 1  # color: the high byte
    grey = b"".join(b"\0" + row.astype(">u2").tobytes() for row in every)
    got = decode(png(256, 256, 16, 0, grey, (b"tRNS", b"\1\0")), "x")
    assert (got.rgb[1, :2] == [[255], [1]]).all()  # only the value 256 is clear, not its neighbor 257
    got = decode(png(256, 256, 16, 2, rows, (b"tRNS", b"\xab\0" * 3)), "x")
    assert (got.rgb[0xAB] == 255).all() and (got.rgb[0xAC] == 0xAC).all()  # Pillow sees only the high byte


def test_twelve_bits():
    every = np.arange(4096)
    bits = "".join(f"{v:012b}" for v in every)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    tags = [(256, 64), (257, 64), (258, 12), (259, 1), (262, 1), (273, 122), (277, 1), (278, 64), (279, len(data))]
    got = decode(tiff(*((tag, 4, 1, value) for tag, value in tags)) + data, "x")
    assert (got.rgb.reshape(4096, 3) == np.rint(every / 4095 * 255)[:, None]).all()


def test_alpha_is_laid_over_white():
    faint = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    square = PHOTO.resize((16, 16), Image.Resampling.NEAREST)
    over = lambda color, a: np.rint((np.asarray(color, float) * a + 255.0 * (255 - a)) / 255)  # noqa: E731
    a = np.asarray(faint)[..., None]
    rgba = square.copy()
    rgba.putalpha(faint)
    for form, options in ("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True}):
        got = decode(packed(rgba, form, **options), "x")
        assert (got.rgb == over(square, a)).all() and got.notes == ("transparent parts put over white",)
    pale = square.convert("L")
    both = Image.merge("LA", [pale, faint])
    assert (decode(packed(both, "PNG"), "x").rgb == over(pale.convert("RGB"), a)).all()
    assert decode(packed(Image.new("RGBA", (2, 2), (0, 0, 0, 128)), "PNG"), "x").rgb[0, 0].tolist() == [127] * 3
    few = square.quantize(8)
    first = (np.asarray(few) == 0)[..., None]
    want = np.where(first, 255, np.asarray(few.convert("RGB")))
    assert (decode(packed(few, "PNG", transparency=0), "x").rgb == want).all()
    assert (decode(packed(few, "GIF", transparency=0), "x").rgb == want).all()
    want = np.where(first, over(few.convert("RGB"), 51), np.asarray(few.convert("RGB")))
    assert (decode(packed(few, "PNG", transparency=bytes([51])), "x").rgb == want).all()
    for mode, clear in ("RGB", tuple(PIXELS[0, 0])), ("L", 7), ("1", 0):
        im = Image.new("L", (4, 4), 7).convert(mode) if mode != "RGB" else PHOTO
        clear = tuple(map(int, clear)) if mode == "RGB" else clear
        assert decode(packed(im, "PNG", transparency=clear), "x").rgb[0, 0].tolist() == [255] * 3
    assert decode(packed(Image.new("RGBA", (2, 2), "red"), "PNG"), "x").notes == ()  # opaque: nothing was done


def test_premultiplied_alpha():
    tags = [(258, 3, 4, 138)] + [(t, 4, 1, v) for t, v in ((256, 1), (257, 1), (259, 1), (262, 2), (273, 134))]
    tags += [(t, 4, 1, v) for t, v in ((277, 4), (278, 1), (279, 4), (338, 1))]
    data = tiff(*sorted(tags)) + bytes([100, 50, 0, 128]) + struct.pack("<4H", 8, 8, 8, 8)
    assert np.abs(decode(data, "x").rgb[0, 0] - np.array([227, 177, 127])).max() <= 1  # 127 of white shine through


UPRIGHT = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: np.rot90(np.fliplr(a)),
    6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(np.flipud(a)), 8: np.rot90,
}  # fmt: skip


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [*UPRIGHT, 0, 9])
def test_photos_stand_upright(orientation, form, order):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(form, {})
    lying = decode(packed(PHOTO, form, **options), "x").rgb
    got = decode(packed(PHOTO, form, exif=exif(orientation, order), **options), "x")
    assert (got.rgb == UPRIGHT.get(orientation, UPRIGHT[1])(lying)).all()
    assert got.rgb.flags.c_contiguous and got.rgb.flags.writeable and got.notes == ()
    assert said(got.exif) == ("Leitz", 1, "1932:05:01 12:00:00")
    if form != "TIFF":  # every other byte is the camera's
        assert got.exif == exif(1, order)


def test_the_thumbnail_of_the_old_picture_is_unlinked():
    body = tiff((0x0112, 3, 1, 6))[:-4] + struct.pack("<I", 26) + tiff((0x0201, 4, 1, 0))[8:]
    got = decode(packed(PHOTO, "JPEG", exif=b"Exif\0\0" + body), "x")
    assert got.exif[6:] == body[:18] + b"\1\0\0\0" + bytes(4) + body[26:]


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


def header(width, height):
    return png(width, height, 8, 2)


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


def test_the_limit_is_ours_and_is_known_from_the_header(monkeypatch):
    monkeypatch.setattr(photos, "MAX_PIXELS", 56 * 40)
    assert decode(packed(PHOTO, "PNG"), "x").rgb.shape == (40, 56, 3)
    monkeypatch.setattr(photos, "MAX_PIXELS", 56 * 40 - 1)
    with pytest.raises(BadInput, match="56 x 40 pixels; .* 2,239 "):
        decode(packed(PHOTO, "PNG")[:100], "x")


FORMATS = {
    "JPEG": packed(PHOTO, "JPEG", exif=exif(6), icc_profile=WIDE),
    "PNG": packed(PHOTO.quantize(16), "PNG", exif=exif(3), transparency=bytes(range(16)), icc_profile=WIDE),
    "WEBP": packed(PHOTO, "WEBP", exif=exif(8), icc_profile=WIDE, lossless=True),
    "TIFF": packed(PHOTO, "TIFF", exif=exif(5), icc_profile=WIDE),
    "LZW": packed(PHOTO, "TIFF", compression="tiff_lzw"),
    "GIF": packed(PHOTO, "GIF", save_all=True, append_images=[PHOTO.rotate(90)]),
    "JPEG2000": packed(PHOTO, "JPEG2000"),
    "CMYK": packed(PHOTO.convert("CMYK"), "JPEG", icc_profile=INK),
    "MPO": packed(PHOTO, "MPO", save_all=True, append_images=[PHOTO]),
}


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
        import threading; from tests.test_photos import *
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


# ---- writing


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
        import errno, resource; from tests.test_photos import *
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try: write({str(tmp_path / "a.png")!r}, PIXELS)
        except OSError as e: print(errno.errorcode[e.errno], os.path.basename(e.filename))"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("EFBIG a.png\n", "")
    assert os.listdir(tmp_path) == ["a.png"] and (tmp_path / "a.png").read_bytes() == b"the old file"
