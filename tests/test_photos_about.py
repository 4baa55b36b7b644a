"""What a file says about its picture, the result says again in every format: color profile, XMP, texts."""

import contextlib
import io
import itertools
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_files import INK, LIGHT, PHOTO, PIXELS, PLAIN, WIDE, exif, packed, png, said
from PIL import Image, ImageCms, IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from minicolor.data.about import NOTHING, About
from minicolor.data.photos import decode, read, write
from minicolor.data.profiles import SRGB as SRGB_PROFILE
from minicolor.errors import BadInput

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pytest sets aside the filter that photos.py sets
SUFFIXES = [".jpg", ".png", ".webp", ".tif"]
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"%d\" dc:title='Oma'/></x:xmpmeta>"
SRGB_NOTE = "color profile cannot hold the result, which is sRGB"


def theirs(path):
    """The file as Pillow opens it, loaded: PNG keeps some of it behind the pixels."""
    im = Image.open(path)
    im.load()
    return im


def lcms(rgb, source, target):
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(p)) for p in (source, target))
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(rgb), source, target, ImageCms.Intent.RELATIVE_COLORIMETRIC), int)


# ---- color profiles


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("deep", [False, True])
def test_the_profile_comes_along_and_the_colors_are_in_its_space(suffix, deep, tmp_path):
    photo = decode(packed(PHOTO, "PNG", icc_profile=WIDE), "x")
    rgb = photo.rgb.astype(np.uint16) * 257 if deep else photo.rgb
    write(tmp_path / f"a{suffix}", rgb, quality=100, about=photo.about)
    im = theirs(tmp_path / f"a{suffix}")
    assert im.info["icc_profile"] == WIDE and photo.notes == ()
    if suffix in (".png", ".tif"):
        want = lcms(photo.rgb, SRGB_PROFILE, WIDE)
        assert np.abs(np.asarray(im, int) - want).max() <= (3 if deep and suffix == ".tif" else 0)  # of 16 bits the high byte
        kept = (PIXELS > 30).all(2)  # what sRGB held, comes back (2: 8 bits there and back)
        inside = kept & ((photo.rgb > 0) & (photo.rgb < 255)).all(2)
        assert np.abs(np.asarray(im, int) - PIXELS)[inside].max() <= 3 and inside.sum() > 200


@pytest.mark.parametrize("deep", [False, True])
def test_what_srgb_can_hold_survives_there_and_back(deep, tmp_path):
    rgb = np.random.default_rng(0).integers(0, 65536, (50, 60, 3)).astype(np.uint16)
    rgb = rgb if deep else (rgb >> 8).astype(np.uint8)
    write(tmp_path / "a.tif", rgb, about=About(WIDE))
    off = np.abs(read(tmp_path / "a.tif", deep=True).rgb.astype(int) - rgb)
    dark = rgb.min(2) < rgb.max(2) // 16  # there a step of the wider space is many of sRGB's
    assert np.quantile(off, 0.99) <= (400 if deep else 3) and off[~dark].max() <= (12 if deep else 10)


