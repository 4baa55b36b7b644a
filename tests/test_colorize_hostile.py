"""From a folder of everything that goes wrong with files, all that can be colored is, the rest is listed with its reason."""

import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from archived_runs import coloring
from photo_files import INK, WIDE, exif, packed, png
from PIL import Image

ROOT = Path(__file__).parents[1]
LIMIT = 2 << 30        # bytes: the promise of the whole program
GOOD = {                           # name -> size of its result, upright
    "1x1.png": (1, 1), "wide.png": (20_000, 1), "tall.png": (1, 20_000), "cmyk.jpg": (60, 40), "deep.tif": (60, 40),
    "deep.png": (60, 40), "palette.gif": (60, 40), "alpha.png": (60, 40), "rotated.jpg": (40, 60), "broken_exif.jpg": (60, 40),
    "broken_icc.jpg": (60, 40), "wide_icc.jpg": (60, 40), "写真/祖母.jpg": (60, 40), "linked/a.jpg": (60, 40),
    "one_bit.png": (60, 40),
}  # fmt: skip
BAD = {                            # name -> a word of its reason
    "truncated.jpg": "cut off", "empty.jpg": "empty", "page.jpg": "not a picture", "bomb.png": "too many pixels",
    "bomb_text.png": "not a picture", "locked.jpg": "permission denied", "round/again": "link back", "dead.jpg": "cannot be read",
    "pipe.jpg": "not a regular file",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The folder of the issue, and some more."""
    root = tmp_path_factory.mktemp("hostile") / "in"
    (root / "写真").mkdir(parents=True)
    (root / "round").mkdir()
    (root.parent / "elsewhere").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60), np.uint8)
    grey = Image.fromarray(pixels)
    color, deep = grey.convert("RGB"), Image.fromarray(pixels.astype(np.uint16) * 257)
    jpeg = packed(color, "JPEG")
    one_row = b"\0" + bytes(2500)
    files = {
        "1x1.png": packed(Image.new("L", (1, 1), 100), "PNG"),
        "wide.png": packed(Image.new("L", (20_000, 1), 100), "PNG"), "tall.png": packed(Image.new("L", (1, 20_000), 100), "PNG"),
        "cmyk.jpg": packed(color.convert("CMYK"), "JPEG", icc_profile=INK),
        "deep.tif": packed(deep, "TIFF"), "deep.png": packed(deep, "PNG"), "one_bit.png": packed(grey.convert("1"), "PNG"),
        "palette.gif": packed(color.quantize(16), "GIF"), "alpha.png": packed(color.convert("RGBA"), "PNG"),
        "rotated.jpg": packed(color, "JPEG", exif=exif(6)),
        "broken_exif.jpg": packed(color, "JPEG", exif=exif()[:20] + b"\xff" * 9),
        "broken_icc.jpg": packed(color, "JPEG", icc_profile=WIDE[:200]), "wide_icc.jpg": packed(color, "JPEG", icc_profile=WIDE),
        "写真/祖母.jpg": jpeg, "truncated.jpg": jpeg[: len(jpeg) // 2], "empty.jpg": b"", "locked.jpg": jpeg,
        "page.jpg": b"<!doctype html><html><body>404 not found</body></html>",
        "bomb.png": png(20_000, 20_000, 1, 0, one_row * 20_000),           # whole and right: 50 MB in 50 KB, 1.2 GB as a picture
        "bomb_text.png": png(60, 40, 8, 0, b"", (b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 27), 1))),
        "notes.txt": b"1950", ".hidden.jpg": jpeg,
    }  # fmt: skip
    for name, data in files.items():
        (root / name).write_bytes(data)
    (root.parent / "elsewhere" / "a.jpg").write_bytes(jpeg)
    (root / "locked.jpg").chmod(0)
    (root / "linked").symlink_to(root.parent / "elsewhere")
    (root / "round" / "again").symlink_to(root)
    (root / "dead.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(root / "pipe.jpg")
    return root


@pytest.mark.skipif(sys.platform != "linux", reason="pipes, links and locked files as Linux has them")
def test_a_hostile_folder(folder, tmp_path):
    measured = ("import resource, sys; from minicolor.colorize import main\n"
                "try: main()\n"
                "finally: print('peak', 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)")
    command = [sys.executable, "-c", measured, str(folder), str(tmp_path / "out"), "--run", coloring(tmp_path / "run"), "--page"]
    bad = BAD
    if os.geteuid() == 0:                                          # root reads what nobody may, unless it gives that right away
        if shutil.which("setpriv"):
            command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
        else:
            bad = {name: reason for name, reason in BAD.items() if name != "locked.jpg"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    peak = int(done.stdout.split("peak ")[1])
    assert peak < LIMIT, f"{peak / 2**20:.0f} MiB"

    head, *lines = done.stderr.strip().split("\n  ")
    said = {line.partition(": ")[0].removeprefix(f"{folder}/"): line.partition(": ")[2] for line in lines}
    good = {**GOOD, **({} if "locked.jpg" in bad else {"locked.jpg": (60, 40)})}
    assert f"{len(bad)} without a result:" in head and sorted(said) == sorted(bad), done.stderr
    for name, reason in bad.items():
        assert reason in said[name].lower(), said[name]

    made = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    expected = {("palette.gif.png" if name == "palette.gif" else name): size for name, size in good.items()}
    assert made == {*expected, "manifest.jsonl", "before_after.html"}
    for name, size in expected.items():
        with Image.open(tmp_path / "out" / name) as im:
            im.load()
            assert im.size == size and im.mode == "RGB", name
    assert (tmp_path / "out" / "before_after.html").read_text("utf-8").count("<figure") == len(good)
    entries = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert {e["input"] for e in entries if not e["error"]} == set(good)
    print(f"peak {peak / 2**20:.0f} MiB")


def test_the_bomb_is_one(folder):
    """Otherwise nothing would be shown: it is small and whole, and a decoder that trusts it needs 400 MB and more."""
    assert (folder / "bomb.png").stat().st_size < 100_000
    with pytest.raises(Image.DecompressionBombError, match="400000000 pixels"):
        Image.open(folder / "bomb.png")
