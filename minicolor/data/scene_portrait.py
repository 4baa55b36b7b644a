"""A portrait: head and shoulders in soft light. Skin runs from dark to fair and hair from black to blond, as they do."""

from __future__ import annotations

import numpy as np

from minicolor.data.scene_canvas import Canvas, Window
from minicolor.data.scene_palette import between, ink, mix
from minicolor.data.scene_shapes import ball, box, capsule, disk, ellipse, outline, puffs

SKINS = ("#5c3826", "#7c4e34", "#a06c48", "#c08c64", "#dcaa84", "#f0c6a6")  # dark to fair: the hue follows the lightness
HAIRS = ("#1c1614", "#2a1c16", "#4a2e1c", "#6e4526", "#9a4a20", "#c89a54", "#e0bc78", "#a8a4a0")


def portrait(canvas: Canvas) -> None:
    dice = canvas.dice
    backdrop(canvas)
    tone = dice.unit() * (len(SKINS) - 1)
    skin = mix(ink(SKINS[int(tone)]), ink(SKINS[int(tone) + 1]), tone - int(tone))
    hair = ink(dice.pick(HAIRS[:3] if tone < 2 else HAIRS))
    style = dice.pick(("short", "short", "long", "long", "bun", "curls"))
    cx, cy = 0.5 + dice.between(-0.04, 0.04), dice.between(0.40, 0.44)
    rx, ry = dice.between(0.155, 0.175), dice.between(0.205, 0.225)
    behind(canvas, style, hair, cx, cy, rx, ry)
    shoulders(canvas, skin, cx, cy + ry, dice.between(0.34, 0.42))
    head(canvas, skin, cx, cy, rx, ry)
    face(canvas, skin, hair, cx, cy, rx, ry)
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
    lit = between(canvas.dice, "#6fa6b8", "#7ab0b0")
    win.paint("backdrop", 1.0, mix(ink("#1f4658"), lit, glow + 0.28 * cloth))


def strands(win: Window, hair: np.ndarray, light: np.ndarray, fx: float = 46, fy: float = 5) -> np.ndarray:
    """Hair color with fine strands and a soft sheen: (3, h, w)."""
    lines = win.noise(fx, fy, 3)
    return hair * np.clip(0.35 + 0.85 * light + 0.35 * lines, 0.15, 1.6) + 0.03 * np.clip(lines + light - 0.7, 0, 1)


def behind(canvas: Canvas, style: str, hair, cx, cy, rx, ry) -> None:
    """The hair that lies behind the head and on the shoulders."""
    dice, sun = canvas.dice, canvas.sun
    if style == "curls":
        spots = [(cx + rx * u, cy + ry * v) for u, v in ((-0.95, -0.3), (0.95, -0.3), (-0.7, -0.8), (0.7, -0.8), (0, -1.0), (-1.05, 0.2), (1.05, 0.2), (0, -0.5), (-0.4, -1.0), (0.4, -1.0))]
        win = canvas.window(cx - 2 * rx, cy - 1.7 * ry, cx + 2 * rx, cy + ry)
        d, light = puffs(win.x, win.y, [x for x, _ in spots], [y for _, y in spots], [0.46 * rx * dice.between(0.9, 1.15) for _ in spots], sun)
        rough = win.noise(22, 22, 3)
        win.paint("hair", win.inside(d + 0.02 * rough), hair, np.clip(0.4 + 0.8 * light + 0.4 * rough, 0.15, 1.5))
        return
    if style == "bun":
        win = canvas.window(cx - rx, cy - 1.9 * ry, cx + rx, cy - 0.8 * ry)
        light, _ = ball(win.x, win.y, cx, cy - 1.28 * ry, 0.5 * rx, 0.4 * ry, sun)
        win.paint("hair", win.inside(ellipse(win.x, win.y, cx, cy - 1.28 * ry, 0.5 * rx, 0.40 * ry)), strands(win, hair, light, 20, 30))
    low = cy + dice.between(1.2, 1.7) * ry if style == "long" else cy + 0.25 * ry
    wide = 1.28 if style == "long" else 1.12
    win = canvas.window(cx - 1.6 * rx, cy - 1.4 * ry, cx + 1.6 * rx, low + 0.03)
    t = np.clip((win.y - cy) / (low - cy), 0, 1)
    body = np.maximum(np.abs(win.x - cx) - rx * (wide + 0.18 * t), np.maximum(cy - win.y, win.y - low + 0.02 * win.noise(30, 1, 1)))
    d = np.minimum(ellipse(win.x, win.y, cx, cy - 0.08 * ry, wide * rx, 1.12 * ry), body)
    light = np.clip(0.45 + 0.4 * sun * (win.x - cx) / rx - 0.15 * t, 0, 1)
    win.paint("hair", win.inside(d), strands(win, hair, light))


