"""Textures that look the same at every size: what is finer than a pixel fades to its mean instead of flickering."""

from __future__ import annotations

import numpy as np

MOST_CELLS = 254  # across the canvas; a finer octave is left out


def _lattice() -> np.ndarray:
    """(512, 512) float32 in [-1, 1): one fixed table of random numbers; a scene only chooses where to look."""
    raw = np.random.PCG64(20260101).random_raw(512 * 512)
    return ((raw >> np.uint64(40)).astype(np.float32) / 2**23 - 1).reshape(512, 512)


_LATTICE = _lattice()


def clip(a, low=0.0, high=1.0):
    """np.clip, at a third of its cost on small arrays."""
    return np.minimum(np.maximum(a, low), high)


def _steps(along: np.ndarray, frequency: float, offset: int) -> tuple[slice, np.ndarray, np.ndarray]:
    """Lattice lines that an axis needs, which of them lies before each pixel, and how far past it (smoothed, 0..1)."""
    place = along.ravel() * np.float32(frequency)
    before = place.astype(np.intp)  # places are positive, so this rounds down
    t = place - before.astype(np.float32)
    first = int(before[0])
    return slice(offset + first, offset + int(before[-1]) + 2), before - first, t * t * (3 - 2 * t)


def value_noise(x: np.ndarray, y: np.ndarray, offset: tuple[int, int], fx: float, fy: float) -> np.ndarray:
    """(h, w) in [-1, 1): random values on a grid of fx by fy cells, joined smoothly. x (1, w) and y (h, 1) rise from 0.

    offset: where in the table to look, below 256.
    """
    columns, i, s = _steps(x, fx, offset[0])
    rows, j, t = _steps(y, fy, offset[1])
    grid = _LATTICE[rows, columns]
    upright = grid.take(j, axis=0)  # (h, few): along y first, where there is less to do
    upright += t[:, None] * (grid[1:] - grid[:-1]).take(j, axis=0)
    slope = upright[:, 1:] - upright[:, :-1]
    out = slope.take(i, axis=1, mode="clip")
    out *= s
    out += upright.take(i, axis=1, mode="clip")  # clip: numpy skips a copy, no index is out of range
    return out


def fractal_noise(x, y, offset: tuple[int, int], fx: float, fy: float, octaves: int, px: float) -> np.ndarray:
    """(h, w) about -1..1: octaves of value noise, each twice as fine and half as strong."""
    total = None
    for octave in range(octaves):
        finest = max(fx, fy) * 2**octave
        # 1 / (1 + r^2 / 3), r cells per pixel, fitted: the factor by which a sample best predicts its pixel's mean
        strength = 0.5**octave / (1 + (finest * px) ** 2 / 3)
        if strength < 0.1 or finest > MOST_CELLS:
            break
        shifted = ((offset[0] + 37 * octave) % 256, (offset[1] + 59 * octave) % 256)
        layer = value_noise(x, y, shifted, fx * 2**octave, fy * 2**octave)
        layer *= np.float32(strength)
        total = layer if total is None else total + layer
    return np.zeros((y.size, x.size), np.float32) if total is None else total


def stripes(along: np.ndarray, period: float, width: float, px: float, shift: float = 0.0) -> np.ndarray:
    """Share 0..1 of each pixel that lies within a stripe: `width` wide, one every `period`. Exact box filter."""

    def painted(edge):  # how much stripe lies left of this edge
        turns = np.floor(edge)
        return turns * share + np.minimum(edge - turns, share)

    share, scale = width / period, 1 / period
    middle = (along - shift) * scale
    half = 0.5 * px * scale
    return ((painted(middle + half) - painted(middle - half)) / (2 * half)).astype(np.float32)


def bricks(x: np.ndarray, y: np.ndarray, length: float, height: float, joint: float, px: float) -> np.ndarray:
    """(h, w) share of mortar 0..1: courses of the given height, every other one shifted by half a brick."""
    bed = stripes(y, height, joint, px)
    odd = stripes(y, 2 * height, height, px)
    upright = stripes(x, length, joint, px)
    shifted = stripes(x, length, joint, px, length / 2)
    return np.maximum(bed, upright + odd * (shifted - upright))
