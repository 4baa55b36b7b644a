"""Names and colors of the drawn scenes: the classes, the parts a mask can name, and the coin-toss colors."""

from __future__ import annotations

import functools

import numpy as np

from minicolor.data.drawn.texture import clip

CLASSES: tuple[str, ...] = ("landscape", "house", "fruit", "portrait", "street")

PARTS: tuple[str, ...] = (
    *("sky", "sunset", "cloud", "sun", "mountain", "snow", "hill", "grass", "water", "path"),
    *("conifer", "broadleaf", "autumn tree", "blossom", "trunk", "flower", "balloon", "jib", "sail"),
    *("plaster", "brick", "timber", "tiles", "slate", "glass", "frame", "door", "fence"),
    *("wall", "table", "jug", "apple", "orange", "lemon", "banana", "pear", "grape", "leaf", "stem"),
    *("backdrop", "skin", "hair", "eye", "lips", "shirt", "jacket"),
    *("road", "pavement", "marking", "car", "awning", "tire", "metal", "lamp"),
)  # fmt: skip

PART: dict[str, int] = {name: value for value, name in enumerate(PARTS)}

AMBIGUOUS: frozenset[str] = frozenset({"flower", "balloon", "sail", "door", "jug", "shirt", "car", "awning"})

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of linear sRGB: Y = 0.2126 R + 0.7152 G + 0.0722 B

TOSS_NAMES: tuple[str, ...] = ("red", "blue", "yellow", "turquoise")

# Linear light, spread around the hue circle so that grey lies in their midst: the mean, which L2 learns, and the
# median, which L1 learns, are both dull. Scaled to the same luminance, no channel reaches 1:
# Y = 0.24 is as light as a blue can be and still look blue, and as dark as a yellow can be and still look golden.
TOSS_LUMINANCE = 0.24


def _tosses() -> tuple[np.ndarray, ...]:
    hues = ((0.96, 0.05, 0.04), (0.06, 0.22, 0.98), (0.36, 0.22, 0.005), (0.0, 0.30, 0.27))
    return tuple(
        (TOSS_LUMINANCE / (LUMINANCE @ hue) * np.array(hue)).astype(np.float32).reshape(3, 1, 1) for hue in hues
    )


TOSS_COLORS: tuple[np.ndarray, ...] = _tosses()


@functools.cache
def ink(code: str) -> np.ndarray:
    """'#rrggbb' in sRGB -> (3, 1, 1) float32 in linear light."""
    srgb = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    color = linear.astype(np.float32).reshape(3, 1, 1)
    color.flags.writeable = False  # it is shared by everyone who asks for this code
    return color


def mix(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """a at t = 0, b at t = 1: a (h, w) field t makes (3, h, w) of two colors. t outside 0..1 is held at the ends."""
    return a + (b - a) * (clip(t) if isinstance(t, np.ndarray) else t)


def between(dice, *codes: str) -> np.ndarray:
    """A color somewhere on the line of codes: variety that stays within a family."""
    place = dice.unit() * (len(codes) - 1)
    i = int(place)
    return mix(ink(codes[i]), ink(codes[i + 1]), place - i)
