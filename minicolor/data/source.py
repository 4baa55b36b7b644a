"""--data: drawn scenes, a pack, the shards of one, or a folder or tar of photographs, which is packed first. It gives a Pack."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from minicolor.data.manifest import JOURNAL, MANIFEST
from minicolor.data.pack import Pack, in_memory, is_pack, open_pack, pack
from minicolor.data.scenes import draw_all
from minicolor.data.sets import SETS, locate
from minicolor.data.sets import pictures as known
from minicolor.data.shards import is_sharded, open_shards
from minicolor.errors import BadInput


def open_data(data: str, size: int, pictures: int, seed: int = 0, packs: str | Path = "packs", progress: bool = True,
              aspect: tuple[float, float] | None = None) -> Pack:
    """At most `pictures` pictures of `size` pixels from "scenes", a pack's folder, or a folder or tar of photographs.

    Photographs are packed into `packs`/<name>-<size>-<id>, once: the next run opens that. BadInput with one sentence
    for anything that is none of these, for no pictures, and for a pack of another size. The name of a data set of the
    reports (data/sets.py) stands for its folder, and of a folder that holds one only its color photographs are taken.
    aspect: (low, high) leaves out photographs whose width/height is outside; the automatic pack has another folder
    then, and a pack that was made with another aspect is refused. Drawn scenes are square and all taken.
    """
    if data == "scenes" and not Path(data).exists():
        return open_scenes(size, pictures, seed)
    path = locate(data) if data in SETS and not Path(data).exists() else Path(data)
    if not path.exists():
        raise BadInput(f"--data {data}: no such folder; expected scenes, a folder or tar of photographs, a pack, or a "
                       f"data set's name ({', '.join(SETS)})")
    if is_sharded(path):
        opened = open_shards(path)
    elif is_pack(path) or any((path / name).exists() for name in (MANIFEST, JOURNAL)):    # unfinished: open_pack says so
        opened = open_pack(path)
    else:
        path = known(path) if path.is_dir() else path      # of a data set of the reports only the folder to train on
        which = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
        chosen = "" if aspect is None else "-aspect-" + "-".join(map(str, aspect))
        out = Path(packs) / f"{path.resolve().name}-{size}{chosen}-{which}"
        return take(pack(path, out, size, progress=progress, aspect=aspect), pictures)
    if opened.size != size:
        raise BadInput(f"{data} holds pictures of {opened.size} pixels: train with --size {opened.size}, or pack "
                       f"the photographs again with --size {size}")
    if aspect is not None and opened.aspect != tuple(map(float, aspect)):
        low, high = aspect
        raise BadInput(f"{data} was packed with width/height {_shown(opened.aspect)}: pack the photographs again with "
                       f"--aspect {low:g},{high:g}")
    return take(opened, pictures)


def _shown(aspect: tuple[float, float] | None) -> str:
    return "of any value" if aspect is None else f"from {aspect[0]:g} to {aspect[1]:g}"


def open_scenes(size: int, pictures: int, seed: int, plane: str = "") -> Pack:
    """Drawn scenes 0 .. pictures - 1; plane "mask" or "label" puts that behind the colors, as a fourth number of each pixel."""
    names = [f"scene-{seed}-{i:06d}" for i in range(pictures)]
    return in_memory(draw_all(seed, pictures, size, plane=plane), names, f"drawn scenes, seed {seed}")


def take(pack: Pack, count: int) -> Pack:
    """The `count` pictures with the smallest keys: a fair draw that does not depend on names, in list order."""
    if count >= len(pack):
        return pack
    chosen = sorted(sorted(range(len(pack)), key=lambda i: pack.keys[i])[:count])
    return dataclasses.replace(
        pack,
        rows=np.asarray(pack.rows)[chosen],
        names=tuple(pack.names[i] for i in chosen),
        keys=tuple(pack.keys[i] for i in chosen),
        hash=hashlib.sha256(f"{pack.hash} {count}".encode()).hexdigest(),
        source=f"{pack.source} ({count} of {len(pack)})",
    )
