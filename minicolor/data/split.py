"""Which pictures are for training, which for choosing, which for the final figure.

A picture's part depends on its own bytes and the seed alone: sha256("seed:key") read as a number in [0, 1), compared
with the fractions. So it is the same on every machine and in any order, adding pictures never moves an old one, and two
copies of one picture never stand on both sides. The price: 80/10/10 is met on average, not exactly.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path

from minicolor.data.listing import shown
from minicolor.data.manifest import replace
from minicolor.data.pack import Pack
from minicolor.errors import BadInput

PARTS = ("train", "val", "test")


def split(keys: Sequence[str], seed: int = 0, fractions: Sequence[float] = (0.8, 0.1, 0.1)) -> dict[str, list[int]]:
    """{"train": indices, "val": ..., "test": ...}, each in list order, together all of range(len(keys)).

    keys: one for each picture, such as Pack.keys; equal keys share a part. fractions: positive, sum 1, one for each of
    PARTS. No part is empty: where chance left one empty (likely only below some 50 pictures), it is given the key whose
    number lies nearest to the part, from a part that has two or more; only such small lists can see a picture move when
    others are added. Raises BadInput for fewer than 3 different keys and for other fractions.
    """
    if len(fractions) != 3 or min(fractions) <= 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        raise BadInput(f"fractions {tuple(fractions)}, expected three positive numbers that sum to 1")
    numbers = {key: _number(seed, key) for key in keys}
    if len(numbers) < 3:
        raise BadInput(f"{len(numbers)} different pictures, expected at least 3 different pictures to split into "
                       f"{', '.join(PARTS)}")
    edges = (0.0, fractions[0], fractions[0] + fractions[1], 1.0)
    part = {key: sum(number >= edge for edge in edges[1:3]) for key, number in numbers.items()}
    for empty in (p for p in range(3) if p not in part.values()):
        sizes = [list(part.values()).count(p) for p in range(3)]
        spare = [key for key in part if sizes[part[key]] > 1]
        low, high = edges[empty], edges[empty + 1]
        part[min(spare, key=lambda key: (max(low - numbers[key], numbers[key] - high), key))] = empty
    return {name: [i for i, key in enumerate(keys) if part[key] == p] for p, name in enumerate(PARTS)}


def write_split(path: str | Path, pack: Pack, parts: dict[str, list[int]], seed: int) -> None:
    """Note which picture names are in which part, as JSON with the seed and the hash of the pack. Atomic."""
    named = {part: [pack.names[i] for i in parts[part]] for part in PARTS}
    replace(Path(path), json.dumps({"seed": seed, "pack": pack.hash, **named}, indent=1) + "\n")


def read_split(path: str | Path, pack: Pack) -> dict[str, list[int]]:
    """The parts that write_split noted, as indices into `pack`. Raises BadInput if they are of another pack."""
    try:
        found = json.loads(Path(path).read_text("utf-8"))
        named, of = {part: list(found[part]) for part in PARTS}, found["pack"]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BadInput(f"{shown(path)} is no split file by write_split ({type(e).__name__}: {e})") from None
    if of != pack.hash:
        raise BadInput(f"{shown(path)} splits pack {str(of)[:12]}, not {pack.hash[:12]} of {pack.source}")
    index = {name: i for i, name in enumerate(pack.names)}
    if sorted(sum(named.values(), [])) != sorted(index):
        raise BadInput(f"{shown(path)} does not name each picture of its pack once")
    return {part: [index[name] for name in named[part]] for part in PARTS}


def _number(seed: int, key: str) -> float:
    """A number in [0, 1), evenly spread: the first 52 bits of a hash, which a float holds exactly."""
    return int(hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogateescape")).hexdigest()[:13], 16) / 16**13
