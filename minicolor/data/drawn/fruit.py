"""A still life: fruit and a glazed jug on a wooden table before a painted wall, in the light of one window."""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.canvas import Canvas
from minicolor.data.drawn.nature import shadow
from minicolor.data.drawn.palette import between, ink, mix
from minicolor.data.drawn.shapes import ball, capsule, ellipse, outline, puffs
from minicolor.data.drawn.texture import clip, stripes

GLINT = ink("#fffaf0")


def fruit(canvas: Canvas) -> None:
    """Paint the whole still life."""
    dice = canvas.dice
    edge = dice.between(0.50, 0.58)
    wall(canvas, edge)
    table(canvas, edge)
    jug_at = dice.pick((0.24, 0.76)) + dice.between(-0.03, 0.03)
    if dice.chance(0.75):
        jug(canvas, jug_at, edge + 0.14, dice.between(0.36, 0.44))
    away = 0.12 if jug_at > 0.5 else 0.30
    for row, (count, foot, r) in enumerate(((3, edge + 0.20, 0.085), (4, edge + 0.36, 0.105))):
        for i in range(count):
            x = (away if row == 0 else 0.06) + (i + 0.5 + dice.between(-0.15, 0.15)) * (
                0.58 if row == 0 else 0.88
            ) / count
            kind = dice.pick((apple, apple, orange, orange, lemon, pear, banana, grapes))
            kind(canvas, x, foot + dice.between(-0.02, 0.02), r * dice.between(0.9, 1.08))


def wall(canvas: Canvas, edge: float) -> None:
    """Olive plaster, lighter toward the window."""
    win = canvas.window(0, 0, 1, edge)
    rough = win.noise(5, 5, 4)
    toward = 0.5 + canvas.sun * (win.x - 0.5) - 0.3 * (win.y - 0.3)
    win.paint("wall", 1.0, mix(ink("#4c5a2a"), between(canvas.dice, "#acb060", "#9aac58"), toward + 0.22 * rough))
    # the window itself is out of sight; its four panes of light lean across the wall
    u = win.x + 0.25 * canvas.sun * win.y - 0.5 + 0.16 * canvas.sun
    v = win.y - 0.24
    panes = np.maximum(np.maximum(np.abs(u) - 0.17, np.abs(v) - 0.16), 0.012 - np.minimum(np.abs(u), np.abs(v)))
    win.glaze(0.30 * win.inside(panes, 0.02), ink("#f2dc9a"))


def table(canvas: Canvas, edge: float) -> None:
    """Boards with grain, and a front edge of light where the table begins."""
    win = canvas.window(0, edge, 1, 1)
    grain, blotch = win.noise(5, 110, 3), win.noise(3, 12, 2)
    depth = (win.y - edge) / (1 - edge)
    boards = stripes(np.sqrt(clip(depth)), 0.34, 0.02, win.px / (1 - edge))
    toward = 0.55 + 0.35 * canvas.sun * (win.x - 0.5)
    color = mix(ink("#6a3a1c"), between(canvas.dice, "#c48a50", "#b87c44"), toward + 0.28 * grain + 0.25 * blotch)
    win.paint("table", win.inside(edge - win.y), color, 1 - 0.5 * boards)
    win.glaze(0.4 * win.inside(np.abs(win.y - edge - 0.006) - 0.004), ink("#e0b27a"))


