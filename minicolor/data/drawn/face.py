"""A head and its face, centered on (cx, cy) and 2 rx by 2 ry large."""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.canvas import Canvas
from minicolor.data.drawn.palette import between, ink, mix
from minicolor.data.drawn.shapes import ball, box, capsule, disk, ellipse
from minicolor.data.drawn.texture import clip


def head(canvas: Canvas, skin, cx, cy, rx, ry) -> None:
    """Ears, and a head that narrows toward the chin; red in the cheeks, warm in the shadow."""
    sun = canvas.sun
    for side in (-1, 1):
        ex = cx + side * 1.0 * rx
        win = canvas.window(ex - 0.04, cy - 0.03, ex + 0.04, cy + 0.09)
        win.paint("skin", win.inside(ellipse(win.x, win.y, ex, cy + 0.03, 0.025, 0.045)), skin, 0.75 + 0.2 * side * sun)
    win = canvas.window(cx - 1.1 * rx, cy - 1.1 * ry, cx + 1.1 * rx, cy + 1.1 * ry)
    t = clip((win.y - cy) / ry)
    narrow = 1 - 0.20 * t * t
    d = ellipse(cx + (win.x - cx) / narrow, win.y, cx, cy, rx, ry)
    light, _ = ball(win.x, win.y, cx, cy, 1.12 * rx, 1.15 * ry, sun)
    shade = skin * np.array([0.50, 0.40, 0.36], np.float32).reshape(3, 1, 1)
    cover = win.inside(d)
    win.paint("skin", cover, mix(shade, 1.04 * skin, light * 1.25 - 0.1 + 0.03 * win.noise(24, 24, 2)))
    for side in (-1, 1):
        cheek = ellipse(win.x, win.y, cx + side * 0.52 * rx, cy + 0.32 * ry, 0.26 * rx, 0.18 * ry)
        win.glaze(
            0.25 * cover * win.inside(cheek, 0.06), skin * np.array([1.0, 0.52, 0.50], np.float32).reshape(3, 1, 1)
        )


def face(canvas: Canvas, skin, hair, fair: bool, cx, cy, rx, ry) -> None:
    """Eyes, brows, nose and mouth on a head that is there already."""
    dice, sun = canvas.dice, canvas.sun
    iris = between(dice, "#3a2414", "#6a4a2a") if not fair or dice.chance(0.5) else ink("#4a7a9a")
    eye_y, arch = cy + 0.02, dice.between(0.0, 0.012)
    for side in (-1, 1):
        ex = cx + side * 0.42 * rx
        win = canvas.window(ex - 0.07, eye_y - 0.1, ex + 0.07, eye_y + 0.05)
        win.darken(0.22 * win.inside(ellipse(win.x, win.y, ex, eye_y - 0.006, 0.045, 0.03), 0.03))
        white = ellipse(win.x, win.y, ex, eye_y, 0.038, 0.020)
        win.paint("eye", win.inside(white), mix(skin, ink("#eee6de"), 0.7))
        win.paint("eye", win.inside(np.maximum(white, disk(win.x, win.y, ex, eye_y, 0.019))), iris)
        win.glaze(win.inside(disk(win.x, win.y, ex, eye_y, 0.009)), ink("#0c0a0a"))
        win.glaze(win.inside(disk(win.x, win.y, ex + 0.005 * sun, eye_y - 0.006, 0.004)), ink("#ffffff"))
        lid = np.maximum(white, win.y - eye_y + 0.009)
        win.glaze(0.9 * win.inside(lid), 0.75 * skin)
        win.glaze(0.85 * win.inside(np.maximum(np.abs(white + 0.001) - 0.004, win.y - eye_y + 0.004)), 0.12 * skin)
        win.darken(
            0.3
            * win.inside(
                np.abs(ellipse(win.x, win.y, ex, eye_y + 0.004, 0.045, 0.032))
                + np.maximum(0, win.y - eye_y + 0.012)
                - 0.002,
                0.008,
            )
        )
        inner, outer = (ex - side * 0.036, eye_y - 0.053), (ex + side * 0.052, eye_y - 0.044)
        peak = (ex + side * 0.018, eye_y - 0.058 - 0.6 * arch)
        brow = np.minimum(
            capsule(win.x, win.y, *inner, *peak, 0.0085, 0.0075), capsule(win.x, win.y, *peak, *outer, 0.0075, 0.003)
        )
        win.paint("hair", win.inside(brow), 0.6 * hair + 0.02 * skin)
    win = canvas.window(cx - 0.09, cy, cx + 0.09, cy + 0.8 * ry)
    nose = cy + 0.40 * ry
    win.darken(
        0.28
        * win.inside(capsule(win.x, win.y, cx - 0.016 * sun, cy + 0.05, cx - 0.024 * sun, nose, 0.004, 0.012), 0.02)
    )
    win.darken(0.40 * win.inside(ellipse(win.x, win.y, cx, nose + 0.012, 0.028, 0.008), 0.014))
    win.glaze(
        0.5 * win.inside(ellipse(win.x, win.y, cx + 0.008 * sun, nose - 0.014, 0.006, 0.010), 0.03), 1.25 * skin + 0.04
    )
    mouth, wide, smile = cy + 0.66 * ry, dice.between(0.058, 0.072), dice.between(1.8, 4.5)
    curve = mouth - 0.10 * (win.x - cx) ** 2 / wide * smile
    half = 0.019 * np.sqrt(clip(1 - ((win.x - cx) / wide) ** 2))
    d = np.maximum(np.abs(win.y - curve) - half, np.abs(win.x - cx) - wide)
    lip = skin * np.array([0.86, 0.36, 0.38], np.float32).reshape(3, 1, 1)
    win.paint("lips", win.inside(d), lip, 1.0 - 0.3 * clip((curve - win.y) / 0.016))
    win.darken(0.6 * win.inside(np.maximum(np.abs(win.y - curve) - 0.0025, np.abs(win.x - cx) - wide), 0.006))


def glasses(canvas: Canvas, cx, cy, rx, ry) -> None:
    """A pair of glasses."""
    y = cy + 0.022
    win = canvas.window(cx - 1.1 * rx, y - 0.07, cx + 1.1 * rx, y + 0.07)
    u = np.abs(win.x - cx)
    rim = np.abs(box(u, win.y, 0.42 * rx - 0.058, y - 0.042, 0.42 * rx + 0.058, y + 0.046, 0.03)) - 0.0045
    bridge = np.maximum(
        np.abs(win.y - y + 0.01) - 0.004,
        np.maximum(u - 1.0 * rx, -np.maximum(u - 0.42 * rx - 0.056, 0.42 * rx - 0.056 - u)),
    )
    win.paint("metal", win.inside(np.minimum(rim, bridge)), ink("#2a2624"))
