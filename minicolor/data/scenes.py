"""The default data set: pictures drawn by numpy, from nothing but a seed and an index. No files, no download.

    draw(seed, index, size) -> Scene(rgb, label, mask)

Every scene is one of CLASSES, every pixel one of PARTS. Most colors follow from what the thing is (grass, lemons,
bricks), so they can be learned from the grey picture. Those of AMBIGUOUS parts cannot: a car is red, blue, yellow or
turquoise at exactly the same lightness, and only the coin knows. Lessons use them to show what a loss does when the
answer is not in the input.

The class is drawn from the scene's own generator and is not index % 5: whoever trains on every fifth picture should not
find that all of them are portraits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicolor.data.drawn.canvas import Canvas
from minicolor.data.drawn.fruit import fruit
from minicolor.data.drawn.house import house
from minicolor.data.drawn.landscape import landscape
from minicolor.data.drawn.palette import AMBIGUOUS, CLASSES, PARTS, TOSS_NAMES
from minicolor.data.drawn.portrait import portrait
from minicolor.data.drawn.street import street
from minicolor.data.drawn.workers import fill, useful_workers
from minicolor.errors import BadInput

__all__ = ["AMBIGUOUS", "CLASSES", "PARTS", "TOSS_NAMES", "Scene", "draw", "draw_all", "painted"]

PLANES = ("", "mask", "label")
_PAINTERS = (landscape, house, fruit, portrait, street)  # in the order of CLASSES


@dataclass(frozen=True)
class Scene:
    rgb: np.ndarray  # (size, size, 3) uint8, sRGB
    label: int  # index into CLASSES
    mask: np.ndarray  # (size, size) uint8, index into PARTS: the part seen at the pixel's center


def draw(seed: int, index: int, size: int = 256, toss: int | None = None) -> Scene:
    """Scene number `index` of the data set `seed`: the same picture everywhere and, but for detail, at every size.

    toss: index into TOSS_NAMES; gives every ambiguous object that color and changes nothing else, lightness included.
        None: each object has its own color, by chance.
    Raises BadInput for a size below 8, a negative seed or index, a toss that does not exist.
    """
    for name, value, least in (("seed", seed, 0), ("index", index, 0), ("size", size, 8)):
        _check(name, value, least)
    if toss is not None:
        _check("toss", toss, 0, len(TOSS_NAMES) - 1)
    canvas = Canvas(int(size), int(seed), int(index), toss)
    label = canvas.dice.below(len(CLASSES))
    _PAINTERS[label](canvas)
    if canvas.dice.chance(0.5):
        canvas.mirror()
    return Scene(canvas.finish(), label, canvas.mask)


def _check(name: str, value: int, least: int, most: int | None = None) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise BadInput(f"{name} must be a whole number {limits}, got {value!r}")


def draw_all(seed: int, count: int, size: int, workers: int | None = None, plane: str = "") -> np.ndarray:
    """Scenes 0 .. count - 1 of the data set `seed`: (count, size, size, 3) uint8 sRGB, whatever the workers.

    workers: processes, this one included; None: as many as are worth their start, 1 is always enough.
    plane: "mask" or "label" gives (count, size, size, 4): a fourth number for each pixel, its part or its scene's class.
    Raises BadInput as draw does, and for a negative count, fewer than one worker, or another plane.
    """
    for name, value, least in (("seed", seed, 0), ("count", count, 0), ("size", size, 8)):
        _check(name, value, least)
    if workers is not None:
        _check("workers", workers, 1)
    if plane not in PLANES:
        raise BadInput(f"plane must be mask or label, or empty for none, got {plane!r}")
    out = np.empty((count, size, size, 4 if plane else 3), np.uint8)
    many = workers or useful_workers(count, size)
    fill(out, lambda i: painted(seed, i, size, plane), seed, max(1, min(many, count)), plane)
    return out


def painted(seed: int, index: int, size: int, plane: str = "") -> np.ndarray:
    """Scene `index` as (size, size, 3) uint8, or (size, size, 4) with its mask or its label behind the colors."""
    scene = draw(seed, index, size)
    if not plane:
        return scene.rgb
    return np.dstack([scene.rgb, scene.mask if plane == "mask" else np.full((size, size), scene.label, np.uint8)])
