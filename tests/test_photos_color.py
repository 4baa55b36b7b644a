"""Every file becomes the picture that its maker saw: its colors, its depth, what shines through, and which way is up."""

import struct

import numpy as np
import pytest
from photo_files import ADOBE, INK, LIGHT, PHOTO, PIXELS, PLAIN, SRGB, WIDE, exif, packed, png, said, tiff
from PIL import Image, ImageCms

from minicolor.data import profiles
from minicolor.data.photos import decode

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pytest sets aside the filter that photos.py sets


def srgb(linear):
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


# ---- color profiles


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
    assert got.notes == ("transparent parts put over white", "its grey color profile cannot hold the result, which is sRGB")


def test_cmyk_goes_through_the_profile_of_its_press():
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255]]], np.uint8)
    im = Image.frombytes("CMYK", (32, 8), np.repeat(np.repeat(inks, 8, 0), 8, 1).tobytes())
    for form, options in ("TIFF", {}), ("JPEG", {"quality": 100, "subsampling": 0}):
        got = decode(packed(im, form, icc_profile=INK, **options), "x")
        middle = srgb(((128 / 255 * 100 + 16) / 116) ** 3)  # CIELAB: light from L*
        assert np.abs(got.rgb[4, 4::8] - np.array([255, middle, 255, 0])[:, None]).max() <= 2
        assert got.notes == ("CMYK converted", "its CMYK color profile cannot hold the result, which is sRGB")
    got = decode(packed(im, "TIFF"), "x")  # without a profile: what ink leaves of red, green, blue
    assert got.rgb[4, 4::8].tolist() == [[255, 255, 255], [0, 255, 255], [255, 0, 0], [0, 0, 0]]


def test_an_srgb_profile_is_recognized_and_a_useless_one_ignored():
    lcms = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert profiles._transform(lcms, "RGB") is None and profiles._transform(PLAIN, "RGB") is None  # costs no conversion
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
