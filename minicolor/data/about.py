"""What a picture's file says about it, taken along into the result: EXIF, XMP, texts and the color profile.

EXIF and XMP tell which way is up; that has been done when the picture was read, so both come out saying "upright". Texts are the
keywords that PNG has registered; the comment of a JPEG or GIF goes by "Comment". IPTC is the caption of press archives (IIM 4.2).
Each format takes what it has room for:

    JPEG   EXIF, XMP and IPTC up to 64 KB each, dpi, the comment     PNG    all but IPTC; profiles up to 1 MB
    WebP   EXIF, XMP                                                 TIFF   XMP, IPTC, dpi, and of EXIF what is about the photo
    A text that only PNG has room for becomes the EXIF description, where the picture came without EXIF.
"""

import contextlib
import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

DESCRIPTION, X_RESOLUTION, Y_RESOLUTION, UNIT = 0x010E, 0x011A, 0x011B, 0x0128
ORIENTATION, _EXIF_FOLDER, _GPS_FOLDER, _INTEROP, _IPTC = 0x0112, 0x8769, 0x8825, 0xA005, 0x83BB
# Description, make, model, resolution (3 tags), software, date, artist, copyright: of a TIFF's first folder only these
# are about the photo. The others say where that file keeps its pixels; in another file they would be lies.
_ABOUT = {DESCRIPTION, 0x010F, 0x0110, X_RESOLUTION, Y_RESOLUTION, UNIT, 0x0131, 0x0132, 0x013B, 0x8298}
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
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None      # pixels an inch, across and down


NOTHING = About()


def about_of(im: Image.Image, icc: bytes | None) -> About:
    """What Pillow found in an opened and loaded file, but for EXIF."""
    xmp, texts = im.info.get("xmp"), {k: im.info.get(k) for k in _KEYWORDS}
    if isinstance(comment := im.info.get("comment"), bytes):
        texts["Comment"] = comment.decode("utf-8", "replace").strip("\0 ")
    if isinstance(xmp, bytes):                  # as an attribute or as an element
        xmp = re.sub(rb"(<?\btiff:Orientation\s*(?:=\s*[\"']|>)\s*)\d", rb"\g<1>1", xmp)
    kept = tuple((k, str(t)) for k, t in texts.items() if isinstance(t, str) and t and len(t) <= _LONGEST)
    return About(icc, xmp if isinstance(xmp, bytes) and xmp else None, kept, _iptc(im), _dpi(im))


def _iptc(im: Image.Image) -> bytes | None:
    """Of a JPEG's Photoshop marker this part alone: another is a thumbnail, which shows the old picture."""
    data = im.tag_v2.get(_IPTC) if im.format == "TIFF" else im.info.get("photoshop", {}).get(0x0404)
    return data if isinstance(data, bytes) and data else None


def _dpi(im: Image.Image) -> tuple[float, float] | None:
    """Not where the file is silent: there Pillow makes up 72 or 1, or takes it from EXIF, which goes along anyway."""
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
        across, down = (float(d) for d in im.info.get("dpi", ()))
        told = (im.info.get("jfif_unit") if im.format in ("JPEG", "MPO") else
                X_RESOLUTION in im.tag_v2 and im.tag_v2.get(UNIT, 2) != 1 if im.format == "TIFF" else True)
        return (across, down) if told and all(1 <= d <= 65_535 for d in (across, down)) else None   # what JFIF can say
    return None


def room(form: str, exif: bytes | None, about: About) -> tuple[dict, list[str]]:
    """What of it a format has room for, as Pillow's save() takes it; a note on each thing that is left out."""
    notes: list[str] = []
    options = {"icc_profile": about.icc} if about.icc else {}
    texts = dict(about.texts)
    if not exif and form != "PNG" and (said := next(iter(texts.values()), None)):
        tags = Image.Exif()
        tags[DESCRIPTION] = said.encode()       # UTF-8, as most programs write and read it; Pillow would write ? for ö
        exif = tags.tobytes()
    if exif and form == "JPEG" and len(exif) > 65_533:          # one marker holds no more
        notes.append("EXIF too large for JPEG dropped")
    elif exif:
        options["exif"] = exif
    if about.xmp and form == "JPEG" and len(about.xmp) > _LONGEST:
        notes.append("XMP too large for JPEG dropped")
    elif about.xmp:
        options["xmp"] = about.xmp
    if about.dpi and form in ("JPEG", "PNG"):
        options["dpi"] = about.dpi
    if about.iptc and form == "JPEG" and len(about.iptc) <= _LONGEST - 100:
        part = b"Photoshop 3.0\0" + struct.pack(">4sH2xI", b"8BIM", 0x0404, len(about.iptc)) + about.iptc
        part += bytes(len(part) % 2)
        options["extra"] = struct.pack(">HH", 0xFFED, 2 + len(part)) + part
    elif about.iptc and form != "TIFF":
        notes.append("IPTC caption dropped")
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
    return options, notes


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
