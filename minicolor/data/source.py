"""--data: drawn scenes, a pack, or a folder or tar of photographs that is packed first. Always gives a Pack."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from minicolor.data.manifest import JOURNAL, MANIFEST
from minicolor.data.pack import Pack, in_memory, is_pack, open_pack, pack
from minicolor.data.scenes import draw_all
from minicolor.errors import BadInput


def open_data(data: str, size: int, pictures: int, seed: int = 0, packs: str | Path = "packs", progress: bool = True) -> Pack:
    """At most `pictures` pictures of `size` pixels from "scenes", a pack's folder, or a folder or tar of photographs.

    Photographs are packed into `packs`/<name>-<size>-<id>, once: the next run opens that. BadInput with one sentence
    for anything that is none of these, for no pictures, and for a pack of another size.
    """
    if data == "scenes" and not Path(data).exists():
        names = [f"scene-{seed}-{i:06d}" for i in range(pictures)]
        return in_memory(draw_all(seed, pictures, size), names, f"drawn scenes, seed {seed}")
    path = Path(data)
    if not path.exists():
        raise BadInput(f"--data {data}: no such folder; expected scenes, a folder or tar of photographs, or a pack")
    if is_pack(path) or any((path / name).exists() for name in (MANIFEST, JOURNAL)):    # unfinished: open_pack says so
        opened = open_pack(path)
        if opened.size != size:
            raise BadInput(f"{data} holds pictures of {opened.size} pixels: train with --size {opened.size}, or pack "
                           f"the photographs again with --size {size}")
    else:
        which = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
        opened = pack(path, Path(packs) / f"{path.resolve().name}-{size}-{which}", size, progress=progress)
    return take(opened, pictures)


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
