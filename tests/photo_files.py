"""What the tests of photos share: one picture, files of it, and PNGs, TIFFs, EXIF and color profiles made by hand."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

PIXELS = np.kron(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
PHOTO = Image.fromarray(PIXELS)  # 56 x 40: blocks of 8, so that JPEG hardly hurts it


def packed(im, form, **options):
    out = io.BytesIO()
    im.save(out, form, **options)
    return out.getvalue()


def png(width, height, bits, kind, rows=b"", *chunks):
    """A PNG made by hand, for what Pillow cannot write."""
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    every = [head, *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    tagged = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in every]
    return b"\x89PNG\r\n\x1a\n" + b"".join(tagged)


def tiff(*tags):
    """The head of a little TIFF made by hand, (tag, type, how many, value) for each tag; its data may follow."""
    folder = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + folder + bytes(4)


def exif(orientation=1, order=">", width=None):
    tags = Image.Exif()
    tags.endian = order
    tags[0x010F], tags[0x0112] = "Leitz", orientation
    if width:
        tags[0x0100] = width
    tags[0x8769] = {0x9003: "1932:05:01 12:00:00", 0xA005: {1: "R98"}}  # when it was taken; a folder in the folder
    return tags.tobytes()


def said(data):
    tags = Image.Exif()
    tags.load(data)
    return tags.get(0x010F), tags.get(0x0112), tags.get_ifd(0x8769).get(0x9003)


def header(width, height):
    return png(width, height, 8, 2)


# ---- color profiles, made by hand after ICC.1:2001-04, so that their arithmetic is known


def fixed(*values):
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))


def xyz(*values):
    return b"XYZ \0\0\0\0" + fixed(*values)


def curve(*values):  # one value: a gamma in 1/256; more: a table
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def profile(space, pcs, **tags):
    at, index, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        index += name.encode() + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s12x4s28x12s", at + len(body), 0x02400000, b"mntr", space, pcs, b"acsp", D50)
    return head.ljust(128, b"\0") + index + body


D50 = fixed(0.9642, 1, 0.8249)
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
ramp = np.arange(1024) / 1023
table = np.where(ramp <= 0.04045, ramp / 12.92, ((ramp + 0.055) / 1.055) ** 2.4)


def rgb_profile(matrix, trc):
    r, g, b = (xyz(*column) for column in matrix.T)
    return profile(b"RGB ", b"XYZ ", wtpt=xyz(0.9642, 1, 0.8249), rXYZ=r, gXYZ=g, bXYZ=b, rTRC=trc, gTRC=trc, bTRC=trc)


WIDE = rgb_profile(ADOBE, curve(563))  # Adobe RGB (1998): gamma 563 / 256
PLAIN = rgb_profile(SRGB, curve(*(round(65535 * v) for v in table)))  # what cameras and HP's profile call sRGB
LIGHT = profile(b"GRAY", b"XYZ ", wtpt=xyz(0.9642, 1, 0.8249), kTRC=curve(256))  # grey values are amounts of light
PAPER = [255 * (1 - c / 2) * (1 - k) for c in (0, 1) for _m in (0, 1) for _y in (0, 1) for k in (0, 1)]
INK = profile(  # a press whose cyan is a middle grey and whose magenta and yellow leave no trace: nobody's default
    b"CMYK", b"Lab ",
    A2B0=b"mft1\0\0\0\0\4\3\2\0" + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + bytes(range(256)) * 4
    + bytes(v for light in PAPER for v in (round(light), 128, 128)) + bytes(range(256)) * 3,
)  # fmt: skip


# ---- one file of each kind, to be damaged


FORMATS = {
    "JPEG": packed(PHOTO, "JPEG", exif=exif(6), icc_profile=WIDE),
    "PNG": packed(PHOTO.quantize(16), "PNG", exif=exif(3), transparency=bytes(range(16)), icc_profile=WIDE),
    "WEBP": packed(PHOTO, "WEBP", exif=exif(8), icc_profile=WIDE, lossless=True),
    "TIFF": packed(PHOTO, "TIFF", exif=exif(5), icc_profile=WIDE),
    "LZW": packed(PHOTO, "TIFF", compression="tiff_lzw"),
    "GIF": packed(PHOTO, "GIF", save_all=True, append_images=[PHOTO.rotate(90)]),
    "JPEG2000": packed(PHOTO, "JPEG2000"),
    "CMYK": packed(PHOTO.convert("CMYK"), "JPEG", icc_profile=INK),
    "MPO": packed(PHOTO, "MPO", save_all=True, append_images=[PHOTO]),
}
