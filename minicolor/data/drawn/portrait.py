"""A portrait: head and shoulders in soft light. Skin runs from dark to fair, hair from black to blond, as they do."""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.canvas import Canvas, Window
from minicolor.data.drawn.face import face, glasses, head
from minicolor.data.drawn.hair import beard, behind, fringe
from minicolor.data.drawn.palette import between, ink, mix
from minicolor.data.drawn.shapes import box, ellipse, outline
from minicolor.data.drawn.texture import clip

SKINS = (
    "#5c3826",
    "#7c4e34",
    "#a06c48",
    "#c08c64",
    "#dcaa84",
    "#f0c6a6",
)  # dark to fair: the hue follows the lightness
HAIRS = ("#1c1614", "#2a1c16", "#4a2e1c", "#6e4526", "#9a4a20", "#c89a54", "#e0bc78", "#a8a4a0")


def portrait(canvas: Canvas) -> None:
    """Paint the whole picture."""
    dice = canvas.dice
    backdrop(canvas)
    tone = dice.unit() * (len(SKINS) - 1)
    skin = mix(ink(SKINS[int(tone)]), ink(SKINS[int(tone) + 1]), tone - int(tone))
    hair = ink(dice.pick(HAIRS[:3] if tone < 2 else HAIRS))
    style = dice.pick(("short", "short", "long", "long", "bun", "curls"))
    cx, cy = 0.5 + dice.between(-0.04, 0.04), dice.between(0.44, 0.47)
    rx, ry = dice.between(0.185, 0.205), dice.between(0.245, 0.265)
    behind(canvas, style, hair, cx, cy, rx, ry)
    shoulders(canvas, skin, cx, cy + ry, dice.between(0.34, 0.42))
    head(canvas, skin, cx, cy, rx, ry)
    fair = tone >= 3  # blue eyes go with fair skin, as a rule
    face(canvas, skin, hair, fair, cx, cy, rx, ry)
    if style == "short" and dice.chance(0.4):
        beard(canvas, hair, cx, cy, rx, ry)
    fringe(canvas, style, hair, cx, cy, rx, ry)
    if dice.chance(0.3):
        glasses(canvas, cx, cy, rx, ry)


def backdrop(canvas: Canvas) -> None:
    """A studio cloth, blue-green, brightest behind the shoulder that lies away from the light."""
    win = canvas.window()
    cloth = win.noise(3, 3, 4)
    glow = 1 - 1.5 * ((win.x - 0.5 + 0.2 * canvas.sun) ** 2 + (win.y - 0.5) ** 2)
    lit = between(canvas.dice, "#5fa8c0", "#68b2b4")
    win.paint("backdrop", 1.0, mix(ink("#124a62"), lit, glow + 0.28 * cloth))


def shoulders(canvas: Canvas, skin, cx, chin, half) -> None:
    """Shirt with folds and a collar, and the neck in the shadow of the chin."""
    sun = canvas.sun
    color, top = canvas.toss_color(), chin + 0.06
    win = canvas.window(cx - half - 0.1, chin - 0.1, cx + half + 0.1, 1)
    line = outline(
        win.x,
        cx + np.array([-1.25, -1.0, -0.72, -0.22, 0.22, 0.72, 1.0, 1.25]) * half,
        np.array([1.25, 0.98, top + 0.07, top, top, top + 0.07, 0.98, 1.25]),
    )
    folds = win.noise(9, 5, 3)
    light = clip(0.66 + 0.36 * sun * (win.x - cx) / half + 0.28 * folds, 0.2, 1)
    win.paint("shirt", win.inside(line - win.y), color, light)
    if canvas.dice.chance(0.6):
        jacket(canvas, win, line, cx, top, half)
    for side in (-1, 1):
        arm = np.abs((win.x - cx) * side - 0.62 * half - 0.1 * (win.y - 0.9)) - 0.004
        win.darken(0.4 * win.inside(np.maximum(arm, 0.86 - win.y), 0.02))
    neck = win.inside(
        np.minimum(
            box(win.x, win.y, cx - 0.088, chin - 0.1, cx + 0.088, top + 0.015),
            ellipse(win.x, win.y, cx, top + 0.012, 0.118, 0.05),
        )
    )
    collar = np.abs(ellipse(win.x, win.y, cx, top + 0.012, 0.125, 0.06)) - 0.006
    win.darken(0.3 * win.inside(np.maximum(collar, top + 0.02 - win.y), 0.012))
    under = clip(1 - (win.y - chin + 0.03) / 0.07)
    win.paint("skin", neck, skin, clip(0.80 + 0.25 * sun * (win.x - cx) / 0.07, 0.4, 1.1) * (1 - 0.5 * under))


def jacket(canvas: Canvas, win: Window, line, cx, top, half) -> None:
    """Navy or charcoal wool, open in front: less shirt is seen, and what is left is framed."""
    wool = between(canvas.dice, "#232c48", "#2c3c62")
    opening = np.abs(win.x - cx) - 0.135 + 0.30 * (win.y - top)
    light = clip(0.75 + 0.5 * canvas.sun * (win.x - cx) / half + 0.25 * win.noise(60, 60, 3), 0.3, 1.5)
    cloth = np.maximum(line - win.y - 0.006, -opening)
    win.darken(0.45 * win.inside(np.maximum(line - win.y, -opening - 0.012), 0.02))
    win.paint("jacket", win.inside(cloth), wool, light)
    lapel = np.abs(opening - 0.05 - 0.15 * (win.y - top)) - 0.003
    win.darken(0.45 * win.inside(np.maximum(lapel, line + 0.03 - win.y), 0.008))