def shoulders(canvas: Canvas, skin, cx, chin, half) -> None:
    """Shirt with folds and a collar, and the neck in the shadow of the chin."""
    sun = canvas.sun
    color, top = canvas.toss_color(), chin + 0.075
    win = canvas.window(cx - half - 0.1, chin - 0.1, cx + half + 0.1, 1)
    line = outline(win.x, cx + np.array([-1.25, -1.0, -0.72, -0.22, 0.22, 0.72, 1.0, 1.25]) * half, np.array([1.25, 0.98, top + 0.07, top, top, top + 0.07, 0.98, 1.25]))
    folds = win.noise(9, 5, 3)
    light = np.clip(0.66 + 0.36 * sun * (win.x - cx) / half + 0.28 * folds, 0.2, 1)
    win.paint("shirt", win.inside(line - win.y), color, light)
    for side in (-1, 1):
        arm = np.abs((win.x - cx) * side - 0.62 * half - 0.1 * (win.y - 0.9)) - 0.004
        win.darken(0.4 * win.inside(np.maximum(arm, 0.86 - win.y), 0.02))
    neck = win.inside(np.minimum(box(win.x, win.y, cx - 0.075, chin - 0.1, cx + 0.075, top + 0.015), ellipse(win.x, win.y, cx, top + 0.012, 0.105, 0.045)))
    under = np.clip(1 - (win.y - chin + 0.03) / 0.07, 0, 1)
    win.paint("skin", neck, skin, np.clip(0.80 + 0.25 * sun * (win.x - cx) / 0.07, 0.4, 1.1) * (1 - 0.5 * under))


def head(canvas: Canvas, skin, cx, cy, rx, ry) -> None:
    """Ears, and a head that narrows toward the chin; red in the cheeks, warm in the shadow."""
    sun = canvas.sun
    for side in (-1, 1):
        ex = cx + side * 1.0 * rx
        win = canvas.window(ex - 0.04, cy - 0.03, ex + 0.04, cy + 0.09)
        win.paint("skin", win.inside(ellipse(win.x, win.y, ex, cy + 0.03, 0.025, 0.045)), skin, 0.75 + 0.2 * side * sun)
    win = canvas.window(cx - 1.1 * rx, cy - 1.1 * ry, cx + 1.1 * rx, cy + 1.1 * ry)
    t = np.clip((win.y - cy) / ry, 0, 1)
    narrow = 1 - 0.20 * t * t
    d = ellipse(cx + (win.x - cx) / narrow, win.y, cx, cy, rx, ry)
    light, _ = ball(win.x, win.y, cx, cy, 1.12 * rx, 1.15 * ry, sun)
    shade = skin * np.array([0.50, 0.40, 0.36], np.float32).reshape(3, 1, 1)
    cover = win.inside(d)
    win.paint("skin", cover, mix(shade, 1.04 * skin, light * 1.25 - 0.1 + 0.03 * win.noise(24, 24, 2)))
    for side in (-1, 1):
        cheek = ellipse(win.x, win.y, cx + side * 0.52 * rx, cy + 0.32 * ry, 0.26 * rx, 0.18 * ry)
        win.glaze(0.25 * cover * win.inside(cheek, 0.06), skin * np.array([1.0, 0.52, 0.50], np.float32).reshape(3, 1, 1))


