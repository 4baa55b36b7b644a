"""Color profiles (ICC.1:2010): from a picture's own space to sRGB before the work, and back into it before writing.

    8 bits     lcms through Pillow, relative colorimetric with black point compensation, as photo editors do
    16 bits    value -> curve -> light -> 3x3 matrix (8.3 and F.3 of the standard) -> linear sRGB -> the curve of IEC 61966-2-1

Pillow hands lcms no more than 8 bits a channel, whose steps would show in a sky: hence the second line. It is right to 1/65535;
back to 4/65535, and to 26 below 1 % of the range, where the curves are steep (measured with Adobe RGB). A profile of tables
instead of curves and matrix goes through a grid of 52^3 colors that lcms moved, linear in between: smooth, but only as right as
lcms' 8 bits at the grid's colors.

Which profile a written picture gets: its own if that one is RGB; of a grey, CMYK or Lab profile, which cannot hold a colored
picture, and of an RGB profile that leads only one way, sRGB takes the place.
"""

import functools
import io
import struct

import numpy as np
from PIL import Image, ImageCms

_SPACES = {b"GRAY": "grey", b"CMYK": "CMYK", b"Lab ": "Lab"}
_NODES, _STEP = 52, 5                           # a grid of 8-bit colors 0, 5 ... 255
_VALUES = np.arange(65536) / 65535


def _made_srgb() -> bytes:
    """lcms' own sRGB profile, without the minute in which it was made: the same picture must be the same file tomorrow."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(data)


SRGB = _made_srgb()


def to_srgb(im: Image.Image, icc: bytes | None) -> Image.Image:
    """Mode L, RGB, CMYK or LAB as RGB, through its profile where there is one that fits; raises where it does not."""
    if (icc or im.mode == "LAB") and (transform := _transform(icc, im.mode)):
        if im.mode == "L":
            every = Image.frombytes("L", (1, 256), bytes(range(256)))
            return Image.fromarray(np.asarray(ImageCms.applyTransform(every, transform))[np.asarray(im), 0])
        return ImageCms.applyTransform(im, transform)
    return im.convert("RGB")


def deep_to_srgb(pixels: np.ndarray, icc: bytes | None) -> np.ndarray:
    """(H, W, 1 or 3) uint16 as (H, W, 3) uint16 sRGB; raises for a profile that does not fit."""
    mode = "L" if pixels.shape[2] == 1 else "RGB"
    if icc and (transform := _transform(icc, mode)):
        if (arithmetic := _arithmetic(icc)) is None:
            if mode == "L":
                raise ValueError("a grey profile without a curve")
            return _through_grid(pixels, _grid(transform))
        light, matrix = arithmetic
        if mode == "L":
            pixels = _encoded(light[0])[pixels]
        else:
            linear = np.stack([light[c][pixels[..., c]] for c in range(3)], -1)
            pixels = _encoded((linear @ matrix.T).clip(0, 1))
    return pixels if pixels.shape[2] == 3 else pixels.repeat(3, 2)


def from_srgb(rgb: np.ndarray, icc: bytes | None) -> np.ndarray:
    """(H, W, 3) sRGB, uint8 or uint16, as the numbers that this RGB profile means; `icc` as keeps() gave it."""
    if not icc or _transform(icc, "RGB") is None:
        return rgb
    if rgb.dtype == np.uint8:
        return np.asarray(ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(rgb)), _back(icc)))
    if (arithmetic := _arithmetic(icc)) is None:
        return _through_grid(rgb, _grid(_back(icc)))
    linear = _decoded()[rgb] @ np.linalg.inv(arithmetic[1]).T.astype(np.float32)
    at = _encoded(linear.clip(0, 1))            # light, on a scale whose dark end is fine enough for a table
    return np.stack([_stored(icc, c)[at[..., c]] for c in range(3)], -1)


def keeps(icc: bytes, notes: list[str]) -> bytes:
    """The profile to write into a picture that came with this one, which has proved to fit."""
    what = _SPACES.get(icc[16:20])
    try:
        if what is None and (_transform(icc, "RGB") is None or _back(icc)):
            return icc
    except Exception:                           # only from the device's colors, as many scanners': nobody can go back
        what = "one-way"
    notes.append(f"its {what} color profile cannot hold the result, which is sRGB")
    return SRGB


@functools.lru_cache(maxsize=16)                # a folder's pictures share a profile; building costs more than a small picture
def _transform(icc: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From this profile to sRGB; None where that would change nothing. Raises where it does not fit the mode."""
    source = ImageCms.createProfile("LAB") if mode == "LAB" else ImageCms.ImageCmsProfile(io.BytesIO(icc))
    # Without NOOPTIMIZE lcms is up to 10 off in the shadows of a grey ramp
    flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
    transform = _built(source, ImageCms.createProfile("sRGB"), mode, flags)
    if mode not in ("L", "RGB"):
        return transform
    # sRGB goes by dozens of profiles and names. A profile that moves none of these colors by more than 1 is sRGB.
    colors = np.indices((18, 18, 18)).reshape(3, 81, 72).transpose(1, 2, 0) * 15
    probe = Image.fromarray(colors.astype(np.uint8)).convert(mode)
    change = np.subtract(ImageCms.applyTransform(probe, transform), probe.convert("RGB"), dtype=int)
    return transform if np.abs(change).max() > 1 else None