def jug(canvas: Canvas, cx: float, foot: float, height: float) -> None:
    """Turned and glazed: belly, neck, lip and a handle on the shaded side."""
    sun = canvas.sun
    shadow(canvas, cx - 0.25 * height * sun, foot - 0.01, 0.42 * height, 0.09 * height, 0.55)
    color, reach = canvas.toss_color(), 0.45 * height
    win = canvas.window(cx - reach, foot - height - 0.02, cx + reach, foot + 0.05)
    hx, hy = cx - 0.26 * height * sun, foot - 0.60 * height
    ring = np.abs(ellipse(win.x, win.y, hx, hy, 0.12 * height, 0.19 * height)) - 0.025 * height
    win.paint("jug", win.inside(ring), color, 0.45)
    t = clip((foot - win.y.T) / height)
    half = (
        height
        * outline(t, np.array([0, 0.12, 0.36, 0.70, 0.82, 1.0]), np.array([0.19, 0.26, 0.32, 0.16, 0.14, 0.19])).T
    )
    d = np.maximum(
        np.abs(win.x - cx) - half,
        np.maximum(win.y - foot - 0.04 * height * np.sqrt(clip(1 - ((win.x - cx) / half) ** 2)), foot - height - win.y),
    )
    u = (win.x - cx) / half
    light = clip(0.55 + 0.42 * sun * u - 0.18 * (1 - np.sqrt(clip(1 - u * u))), 0.12, 1)
    win.paint("jug", win.inside(d), color, light * (0.9 + 0.1 * win.noise(10, 30, 2)))
    mouth = ellipse(win.x, win.y, cx, foot - height, 0.185 * height, 0.035 * height)
    win.paint("jug", win.inside(mouth), color, 0.25)
    gleam = ellipse(win.x, win.y, cx + 0.15 * height * sun, foot - 0.44 * height, 0.025 * height, 0.10 * height)
    win.glaze(0.75 * win.inside(gleam, 0.02), GLINT)


def _round(canvas: Canvas, part: str, cx, foot, rx, ry, dark, lit, bump: float = 0.0):
    """A fruit that is nearly an ellipse: shadow, body, glint, and light thrown back from the table."""
    sun = canvas.sun
    cy = foot - ry
    shadow(canvas, cx - 0.7 * rx * sun, foot - 0.06 * ry, 1.25 * rx, 0.32 * ry, 0.6)
    win = canvas.window(cx - 1.15 * rx, cy - 1.3 * ry, cx + 1.15 * rx, foot + 0.2 * ry)
    light, glint = ball(win.x, win.y, cx, cy, rx, ry, sun)
    rough = win.noise(30, 30, 2)
    cover = win.inside(ellipse(win.x, win.y, cx, cy, rx, ry))
    win.paint(part, cover, mix(dark, lit, light * 1.08 + bump * rough))
    win.glaze(0.25 * cover * clip((win.y - cy) / ry - 0.55), ink("#d8a060"))
    win.glaze(0.7 * glint, GLINT)
    return win, cy, cover


def apple(canvas: Canvas, cx: float, foot: float, r: float) -> None:
    """An apple."""
    win, cy, cover = _round(
        canvas, "apple", cx, foot, r, 0.92 * r, ink("#6a0c10"), between(canvas.dice, "#e0342a", "#d42834"), 0.05
    )
    streaks = clip(win.noise(5 / r, 1 / r, 2) - 0.1 + 0.5 * (cy - win.y) / r)
    win.glaze(0.45 * cover * streaks, ink("#f0b048"))
    dimple = ellipse(win.x, win.y, cx, cy - 0.74 * r, 0.30 * r, 0.09 * r)
    win.glaze(0.6 * win.inside(dimple, 0.1 * r), ink("#5a2010"))
    win.paint(
        "stem",
        win.inside(capsule(win.x, win.y, cx, cy - 0.72 * r, cx + 0.12 * r, cy - 1.15 * r, 0.045 * r)),
        ink("#4a2e18"),
    )


def orange(canvas: Canvas, cx: float, foot: float, r: float) -> None:
    win, cy, _ = _round(
        canvas, "orange", cx, foot, 0.95 * r, 0.93 * r, ink("#a84a08"), between(canvas.dice, "#f8941c", "#fa8a14"), 0.16
    )
    win.paint("leaf", win.inside(ellipse(win.x, win.y, cx, cy - 0.82 * r, 0.13 * r, 0.06 * r)), ink("#4a6a24"))


def lemon(canvas: Canvas, cx: float, foot: float, r: float) -> None:
    ry = 0.66 * r
    win, cy, _ = _round(
        canvas, "lemon", cx, foot, 0.92 * r, ry, ink("#b08a10"), between(canvas.dice, "#fae04a", "#f8dc3c"), 0.10
    )
    for side in (-1, 1):
        tip = ellipse(win.x, win.y, cx + side * 0.92 * r, cy, 0.16 * r, 0.18 * r)
        win.paint("lemon", win.inside(tip), ink("#e0bc2c"), 0.8 + 0.25 * side * canvas.sun)