def face(canvas: Canvas, skin, hair, cx, cy, rx, ry) -> None:
    dice, sun = canvas.dice, canvas.sun
    iris = between(dice, "#3a2414", "#6a4a2a") if dice.chance(0.7) else ink("#4a7a9a")
    eye_y = cy + 0.02
    for side in (-1, 1):
        ex = cx + side * 0.42 * rx
        win = canvas.window(ex - 0.06, eye_y - 0.09, ex + 0.06, eye_y + 0.04)
        win.darken(0.22 * win.inside(ellipse(win.x, win.y, ex, eye_y - 0.006, 0.045, 0.03), 0.03))
        white = ellipse(win.x, win.y, ex, eye_y, 0.034, 0.017)
        win.paint("eye", win.inside(white), ink("#f2ece6"))
        win.paint("eye", win.inside(np.maximum(white, disk(win.x, win.y, ex, eye_y, 0.0155))), iris)
        win.glaze(win.inside(disk(win.x, win.y, ex, eye_y, 0.007)), ink("#0c0a0a"))
        win.glaze(win.inside(disk(win.x, win.y, ex + 0.005 * sun, eye_y - 0.006, 0.004)), ink("#ffffff"))
        win.glaze(0.85 * win.inside(np.maximum(np.abs(white + 0.001) - 0.004, win.y - eye_y + 0.003)), 0.2 * skin)
        brow = capsule(win.x, win.y, ex - side * 0.035, eye_y - 0.046, ex + side * 0.04, eye_y - 0.05, 0.009, 0.005)
        win.paint("hair", win.inside(brow), 0.6 * hair + 0.02 * skin)
    win = canvas.window(cx - 0.09, cy, cx + 0.09, cy + 0.8 * ry)
    nose = cy + 0.40 * ry
    win.darken(0.28 * win.inside(capsule(win.x, win.y, cx - 0.016 * sun, cy + 0.05, cx - 0.024 * sun, nose, 0.004, 0.012), 0.02))
    win.darken(0.40 * win.inside(ellipse(win.x, win.y, cx, nose + 0.012, 0.028, 0.008), 0.014))
    win.glaze(0.35 * win.inside(ellipse(win.x, win.y, cx + 0.008 * sun, nose - 0.012, 0.010, 0.014), 0.014), mix(skin, ink("#ffffff"), 0.5))
    mouth, wide = cy + 0.66 * ry, dice.between(0.048, 0.06)
    curve = mouth - 0.10 * (win.x - cx) ** 2 / wide * dice.between(1.0, 4.0)
    half = 0.016 * np.sqrt(np.clip(1 - ((win.x - cx) / wide) ** 2, 0, 1))
    d = np.maximum(np.abs(win.y - curve) - half, np.abs(win.x - cx) - wide)
    lip = skin * np.array([0.86, 0.36, 0.38], np.float32).reshape(3, 1, 1)
    win.paint("lips", win.inside(d), lip, 1.0 - 0.3 * np.clip((curve - win.y) / 0.016, 0, 1))
    win.darken(0.6 * win.inside(np.maximum(np.abs(win.y - curve) - 0.0025, np.abs(win.x - cx) - wide), 0.006))


def beard(canvas: Canvas, hair, cx, cy, rx, ry) -> None:
    win = canvas.window(cx - 1.1 * rx, cy, cx + 1.1 * rx, cy + 1.15 * ry)
    t = np.clip((win.y - cy) / ry, 0, 1)
    d = np.maximum(ellipse(cx + (win.x - cx) / (1 - 0.2 * t * t), win.y, cx, cy, 1.02 * rx, 1.06 * ry), -ellipse(win.x, win.y, cx, cy + 0.08 * ry, 0.84 * rx, 0.62 * ry))
    d = np.maximum(d, -ellipse(win.x, win.y, cx, cy + 0.66 * ry, 0.062, 0.024))
    light = 0.4 + 0.3 * canvas.sun * (win.x - cx) / rx
    win.paint("hair", win.inside(d + 0.012 * win.noise(40, 40, 2), 0.015), strands(win, hair, light, 50, 30))


def fringe(canvas: Canvas, style: str, hair, cx, cy, rx, ry) -> None:
    """The hair before the forehead, parted on one side."""
    sun, part = canvas.sun, canvas.dice.between(-0.5, 0.5)
    win = canvas.window(cx - 1.4 * rx, cy - 1.4 * ry, cx + 1.4 * rx, cy + 0.4 * ry)
    cap = ellipse(win.x, win.y, cx, cy - 0.10 * ry, 1.12 * rx, 1.10 * ry)
    u = (win.x - cx) / rx - part
    line = cy - ry * (0.66 - 0.42 * np.abs(u) ** 1.5) + 0.012 * win.noise(30, 2, 2)
    d = np.maximum(cap, win.y - line)
    light = np.clip(0.55 + 0.40 * sun * (win.x - cx) / rx - 0.5 * (win.y - cy + 0.7 * ry) / ry, 0, 1)
    win.darken(0.35 * win.inside(np.maximum(d - 0.02, cap + 0.02), 0.03))
    win.paint("hair", win.inside(d), strands(win, hair, light, *((20, 20) if style == "curls" else (46, 8))))


def glasses(canvas: Canvas, cx, cy, rx, ry) -> None:
    y = cy + 0.022
    win = canvas.window(cx - 1.1 * rx, y - 0.06, cx + 1.1 * rx, y + 0.06)
    u = np.abs(win.x - cx)
    rim = np.abs(box(u, win.y, 0.42 * rx - 0.052, y - 0.036, 0.42 * rx + 0.052, y + 0.038, 0.03)) - 0.0045
    bridge = np.maximum(np.abs(win.y - y + 0.01) - 0.004, np.maximum(u - 1.0 * rx, -np.maximum(u - 0.42 * rx - 0.05, 0.42 * rx - 0.05 - u)))
    win.paint("metal", win.inside(np.minimum(rim, bridge)), ink("#2a2624"))