@functools.lru_cache(maxsize=16)
def _back(icc: bytes) -> ImageCms.ImageCmsTransform:
    """From sRGB to this RGB profile. Raises where the profile does not tell how."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    return _built(ImageCms.createProfile("sRGB"), target, "RGB", ImageCms.Flags.NONE)


def _built(source, target, mode: str, flags: ImageCms.Flags) -> ImageCms.ImageCmsTransform:
    flags |= ImageCms.Flags.BLACKPOINTCOMPENSATION
    return ImageCms.buildTransform(source, target, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, flags)


@functools.lru_cache(maxsize=4)
def _arithmetic(icc: bytes) -> tuple[np.ndarray, np.ndarray] | None:
    """(channels, 65536) the light of each stored value, and the matrix from it to linear sRGB; None for a profile of tables."""
    tags = _tags(icc)
    if b"A2B0" in tags or b"A2B1" in tags:
        return None
    if b"kTRC" in tags:                         # a Lab connection space would make the curve one of L*
        return (np.stack([_curve(tags[b"kTRC"])]), np.eye(1)) if icc[20:24] == b"XYZ " else None
    own, srgb = (np.stack([np.frombuffer(t[c + b"XYZ"], ">i4", 3, 8) / 65536 for c in (b"r", b"g", b"b")], 1)
                 for t in (tags, _tags(SRGB)))
    curves = np.stack([_curve(tags[c + b"TRC"]) for c in (b"r", b"g", b"b")])
    return curves, (np.linalg.inv(srgb) @ own).astype(np.float32)


def _tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, 128)
    places = [struct.unpack_from(">4sII", icc, 132 + 12 * i) for i in range(min(count, 100))]
    return {name: icc[start:start + length] for name, start, length in places}


def _curve(data: bytes) -> np.ndarray:
    """A curveType or parametricCurveType (10.5 and 10.15 of the standard) at all 16-bit values."""
    x = _VALUES
    if data[:4] == b"para":
        kind = struct.unpack_from(">H", data, 8)[0]
        values = np.frombuffer(data, ">i4", (1, 3, 4, 5, 7)[kind], 12) / 65536
        g, a, b, c, d, e, f = (*values, *(1, 1, 0, 0, 0, 0, 0)[len(values):])
        if kind in (1, 2):                      # there the straight part is level, at 0 or c, up to where the power begins
            c, d, e, f = 0, -b / a, c, c
        y = np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
    else:
        (count,) = struct.unpack_from(">I", data, 8)
        values = np.frombuffer(data, ">u2", count, 12)
        y = x if count == 0 else x ** (values[0] / 256) if count == 1 else np.interp(x, np.linspace(0, 1, count), values / 65535)
    return y.clip(0, 1).astype(np.float32)


@functools.lru_cache(maxsize=12)
def _stored(icc: bytes, channel: int) -> np.ndarray:
    """The value that stands for each amount of light, given on the scale of sRGB's curve in 16 bits."""
    light = np.maximum.accumulate(_arithmetic(icc)[0][channel])
    return np.rint(np.interp(_decoded(), light, 65535 * _VALUES)).astype(np.uint16)


@functools.lru_cache(maxsize=1)
def _decoded() -> np.ndarray:
    x = _VALUES
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(light: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] as 16-bit sRGB."""
    curved = 1.055 * np.maximum(light, 0.003) ** np.float32(1 / 2.4) - 0.055
    return np.rint(65535 * np.where(light <= 0.0031308, 12.92 * light, curved)).astype(np.uint16)


def _grid(transform: ImageCms.ImageCmsTransform) -> np.ndarray:
    """Where a transform moves 52^3 colors, on the scale of 16 bits: (r, g, b, 3)."""
    nodes = np.indices((_NODES,) * 3, np.uint8).reshape(3, _NODES**2, _NODES).transpose(1, 2, 0) * np.uint8(_STEP)
    moved = ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(nodes)), transform)
    return np.asarray(moved, np.float32).reshape(_NODES, _NODES, _NODES, 3) * 257


def _through_grid(pixels: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Linear interpolation between the eight colors of the grid around each pixel."""
    there = pixels.astype(np.float32) / (257 * _STEP)
    low = np.minimum(there.astype(np.intp), _NODES - 2)
    part, out = there - low, np.zeros(pixels.shape, np.float32)
    for corner in np.ndindex(2, 2, 2):
        r, g, b = (low[..., c] + corner[c] for c in range(3))
        weight = np.prod([part[..., c] if corner[c] else 1 - part[..., c] for c in range(3)], axis=0)
        out += weight[..., None] * grid[r, g, b]
    return np.rint(out).astype(np.uint16)
