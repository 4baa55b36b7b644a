"""Picture files in and out: what a camera, scanner or web page made becomes upright 8-bit sRGB, and back.

    file -> Pillow -> color, alpha -> color profile to sRGB -> alpha over white -> upright -> (H, W, 3) uint8

What is wrong with a file ends as `BadInput` in one sentence, what was merely odd in `Photo.notes`. 16-bit grey is
v / 257, rounded; of 16-bit color Pillow hands out the high byte, which can be one too dark.
"""

import contextlib
import functools
import importlib.util
import io
import logging
import os
import secrets
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from minicolor.errors import BadInput

MAX_PIXELS = 200_000_000  # known from the header, so a small file that claims to be huge costs nothing
_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_AVIF = {".avif"} if importlib.util.find_spec("PIL._avif") else set()  # Pillow learned it in 11.3
EXTENSIONS = frozenset({*_FORMATS, *_AVIF, ".jfif", ".bmp", ".gif", ".ppm", ".pgm", ".jp2"})
_MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # the formats' own limits
_FIRST_OF = {"TIFF": "", "GIF": "animated: ", "PNG": "animated: ", "WEBP": "animated: ", "AVIF": "animated: "}
_ORIENTATION, _EXIF_FOLDER, _GPS_FOLDER, _INTEROP = 0x0112, 0x8769, 0x8825, 0xA005
# Description, make, model, resolution (3 tags), software, date, artist, copyright: of a TIFF's first folder only these
# are about the photo. The others say where that file keeps its pixels; in another file they would be lies.
_ABOUT = {0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298}

# Pillow's remarks on files that it can read after all (corrupt EXIF, many pixels) are not for our users. Set once, for
# catch_warnings() around each decode would mix up the filters of threads that decode side by side.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())  # without it logging prints to stderr as a last resort


@dataclass(frozen=True)
class Photo:
    rgb: np.ndarray  # (H, W, 3) uint8, sRGB, upright; writable and contiguous
    exif: bytes | None  # starts with "Exif\0\0"; says upright, because that has been done; the thumbnail is unlinked
    notes: tuple[str, ...]  # what had to be done that a user may want to know


def is_photo(name: str) -> bool:
    """Whether a file of this name is worth opening: a picture's suffix, not hidden (".x.jpg", or macOS's "._x.jpg")."""
    name = os.path.basename(name)
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS


