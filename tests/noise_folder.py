"""What the tests of packing share: a folder of noise to be packed, and the bytes of the pack to be compared."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw(folder: Path, count: int, side: int = 32, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{i:04d}.png")
    return folder


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}
