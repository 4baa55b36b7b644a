"""Picture files in and out: what a camera, scanner or web page made becomes upright sRGB, and back.

    file -> Pillow -> color, alpha -> color profile to sRGB -> alpha over white -> upright -> (H, W, 3) uint8, or uint16
    and back: sRGB -> the picture's own profile -> JPEG, PNG, WebP or TIFF with all that the file said about itself

What is wrong with a file ends as `BadInput` in one sentence, what was merely odd in `Photo.notes`. With deep=True what
has more than 8 bits a channel comes as 16: TIFF, and grey PNG, PGM and JPEG 2000. Without, 16-bit grey is v / 257,
rounded; of 16-bit color Pillow hands out the high byte, which can be one too dark.

Work goes by bands of rows. Reading holds Pillow's picture (4 bytes a pixel) and ours (3 or 6), 16-bit TIFF ours alone;
writing adds 4 bytes a pixel and the packed file, TIFF nothing.
"""

import contextlib
import errno
import importlib.util
import io
import logging
import os
import secrets
import stat
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from minicolor.data import tiff
from minicolor.data.about import NOTHING, ORIENTATION, About, about_of, has_room, photo_tags, room, upright_exif
from minicolor.data.pixels import NO_PROFILE, bands, deep_tiff, eight_bits, loaded, upright
from minicolor.data.profiles import SRGB, from_srgb, keeps
from minicolor.errors import BadInput

MAX_PIXELS = 178_000_000  # known from the header, so a small file that claims to be huge costs nothing; Pillow's own is 179
_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_AVIF = {".avif"} if importlib.util.find_spec("PIL._avif") else set()  # Pillow learned it in 11.3
EXTENSIONS = frozenset({*_FORMATS, *_AVIF, ".jfif", ".bmp", ".gif", ".ppm", ".pgm", ".jp2"})
_MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # the formats' own limits
_FIRST_OF = {"TIFF": "", "GIF": "animated: ", "PNG": "animated: ", "WEBP": "animated: ", "AVIF": "animated: "}

# Pillow's remarks on files that it can read after all (corrupt EXIF, many pixels) are not for our users. Set once, for
# catch_warnings() around each decode would mix up the filters of threads that decode side by side.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())  # without it logging prints to stderr as a last resort


@dataclass(frozen=True)
class Photo:
    rgb: np.ndarray  # (H, W, 3) uint8 or (deep) uint16, sRGB, upright; writable and contiguous
    exif: bytes | None  # starts with "Exif\0\0"; says upright, because that has been done; the thumbnail is unlinked
    notes: tuple[str, ...]  # what had to be done that a user may want to know
    about: About = NOTHING  # profile, XMP, texts ..., for write()


def is_photo(name: str) -> bool:
    """Whether a file of this name is worth opening: a picture's suffix, not hidden (".x.jpg", or macOS's "._x.jpg")."""
    name = os.path.basename(name)
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS


def read(path: str | Path, deep: bool = False) -> Photo:
    """Read one whole file. Raises BadInput for whatever keeps it from being a picture, also if there is no file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for its other end
            raise OSError(errno.EINVAL, "not a file")
        f = open(path, "rb")  # noqa: SIM115
    except (OSError, ValueError) as e:  # no such file, a folder, no permission, a NUL in the name ...
        why = getattr(e, "strerror", None) or str(e)
        raise BadInput(f"{path}: cannot be read ({why.lower()}); a picture file was expected") from e
    with f:
        return decode(f, str(path), deep=deep)


def decode(data: bytes | BinaryIO, name: str, at_least: int | None = None, deep: bool = False) -> Photo:
    """Decode one file, or its bytes; `name` is only for the sentences of BadInput.

    at_least: the caller will shrink the shorter side to this many pixels. A JPEG may then come at 1/2, 1/4 or 1/8 of
    its size, straight from its DCT blocks and several times faster; never below twice that many pixels.
    """
    if at_least is not None and at_least < 1:
        raise ValueError(f"at_least must be 1 or more, not {at_least}")
    f, notes = io.BytesIO(data) if isinstance(data, bytes) else data, []
    im = _header(f, name)
    try:
        if at_least is not None and im.format in ("JPEG", "MPO"):
            im.draft(None, (2 * at_least, 2 * at_least))
        rgb, orientation, exif, said = _loaded(im, f, deep, notes)
        del im  # Pillow's picture is larger than ours; it goes before ours is copied
        rgb = upright(rgb, orientation)
    except Exception as e:  # what Pillow's code stumbles over in damaged data: SyntaxError, zlib.error, MemoryError ...
        why = "does not fit into memory; a smaller" if isinstance(e, MemoryError) else "is damaged or cut off; a whole"
        raise BadInput(f"{name}: {why} picture was expected") from e
    return Photo(rgb, exif, tuple(dict.fromkeys(notes)), said)


def write(path: str | Path, rgb: np.ndarray, exif: bytes | None = None, quality: int = 95,
          about: About = NOTHING) -> tuple[str, ...]:
    """encode() into a file; whole or not at all. Raises also OSError (full disk, no permission), with the file's name."""
    path = Path(path)
    _form(rgb, str(path))                       # refused before there is a file
    # In the same folder, so that replace() never crosses disks; hidden, so that nobody reading the folder takes it.
    temporary = path.with_name(f".{path.stem[:32]}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as f:
            notes = encode(f, str(path), rgb, exif, quality, about)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
        return notes
    except OSError as e:  # say it about the file that the user asked for
        raise OSError(e.errno, e.strerror or str(e), str(path)) from e
    finally:
        with contextlib.suppress(OSError):  # it is gone already, unless something went wrong (or Ctrl-C)
            temporary.unlink()


def encode(f: BinaryIO, name: str, rgb: np.ndarray, exif: bytes | None = None, quality: int = 95,
           about: About = NOTHING) -> tuple[str, ...]:
    """Write (H, W, 3) sRGB into f, in the format that the suffix of `name` says; -> notes on what it has no room for.

    rgb: uint8; or uint16, of which TIFF keeps all bits and the others 8. quality: 1 to 100, for JPEG (4:4:4) and WebP
    (whose color always has half the resolution). exif, about: as in Photo.
    Raises BadInput for a suffix or size that cannot be written.
    """
    form = _form(rgb, name)
    about = about if has_room(form, about.icc) else replace(about, icc=SRGB)
    said, notes = room(form, exif, about)
    if form == "TIFF":  # no compression: 16 bits of a scan hardly shrink
        tags = photo_tags(said.get("exif", b""))
        tiff.save(f, (from_srgb(rgb[rows], about.icc) for rows in bands(rgb)), rgb, tags, about)
    else:
        f.write(_packed(rgb, form, quality, said))
    return tuple(notes)


def _form(rgb: np.ndarray, name: str) -> str:
    """The format that the suffix names, if it can hold the picture."""
    if rgb.dtype not in (np.uint8, np.uint16) or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"a picture to write is (H, W, 3) uint8 or uint16, not {rgb.shape} {rgb.dtype}")
    form, side = _FORMATS.get(Path(name).suffix.lower()), max(rgb.shape)
    if form is None:
        raise BadInput(f"{name}: the name must end in one of {' '.join(_FORMATS)}, the formats that can be written")
    if side > _MAX_SIDE.get(form, side):
        raise BadInput(f"{name}: {form} holds at most {_MAX_SIDE[form]} pixels a side, not {side}; use .png or .tif")
    if form == "TIFF" and rgb.nbytes > tiff.LARGEST_FILE:
        raise BadInput(f"{name}: TIFF holds at most 4 GB, not {rgb.nbytes:,} bytes; use .png")
    return form


