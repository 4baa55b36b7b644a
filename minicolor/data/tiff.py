"""TIFF (revision 6.0, Adobe 1992) with 16 bits a channel, of which Pillow takes and gives the high byte only.

    file -> Pillow reads the tags -> strips or tiles, unpacked one by one -> bands of rows (h, W, samples) uint16

A packed strip is wrapped as a little 8-bit grey TIFF of its own: so libtiff, which Pillow brings along, unpacks LZW, Deflate and
others to plain bytes and need not know what they mean. Written is one unpacked strip, row after row, with no copy of the picture.
"""

import contextlib
import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image

from minicolor.data.about import UNIT, X_RESOLUTION, Y_RESOLUTION, About

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _MEANING, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _SAMPLES, _ROWS, _LENGTHS, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_LENGTHS, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_XMP, _IPTC, _ICC = 700, 33723, 34675
_PLAIN, _PACK_BITS = 1, 32773                   # PackBits and plain bytes: no predictor
BAND = 1 << 20                                  # pixels in work at once
_LARGEST = 1 << 27                              # bytes of one packed strip, or of one tile
_MANY = 1 << 16                                 # strips and tiles: unpacking each takes a fraction of a millisecond
LARGEST_FILE = (1 << 32) - (1 << 24)            # offsets have 32 bits; what stands before the pixels is smaller than the rest


