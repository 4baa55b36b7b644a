"""1,000 damaged picture files, read and colored: no crash, no hang, no wild memory, no partial output; each done or named."""

import contextlib
import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from photo_files import FORMATS, PHOTO, packed, png
from PIL import Image

from minicolor import checkpoint
from minicolor.data.about import About
from minicolor.data.photos import is_photo
from minicolor.data.tiff import save
from minicolor.recipe import to_dict
from minicolor.recipes.pix2pix_lab import QUICK

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pytest sets aside the filter that photos.py sets
COUNT = 1000
EXTREMES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\xff\xff", b"\x00\x01\x00\x00"]
SUFFIX = {"JPEG": ".jpg", "CMYK": ".jpg", "MPO": ".jpg", "PNG": ".png", "deep PNG": ".png", "WEBP": ".webp", "GIF": ".gif",
          "JPEG2000": ".jp2", "BMP": ".bmp", "PPM": ".ppm"}


def whole_files():
    """One of each kind; the rest of what a scanner makes beside those of photo_files."""
    deep = np.asarray(PHOTO).astype(np.uint16) * 257
    plain, rows = io.BytesIO(), b"".join(b"\1" + row.tobytes() for row in deep.astype(">u2"))
    save(plain, [deep], deep, Image.Exif(), About())
    more = {"deep TIFF": plain.getvalue(), "deep PNG": png(56, 40, 16, 2, rows)}
    more["deflate"] = packed(PHOTO, "TIFF", compression="tiff_adobe_deflate")
    return {**FORMATS, **more, "BMP": packed(PHOTO, "BMP"), "PPM": packed(PHOTO, "PPM")}


def damaged(data, other, rng):
    """One to four accidents: bits, runs, lengths, pieces lost, doubled, or from another file."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, max(1, len(data) if rng.random() < 0.5 else min(len(data), 200))))   # headers matter most
        n = int(rng.integers(1, 40))
        kind = rng.integers(0, 7)
        if kind == 0:
            data = data[:at]
        elif kind == 1 and data:
            data[at % len(data)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            data[at:at + n] = rng.integers(0, 256, n, np.uint8).tobytes()
        elif kind == 3:
            data[at:at + 4] = EXTREMES[rng.integers(0, len(EXTREMES))]
        elif kind == 4:
            del data[at:at + n]
        elif kind == 5:
            data[at:at] = data[at:at + n]
        else:
            data[at:] = other[at:]
    return bytes(data)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder, rng, files = tmp_path_factory.mktemp("album"), np.random.default_rng(6), whole_files()
    kinds = list(files)
    for i in range(COUNT):
        kind, other = (kinds[k] for k in rng.integers(0, len(kinds), 2))
        data = damaged(files[kind], files[other], rng)
        (folder / f"{i:04}{SUFFIX.get(kind, '.tif')}").write_bytes(data)
    return folder


def python(program, *argv, seconds):
    """In a process of its own with 3 GB of address space above what torch takes: a wild allocation fails there."""
    limit = """if 1:
        import sys, resource, torch
        from minicolor.data import photos
        photos.MAX_PIXELS = 1_000_000                     # a flipped size must not cost the test minutes
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**30,) * 2)\n"""
    return subprocess.run([sys.executable, "-c", limit + program, *map(str, argv)], cwd=ROOT, capture_output=True, text=True,
                          timeout=seconds)


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc and RLIMIT_AS")
def test_every_file_is_a_picture_or_a_sentence(album):
    run = python("""
        import time
        from pathlib import Path
        from minicolor.errors import BadInput
        read = 0
        for path in sorted(Path(sys.argv[1]).iterdir()):
            start = time.process_time()
            try:
                photo = photos.read(path, deep=True)
                assert photo.rgb.ndim == 3 and photo.rgb.size, path
                read += 1
            except BadInput as e:
                assert str(e).startswith(f"{path}: ") and str(e).endswith("expected"), e
            assert time.process_time() - start < 5, f"{path}: hangs"
        print(read)""", album, seconds=60)
    # what libtiff says by itself goes past Python
    remarks = [line for line in run.stderr.splitlines() if not re.match(r"tempfile\.tif|\w+Decode: |_?TIFF", line)]
    assert run.returncode == 0 and not remarks, remarks
    assert COUNT // 5 < int(run.stdout) < COUNT * 9 // 10                   # some of each, or the test would be idle


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc and RLIMIT_AS")
def test_the_whole_door_leaves_whole_pictures_or_nothing(album, tmp_path):
    torch.manual_seed(0)
    recipe = replace(QUICK, size=32, base=4)
    networks = {n: net.state_dict() for n, net in recipe.build(contextlib.nullcontext).networks.items()}
    (tmp_path / "run").mkdir()
    checkpoint.save(tmp_path / "run" / "best.pt", {"recipe": to_dict(recipe), "networks": networks})
    run = python("""
        from minicolor import colorize
        torch.set_num_threads(1)
        colorize.main(sys.argv[1:])""", album, tmp_path / "out", "--run", tmp_path / "run", "--device", "cpu", seconds=120)
    assert run.returncode == 1 and "Traceback" not in run.stderr, run.stderr[-2000:]
    out = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert not [p.name for p in out if p.suffix == ".tmp"]
    pictures = {p.name[:4] for p in out if is_photo(p.name)}
    for path in (p for p in out if is_photo(p.name)):
        with Image.open(path) as im:
            im.load()                                                       # whole
    missing = [p for p in album.iterdir() if p.name[:4] not in pictures]
    assert len(pictures) > COUNT // 5 and all(p.name in run.stderr for p in missing)
