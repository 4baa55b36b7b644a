"""Picture files in and out: what a camera, scanner or web page made becomes upright 8-bit sRGB, and back.

    file -> Pillow -> color, alpha -> color profile to sRGB -> alpha over white -> upright -> (H, W, 3) uint8

Whatever is wrong with a file ends as `BadInput` in one sentence, whatever was merely odd in `Photo.notes`. 16-bit grey
is v / 257, rounded; of 16-bit color Pillow hands out the high byte only, which can be one too dark.
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
EXTENSIONS = frozenset(".jpg .jpeg .jfif .png .webp .tif .tiff .bmp .gif .ppm .pgm .jp2".split()) | (
    {".avif"} if importlib.util.find_spec("PIL._avif") else set()  # Pillow learned it in 11.3
)
_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # the formats' own limits
_MAX_JPEG_EXIF = 65_533  # one JPEG marker holds no more
_ORIENTATION, _EXIF_FOLDER, _GPS_FOLDER, _INTEROP = 0x0112, 0x8769, 0x8825, 0xA005
# Description, make, model, resolution (3 tags), software, date, artist, copyright: the only tags of a TIFF that are
# about the photo. The others say where that file keeps its pixels; in another file they would be lies.
_ABOUT = (0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298)

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
    """Whether a file of this name is worth opening: a picture's suffix, and not hidden (".x.jpg", macOS's "._x.jpg")."""
    name = os.path.basename(name)
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS


def read(path: str | Path) -> Photo:
    """Read one whole file. Raises BadInput for whatever keeps it from being a picture, also if there is no file."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as e:
        raise BadInput(f"{path}: there is no such file; a picture was expected") from e
    except (OSError, ValueError, MemoryError) as e:  # ValueError: a NUL in the name
        if isinstance(e, OSError) and os.path.isdir(path):
            raise BadInput(f"{path}: is a folder; one picture file was expected") from e
        why = getattr(e, "strerror", None) or str(e) or "larger than the memory"
        raise BadInput(f"{path!s}: cannot be read ({why.lower()}); a readable picture file was expected") from e
    return decode(data, str(path))