@pytest.mark.parametrize("mode, icc, what", [("L", LIGHT, "grey"), ("CMYK", INK, "CMYK"), ("LA", LIGHT, "grey")])
def test_a_profile_that_cannot_hold_color_gives_way_to_srgb(mode, icc, what, tmp_path):
    got = decode(packed(PHOTO.convert(mode), "TIFF", icc_profile=icc), "x")
    assert got.about.icc == SRGB_PROFILE and got.notes[-1] == f"its {what} {SRGB_NOTE}"
    for suffix in SUFFIXES:
        write(tmp_path / f"a{suffix}", got.rgb, about=got.about)
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(theirs(tmp_path / f"a{suffix}").info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileName(embedded)
    assert (read(tmp_path / "a.png").rgb == got.rgb).all()


def test_srgb_moves_nothing_and_is_the_same_every_day(tmp_path):
    assert SRGB_PROFILE[24:36] == struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # lcms would put this minute there
    for icc in PLAIN, SRGB_PROFILE:
        got = decode(packed(PHOTO, "PNG", icc_profile=icc), "x")
        assert (got.rgb == PIXELS).all() and got.about.icc == icc
        write(tmp_path / "a.png", got.rgb, about=got.about)
        assert (np.asarray(theirs(tmp_path / "a.png")) == PIXELS).all()


def test_a_profile_too_large_for_png_gives_way(tmp_path):
    large = WIDE + bytes(1_100_000)
    large = struct.pack(">I", len(large)) + large[4:]
    got = decode(packed(PHOTO, "TIFF", icc_profile=large), "x")
    assert got.about.icc == large
    for suffix in ".png", ".jpg", ".tif":
        write(tmp_path / f"a{suffix}", got.rgb, about=got.about)
        assert np.abs(read(tmp_path / f"a{suffix}").rgb.astype(int) - got.rgb).mean() < 4
    assert theirs(tmp_path / "a.png").info["icc_profile"] == SRGB_PROFILE and (read(tmp_path / "a.png").rgb == got.rgb).all()


def test_lossy_formats_keep_the_look(tmp_path):
    """The same colors by way of a wide profile and without one."""
    smooth = np.asarray(PHOTO.resize((112, 80), Image.Resampling.BICUBIC))
    for suffix in ".jpg", ".webp":
        write(tmp_path / f"plain{suffix}", smooth, quality=95)
        write(tmp_path / f"wide{suffix}", smooth, quality=95, about=About(WIDE))
        plain, wide = (read(tmp_path / f"{n}{suffix}").rgb.astype(int) for n in ("plain", "wide"))
        assert np.abs(plain - wide).mean() < 3


# ---- XMP and texts


@pytest.mark.parametrize("source, target", list(itertools.product(["JPEG", "PNG", "WEBP", "TIFF"], SUFFIXES)))
def test_xmp_goes_anywhere_and_says_upright(source, target, tmp_path):
    special = {"PNG": {"pnginfo": PngInfo()}, "TIFF": {"tiffinfo": {700: XMP % 6, 271: "Leitz", 274: 6}}}
    options = special.get(source, {"xmp": XMP % 6})
    if source == "PNG":
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", (XMP % 6).decode())
    photo = decode(packed(PHOTO, source, exif=exif(6), **options), "x")
    upright = XMP.replace(b'tiff:Orientation="%d"', b"") if source == "TIFF" else XMP % 1     # of a TIFF Pillow takes it out
    assert photo.about.xmp == upright
    write(tmp_path / f"a{target}", photo.rgb, photo.exif, about=photo.about)
    got = theirs(tmp_path / f"a{target}")
    assert got.info["xmp"] == upright and got.size == (40, 56) and said(read(tmp_path / f"a{target}").exif)[:2] == ("Leitz", 1)


def test_xmp_as_an_element(tmp_path):
    got = decode(packed(PHOTO, "WEBP", xmp=b"<a><tiff:Orientation> 8</tiff:Orientation></a>"), "x")
    assert got.about.xmp == b"<a><tiff:Orientation> 1</tiff:Orientation></a>"


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@settings(deadline=None, max_examples=40)
@given(texts=st.dictionaries(st.sampled_from(["Title", "Description", "Author", "Comment", "Copyright"]), TEXT, min_size=1))
def test_texts_go_from_png_to_png(texts, tmp_path_factory):
    path, info = tmp_path_factory.mktemp("out") / "a.png", PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text, zip=len(text) > 20)
    info.add_text("date:create", "a program's own")
    photo = decode(packed(PHOTO, "PNG", pnginfo=info), "x")
    assert dict(photo.about.texts) == texts
    write(path, photo.rgb, photo.exif, about=photo.about)
    assert {k: str(v) for k, v in theirs(path).text.items()} == texts


def test_a_caption_survives_where_there_is_no_room_for_texts(tmp_path):
    info = PngInfo()
    info.add_text("Author", "Oma")
    info.add_text("Description", "Hochzeit, Köln 1932")
    photo = decode(packed(PHOTO, "PNG", pnginfo=info), "x")
    for suffix in ".jpg", ".webp", ".tif":
        write(tmp_path / f"a{suffix}", photo.rgb, photo.exif, about=photo.about)
        tags = theirs(tmp_path / f"a{suffix}").getexif()                   # Pillow hands out bytes as if they were Latin-1
        assert tags[0x010E].encode("latin-1").decode() == "Hochzeit, Köln 1932"
        again = read(tmp_path / f"a{suffix}")
        write(tmp_path / "again.tif", again.rgb, again.exif, about=again.about)
        tags = theirs(tmp_path / "again.tif").getexif()
        assert tags[0x010E].encode("latin-1").decode() == "Hochzeit, Köln 1932"
    write(tmp_path / "b.jpg", photo.rgb, exif(), about=photo.about)         # its own EXIF is left as it is
    assert 0x010E not in theirs(tmp_path / "b.jpg").getexif()


