"""The canvas that the drawn scenes are painted on: linear light, unit coordinates, and one mask value per pixel.

    x runs right and y runs down, both 0..1; a pixel is `px` wide. A painter asks for a window (a bounding box), works
    out a signed distance there (drawn/shapes.py), turns it into a cover 0..1 with `inside`, and lays paint on.

Planes are channel-first, (3, h, w): a (h, w) cover then broadcasts over the leading axis, and numpy gets long runs.
All mixing is done in linear light, as light itself does; `finish` makes sRGB of it at the very end.
"""

from __future__ import annotations

import functools

import numpy as np

from minicolor.data.drawn.palette import PART, TOSS_COLORS
from minicolor.data.drawn.texture import clip, fractal_noise


class Dice:
    """Random choices made from the raw 64-bit integers of PCG64, whose stream numpy promises never to change."""

    def __init__(self, *words: int):
        self._bits = np.random.PCG64(np.random.SeedSequence(words))
        self._pool: list[int] = []

    def unit(self) -> float:
        """In [0, 1), a multiple of 2**-53."""
        if not self._pool:
            self._pool = self._bits.random_raw(64).tolist()
        return (self._pool.pop() >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()

    def below(self, n: int) -> int:
        return int(self.unit() * n)

    def pick(self, options):
        return options[self.below(len(options))]

    def chance(self, probability: float) -> bool:
        return self.unit() < probability


class Canvas:
    """A square picture in the making, with the dice that decide it and the light that falls on it."""

    def __init__(self, size: int, seed: int, index: int, toss: int | None = None):
        self.size, self.px = size, 1.0 / size
        self.light = np.zeros((3, size, size), np.float32)
        self.mask = np.zeros((size, size), np.uint8)
        self.centers = ((np.arange(size) + 0.5) / size).astype(np.float32)
        self.dice = Dice(seed, index)
        self._coin, self._toss = Dice(seed, index, 1), toss  # its own stream: forcing a toss moves nothing else
        self.sun = self.dice.pick((-1.0, 1.0))  # the light comes from the left or from the right, always from above
        warm = self.dice.between(-1.0, 1.0)  # a cool morning .. a warm evening
        self.tint = np.array([1 + 0.035 * warm, 1.0, 1 - 0.07 * warm], np.float32).reshape(3, 1, 1)

    def window(self, x0: float = 0.0, y0: float = 0.0, x1: float = 1.0, y1: float = 1.0) -> Window:
        """The pixels that meet the box, and one more around for soft edges; at least one pixel, even off the canvas."""
        size = self.size
        left, top = min(max(int(x0 * size) - 1, 0), size - 1), min(max(int(y0 * size) - 1, 0), size - 1)
        right, bottom = min(max(int(x1 * size) + 2, left + 1), size), min(max(int(y1 * size) + 2, top + 1), size)
        return Window(self, slice(top, bottom), slice(left, right))

    def toss_color(self) -> np.ndarray:
        """(3, 1, 1) color of one ambiguous object: every hue has the same luminance once the tint has been applied."""
        drawn = self._coin.below(len(TOSS_COLORS))
        return TOSS_COLORS[drawn if self._toss is None else self._toss] / self.tint

    def mirror(self) -> None:
        """Left becomes right, in the picture and in the mask."""
        self.light, self.mask, self.sun = self.light[:, :, ::-1], np.ascontiguousarray(self.mask[:, ::-1]), -self.sun

    def finish(self) -> np.ndarray:
        """(size, size, 3) uint8 sRGB. The brushwork is grey, so it cannot tell one toss from another."""
        everywhere = self.window()
        light = self.light * self.tint
        light *= 1 + 0.05 * everywhere.noise(20, 28, 2)
        steps = clip(light) * np.float32(len(_srgb_table()) - 1) + np.float32(0.5)
        return np.ascontiguousarray(_srgb_table()[steps.astype(np.int32)].transpose(1, 2, 0))


class Window:
    """A rectangle of the canvas: `light` (3, h, w) and `mask` (h, w) are views, x is (1, w) and y is (h, 1)."""

    def __init__(self, canvas: Canvas, rows: slice, columns: slice):
        self.canvas, self.px = canvas, canvas.px
        self.light, self.mask = canvas.light[:, rows, columns], canvas.mask[rows, columns]
        self.x, self.y = canvas.centers[None, columns], canvas.centers[rows, None]

    def inside(self, distance: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """Cover 0..1 of a shape with this signed distance (negative inside); the edge is one pixel wide, or `blur`."""
        return clip(0.5 - distance * (1 / max(self.px, blur)))

    def noise(self, fx: float, fy: float, octaves: int = 3) -> np.ndarray:
        """(h, w) about -1..1, with fx and fy features across the canvas in the coarsest octave."""
        dice = self.canvas.dice
        return fractal_noise(self.x, self.y, (dice.below(256), dice.below(256)), fx, fy, octaves, self.px)

    def paint(self, part: str, cover: np.ndarray | float, color: np.ndarray, shade: np.ndarray | float = 1.0) -> None:
        """Lay color * shade on by cover, and give the pixels that are mostly covered to this part."""
        self.glaze(cover, color if isinstance(shade, float) and shade == 1.0 else color * shade)
        if isinstance(cover, float):
            self.mask[:] = PART[part]
        else:
            np.copyto(self.mask, np.uint8(PART[part]), where=cover > 0.5)

    def glaze(self, cover: np.ndarray | float, color: np.ndarray) -> None:
        """Mix a color in and leave the mask alone: highlights, haze, blush."""
        change = color - self.light
        change *= cover
        self.light += change

    def darken(self, amount: np.ndarray) -> None:
        """A shadow: 0 leaves the light, 1 takes it all. Grey, so that it keeps equal luminances equal."""
        self.light *= 1 - amount


@functools.cache
def _srgb_table() -> np.ndarray:
    """Linear light in 1/32767 -> sRGB byte; a table, so that no machine's pow() rounds a pixel its own way."""
    linear = np.arange(32768) / 32767
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * curve).astype(np.uint8)
