"""What the outdoor scenes share: sky, sun, clouds, trees, grass and flowers."""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.canvas import Canvas
from minicolor.data.drawn.palette import between, ink, mix
from minicolor.data.drawn.shapes import capsule, puffs
from minicolor.data.drawn.texture import clip

LEAVES = {  # part: (shade, light); species are told apart in grey by shape, lightness and texture
    "broadleaf": (("#1f4a1c", "#2c5a20"), ("#6fa638", "#86b548")),
    "autumn tree": (("#8a3a10", "#9c4a14"), ("#f09a2a", "#f4b03c")),
    "blossom": (("#c0708c", "#b86888"), ("#fbd0dc", "#f8c4d6")),
}


def sky(canvas: Canvas, horizon: float, sunset: bool = False) -> None:
    """Blue above and pale at the horizon; at sunset a low sun and warm bands."""
    win, dice = canvas.window(0, 0, 1, horizon + 0.1), canvas.dice
    t = clip(win.y / horizon)
    drift = t + 0.05 * win.noise(2, 5, 2)
    if not sunset:
        top, low = between(dice, "#3f86d8", "#5a9ce4"), between(dice, "#b4d8f4", "#cfe6f6")
        win.paint("sky", 1.0, mix(top, low, drift * (0.6 + 0.4 * drift)))
        return
    top, middle, low = ink("#5a4a86"), ink("#e8804e"), ink("#ffd27a")
    win.paint("sunset", 1.0, mix(mix(top, middle, drift * 1.6), low, drift * 2 - 1))
    cx, cy, r = 0.5 + 0.28 * canvas.sun, horizon - dice.between(0.05, 0.12), 0.045
    far = np.sqrt((win.x - cx) ** 2 + (win.y - cy) ** 2)
    win.glaze(0.75 / (1 + (far / 0.11) ** 2), ink("#ffdf90"))
    win.paint("sun", win.inside(far - r), ink("#fff6d0"))


def clouds(canvas: Canvas, low: float, count: int, warm: bool = False) -> None:
    """Heaps of puffs on a flat base, between the top of the picture and `low`."""
    dice = canvas.dice
    for _ in range(count):
        cx, cy, width = dice.between(0, 1), dice.between(0.06, low), dice.between(0.10, 0.2)
        places = [(i / 5 - 0.5, dice.between(0.6, 1.0)) for i in range(6)]
        r = [width * 0.34 * grow * (1.15 - 1.3 * abs(at)) for at, grow in places]
        xs, ys = [cx + width * 1.5 * at for at, _ in places], [cy - 0.5 * radius for radius in r]
        win = canvas.window(cx - width * 1.2, cy - width, cx + width * 1.2, cy + 0.03)
        d, light = puffs(win.x, win.y, xs, ys, r, canvas.sun)
        billow = win.noise(16, 16, 3)
        d = np.maximum(d + 0.020 * billow, win.y - cy + 0.012 * billow)
        shade, lit = (ink("#b06a78"), ink("#ffd9a8")) if warm else (ink("#aebfd8"), ink("#ffffff"))
        win.paint("cloud", win.inside(d, 0.022), mix(shade, lit, light * 1.5 - 0.02 + 0.15 * billow))


def shadow(canvas: Canvas, cx: float, cy: float, rx: float, ry: float, strength: float = 0.45) -> None:
    """A soft cast shadow lying on the ground."""
    win = canvas.window(cx - 1.6 * rx, cy - 1.6 * ry, cx + 1.6 * rx, cy + 1.6 * ry)
    q = ((win.x - cx) / rx) ** 2 + ((win.y - cy) / ry) ** 2
    soft = clip(1.35 - q)
    win.darken(strength * soft)


def tree(canvas: Canvas, kind: str, cx: float, foot: float, height: float) -> None:
    """A trunk and a crown of leaf puffs; `kind` is a key of LEAVES or 'conifer'."""
    shadow(canvas, cx - 0.22 * height * canvas.sun, foot, 0.36 * height, 0.05 * height)
    dice, sun = canvas.dice, canvas.sun
    if kind == "conifer":
        return conifer(canvas, cx, foot, height)
    win = canvas.window(cx - 0.1 * height, foot - 0.6 * height, cx + 0.1 * height, foot)
    stem = win.inside(capsule(win.x, win.y, cx, foot, cx, foot - 0.5 * height, 0.045 * height, 0.025 * height))
    bark = mix(ink("#3c2818"), ink("#8a6444"), 0.5 + sun * (win.x - cx) / (0.09 * height) + 0.3 * win.noise(60, 20, 1))
    win.paint("trunk", stem, bark)
    crown, top = 0.34 * height, foot - 0.64 * height
    around = [(0.0, 0.0), (-0.62, 0.25), (0.62, 0.25), (-0.38, -0.42), (0.40, -0.40), (0.0, -0.66), (0.05, 0.40)]
    spots = [
        (cx + crown * (u + dice.between(-0.1, 0.1)), top + crown * (v + dice.between(-0.1, 0.1))) for u, v in around
    ]
    r = [crown * dice.between(0.46, 0.6) for _ in spots]
    win = canvas.window(cx - 1.35 * crown, top - 1.4 * crown, cx + 1.35 * crown, top + 1.2 * crown)
    d, light = puffs(win.x, win.y, [u for u, _ in spots], [v for _, v in spots], r, sun)
    rough = win.noise(8 / height, 8 / height, 3)
    leaves = win.noise(34 / height * 0.4, 34 / height * 0.4, 2)
    light = 0.95 * light + 0.35 * (0.5 - (win.y - top) / (2.6 * crown)) + 0.30 * rough + 0.22 * leaves - 0.1
    shade, lit = (between(dice, *codes) for codes in LEAVES[kind])
    win.paint(kind, win.inside(d + crown * (0.12 * rough + 0.05 * leaves)), mix(shade, lit, light))