@pytest.mark.parametrize("form", ["JPEG", "GIF"])
def test_a_comment_goes_along(form, tmp_path):
    photo = decode(packed(PHOTO, form, comment="Köln".encode()), "x")
    assert photo.about.texts == (("Comment", "Köln"),)
    write(tmp_path / "a.jpg", photo.rgb, photo.exif, about=photo.about)
    write(tmp_path / "a.png", photo.rgb, photo.exif, about=photo.about)
    assert theirs(tmp_path / "a.jpg").info["comment"] == "Köln".encode() and theirs(tmp_path / "a.png").text["Comment"] == "Köln"


def test_silence_stays_silence(tmp_path):
    for suffix in SUFFIXES:
        write(tmp_path / f"a{suffix}", PIXELS)
        got = read(tmp_path / f"a{suffix}")
        assert got.about == NOTHING and got.exif is None
        assert not {"icc_profile", "exif", "xmp"} & set(theirs(tmp_path / f"a{suffix}").info)


@settings(deadline=None, max_examples=60)
@given(xmp=st.one_of(st.none(), st.binary(max_size=50), st.just(b"x" * 70_000)), text=st.one_of(TEXT, st.just("x" * 65_500)),
       exif=st.one_of(st.none(), st.binary(max_size=50)))  # fmt: skip
def test_no_junk_about_a_picture_keeps_it_from_being_written(xmp, text, exif, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    for suffix in SUFFIXES:
        write(folder / f"a{suffix}", PIXELS, exif, about=About(None, xmp, (("Title", text), ("Comment", text))))
        assert read(folder / f"a{suffix}").rgb.shape == PIXELS.shape


# ---- IPTC, dots per inch, and what there is no room for


IPTC = b"\x1c\2\x78" + struct.pack(">H", 17) + b"Hochzeit in K\xf6ln"    # record 2, data set 120: the caption


def iptc_file(form, data=IPTC, **options):
    if form == "TIFF":
        return packed(PHOTO, "TIFF", tiffinfo={33723: data}, **options)
    part = b"Photoshop 3.0\0" + b"8BIM\4\x0c\0\0" + struct.pack(">I", 4) + b"old!"           # its thumbnail
    part += b"8BIM\4\4\0\0" + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)
    return packed(PHOTO, "JPEG", extra=struct.pack(">HH", 0xFFED, 2 + len(part)) + part, **options)


@pytest.mark.parametrize("source, target", list(itertools.product(["JPEG", "TIFF"], SUFFIXES)))
def test_the_caption_of_a_press_archive_goes_along_or_is_noted(source, target, tmp_path):
    photo = decode(iptc_file(source), "x")
    notes = write(path := tmp_path / f"a{target}", photo.rgb, photo.exif, about=photo.about)
    if target in (".png", ".webp"):
        assert notes == ("IPTC caption dropped",)
    else:
        assert notes == () and b"old!" not in path.read_bytes() and read(path).about.iptc == IPTC
        assert IptcImagePlugin.getiptcinfo(theirs(path))[2, 120] == b"Hochzeit in K\xf6ln"


@pytest.mark.parametrize("source, target", list(itertools.product(["JPEG", "PNG", "TIFF"], [".jpg", ".png", ".tif"])))
def test_dots_per_inch_go_along(source, target, tmp_path):
    photo = decode(packed(PHOTO, source, dpi=(300, 600)), "x")
    write(tmp_path / f"a{target}", photo.rgb, photo.exif, about=photo.about)
    assert [round(float(d)) for d in theirs(tmp_path / f"a{target}").info["dpi"]] == [300, 600]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_dots_per_inch_that_nobody_told_are_not_made_up(form):
    assert decode(packed(PHOTO, form, exif=exif()), "x").about.dpi is None


def test_what_a_jpeg_has_no_room_for_is_noted(tmp_path):
    notes = write(tmp_path / "a.jpg", PIXELS, exif() + bytes(70_000), about=About(None, b"x" * 70_000, (), b"x" * 65_500))
    assert notes == ("EXIF too large for JPEG dropped", "XMP too large for JPEG dropped", "IPTC caption dropped")
    assert read(tmp_path / "a.jpg").about == NOTHING


# ---- bombs


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP", b"iTXt"])
def test_a_packed_bomb_beside_the_pixels_stays_packed(name):
    bomb = zlib.compress(bytes(200_000_000), 9)  # 200 MB of nothing in 200 KB
    head = {b"zTXt": b"Comment\0\0", b"iCCP": b"x\0\0", b"iTXt": b"Comment\0\1\0\0\0"}[name]
    rows = b"".join(b"\0" + row.tobytes() for row in PIXELS)
    tracemalloc.start()
    with contextlib.suppress(BadInput):                                    # refused, or read without it
        decode(png(56, 40, 8, 2, rows, (name, head + bomb)), "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
