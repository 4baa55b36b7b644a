"""Textures that look the same at every size: what is finer than a pixel fades to its mean instead of flickering."""

from __future__ import annotations

import numpy as np


def _lattice() -> np.ndarray:
    """(256, 256) float32 in [-1, 1): one fixed table of random numbers; a scene only chooses where to look."""
    raw = np.random.PCG64(20260101).random_raw(256 * 256)
    return ((raw >> np.uint64(40)).astype(np.float32) / 2**23 - 1).reshape(256, 256)


_LATTICE = _lattice()


def _steps(along: np.ndarray, frequency: float, offset: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lattice lines that an axis needs, which of them lies before each pixel, and how far past it (smoothed, 0..1)."""
    place = along.ravel() * np.float32(frequency)
    before = np.floor(place).astype(np.int64)
    t = place - before.astype(np.float32)
    first = int(before[0])
    lines = (np.arange(first, int(before[-1]) + 2) + offset) & 255
    return lines, before - first, t * t * (3 - 2 * t)


def value_noise(x: np.ndarray, y: np.ndarray, offset: tuple[int, int], fx: float, fy: float) -> np.ndarray:
    """(h, w) in [-1, 1): random values on a grid of fx by fy cells, joined smoothly. x (1, w) and y (h, 1) rise."""
    columns, i, s = _steps(x, fx, offset[0])
    rows, j, t = _steps(y, fy, offset[1])
    grid = _LATTICE[rows[:, None], columns]
    upright = grid[j]
    upright += t[:, None] * (grid[j + 1] - upright)  # (h, few): along y first, it is the short way
    slope = upright[:, 1:] - upright[:, :-1]
    out = slope.take(i, axis=1)
    out *= s
    out += upright.take(i, axis=1)
    return out


def fractal_noise(x, y, offset: tuple[int, int], fx: float, fy: float, octaves: int, px: float) -> np.ndarray:
    """(h, w) about -1..1: octaves of value noise, each twice as fine and half as strong."""
    total = np.zeros((y.size, x.size), np.float32)
    for octave in range(octaves):
        finest = max(fx, fy) * 2**octave * px  # cells per pixel
        strength = 0.5**octave * min(1.0, 1.3 - 1.3 * finest)
        if strength <= 0:
            break
        shifted = (offset[0] + 37 * octave, offset[1] + 59 * octave)
        total += np.float32(strength) * value_noise(x, y, shifted, fx * 2**octave, fy * 2**octave)
    return total


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
