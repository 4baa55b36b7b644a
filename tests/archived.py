"""What the tests of archives share: an album, stages whose right answer is known, and the pictures that came out."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from minicolor.archive import work
from minicolor.archive.jobs import jobs

NOW = {"run": "stub 0123456789ab", "saturation": 1.0}


def invert(photo, reuse=False):
    """Stands for the stages: the right answer is known, and it takes no time."""
    height, width = photo.rgb.shape[:2]
    return SimpleNamespace(rgb=255 - photo.rgb, notes=(*photo.notes, "inverted"), seconds={"color": 0.0},
                           box=(0, height, 0, width))


def album(root: Path, count=4) -> Path:
    for i in range(count):
        path = root / ("1950" if i % 2 else "") / f"{i}{('.png', '.jpg', '.gif', '.webp')[i % 4]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (9, 12, 3), np.uint8)).save(path)
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return root


def do(source, out, now=NOW, load=lambda: invert, **how):
    todo, bad = jobs(source, out)
    return work.work(todo, out, now, load, bad=[(name, f"{source / name}: {reason}") for name, reason in bad], **how)


def pictures(out: Path) -> dict[str, bytes]:
    """Whatever lies in OUT, hidden or half-written, but the manifests."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and "manifest" not in p.name}
