"""A street: a row of house fronts, a pavement with lamp and tree, and a car of any color on the road."""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.canvas import Canvas
from minicolor.data.drawn.house import masonry, window_pane
from minicolor.data.drawn.nature import clouds, shadow, sky, tree
from minicolor.data.drawn.palette import ink, mix
from minicolor.data.drawn.shapes import box, capsule, disk, outline
from minicolor.data.drawn.texture import clip, stripes


def street(canvas: Canvas) -> None:
    """Paint the whole picture."""
    dice = canvas.dice
    sky(canvas, 0.6)
    clouds(canvas, 0.2, 1 + dice.below(3))
    curb = dice.between(0.66, 0.70)
    x = dice.between(-0.12, -0.02)
    while x < 1:
        width = dice.between(0.26, 0.36)
        front(canvas, x, x + width, dice.between(0.14, 0.34), curb - 0.06)
        x += width
    pavement(canvas, curb)
    road(canvas, curb)
    for at in (dice.between(0.05, 0.2), dice.between(0.8, 0.95)):
        tree(canvas, dice.pick(("broadleaf", "broadleaf", "autumn tree")), at, curb - 0.01, dice.between(0.34, 0.44))
    lamp(canvas, dice.between(0.3, 0.7), curb)
    car(
        canvas,
        dice.between(0.42, 0.58),
        dice.between(0.86, 0.92),
        dice.between(0.68, 0.80),
        dice.pick((-1, 1)),
        dice.pick(("sedan", "beetle", "van")),
    )


def front(canvas: Canvas, left: float, right: float, top: float, foot: float) -> None:
    """One house: wall, cornice or tiled roof, rows of windows, a shop front or a door."""
    dice, material = canvas.dice, canvas.dice.pick(("plaster", "brick", "brick", "timber"))
    light = dice.between(0.8, 1.0)
    tiled = dice.chance(0.6)
    win = canvas.window(left, top - 0.1, right, foot)
    color, texture = masonry(win, material)
    win.paint(material, win.inside(box(win.x, win.y, left, top, right, foot)), color, texture * light)
    if tiled:
        rows = stripes(win.y, 0.024, 0.008, win.px)
        lean = (top - win.y) * 0.4
        d = np.maximum(
            np.maximum(left - 0.01 + lean - win.x, win.x - right - 0.01 + lean), np.abs(win.y - top + 0.035) - 0.045
        )
        win.paint("tiles", win.inside(d), ink("#b8502e"), light * (1.0 - 0.4 * rows + 0.2 * win.noise(30, 30, 2)))
    else:
        win.paint("frame", win.inside(box(win.x, win.y, left, top - 0.012, right, top + 0.014)), ink("#efe6d4"), light)
    win.darken(
        0.35 * clip(1 - (win.y - top - 0.01) / 0.03) * win.inside(box(win.x, win.y, left, top + 0.01, right, foot))
    )
    columns = 3 if right - left > 0.31 else 2
    y = top + 0.08
    while y < foot - 0.17:
        for k in range(columns):
            window_pane(canvas, left + (right - left) * (k + 0.5) / columns, y, 0.026, 0.038, light)
        y += 0.135
    ground_floor(canvas, left, right, foot, light)
    win.darken(
        0.3 * win.inside(np.abs(win.x - (left if canvas.sun > 0 else right)) - 0.004, 0.02) * win.inside(top - win.y)
    )