def conifer(canvas: Canvas, cx: float, foot: float, height: float) -> None:
    """A spruce: a narrow cone whose edge and light go up and down with the tiers of its branches."""
    dice, sun = canvas.dice, canvas.sun
    win = canvas.window(cx - 0.25 * height, foot - height, cx + 0.25 * height, foot)
    win.paint(
        "trunk", win.inside(capsule(win.x, win.y, cx, foot, cx, foot - 0.2 * height, 0.03 * height)), ink("#4a3322")
    )
    t = (win.y - (foot - height)) / (0.9 * height)  # 0 at the tip, 1 at the skirt
    tier = t * dice.between(5, 7)
    tier = tier - np.floor(tier)
    rough = win.noise(9 / height, 14 / height, 2)
    half = 0.24 * height * clip(t) * (0.72 + 0.36 * tier) * (1 + 0.14 * rough)
    d = np.maximum(np.abs(win.x - cx) - half, win.y - (foot - 0.1 * height - 0.02 * height * rough))
    light = 0.35 + 0.45 * tier + 0.4 * sun * (win.x - cx) / (0.2 * height) + 0.25 * rough
    win.paint(
        "conifer",
        win.inside(np.maximum(d, -t * height)),
        mix(ink("#0f2f22"), between(dice, "#3f7a48", "#4d8852"), light),
    )


def grass(canvas: Canvas, top: float, bumps: float, far: np.ndarray, near: np.ndarray, part: str = "grass") -> None:
    """A meadow from the line y = top down: smooth far away, tufts and blades near us. Or snow, which has none."""
    win = canvas.window(0, top - 1.5 * bumps, 1, 1)
    ridge = top + bumps * win.noise(2.5, 1, 2)[:1] if bumps else np.full_like(win.x, top)
    t = clip((win.y - top) / (1 - top))
    rolls = win.noise(4, 14, 3)
    blades = win.noise(40, 16, 3)
    shade = 0.92 + 0.16 * rolls * (1 - 0.5 * t) + ((0.30 if part == "grass" else 0.04) * t) * blades
    win.paint(part, win.inside(ridge - win.y), mix(far, near, np.sqrt(t) + 0.25 * rolls), clip(shade, 0.3, 1.4))


def flower(canvas: Canvas, cx: float, cy: float, r: float, color: np.ndarray) -> None:
    """A blossom seen from the side of the path: five petals around a pale heart."""
    win = canvas.window(cx - 1.3 * r, cy - 1.3 * r, cx + 1.3 * r, cy + 1.3 * r)
    u, v = win.x - cx, win.y - cy
    far2 = u * u + v * v + np.float32(1e-9)
    # cos of five times the angle, without an arctangent: Re((u + iv)^5) / |.|^5
    u2, v2, far = u * u, v * v, np.sqrt(far2)
    wave = u * (u2 * (u2 - 10 * v2) + 5 * v2 * v2) / (far2 * far2 * far)
    win.paint("flower", win.inside(far - r * (0.85 + 0.2 * wave)), color, 0.62 + 0.38 * clip(0.5 - 0.5 * v / r))
    win.glaze(win.inside(far - 0.26 * r), ink("#f2e6b0"))


def bush(canvas: Canvas, cx: float, foot: float, r: float) -> None:
    """A round shrub."""
    shadow(canvas, cx - 0.5 * r * canvas.sun, foot, 1.4 * r, 0.3 * r)
    win, dice = canvas.window(cx - 1.8 * r, foot - 1.7 * r, cx + 1.8 * r, foot + 0.1), canvas.dice
    at = ((-0.8, 0.5, 0.6), (0.8, 0.5, 0.6), (0.0, 0.75, 0.8), (-0.35, 0.4, 0.6), (0.4, 0.4, 0.6))
    d, light = puffs(
        win.x,
        win.y,
        [cx + u * r for u, _, _ in at],
        [foot - v * r for _, v, _ in at],
        [k * r for *_, k in at],
        canvas.sun,
    )
    rough = win.noise(2 / r, 2 / r, 3)
    d = np.maximum(d + 0.12 * r * rough, win.y - foot)
    win.paint(
        "broadleaf",
        win.inside(d),
        mix(ink("#1c4420"), between(dice, "#5f9a3c", "#7aad48"), 1.2 * light - 0.1 + 0.35 * rough),
    )
