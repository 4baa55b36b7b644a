"""How fast is packing? Against bare Pillow: open, convert, crop, resize; as many processes, nothing hashed or written.

Both sides are timed from the outside, start-up of their processes included, and take turns (A B A B), so that a busy
machine slows both. Target: pack does at least 80 % of bare Pillow's pictures per second on some 2000 pictures.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from minicolor.data.packing import cores

# A program of its own, so that it starts as fast as bare Pillow can: no numpy, nothing of ours.
BARE = """
import json, sys
from PIL import Image
size, files = json.load(sys.stdin)
for file in files:
    with Image.open(file) as picture:
        picture = picture.convert("RGB")
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    picture.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
"""


def run(source: str | Path | None = None, size: int = 256, count: int = 2000, rounds: int = 3) -> dict:
    """Pictures per second of both (medians of `rounds`) and their ratio, of the first `count` pictures of a folder.

    source: a folder of pictures; None draws JPEGs of 256x256 into a temporary folder.
    """
    with tempfile.TemporaryDirectory() as room:
        files = _some(Path(source), Path(room), count) if source else _drawn(Path(room) / "in", count)
        pack_s, bare_s = [], []
        for turn in range(rounds):
            with _timed(pack_s):
                _pack(Path(room) / "in", Path(room) / f"out{turn}", size)
            with _timed(bare_s):
                _bare(files, size)
        ratios = [b / a for a, b in zip(pack_s, bare_s)]
        return {"pictures": len(files), "size": size, "processes": cores(), "rounds": rounds,
                "pack_per_s": len(files) / statistics.median(pack_s),
                "bare_pillow_per_s": len(files) / statistics.median(bare_s),
                "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
                "bytes_of_a_file": statistics.mean(file.stat().st_size for file in files), "drawn": source is None}


def bench(source: str | None, size: int, count: int) -> dict:
    """run(), printed as well."""
    p = run(source, size=size, count=count)
    print(f"packing {p['pictures']} pictures at {p['size']}x{p['size']}, {p['processes']} processes\n"
          f"  bare Pillow decode + resize  {p['bare_pillow_per_s']:8.1f} pictures/s\n"
          f"  minicolor.pack               {p['pack_per_s']:8.1f} pictures/s\n"
          f"  ratio                        {p['ratio']:8.2f}  (median of {p['rounds']} pairs; "
          f"{p['ratio_min']:.2f} to {p['ratio_max']:.2f})", flush=True)
    return {"packing": p}


@contextlib.contextmanager
def _timed(seconds: list[float]) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - begin)


def _pack(source: Path, out: Path, size: int) -> None:
    """Through the door, because a user waits for its imports as well."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "minicolor.pack", str(source), str(out), "--size", str(size)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


def _bare(files: list[Path], size: int) -> None:
    processes = []
    for i in range(cores()):
        processes.append(subprocess.Popen([sys.executable, "-c", BARE], stdin=subprocess.PIPE))
        processes[-1].stdin.write(json.dumps([size, [str(file) for file in files[i::cores()]]]).encode())
        processes[-1].stdin.close()
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError("bare Pillow could not read a picture: choose a folder without broken ones")


def _some(source: Path, room: Path, count: int) -> list[Path]:
    """A folder of links to the first `count` pictures, so that both sides read the same files."""
    from minicolor.data.listing import listing

    (room / "in").mkdir()
    with listing(source, room) as found:
        for i, file in enumerate(found.files[:count]):
            os.symlink(source.resolve() / file.name, room / "in" / f"{i:06d}{Path(file.name).suffix}")
    return sorted((room / "in").iterdir())


def _drawn(folder: Path, count: int) -> list[Path]:
    """Smooth random color fields with some grain: JPEGs about as large, and as slow to decode, as photographs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        field = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((256, 256), Image.BICUBIC)
        grain = rng.normal(0, 4, (256, 256, 1))
        pixels = np.clip(np.asarray(field) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:06d}.jpg", quality=85)
    return sorted(folder.iterdir())