def read(path: str | Path) -> Photo:
    """Read one whole file. Raises BadInput for whatever keeps it from being a picture, also if there is no file."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError, MemoryError) as e:  # no such file, a folder, no permission, a NUL in the name ...
        why = getattr(e, "strerror", None) or str(e) or "larger than the memory"
        raise BadInput(f"{path}: cannot be read ({why.lower()}); a picture file was expected") from e
    return decode(data, str(path))


def decode(data: bytes, name: str, at_least: int | None = None) -> Photo:
    """Decode the bytes of one file; `name` is only for the sentences of BadInput.

    at_least: the caller will shrink the shorter side to this many pixels. A JPEG may then come at 1/2, 1/4 or 1/8 of
    its size, straight from its DCT blocks and several times faster; never below twice that many pixels.
    """
    if at_least is not None and at_least < 1:
        raise ValueError(f"at_least must be 1 or more, not {at_least}")
    im, notes = _header(data, name), []
    try:
        if at_least is not None and im.format in ("JPEG", "MPO"):
            im.draft(None, (2 * at_least, 2 * at_least))
        im.load()  # before EXIF, which a PNG may keep behind the pixels; a TIFF is turned upright right here
        orientation, exif = (1, _about(data)) if im.format == "TIFF" else _exif(im.info.get("exif") or b"", notes)
        color, alpha = _split(im)
        rgb = _srgb(color, im.info.get("icc_profile"), notes)
        with contextlib.suppress(Exception):  # damage in a later frame does not hurt the first
            if im.format in _FIRST_OF and im.n_frames > 1:
                notes.append(f"{_FIRST_OF[im.format]}first of {im.n_frames} frames used")
    except Exception as e:  # what Pillow's code stumbles over in damaged data: SyntaxError, zlib.error, MemoryError ...
        why = "does not fit into memory; a smaller" if isinstance(e, MemoryError) else "is damaged or cut off; a whole"
        raise BadInput(f"{name}: {why} picture was expected") from e
    if alpha is not None and (alpha < 255).any():
        notes.append("transparent parts put over white")
        a = alpha[..., None].astype(np.uint16)
        rgb = ((rgb * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)  # at most 65152: 16 bits hold it
    return Photo(_upright(rgb, orientation), exif, tuple(notes))


def write(path: str | Path, rgb: np.ndarray, exif: bytes | None = None, quality: int = 95) -> None:
    """Write (H, W, 3) uint8 sRGB in the format that the suffix names; whole or not at all.

    quality: 1 to 100, for JPEG (4:4:4) and WebP (whose color always has half the resolution). exif: as in Photo; left
    out where it does not fit (JPEG: 64 KB) or cannot be taken apart (TIFF). Raises BadInput for a suffix or size that
    cannot be written; OSError (full disk, no permission) passes with the file's name, the old file is unharmed.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"write() takes (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
    path, side = Path(path), max(rgb.shape)
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise BadInput(f"{path}: the name must end in one of {' '.join(_FORMATS)}, the formats that can be written")
    if side > _MAX_SIDE.get(form, side):
        raise BadInput(f"{path}: {form} holds at most {_MAX_SIDE[form]} pixels a side, not {side}; use .png or .tif")
    options = {"JPEG": {"quality": quality, "subsampling": 0}, "WEBP": {"quality": quality}}.get(form, {})
    exif = _about(exif) if exif and form == "TIFF" else exif
    if exif and (form != "JPEG" or len(exif) <= 65_533):  # one JPEG marker holds no more
        options["exif"] = exif
    packed = io.BytesIO()  # encoded in memory: Pillow's own file writing says "encoder error -2" when the disk is full
    Image.fromarray(np.ascontiguousarray(rgb)).save(packed, form, **options)  # TIFF raw: it loses its EXIF compressed
    # In the same folder, so that replace() never crosses disks; hidden, so that nobody reading the folder takes it.
    temporary = path.with_name(f".{path.stem[:32]}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as f:
            f.write(packed.getbuffer())
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except OSError as e:  # say it about the file that the user asked for
        raise OSError(e.errno, e.strerror, str(path)) from e
    finally:
        with contextlib.suppress(OSError):  # it is gone already, unless something went wrong (or Ctrl-C)
            temporary.unlink()


def _header(data: bytes, name: str) -> Image.Image:
    """Open without decoding, and refuse what shows already."""
    try:
        im = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as e:
        raise BadInput(f"{name}: has too many pixels; at most {2 * Image.MAX_IMAGE_PIXELS:,} were expected") from e
    except Exception as e:
        what = "is not a picture, or too damaged to tell" if data else "is empty (0 bytes)"
        raise BadInput(f"{name}: {what}; a JPEG, PNG, WebP, TIFF ... was expected") from e
    if not 0 < im.width * im.height <= MAX_PIXELS:
        raise BadInput(f"{name}: has {im.width} x {im.height} pixels; between 1 and {MAX_PIXELS:,} were expected")
    if im.format in ("EPS", "WMF"):  # drawing commands; Pillow would start another program on them
        raise BadInput(f"{name}: is an {im.format} drawing; a picture made of pixels was expected")
    # Mode "I" is 32 bits. PNG (older Pillow) and PGM fill 16 of them; elsewhere the range is anyone's guess.
    if im.mode == "F" or (im.mode == "I" and im.format not in ("PNG", "PPM")):
        raise BadInput(f"{name}: holds 32-bit or signed numbers; 8 or 16 bits per channel were expected")
    return im


def _split(im: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """Color as mode L, RGB, CMYK or LAB, and alpha as (H, W) uint8, or None where nothing can be transparent."""
    if im.mode not in ("1", "L", "RGB") and im.mode[0] != "I":
        if not im.has_transparency_data:
            return im if im.mode in ("CMYK", "LAB") else im.convert("RGB"), None
        im = im.convert("LA" if im.mode in ("LA", "La") else "RGBA")  # of La and RGBa this takes alpha out of the color
        return im.convert(im.mode[:-1]), np.asarray(im.getchannel("A"))
    alpha, clear = None, im.info.get("transparency")  # clear: the one value that means "nothing here"
    if clear is not None:
        if im.mode == "RGB" and max(clear) > 255:
            clear = [v >> 8 for v in clear]  # of 16 bits Pillow kept the high byte
        shown = np.asarray(im) != (clear > 0 if im.mode == "1" else clear)
        alpha = np.where(shown.any(-1) if im.mode == "RGB" else shown, 255, 0).astype(np.uint8)
    if im.mode[0] == "I":
        return Image.fromarray(_eight_bits(im)), alpha
    return im.convert("L") if im.mode == "1" else im, alpha


def _eight_bits(im: Image.Image) -> np.ndarray:
    """16-bit grey as uint8, v / 257 rounded. By hand, because Pillow's convert("L") clips at 255."""
    deep, top = np.asarray(im).astype(np.int64), 65_535
    if im.format == "TIFF":
        top = (1 << im.tag_v2.get(0x0102, (16,))[0]) - 1  # 12-bit scans come as numbers up to 4095
        if im.tag_v2.get(0x0106) == 0:  # white is zero; Pillow turns that round for 8 bits only
            deep = top - deep
    return ((deep.clip(0, top) * 510 + top) // (2 * top)).astype(np.uint8)


def _srgb(im: Image.Image, icc: bytes | None, notes: list[str]) -> np.ndarray:
    """Mode L, RGB, CMYK or LAB to (H, W, 3) uint8 sRGB, through the picture's own profile where that fits."""
    if im.mode == "CMYK":
        notes.append("CMYK converted")
    try:
        if (icc or im.mode == "LAB") and (transform := _transform(icc, im.mode)):
            every = Image.frombytes("L", (1, 256), bytes(range(256))) if im.mode == "L" else im
            moved = ImageCms.applyTransform(every, transform)
            im = Image.fromarray(np.asarray(moved)[np.asarray(im), 0]) if im.mode == "L" else moved
    except Exception:  # a picture without its profile is a little off; most programs would show it like that
        notes.append("broken or mismatched color profile ignored")
    return np.array(im if im.mode == "RGB" else im.convert("RGB"))


@functools.lru_cache(maxsize=16)  # a folder's pictures share a profile, and building costs more than a small picture
def _transform(icc: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From this profile to sRGB; None where that would change nothing. Raises where it does not fit the mode."""
    source = ImageCms.createProfile("LAB") if mode == "LAB" else ImageCms.ImageCmsProfile(io.BytesIO(icc))
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION  # as photo editors do
    flags |= ImageCms.Flags.NOOPTIMIZE if mode == "L" else 0  # else lcms is up to 10 off in the shadows of a grey ramp
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)
    if mode not in ("L", "RGB"):
        return transform
    # sRGB goes by dozens of profiles and names. A profile that moves none of these colors by more than 1 is sRGB.
    colors = np.indices((18, 18, 18)).reshape(3, 81, 72).transpose(1, 2, 0) * 15
    probe = Image.fromarray(colors.astype(np.uint8)).convert(mode)
    change = np.subtract(ImageCms.applyTransform(probe, transform), probe.convert("RGB"), dtype=int)
    return transform if np.abs(change).max() > 1 else None


def _upright(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Undo how the camera was held, as EXIF tag 0x0112 tells it: (H, W, 3), or (W, H, 3) for 5 to 8."""
    rgb = rgb.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else rgb
    rgb = rgb[:, ::-1] if orientation in (2, 3, 6, 7) else rgb
    rgb = rgb[::-1] if orientation in (3, 4, 7, 8) else rgb
    return np.ascontiguousarray(rgb)


def _exif(data: bytes, notes: list[str]) -> tuple[int, bytes | None]:
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
            if tag == _ORIENTATION:
                orientation = value
                struct.pack_into(f"{end}H", body, at + 8, 1)
    except (KeyError, struct.error):  # cut off, or never was EXIF
        notes.append("broken EXIF dropped")
        return 1, None
    body[after : after + 4] = bytes(len(body[after : after + 4]))  # no second folder: it shows the old picture
    return orientation, b"Exif\0\0" + bytes(body)


def _about(data: bytes) -> bytes | None:
    """Of EXIF, or of a whole TIFF file (the same format), what is about the photo, as EXIF; None if nothing is."""
    exif, kept = Image.Exif(), Image.Exif()
    with contextlib.suppress(Exception):  # broken: nothing to be had
        exif.load(data)
        for tag in _ABOUT & set(exif):
            kept[tag] = exif[tag]
        for folder in (_EXIF_FOLDER, _GPS_FOLDER):
            if inside := {tag: value for tag, value in exif.get_ifd(folder).items() if tag != _INTEROP}:
                kept[folder] = inside
        kept[_ORIENTATION] = 1
        return kept.tobytes() if len(kept) > 1 else None
    return None