def ground_floor(canvas: Canvas, left: float, right: float, foot: float, light: float) -> None:
    """A shop window under a striped awning, and a house door; some houses have the door only."""
    shop = canvas.dice.chance(0.55)
    at = left + (right - left) * (0.84 if shop else 0.5)
    win = canvas.window(at - 0.05, foot - 0.14, at + 0.05, foot)
    win.paint(
        "frame", win.inside(box(win.x, win.y, at - 0.034, foot - 0.125, at + 0.034, foot + 0.02)), ink("#efe6d4"), light
    )
    part, color = ("door", canvas.toss_color()) if shop else ("timber", ink("#7a4c2a"))
    win.paint(
        part, win.inside(box(win.x, win.y, at - 0.026, foot - 0.115, at + 0.026, foot + 0.02)), color, 0.9 * light
    )
    if not shop:
        return
    start, end, sill = left + 0.03, at - 0.05, foot - 0.03
    win = canvas.window(start, foot - 0.15, end, foot)
    win.paint("timber", win.inside(box(win.x, win.y, start, foot - 0.12, end, sill)), ink("#5a4030"), light)
    deep = mix(ink("#8fb4cc"), ink("#2c4660"), (win.y - foot + 0.12) / 0.09)
    win.paint(
        "glass", win.inside(box(win.x, win.y, start + 0.008, foot - 0.112, end - 0.008, sill - 0.008)), deep, light
    )
    low = foot - 0.075 + 0.006 * np.abs(((win.x - start) / 0.028) % 2 - 1)
    cloth = np.maximum(box(win.x, win.y, start - 0.008, foot - 0.135, end + 0.008, 1), win.y - low)
    bands = stripes(win.x, 0.056, 0.024, win.px, start - 0.008)
    shade = light * (0.72 + 0.28 * clip((win.y - foot + 0.135) / 0.05))
    win.paint("awning", win.inside(cloth), canvas.toss_color(), shade)
    win.glaze(win.inside(cloth) * bands, ink("#f4ecdc") * shade)


def pavement(canvas: Canvas, curb: float) -> None:
    win = canvas.window(0, curb - 0.07, 1, curb + 0.03)
    slabs = np.maximum(stripes(win.y, 0.035, 0.004, win.px), stripes(win.x + 0.8 * (win.y - curb), 0.08, 0.005, win.px))
    rough = win.noise(30, 60, 2)
    win.paint(
        "pavement", win.inside(np.abs(win.y - curb + 0.02) - 0.04), ink("#c4b8a0"), 1 - 0.25 * slabs + 0.1 * rough
    )
    win.paint("pavement", win.inside(np.abs(win.y - curb - 0.012) - 0.009), ink("#8c8478"))


def road(canvas: Canvas, curb: float) -> None:
    win = canvas.window(0, curb + 0.02, 1, 1)
    grain, wear = win.noise(70, 90, 2), win.noise(3, 16, 2)
    win.paint(
        "road", win.inside(curb + 0.02 - win.y), mix(ink("#4e525c"), ink("#767a86"), 0.45 + 0.3 * grain + 0.3 * wear)
    )
    dashes = stripes(win.x, 0.22, 0.13, win.px, canvas.dice.unit())
    win.paint("marking", dashes * win.inside(np.abs(win.y - 0.955) - 0.012), ink("#eee8d8"), 0.9 + 0.15 * wear)


def lamp(canvas: Canvas, cx: float, curb: float) -> None:
    win = canvas.window(cx - 0.06, 0.26, cx + 0.06, curb)
    win.paint("metal", win.inside(capsule(win.x, win.y, cx, 0.34, cx, curb, 0.006, 0.010)), ink("#2c3434"))
    win.paint("metal", win.inside(box(win.x, win.y, cx - 0.03, 0.29, cx + 0.03, 0.345, 0.008)), ink("#2c3434"))
    win.paint("lamp", win.inside(box(win.x, win.y, cx - 0.02, 0.302, cx + 0.02, 0.338, 0.004)), ink("#fff0b8"))


BODIES = {  # silhouettes over one car length, heights in car lengths: body line, then the glass inside it
    "sedan": (
        (0, 0.02, 0.10, 0.26, 0.36, 0.66, 0.80, 0.96, 1.0),
        (0.10, 0.17, 0.20, 0.215, 0.335, 0.335, 0.215, 0.185, 0.10),
    ),
    "beetle": (
        (0, 0.03, 0.14, 0.26, 0.40, 0.60, 0.82, 0.97, 1.0),
        (0.08, 0.15, 0.21, 0.24, 0.375, 0.385, 0.26, 0.13, 0.08),
    ),
    "van": ((0, 0.01, 0.08, 0.16, 0.28, 0.70, 0.96, 0.99, 1.0), (0.10, 0.19, 0.23, 0.26, 0.40, 0.41, 0.40, 0.22, 0.10)),
}


