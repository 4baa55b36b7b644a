"""Packs side by side in one folder, read as one: for data sets that are larger than a file, or than a disk, should be.

    python -m minicolor.pack photos packs/photos --shards 16      packs/photos/00-of-16 ... 15-of-16, each a pack of its own
    open_shards("packs/photos")                                    one Pack of all of them

A file belongs to the shard that its name's sha256 says, so adding files moves none. What the pack holds, and so its hash and its
split, is the same as of one that was never cut. A shard may be a link to another disk.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minicolor.data import manifest
from minicolor.data.listing import shown
from minicolor.data.pack import Pack, is_pack, open_pack, pack
from minicolor.errors import BadInput


class Shards:
    """Arrays (rows, S, S, 3), read as if they were one behind the other. Only what is asked for is read."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self.arrays, self.dtype = list(arrays), arrays[0].dtype
        self.ends = np.cumsum([len(a) for a in arrays])
        self.shape = (int(self.ends[-1]), *arrays[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows) -> np.ndarray:
        """One row, or an array of row numbers: as of a numpy array, a copy in that order."""
        rows = np.asarray(rows)
        which = np.searchsorted(self.ends, rows, side="right")
        if rows.ndim == 0:
            return self.arrays[which][rows - self.ends[which]]       # counted from the shard's end: its last is -1
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for shard in np.unique(which):
            here = which == shard
            out[here] = self.arrays[shard][rows[here] - self.ends[shard]]
        return out


def name_of(shard: int, shards: int) -> str:
    width = len(str(shards - 1))
    return f"{shard:0{width}d}-of-{shards:0{width}d}"


def shard_of(name: str, shards: int) -> int:
    """Of a picture's name: the same on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big") % shards


def pack_shards(source: str | Path, out: str | Path, shards: int, **given) -> Pack:
    """data/pack.py's pack(), cut into so many packs. Stopped, it goes on where it was.

    BadInput as there, and where `out` holds another number of shards.
    """
    out = Path(out)
    if is_pack(out):
        raise BadInput(f"{shown(out)} holds a pack that is in one piece: choose another folder, or delete it first")
    other = [p.name for p in out.glob("*-of-*") if not p.name.endswith("-of-" + str(shards))]
    if other:
        raise BadInput(f"{shown(out)} already holds {other[0]}, a shard of another number of shards than {shards}: choose "
                       "another folder, or delete it first")
    for i in range(shards):
        pack(source, out / name_of(i, shards), wanted=lambda name, i=i: shard_of(name, shards) == i, **given)
    return open_shards(out)


def is_sharded(folder: str | Path) -> bool:
    return any(Path(folder).glob("*-of-*/" + manifest.MANIFEST))


def open_shards(folder: str | Path) -> Pack:
    """All shards as one Pack. BadInput: a shard that is missing, unfinished, or of another source or size."""
    folder = Path(folder)
    found = sorted(p for p in folder.glob("*-of-*") if p.is_dir())
    shards = int(found[0].name.partition("-of-")[2])
    expected = [name_of(i, shards) for i in range(shards)]
    if [p.name for p in found] != expected:
        missing = sorted(set(expected) - {p.name for p in found}) or sorted({p.name for p in found} - set(expected))
        raise BadInput(f"{shown(folder)} should hold the shards {expected[0]} to {expected[-1]}: {missing[0]} is missing, or is "
                       "one too many; run python -m minicolor.pack again with the same --shards")
    packs = [open_pack(p) for p in found]
    heads = {(p.size, p.source, p.aspect) for p in packs}
    if len(heads) > 1:
        raise BadInput(f"{shown(folder)} holds shards of different sources, sizes or aspects: pack them anew")
    arrays = Shards([p.pictures for p in packs])
    starts = [0, *arrays.ends[:-1].tolist()]
    together = sorted((name, key, start + row)
                      for p, start in zip(packs, starts) for name, key, row in zip(p.names, p.keys, p.rows))
    names, keys, rows = zip(*together)
    first = packs[0]
    return Pack(arrays, rows, names, keys, first.size, manifest.digest(names, keys, first.size),
                tuple(sorted(s for p in packs for s in p.skipped)), first.source, first.aspect)
