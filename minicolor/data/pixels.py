"""What Pillow, or data/tiff.py, found in a file as flat sRGB (H, W, 3): color through its profile, then alpha over white.

Band by band of rows: a large picture with a palette, inks or alpha would else be several times in memory on its way.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image

from minicolor.data import tiff
from minicolor.data.profiles import deep_to_srgb, to_srgb

NO_PROFILE = "broken or mismatched color profile ignored"


def loaded(im: Image.Image, icc: bytes | None, deep: bool, notes: list[str]) -> np.ndarray:
    """What Pillow loaded as (H, W, 3): uint8, or uint16 where that was asked for and the picture is 16-bit grey."""
    deep = deep and im.mode[0] == "I"
    rgb, top, inverted = np.empty((im.height, im.width, 3), np.uint16 if deep else np.uint8), 65_535, False
    if im.mode[0] == "I" and im.format == "TIFF":
        top = (1 << im.tag_v2.get(0x0102, (16,))[0]) - 1  # 12-bit scans come as numbers up to 4095
        inverted = im.tag_v2.get(0x0106) == 0  # white is zero; Pillow turns that round for 8 bits only
    for rows in bands(rgb):
        band = im.crop((0, rows.start, im.width, rows.stop)) if rows.stop - rows.start < im.height else im
        color, alpha = _split(band)
        if color.mode[0] == "I":
            grey = np.asarray(color).astype(np.int64).clip(0, top)
            grey = top - grey if inverted else grey
            most = 65_535 if deep else 255
            color = ((grey * 2 * most + top) // (2 * top)).astype(rgb.dtype)  # by hand: Pillow's convert("L") clips at 255
            color = color[..., None] if deep else Image.fromarray(color)
            alpha = alpha * np.uint32(257) if deep and alpha is not None else alpha
        rgb[rows] = _flat(color, alpha, icc, notes)
    return rgb


def deep_tiff(own: tiff.Deep, f: BinaryIO, icc: bytes | None, notes: list[str]) -> np.ndarray:
    """A 16-bit TIFF, unpacked without Pillow, as (H, W, 3) uint16; raises where the file is damaged."""
    rgb = np.empty((own.height, own.width, 3), np.uint16)
    for top, band in own.bands(f):
        color, alpha = band[..., :own.colors], band[..., -1:].astype(np.uint32) if own.alpha else None
        color = 65_535 - color if own.inverted else color
        if own.alpha == "premultiplied":
            color = np.minimum((color * np.uint32(65_535) + alpha // 2) // np.maximum(alpha, 1), 65_535).astype(np.uint16)
        rgb[top : top + len(band)] = _flat(color, alpha, icc, notes)
    return rgb


def _split(im: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """Color as mode L, RGB, CMYK, LAB or one with 16 bits, and alpha as (H, W, 1) uint8, or None where all is opaque."""
    if im.mode not in ("1", "L", "RGB") and im.mode[0] != "I":
        if not im.has_transparency_data:
            return im if im.mode in ("CMYK", "LAB") else im.convert("RGB"), None
        im = im.convert("LA" if im.mode in ("LA", "La") else "RGBA")  # of La and RGBa this takes alpha out of the color
        return im.convert(im.mode[:-1]), np.asarray(im.getchannel("A"))[..., None]
    alpha, clear = None, im.info.get("transparency")  # clear: the one value that means "nothing here"
    if clear is not None:
        if im.mode == "RGB" and max(clear) > 255:
            clear = [v >> 8 for v in clear]  # of 16 bits Pillow kept the high byte
        shown = np.asarray(im) != (clear > 0 if im.mode == "1" else clear)
        alpha = np.where(shown.any(-1) if im.mode == "RGB" else shown, 255, 0).astype(np.uint8)[..., None]
    return im.convert("L") if im.mode == "1" else im, alpha


def _flat(color: Image.Image | np.ndarray, alpha: np.ndarray | None, icc: bytes | None, notes: list[str]) -> np.ndarray:
    """A picture of 8 bits, or an array of 16, as (H, W, 3) sRGB; alpha (H, W, 1) laid over white."""
    deep = isinstance(color, np.ndarray)
    move, most = (deep_to_srgb, 65_535) if deep else (to_srgb, 255)
    if not deep and color.mode == "CMYK":
        notes.append("CMYK converted")
    try:
        rgb = np.asarray(move(color, icc))
    except Exception:  # a picture without its profile is a little off; most programs would show it like that
        notes.append(NO_PROFILE)
        rgb = np.asarray(move(color, None))
    if alpha is not None and (alpha < most).any():
        notes.append("transparent parts put over white")
        a = alpha.astype(np.uint32)
        rgb = (rgb * a + most * (most - a) + most // 2) // most  # at most 65535 * 65535 + 32767: 32 bits hold it
    return rgb


def bands(picture: np.ndarray, most: int | None = None) -> Iterator[slice]:
    """Rows of (H, W) or (H, W, C) that have at most so many pixels together, a million if not told, one after the other."""
    step = max(1, (most or tiff.BAND) // picture.shape[1])
    return (slice(top, min(top + step, len(picture))) for top in range(0, len(picture), step))


def eight_bits(picture: np.ndarray) -> np.ndarray:
    """uint16 as uint8, v / 257 rounded, by bands, so that nothing wider is held for all of it; uint8 as it is."""
    if picture.dtype == np.uint8:
        return picture
    out = np.empty(picture.shape, np.uint8)
    for rows in bands(picture):
        out[rows] = (picture[rows].astype(np.uint32) + 128) // 257
    return out


def upright(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Undo how the camera was held, as EXIF tag 0x0112 tells it: (H, W, 3), or (W, H, 3) for 5 to 8."""
    rgb = rgb.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else rgb
    rgb = rgb[:, ::-1] if orientation in (2, 3, 6, 7) else rgb
    rgb = rgb[::-1] if orientation in (3, 4, 7, 8) else rgb
    return np.ascontiguousarray(rgb)