@dataclass(frozen=True)
class Deep:
    """How an open TIFF keeps its 16-bit samples: 1 or 3 for color, then alpha or something of no interest."""
    width: int
    height: int
    colors: int
    samples: int
    alpha: str | None                           # "straight", or "premultiplied" into the color
    inverted: bool                              # 0 is white
    order: str                                  # "<" or ">"
    compression: int
    predicted: bool                             # each sample is stored as the difference from its left neighbor
    planes: int                                 # 1: r g b r g b ...; else each sample's plane for itself
    block: tuple[int, int]                      # width and height of a strip or tile
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]

    def bands(self, f: BinaryIO) -> Iterator[tuple[int, np.ndarray]]:
        """(first row, (h, W, samples) uint16) from top to bottom; raises where the file is damaged."""
        (wide, high), each = self.block, self.samples // self.planes
        across, down, thin = -(-self.width // wide), -(-self.height // high), max(1, BAND // self.width)
        for j in range(down):
            rows = min(high, self.height - j * high)
            step = thin if self.compression == _PLAIN else rows
            for first in range(0, rows, step):
                band = np.empty((min(step, rows - first), self.width, self.samples), np.uint16)
                for plane in range(self.planes):
                    for i in range(across):
                        block = self._block(f, (plane * down + j) * across + i, first, len(band))
                        band[:, i * wide:(i + 1) * wide, plane:plane + each] = block[:, :self.width - i * wide]
                for row in range(0, len(band), thin):
                    yield j * high + first + row, band[row:row + thin]

    def _block(self, f: BinaryIO, index: int, first: int, rows: int) -> np.ndarray:
        """Some rows of one strip or tile: (rows, its width, samples)."""
        (wide, high), each = self.block, self.samples // self.planes
        row_bytes = 2 * wide * each
        if self.compression == _PLAIN:
            f.seek(self.offsets[index] + first * row_bytes)
            data = f.read(rows * row_bytes)
        else:
            f.seek(self.offsets[index])         # a packed one is never much larger than what it holds
            data = f.read(min(self.lengths[index], 2 * high * row_bytes + 1024))
            data = _unpacked(data, self.compression, row_bytes, rows)
        block = np.frombuffer(data, f"{self.order}u2", rows * wide * each).reshape(rows, wide, each)
        return np.cumsum(block, axis=1, dtype=np.uint16) if self.predicted else block   # 16 bits wrap round, as they should


def deep(im: Image.Image, f: BinaryIO) -> Deep | None:
    """How a TIFF that Pillow opened from f keeps 16 bits a channel; None where it does not, or in a way unknown here."""
    tags = im.tag_v2
    with contextlib.suppress(Exception):        # a tag that is missing or of a wrong kind: Pillow may know what to say
        samples, meaning, compression = tags.get(_SAMPLES, 1), tags[_MEANING], tags.get(_COMPRESSION, 1)
        extra, predictor, planar = tags.get(_EXTRA, (0,)), tags.get(_PREDICTOR, 1), tags.get(_PLANAR, 1)
        colors, plain, tiled = 3 if meaning == 2 else 1, compression == _PLAIN, _TILE_OFFSETS in tags
        width, height = tags[_WIDTH], tags[_HEIGHT]
        wide, high = (tags[_TILE_WIDTH], tags[_TILE_HEIGHT]) if tiled else (width, min(height, tags.get(_ROWS, height)))
        offsets = tags[_TILE_OFFSETS if tiled else _OFFSETS]
        lengths = offsets if plain else tags[_TILE_LENGTHS if tiled else _LENGTHS]   # plain: known without
        alpha = {1: "premultiplied", 2: "straight"}.get(extra[0]) if samples > colors else None
        planes = samples if planar == 2 else 1
        blocks, size = -(-width // wide) * -(-height // high) * planes, 2 * wide * high * samples // planes
        f.seek(0)
        order = "<" if f.read(1) == b"I" else ">"
        if (set(tags[_BITS]) == {16} and set(tags.get(_FORMAT, (1,))) == {1} and tags.get(_FILL_ORDER, 1) == 1
                and meaning in (0, 1, 2) and samples - colors in (0, 1) and predictor in (1, 2) and planar in (1, 2)
                and blocks <= min(_MANY, len(offsets), len(lengths)) and (size <= _LARGEST or (plain and not tiled))):
            return Deep(width, height, colors, samples, alpha, meaning == 0, order, compression,
                        predictor == 2 and compression not in (_PLAIN, _PACK_BITS), planes, (wide, high), offsets, lengths)
    return None


def _unpacked(data: bytes, compression: int, width: int, height: int) -> bytes:
    """A packed strip of bytes as width * height plain ones."""
    count = 9
    tags = [(_WIDTH, width), (_HEIGHT, height), (_BITS, 8), (_COMPRESSION, compression), (_MEANING, 1),
            (_OFFSETS, 8 + 2 + 12 * count + 4), (_SAMPLES, 1), (_ROWS, height), (_LENGTHS, len(data))]
    head = struct.pack("<2sHIH", b"II", 42, 8, count) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    with Image.open(io.BytesIO(head + bytes(4) + data), formats=["TIFF"]) as im:
        return im.tobytes()


def save(f: BinaryIO, bands: Iterable[np.ndarray], like: np.ndarray, tags: Image.Exif, about: About) -> None:
    """Write bands of rows, which together have the size and the depth of `like` (H, W, 3), under these tags."""
    height, width, bits = *like.shape[:2], 8 * like.itemsize
    tags.endian = "<"                           # of an Exif without one Pillow makes a big-endian file; our pixels are little
    tags[_WIDTH], tags[_HEIGHT], tags[_BITS], tags[_COMPRESSION], tags[_MEANING] = width, height, (bits,) * 3, _PLAIN, 2
    tags[_SAMPLES], tags[_ROWS], tags[_LENGTHS], tags[_PLANAR] = 3, height, like.nbytes, 1
    tags[_OFFSETS] = 0                          # counted from the end of the tags; Pillow adds where that is
    for tag, data in (_ICC, about.icc), (_XMP, about.xmp), (_IPTC, about.iptc):
        if data:
            tags[tag] = data
    if about.dpi and X_RESOLUTION not in tags:
        tags[X_RESOLUTION], tags[Y_RESOLUTION], tags[UNIT] = *about.dpi, 2      # 2: pixels an inch
    f.write(tags.tobytes().removeprefix(b"Exif\0\0"))
    for band in bands:
        f.write(np.ascontiguousarray(band, f"<u{like.itemsize}").data)