def _packed(rgb: np.ndarray, form: str, quality: int, said: dict) -> memoryview:
    """The bytes of a file, in memory: Pillow's own file writing says "encoder error -2" when the disk is full."""
    im, packed = Image.new("RGB", (rgb.shape[1], rgb.shape[0])), io.BytesIO()
    for rows in bands(rgb):
        im.paste(Image.fromarray(from_srgb(eight_bits(rgb[rows]), said.get("icc_profile"))), (0, rows.start))
    options = {"JPEG": {"quality": quality, "subsampling": 0}, "WEBP": {"quality": quality}}
    options["PNG"] = {"compress_level": 4}  # of photographs 6, the default, takes almost three times as long for 2 %
    im.save(packed, form, **options[form], **said)
    return packed.getbuffer()


def _header(f: BinaryIO, name: str) -> Image.Image:
    """Open without decoding, and refuse what shows already."""
    try:
        im = Image.open(f)
    except Image.DecompressionBombError as e:
        raise BadInput(f"{name}: has too many pixels; at most {MAX_PIXELS:,} were expected") from e
    except Exception as e:
        what = "is not a picture, or too damaged to tell" if f.seek(0, os.SEEK_END) else "is empty (0 bytes)"
        raise BadInput(f"{name}: {what}; a JPEG, PNG, WebP, TIFF ... was expected") from e
    if not 0 < im.width * im.height <= MAX_PIXELS:
        raise BadInput(f"{name}: has {im.width} x {im.height} pixels; between 1 and {MAX_PIXELS:,} were expected")
    if im.format in ("EPS", "WMF"):  # drawing commands; Pillow would start another program on them
        raise BadInput(f"{name}: is an {im.format} drawing; a picture made of pixels was expected")
    # Mode "I" is 32 bits. PNG (older Pillow) and PGM fill 16 of them; elsewhere the range is anyone's guess.
    if im.mode == "F" or (im.mode == "I" and im.format not in ("PNG", "PPM")):
        raise BadInput(f"{name}: holds 32-bit or signed numbers; 8 or 16 bits per channel were expected")
    return im


def _loaded(im: Image.Image, f: BinaryIO, deep: bool, notes: list[str]) -> tuple[np.ndarray, int, bytes | None, About]:
    """The pixels as they lie in the file, its orientation, its EXIF, and what else it says."""
    icc, rgb, orientation, exif = im.info.get("icc_profile"), None, 1, None
    if im.format == "TIFF":
        tags = photo_tags(f)
        exif = tags.tobytes() if len(tags) else None
        if deep and (own := tiff.deep(im, f)):
            with contextlib.suppress(Exception):  # damaged: Pillow will say so, or of a kind that only Pillow can read
                rgb, orientation = deep_tiff(own, f, icc, notes), im.getexif().get(ORIENTATION, 1)
    if rgb is None:
        coarse = ";16" in str(im.tile)
        im.load()  # before EXIF, which a PNG may keep behind the pixels; a TIFF is turned upright right here
        rgb = loaded(im, icc, deep, notes)
        if deep and coarse and rgb.dtype == np.uint8:
            notes.append("16-bit color read as 8 bits")
    if im.format != "TIFF":
        orientation, exif = upright_exif(im.info.get("exif") or b"", notes)
    with contextlib.suppress(Exception):  # damage in a later frame does not hurt the first
        if im.format in _FIRST_OF and im.n_frames > 1:
            notes.append(f"{_FIRST_OF[im.format]}first of {im.n_frames} frames used")
    return rgb, orientation, exif, about_of(im, keeps(icc, notes) if icc and NO_PROFILE not in notes else None)
