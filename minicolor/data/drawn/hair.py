"""Hair: behind the head, before the forehead, on the chin. The head is centered on (cx, cy) and 2 rx by 2 ry large."""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.canvas import Canvas, Window
from minicolor.data.drawn.shapes import ball, ellipse, puffs
from minicolor.data.drawn.texture import clip


def strands(win: Window, hair: np.ndarray, light: np.ndarray, fx: float = 46, fy: float = 5) -> np.ndarray:
    """Hair color with fine strands and a soft sheen: (3, h, w)."""
    lines = win.noise(fx, fy, 3)
    return hair * clip(0.35 + 0.85 * light + 0.35 * lines, 0.15, 1.6) + 0.03 * clip(lines + light - 0.7)


def behind(canvas: Canvas, style: str, hair, cx, cy, rx, ry) -> None:
    """The hair that lies behind the head and on the shoulders."""
    dice, sun = canvas.dice, canvas.sun
    if style == "curls":
        spots = [
            (cx + rx * u, cy + ry * v)
            for u, v in (
                (-0.95, -0.3),
                (0.95, -0.3),
                (-0.7, -0.8),
                (0.7, -0.8),
                (0, -1.0),
                (-1.05, 0.2),
                (1.05, 0.2),
                (0, -0.5),
                (-0.4, -1.0),
                (0.4, -1.0),
            )
        ]
        win = canvas.window(cx - 2 * rx, cy - 1.7 * ry, cx + 2 * rx, cy + ry)
        d, light = puffs(
            win.x,
            win.y,
            [x for x, _ in spots],
            [y for _, y in spots],
            [0.46 * rx * dice.between(0.9, 1.15) for _ in spots],
            sun,
        )
        rough = win.noise(22, 22, 3)
        win.paint("hair", win.inside(d + 0.02 * rough), hair, clip(0.4 + 0.8 * light + 0.4 * rough, 0.15, 1.5))
        return
    if style == "bun":
        win = canvas.window(cx - rx, cy - 1.9 * ry, cx + rx, cy - 0.8 * ry)
        light, _ = ball(win.x, win.y, cx, cy - 1.28 * ry, 0.5 * rx, 0.4 * ry, sun)
        win.paint(
            "hair",
            win.inside(ellipse(win.x, win.y, cx, cy - 1.28 * ry, 0.5 * rx, 0.40 * ry)),
            strands(win, hair, light, 20, 30),
        )
    if style != "long":
        win = canvas.window(cx - 1.2 * rx, cy - 1.3 * ry, cx + 1.2 * rx, cy + 0.3 * ry)
        cap = np.maximum(
            ellipse(win.x, win.y, cx, cy - 0.10 * ry, 1.10 * rx, 1.10 * ry),
            win.y - cy - 0.10 * ry + 0.3 * (rx - np.abs(win.x - cx)),
        )
        win.paint("hair", win.inside(cap), strands(win, hair, clip(0.4 + 0.4 * sun * (win.x - cx) / rx)))
        return
    low, wide = cy + dice.between(1.15, 1.55) * ry, 1.24
    win = canvas.window(cx - 1.6 * rx, cy - 1.4 * ry, cx + 1.6 * rx, low + 0.03)
    t = clip((win.y - cy) / (low - cy))
    body = np.maximum(
        np.abs(win.x - cx) - rx * (wide + 0.18 * t),
        np.maximum(cy - win.y, win.y - low + 0.05 * ((win.x - cx) / rx) ** 2 + 0.014 * win.noise(26, 1, 1)),
    )
    d = np.minimum(ellipse(win.x, win.y, cx, cy - 0.08 * ry, wide * rx, 1.12 * ry), body)
    light = clip(0.45 + 0.4 * sun * (win.x - cx) / rx - 0.15 * t)
    win.paint("hair", win.inside(d), strands(win, hair, light))


def beard(canvas: Canvas, hair, cx, cy, rx, ry) -> None:
    """A beard around the chin."""
    win = canvas.window(cx - 1.1 * rx, cy, cx + 1.1 * rx, cy + 1.15 * ry)
    t = clip((win.y - cy) / ry)
    d = np.maximum(
        ellipse(cx + (win.x - cx) / (1 - 0.2 * t * t), win.y, cx, cy, 1.02 * rx, 1.06 * ry),
        -ellipse(win.x, win.y, cx, cy + 0.08 * ry, 0.84 * rx, 0.62 * ry),
    )
    d = np.maximum(d, -ellipse(win.x, win.y, cx, cy + 0.65 * ry, 0.08, 0.032))
    light = 0.4 + 0.3 * canvas.sun * (win.x - cx) / rx
    win.paint("hair", win.inside(d + 0.006 * win.noise(40, 40, 2), 0.02), strands(win, hair, light, 50, 30))


def fringe(canvas: Canvas, style: str, hair, cx, cy, rx, ry) -> None:
    """The hair before the forehead, parted on one side."""
    sun, part = canvas.sun, canvas.dice.between(-0.5, 0.5)
    win = canvas.window(cx - 1.4 * rx, cy - 1.4 * ry, cx + 1.4 * rx, cy + 0.4 * ry)
    cap = ellipse(win.x, win.y, cx, cy - 0.10 * ry, 1.10 * rx, 1.10 * ry)
    u = (win.x - cx) / rx - part
    line = cy - ry * (0.66 - 0.42 * np.abs(u) ** 1.5) + 0.010 * win.noise(14, 2, 2)
    d = np.maximum(cap, win.y - line)
    light = clip(0.55 + 0.40 * sun * (win.x - cx) / rx - 0.5 * (win.y - cy + 0.7 * ry) / ry)
    win.darken(0.35 * win.inside(np.maximum(d - 0.02, cap + 0.02), 0.03))
    if style == "curls":
        curl = win.noise(22, 22, 3)
        win.paint("hair", win.inside(d + 0.02 * curl), hair, clip(0.3 + 0.8 * light + 0.4 * curl, 0.15, 1.5))
    else:
        win.paint("hair", win.inside(d), strands(win, hair, light, 46, 8))
