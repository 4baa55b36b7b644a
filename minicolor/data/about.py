"""What a picture's file says about it, taken along into the result: EXIF, XMP, texts and the color profile.

EXIF and XMP tell which way is up; that has been done when the picture was read, so both come out saying "upright". Texts are the
keywords that PNG has registered; the comment of a JPEG or GIF goes by "Comment". Each format takes what it has room for:

    JPEG   EXIF and XMP up to 64 KB each, the comment         PNG    everything; profiles up to 1 MB
    WebP   EXIF, XMP                                          TIFF   XMP, and of EXIF the part that is about the photo
    A text that only PNG has room for becomes the EXIF description, where the picture came without EXIF.
"""

import contextlib
import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

DESCRIPTION, ORIENTATION, _EXIF_FOLDER, _GPS_FOLDER, _INTEROP = 0x010E, 0x0112, 0x8769, 0x8825, 0xA005
# Description, make, model, resolution (3 tags), software, date, artist, copyright: of a TIFF's first folder only these
# are about the photo. The others say where that file keeps its pixels; in another file they would be lies.
_ABOUT = {DESCRIPTION, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298}
_KEYWORDS = ("Description", "Title", "Comment", "Author", "Copyright", "Creation Time", "Source", "Software", "Disclaimer",
             "Warning")
_LONGEST = 65_500                               # characters of a text, and bytes of what goes into one marker of a JPEG
_PNG_PROFILE = 1_000_000                        # Pillow and others take a larger one for an attack


@dataclass(frozen=True)
class About:
    """What write() repeats; of nothing, by default."""
    icc: bytes | None = None                    # an RGB profile: write() moves the pixels into its space
    xmp: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()     # (PNG keyword, text)


NOTHING = About()


def about_of(im: Image.Image, icc: bytes | None) -> About:
    """What Pillow found in an opened and loaded file, but for EXIF."""
    xmp, texts = im.info.get("xmp"), {k: im.info.get(k) for k in _KEYWORDS}
    if isinstance(comment := im.info.get("comment"), bytes):
        texts["Comment"] = comment.decode("utf-8", "replace").strip("\0 ")
    if isinstance(xmp, bytes):                  # as an attribute or as an element
        xmp = re.sub(rb"(<?\btiff:Orientation\s*(?:=\s*[\"']|>)\s*)\d", rb"\g<1>1", xmp)
    kept = tuple((k, str(t)) for k, t in texts.items() if isinstance(t, str) and t and len(t) <= _LONGEST)
    return About(icc, xmp if isinstance(xmp, bytes) and xmp else None, kept)


def room(form: str, exif: bytes | None, about: About) -> dict:
    """What of it a format has room for, as Pillow's save() takes it."""
    options = {"icc_profile": about.icc} if about.icc else {}
    texts = dict(about.texts)
    if not exif and form != "PNG" and (said := next(iter(texts.values()), None)):
        tags = Image.Exif()
        tags[DESCRIPTION] = said.encode()       # UTF-8, as most programs write and read it; Pillow would write ? for ö
        exif = tags.tobytes()
    if exif and (form != "JPEG" or len(exif) <= 65_533):        # one marker holds no more
        options["exif"] = exif
    if about.xmp and (form != "JPEG" or len(about.xmp) <= _LONGEST):
        options["xmp"] = about.xmp
    if form == "JPEG" and "Comment" in texts:
        options["comment"] = texts["Comment"].encode()[:_LONGEST]
    if form == "PNG":
        info = PngInfo()
        for keyword, text in texts.items():
            info.add_text(keyword, text)        # as iTXt, in UTF-8, where Latin letters do not do
        with contextlib.suppress(UnicodeDecodeError):
            if xmp := options.pop("xmp", b"").decode():
                info.add_itxt("XML:com.adobe.xmp", xmp)
        options["pnginfo"] = info
    return options


def has_room(form: str, icc: bytes | None) -> bool:
    return form != "PNG" or len(icc or b"") <= _PNG_PROFILE


def upright_exif(data: bytes, notes: list[str]) -> tuple[int, bytes | None]:
    """Orientation, and the file's own EXIF bytes with that set to 1; all else stays in place, as maker notes need."""
    if not (data := data.removeprefix(b"Exif\0\0").removeprefix(b"Exif\0\0")):  # some programs write it twice
        return 1, None
    try:
        body, orientation, end = bytearray(data), 1, {b"II*\0": "<", b"MM\0*": ">"}[data[:4]]
        (start,) = struct.unpack_from(f"{end}I", body, 4)
        (count,) = struct.unpack_from(f"{end}H", body, start)
        after = start + 2 + 12 * count
        for at in range(start + 2, after, 12):
            tag, _, _, value = struct.unpack_from(f"{end}HHIH2x", body, at)  # the others: its type, how many values
            if tag == ORIENTATION:
                orientation = value
                struct.pack_into(f"{end}H", body, at + 8, 1)
    except (KeyError, struct.error):  # cut off, or never was EXIF
        notes.append("broken EXIF dropped")
        return 1, None
    body[after : after + 4] = bytes(len(body[after : after + 4]))  # no second folder: it shows the old picture
    return orientation, b"Exif\0\0" + bytes(body)


def photo_tags(source: bytes | BinaryIO) -> Image.Exif:
    """Of EXIF bytes, or of an open TIFF file (the same format), what is about the photo; empty where nothing is."""
    exif, kept = Image.Exif(), Image.Exif()
    kept.endian = "<"
    with contextlib.suppress(Exception):  # broken: nothing to be had
        if isinstance(source, bytes):
            exif.load(source)
        else:
            source.seek(0)
            exif.load_from_fp(source)
        for tag in _ABOUT & set(exif):
            value = exif[tag]                   # text came byte by byte, and would go as ASCII
            kept[tag] = value.encode("latin-1") if isinstance(value, str) else value
        for folder in (_EXIF_FOLDER, _GPS_FOLDER):
            if inside := {tag: value for tag, value in exif.get_ifd(folder).items() if tag != _INTEROP}:
                kept[folder] = inside
        if len(kept):
            kept[ORIENTATION] = 1
        kept.tobytes()
        return kept
    return Image.Exif()