def pear(canvas: Canvas, cx: float, foot: float, r: float) -> None:
    """A pear."""
    win, cy, _ = _round(canvas, "pear", cx, foot, 0.84 * r, 0.84 * r, ink("#5a7012"), ink("#c8d048"), 0.08)
    win = canvas.window(cx - r, foot - 2.4 * r, cx + r, foot)
    light, glint = ball(win.x, win.y, cx, foot - 1.05 * r, 0.8 * r, 1.2 * r, canvas.sun)
    t = clip((foot - 0.5 * r - win.y) / (1.4 * r))
    half = r * (0.84 - 0.50 * t * t * (3 - 2 * t))
    neck = np.maximum(np.maximum(np.abs(win.x - cx) - half, win.y - (foot - 0.8 * r)), foot - 1.72 * r - win.y)
    d = np.minimum(neck, ellipse(win.x, win.y, cx, foot - 1.68 * r, 0.345 * r, 0.26 * r))
    d = np.minimum(d, ellipse(win.x, win.y, cx, foot - 0.84 * r, 0.84 * r, 0.84 * r))
    win.paint("pear", win.inside(d), mix(ink("#5a7012"), ink("#d0d650"), light + 0.12 * win.noise(24, 24, 2)))
    win.glaze(0.6 * glint, GLINT)
    win.paint(
        "stem",
        win.inside(capsule(win.x, win.y, cx, foot - 1.9 * r, cx + 0.14 * r, foot - 2.3 * r, 0.05 * r)),
        ink("#4a2e18"),
    )


def banana(canvas: Canvas, cx: float, foot: float, r: float) -> None:
    """A crescent: a wide disk less a higher one; its tips are brown."""
    shadow(canvas, cx - 0.3 * r * canvas.sun, foot - 0.05 * r, 1.5 * r, 0.25 * r, 0.55)
    win = canvas.window(cx - 1.7 * r, foot - 1.4 * r, cx + 1.7 * r, foot + 0.1 * r)
    outer = ellipse(win.x, win.y, cx, foot - 1.35 * r, 1.5 * r, 1.35 * r)
    inner = ellipse(win.x, win.y, cx, foot - 1.72 * r, 1.55 * r, 1.12 * r)
    d = np.maximum(np.maximum(outer, -inner), foot - 1.25 * r - win.y)
    across = clip(-outer / (0.6 * r))
    light = 0.25 + 1.1 * across + 0.25 * canvas.sun * (win.x - cx) / r + 0.1 * win.noise(10, 30, 2)
    ridge = np.abs(across - 0.45) < 0.06
    win.paint("banana", win.inside(d), mix(ink("#9a7410"), ink("#fadc50"), light - 0.12 * ridge))
    win.glaze(win.inside(d) * clip(np.abs(win.x - cx) / (0.25 * r) - 4.55, 0, 0.85), ink("#4a3414"))


def grapes(canvas: Canvas, cx: float, foot: float, r: float) -> None:
    """A bunch of grapes."""
    dice, sun = canvas.dice, canvas.sun
    shadow(canvas, cx - 0.5 * r * sun, foot - 0.05 * r, 1.3 * r, 0.3 * r, 0.55)
    spots = [
        (cx + r * (i - (n - 1) / 2) * 0.46 + r * dice.between(-0.06, 0.06), foot - r * (0.26 + 0.40 * row))
        for row, n in enumerate((4, 5, 4, 2))
        for i in range(n)
    ]
    win = canvas.window(cx - 1.5 * r, foot - 2.0 * r, cx + 1.5 * r, foot + 0.1 * r)
    d, light = puffs(
        win.x,
        win.y,
        [x for x, _ in spots],
        [y for _, y in spots],
        [0.29 * r * dice.between(0.9, 1.05) for _ in spots],
        sun,
        soft=False,
    )
    win.paint("grape", win.inside(d), mix(ink("#240a30"), ink("#7c4a9c"), light * 1.1 - 0.05))
    win.glaze(0.8 * clip(light * 5 - 4.4) * win.inside(d), ink("#e0d0f0"))
    leaf = ellipse(win.x, win.y, cx + 0.3 * r, foot - 1.62 * r, 0.42 * r, 0.18 * r)
    win.paint(
        "leaf", win.inside(leaf), mix(ink("#2c5a1c"), ink("#6aa03c"), 0.5 - (win.y - foot + 1.62 * r) / (0.4 * r))
    )