def car(canvas: Canvas, cx: float, ground: float, length: float, facing: int, model: str) -> None:
    """Seen from the side. Its paint is one toss color times shade; highlights, glass and chrome are not tossed."""
    shadow(canvas, cx - 0.03 * canvas.sun, ground + 0.01, 0.54 * length, 0.045 * length, 0.75)
    xs, heights = (np.array(v) for v in BODIES[model])
    win = canvas.window(cx - 0.55 * length, ground - 0.45 * length, cx + 0.55 * length, ground + 0.02)
    u = facing * (win.x - cx) / length + 0.5  # 0 at the nose, 1 at the tail
    v = (ground - win.y) / length  # height over the road, in car lengths
    roofline = outline(u, xs, heights)
    slope = np.abs(np.gradient(roofline.ravel(), u.ravel()))[None] if u.size > 1 else np.zeros((1, 1))
    d = np.maximum((v - roofline) / np.sqrt(1 + slope * slope), np.maximum(np.abs(u - 0.5) - 0.5, 0.055 - v))
    for wheel in (0.2, 0.8):
        d = np.maximum(d, 0.082 - np.sqrt((u - wheel) ** 2 + (v - 0.062) ** 2))
    d = (d * length).astype(np.float32)
    win.paint("tire", win.inside(np.maximum(np.abs(u - 0.5) - 0.46, np.abs(v - 0.09) - 0.045) * length), ink("#101214"))
    light = clip(0.42 + 1.5 * v, 0.3, 0.95) - 0.16 * clip((0.15 - v) / 0.04) + 0.0 * u
    seams = np.minimum(np.abs(u - 0.52), np.abs(u - 0.30 - 0.1 * (0.2 - v))) + np.where(
        (v > 0.08) & (v < 0.21), 0.0, 1.0
    )
    light = light * (1 - 0.4 * win.inside((seams - 0.002) * length, 0.006))
    win.paint("car", win.inside(d), canvas.toss_color(), light)
    win.glaze(0.5 * win.inside(np.maximum(d + 0.012, (np.abs(v - 0.195) - 0.006) * length), 0.01), ink("#f4f6fa"))
    cabin = np.maximum(d + 0.022 * length, (0.215 - v) * length)
    pillars = np.minimum(np.abs(u - 0.52), np.abs(u - 0.71)) - 0.009
    glass = win.inside(np.maximum(cabin, -pillars * length))
    win.paint(
        "glass",
        glass,
        mix(
            ink("#3c5468"),
            ink("#a8c8dc"),
            (v - 0.2) / 0.16
            + 0.9 * np.abs(2 * u - 1.0)
            - 0.1
            - 0.5 * win.inside(np.abs(u - 0.5 + 0.5 * (v - 0.27)) - 0.02),
        ),
    )
    for wheel in (0.2, 0.8):
        wx = cx + facing * (wheel - 0.5) * length
        wy = ground - 0.062 * length
        win.paint("tire", win.inside(disk(win.x, win.y, wx, wy, 0.068 * length)), ink("#1c1e20"))
        win.paint(
            "metal", win.inside(disk(win.x, win.y, wx, wy, 0.040 * length)), ink("#b8bcc0"), 0.9 - 6 * (win.y - wy)
        )
        win.glaze(win.inside(disk(win.x, win.y, wx, wy, 0.012 * length)), ink("#4a4e54"))
    nose = disk(u, v, 0.035, 0.155, 0.022) * length
    win.glaze(win.inside(nose), ink("#fff6d8"))
    win.glaze(win.inside(np.maximum(np.abs(u - 0.985) - 0.012, np.abs(v - 0.165) - 0.02) * length), ink("#a01818"))
    win.paint(
        "metal",
        win.inside(np.maximum(np.abs(u - 0.5) - 0.51, np.abs(v - 0.072) - 0.012) * length)
        * clip((np.abs(u - 0.5) - 0.44) / 0.01),
        ink("#c8ccd0"),
    )