def decode(data: bytes, name: str, at_least: int | None = None) -> Photo:
    """Decode the bytes of one file; `name` is only for the sentences of BadInput.

    at_least: the caller will shrink the shorter side to this many pixels. A JPEG may then come at 1/2, 1/4 or 1/8 of
    its size, straight from its DCT blocks and several times faster; never below twice that many pixels.
    """
    if at_least is not None and at_least < 1:
        raise ValueError(f"at_least must be 1 or more, not {at_least}")
    notes: list[str] = []
    with _one_sentence(name):
        im = _header(data, name)
        if at_least is not None and im.format in ("JPEG", "MPO"):
            im.draft(None, (2 * at_least, 2 * at_least))
        # Before load(): that turns a TIFF upright by itself, and a TIFF of several pages then forgets its file.
        exif = _about(im.getexif()) if im.format == "TIFF" else None
        im.load()
        orientation, exif = (1, exif) if im.format == "TIFF" else _exif(im, notes)  # a PNG's may follow its pixels
        color, alpha = _split(im)
        rgb = _srgb(color, im.info.get("icc_profile"), notes)
        _count_frames(im, notes)
    if alpha is not None and (alpha < 255).any():
        notes.append("transparent parts put over white")
        a = alpha[..., None].astype(np.uint16)
        rgb = ((rgb * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)  # at most 65152: 16 bits hold it
    return Photo(_upright(rgb, orientation), exif, tuple(notes))


def write(path: str | Path, rgb: np.ndarray, exif: bytes | None = None, quality: int = 95) -> None:
    """Write (H, W, 3) uint8 sRGB in the format that the suffix names; whole or not at all.

    quality: 1 to 100, for JPEG (4:4:4, never with less color than light) and WebP. exif: as in Photo; left out where it
    does not fit (JPEG: 64 KB) or cannot be taken apart (TIFF). Raises BadInput for a suffix or size that cannot be
    written; OSError (full disk, no permission) passes with the file's name, and what was there before is unharmed.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ValueError(f"write() takes (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
    path = Path(path)
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise BadInput(f"{path}: the name must end in one of {' '.join(_FORMATS)}, the formats that can be written")
    height, width = rgb.shape[:2]
    if max(height, width) > _MAX_SIDE.get(form, MAX_PIXELS):
        raise BadInput(f"{path}: {form} holds at most {_MAX_SIDE[form]} pixels a side, not {width} x {height}; use .png")
    options = {"JPEG": {"quality": quality, "subsampling": 0}, "WEBP": {"quality": quality}}.get(form, {})
    if form == "TIFF" and exif:  # the file stays uncompressed: only there can Pillow write date and exposure
        exif = _about(exif)
    if exif and not (form == "JPEG" and len(exif) > _MAX_JPEG_EXIF):
        options["exif"] = exif
    packed = io.BytesIO()  # encoded in memory, because Pillow's own file writing says "encoder error -2" for a full disk
    Image.fromarray(np.ascontiguousarray(rgb)).save(packed, form, **options)
    # In the same folder, so that replace() never crosses disks; hidden, so that nobody reading the folder takes it.
    temporary = path.with_name(f".{path.stem[:32]}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as f:
            f.write(packed.getbuffer())
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except BaseException as e:  # Ctrl-C too
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(e, OSError):  # say it about the file that the user asked for
            raise OSError(e.errno, e.strerror, str(path)) from e
        raise


@contextlib.contextmanager
def _one_sentence(name: str):
    """On damaged data Pillow raises whatever its code stumbles over, from SyntaxError to zlib.error: all mean this."""
    try:
        yield
    except BadInput:
        raise
    except MemoryError as e:
        raise BadInput(f"{name}: does not fit into memory; a smaller picture was expected") from e
    except Exception as e:
        raise BadInput(f"{name}: is damaged or cut off; a whole picture file was expected") from e


def _header(data: bytes, name: str) -> Image.Image:
    """Open without decoding, and refuse what shows already."""
    if not data:
        raise BadInput(f"{name}: is empty (0 bytes); a picture was expected")
    try:
        im = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as e:
        raise BadInput(f"{name}: has too many pixels; at most {MAX_PIXELS:,} were expected") from e
    except (MemoryError, RecursionError):
        raise
    except Exception as e:
        raise BadInput(f"{name}: is not a picture, or too damaged to tell; JPEG, PNG, WebP, TIFF ... expected") from e
    width, height = im.size
    if not 0 < width * height <= MAX_PIXELS:
        raise BadInput(f"{name}: has {width} x {height} pixels; between 1 and {MAX_PIXELS:,} were expected")
    if im.format in ("EPS", "WMF"):  # drawing commands; Pillow would start another program on them
        raise BadInput(f"{name}: is an {im.format} drawing; a picture made of pixels was expected")
    # Mode "I" is 32 bits. PNG (older Pillow) and PGM fill 16 of them; elsewhere the range is anyone's guess.
    if im.mode == "F" or (im.mode == "I" and im.format not in ("PNG", "PPM")):
        raise BadInput(f"{name}: holds 32-bit or signed numbers; 8 or 16 bits per channel were expected")
    return im


def _split(im: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """Color as mode L, RGB, CMYK or LAB, and alpha as (H, W) uint8, or None where nothing can be transparent."""
    clear = im.info.get("transparency")  # PNG and GIF may name one color that means "nothing here"
    if im.mode == "I" or im.mode.startswith("I;16"):
        deep = np.asarray(im)
        alpha = None if clear is None else np.where(deep == clear, 0, 255).astype(np.uint8)
        return Image.fromarray(_eight_bits(deep.astype(np.int64), im)), alpha
    if im.mode in ("1", "L", "RGB"):
        if im.mode == "1":
            im, clear = im.convert("L"), clear and 255  # older Pillow names white 1
        if clear is None:
            return im, None
        if im.mode == "RGB" and max(clear) > 255:
            clear = [v >> 8 for v in clear]  # named in 16 bits, of which Pillow kept the high byte
        differs = np.asarray(im) != clear
        return im, np.where(differs.any(-1) if differs.ndim == 3 else differs, 255, 0).astype(np.uint8)
    if im.mode in ("LA", "La"):
        im = im.convert("LA")  # La: multiplied by alpha already; this divides
        return im.getchannel("L"), np.asarray(im.getchannel("A"))
    if im.has_transparency_data:
        im = im.convert("RGBA")
        return im.convert("RGB"), np.asarray(im.getchannel("A"))
    return im if im.mode in ("CMYK", "LAB") else im.convert("RGB"), None


def _eight_bits(deep: np.ndarray, im: Image.Image) -> np.ndarray:
    """16-bit grey as uint8, v / 257 rounded. By hand, because Pillow's convert("L") clips at 255."""
    top = 65_535
    if im.format == "TIFF":
        top = (1 << im.tag_v2.get(0x0102, (16,))[0]) - 1  # 12-bit scans come as numbers up to 4095
        if im.tag_v2.get(0x0106) == 0:  # white is zero; Pillow turns that round for 8 bits only
            deep = top - deep
    return ((deep.clip(0, top) * 510 + top) // (2 * top)).astype(np.uint8)


def _srgb(im: Image.Image, icc: bytes | None, notes: list[str]) -> np.ndarray:
    """Mode L, RGB, CMYK or LAB to (H, W, 3) uint8 sRGB, through the picture's own profile where that fits."""
    if im.mode == "CMYK":
        notes.append("CMYK converted")
    transform = _transform(None, "LAB") if im.mode == "LAB" else None
    if icc and im.mode != "LAB":
        try:
            transform = _transform(icc, im.mode)
        except Exception:
            notes.append("broken color profile ignored")
    if transform is not None:
        im = ImageCms.applyTransform(im, transform)
    return np.array(im if im.mode == "RGB" else im.convert("RGB"))


@functools.lru_cache(maxsize=16)  # a folder's pictures share a profile, and building costs more than a small picture
def _transform(icc: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From this profile (None: CIELAB) to sRGB; None where it would change nothing. Raises where it does not fit."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else ImageCms.createProfile("LAB")
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION  # as photo editors do
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)
    if mode not in ("L", "RGB"):
        return transform
    # sRGB goes by dozens of profiles and names. A profile that moves none of these colors by more than 1 is sRGB.
    colors = np.indices((18, 18, 18)).reshape(3, 81, 72).transpose(1, 2, 0).astype(np.uint8) * 15
    probe = Image.fromarray(colors).convert(mode)
    moved = np.abs(np.asarray(ImageCms.applyTransform(probe, transform)).astype(int) - np.asarray(probe.convert("RGB")))
    return transform if moved.max() > 1 else None


def _count_frames(im: Image.Image, notes: list[str]) -> None:
    kind = {"GIF": "frames", "PNG": "frames", "WEBP": "frames", "AVIF": "frames", "TIFF": "pages"}.get(im.format)
    with contextlib.suppress(Exception):  # damage in a later frame does not hurt the first
        if kind and getattr(im, "n_frames", 1) > 1:
            notes.append(f"{'animated: ' if kind == 'frames' else ''}first of {im.n_frames} {kind} used")


def _upright(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Undo how the camera was held, as EXIF 2.3 tag 0x0112 tells it: (H, W, 3), or (W, H, 3) for 5 to 8."""
    rgb = rgb.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else rgb
    rgb = rgb[:, ::-1] if orientation in (2, 3, 6, 7) else rgb
    rgb = rgb[::-1] if orientation in (3, 4, 7, 8) else rgb
    return np.ascontiguousarray(rgb)


def _exif(im: Image.Image, notes: list[str]) -> tuple[int, bytes | None]:
    """Orientation, and the file's own EXIF bytes with that set to 1; all else stays in place, as maker notes need."""
    try:
        data = im.info.get("exif") or b""
        while data.startswith(b"Exif\0\0"):
            data = data[6:]
        if not data:
            return 1, None
        body, orientation = bytearray(data), 1
        end = {b"II*\0": "<", b"MM\0*": ">"}[data[:4]]
        (start,) = struct.unpack_from(f"{end}I", body, 4)
        (count,) = struct.unpack_from(f"{end}H", body, start)
        after = start + 2 + 12 * count
        for at in range(start + 2, after, 12):  # an entry: tag, type, how many, value
            tag, kind = struct.unpack_from(f"{end}HH8x", body, at)
            if tag == _ORIENTATION:
                code = end + {1: "B", 4: "I"}.get(kind, "H")
                (orientation,) = struct.unpack_from(code, body, at + 8)
                struct.pack_into(code, body, at + 8, 1)
        body[after : after + 4] = bytes(len(body[after : after + 4]))  # no second folder: it shows the old picture
        return orientation, b"Exif\0\0" + bytes(body)
    except Exception:  # cut off, or never was EXIF
        notes.append("broken EXIF dropped")
        return 1, None


def _about(exif: Image.Exif | bytes) -> bytes | None:
    """EXIF of nothing but what is about the photo, with which a TIFF can be read and written; None if there is none."""
    try:
        if isinstance(exif, bytes):
            loaded = Image.Exif()
            loaded.load(exif)
            exif = loaded
        kept = Image.Exif()
        for tag in _ABOUT:
            if tag in exif:
                kept[tag] = exif[tag]
        for folder in (_EXIF_FOLDER, _GPS_FOLDER):
            inside = {tag: value for tag, value in exif.get_ifd(folder).items() if tag != _INTEROP}  # an offset, stale
            if inside:
                kept[folder] = inside
        if not len(kept):
            return None
        kept[_ORIENTATION] = 1
        return kept.tobytes()
    except Exception:  # broken
        return None
