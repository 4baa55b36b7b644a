"""A house in its garden: a gable toward us, a roof of tiles or slate, a door of any color, a path, a fence, trees."""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.canvas import Canvas, Window
from minicolor.data.drawn.nature import bush, clouds, flower, grass, shadow, sky, tree
from minicolor.data.drawn.palette import between, ink, mix
from minicolor.data.drawn.shapes import box, convex
from minicolor.data.drawn.texture import bricks, clip, stripes

WALLS = ("plaster", "plaster", "brick", "timber")


def house(canvas: Canvas) -> None:
    """Paint the whole picture."""
    dice, sun = canvas.dice, canvas.sun
    ground = dice.between(0.70, 0.76)
    sky(canvas, ground)
    clouds(canvas, 0.30, 1 + dice.below(3))
    autumn = dice.chance(0.3)
    species = ("autumn tree", "conifer") if autumn else ("broadleaf", "broadleaf", "conifer", "blossom")
    hedge(canvas, ground)
    for at in (0.04, 0.96):
        tree(canvas, dice.pick(species), at + dice.between(-0.04, 0.04), ground + 0.01, dice.between(0.38, 0.56))
    far, near = (ink("#a8a850"), ink("#7c8a34")) if autumn else (ink("#86b452"), ink("#4f8e30"))
    grass(canvas, ground, 0.0, far, near)
    left, width = dice.between(0.14, 0.22), dice.between(0.26, 0.32)
    right, end = left + width, dice.between(0.82, 0.90)
    eaves, ridge = dice.between(0.42, 0.48), dice.between(0.18, 0.25)
    foot = ground + 0.05
    shadow(canvas, (left + end) / 2 - 0.08 * sun, foot + 0.01, (end - left) * 0.56, 0.035, 0.55)
    material, kind = dice.pick(WALLS), dice.pick(("tiles", "tiles", "slate"))
    middle = (left + right) / 2
    win = canvas.window(left - 0.05, ridge - 0.1, end + 0.05, foot)
    side = win.inside(box(win.x, win.y, right, eaves, end, foot))
    gable = win.inside(
        convex(win.x, win.y, [(left, eaves), (middle, ridge + 0.01), (right, eaves), (right, foot), (left, foot)])
    )
    front_light, side_light = (0.72, 1.0) if sun > 0 else (1.0, 0.62)
    color, texture = masonry(win, material)
    under_eaves = 1 - 0.4 * clip(1 - (win.y - eaves) / 0.05)
    win.paint(material, side, color, texture * side_light * under_eaves)
    win.paint(material, gable, color, texture * front_light)
    chimney(canvas, dice.between(0.62, 0.74), ridge - 0.06, ridge + 0.1)
    roof(canvas, kind, (left, middle, right, end), eaves, ridge, (front_light, side_light))
    door_x = middle + dice.between(-0.03, 0.03)
    door(canvas, door_x, foot, front_light)
    for at in (-0.095, 0.095):
        window_pane(canvas, middle + at, eaves + 0.07, 0.026, 0.04, front_light)
    window_pane(canvas, middle, (eaves + ridge) / 2 + 0.05, 0.026, 0.034, front_light)
    for k in range(3):
        at = right + (end - right) * (k + 0.5) / 3
        window_pane(canvas, at, (eaves + foot) / 2 - 0.01, 0.034, 0.05, side_light)
    garden(canvas, door_x, foot, left, end)


def hedge(canvas: Canvas, ground: float) -> None:
    """A dark green line of far bushes behind everything."""
    win = canvas.window(0, ground - 0.15, 1, ground + 0.02)
    top = ground - 0.07 + 0.05 * win.noise(6, 1, 3)[:1]
    leaves = win.noise(26, 26, 3)
    win.paint("broadleaf", win.inside(top - win.y), mix(ink("#2c5a30"), ink("#7aa458"), 0.45 + 0.5 * leaves))


def masonry(win: Window, material: str) -> tuple[np.ndarray, np.ndarray]:
    """(color, texture) of a wall: fired brick with mortar, painted boards, or plaster."""
    dice, rough = win.canvas.dice, win.noise(14, 14, 3)
    if material == "brick":
        joints = bricks(win.x, win.y, 0.045, 0.020, 0.004, win.px)
        return mix(between(dice, "#a8482e", "#b65a38") * (1 + 0.3 * rough), ink("#cdb8a0"), joints), np.ones_like(rough)
    if material == "timber":
        gaps = stripes(win.y, 0.022, 0.005, win.px)
        return between(dice, "#7e4e2c", "#a8784a"), (1 - 0.5 * gaps) * (1 + 0.15 * rough)
    return between(dice, "#f4e6c2", "#e2b472"), 1 + 0.08 * rough


def roof(canvas: Canvas, kind: str, xs, eaves: float, ridge: float, light) -> None:
    """The long slope, in courses of tiles, and the two boards of the gable."""
    left, middle, right, end = xs
    dice = canvas.dice
    over = 0.025
    win = canvas.window(left - 0.06, ridge - 0.05, end + 0.06, eaves + 0.06)
    slope = convex(
        win.x, win.y, [(middle, ridge), (end - 0.02, ridge), (end + over, eaves + over), (right + over, eaves + over)]
    )
    course = 0.026 if kind == "tiles" else 0.032
    rows = stripes(win.y, course, 0.3 * course, win.px, ridge)
    lean = (win.y - ridge) * ((right - middle) / (eaves - ridge))
    cuts = stripes(win.x - lean, 0.024, 0.006, win.px)
    rough = win.noise(30, 30, 2)
    color = between(dice, "#c4562c", "#b8482a") if kind == "tiles" else between(dice, "#5a6c86", "#66789a")
    shade = light[1] * (1.05 - 0.45 * rows - 0.22 * cuts * (1 - rows) + 0.22 * rough)
    win.paint(kind, win.inside(slope), color, shade)
    for foot, lit in ((left - over, light[0] * 1.1), (right + over, light[0] * 0.8)):
        rise = (ridge - 0.012, eaves + over)
        ends = [(middle, rise[0]), (middle, rise[0] + 0.035), (foot, rise[1] + 0.012), (foot, rise[1] - 0.012)]
        win.paint("frame", win.inside(convex(win.x, win.y, ends if foot < middle else ends[::-1])), ink("#efe6d4"), lit)


def chimney(canvas: Canvas, cx: float, top: float, foot: float) -> None:
    """A brick chimney."""
    win = canvas.window(cx - 0.04, top - 0.02, cx + 0.04, foot)
    joints = bricks(win.x, win.y, 0.03, 0.016, 0.004, win.px)
    light = 0.8 + 0.3 * canvas.sun * np.sign(win.x - cx)
    win.paint(
        "brick",
        win.inside(box(win.x, win.y, cx - 0.028, top, cx + 0.028, foot)),
        mix(ink("#a8482e"), ink("#cdb8a0"), joints),
        light,
    )
    win.paint(
        "brick", win.inside(box(win.x, win.y, cx - 0.036, top - 0.012, cx + 0.036, top + 0.01)), ink("#8a3c28"), light
    )


def window_pane(canvas: Canvas, cx: float, cy: float, rx: float, ry: float, light: float) -> None:
    """White frame and cross, the sky in the glass, a sill that throws a shadow."""
    win = canvas.window(cx - rx - 0.02, cy - ry - 0.02, cx + rx + 0.02, cy + ry + 0.04)
    u, v = win.x - cx, win.y - cy
    across, up = np.abs(u), np.abs(v)  # (1, w) and (h, 1): one row and one column each, so all this is cheap
    sill = win.inside(across - rx - 0.008) * win.inside(np.abs(v - ry - 0.014) - 0.014, 0.012)
    win.darken(0.35 * sill)
    frame = win.inside(across - rx - 0.01) * win.inside(np.abs(v - 0.002) - ry - 0.012)
    win.paint("frame", frame, ink("#f4efe4"), light)
    pane = (win.inside(across - rx) - win.inside(across - 0.0045)) * (win.inside(up - ry) - win.inside(up - 0.0045))
    win.paint("glass", pane, mix(ink("#a8cdea"), ink("#3a5a7c"), 0.5 + 0.5 * v / ry + 0.6 * u / rx), light)


def door(canvas: Canvas, cx: float, foot: float, light: float) -> None:
    """The door, of any color: one of the coin tosses."""
    top = foot - 0.17
    win = canvas.window(cx - 0.06, top - 0.02, cx + 0.06, foot)
    win.paint("frame", win.inside(box(win.x, win.y, cx - 0.05, top - 0.012, cx + 0.05, foot)), ink("#efe6d4"), light)
    panels = np.minimum(
        box(win.x, win.y, cx - 0.026, top + 0.02, cx + 0.026, top + 0.07),
        box(win.x, win.y, cx - 0.026, top + 0.09, cx + 0.026, foot - 0.02),
    )
    relief = 1 - 0.35 * win.inside(np.abs(panels) - 0.002, 0.006)
    win.paint(
        "door", win.inside(box(win.x, win.y, cx - 0.039, top, cx + 0.039, foot)), canvas.toss_color(), light * relief
    )
    win.glaze(win.inside(np.hypot(win.x - cx - 0.03, win.y - (foot - 0.085)) - 0.006), ink("#f0d890"))


def garden(canvas: Canvas, door_x: float, foot: float, left: float, end: float) -> None:
    """A path from the door to us, shrubs along the wall, flowers, and a white fence on one side."""
    dice = canvas.dice
    win = canvas.window(0, foot, 1, 1)
    t = (win.y - foot) / (1 - foot)
    stones = win.noise(16, 40, 3)
    way = np.abs(win.x - door_x + 0.10 * t * t) - (0.045 + 0.13 * t)
    win.paint(
        "path",
        win.inside(np.maximum(way + 0.012 * stones, foot - win.y)),
        mix(ink("#b09468"), ink("#e2cca0"), 0.5 + 0.6 * stones),
    )
    for at in (left + 0.03, end - 0.05, end - 0.16):
        bush(canvas, at + dice.between(-0.02, 0.02), foot + 0.025, dice.between(0.035, 0.05))
    color = canvas.toss_color()
    for i in range(12):
        x = dice.between(0.0, 0.30) if i % 2 else dice.between(0.66, 1.0)
        flower(canvas, x, foot + 0.07 + 0.15 * (i / 12), 0.016 + 0.010 * i / 12, color)
    if dice.chance(0.5):
        fence(canvas, 0.93)


def fence(canvas: Canvas, y: float) -> None:
    win = canvas.window(0.55, y - 0.1, 1, y + 0.06)
    pales = stripes(win.x, 0.045, 0.022, win.px, 0.56)
    upright = win.inside(np.maximum(np.abs(win.y - y + 0.01) - 0.06, 0.57 - win.x)) * pales
    rails = win.inside(np.maximum(np.minimum(np.abs(win.y - y + 0.03), np.abs(win.y - y - 0.02)) - 0.008, 0.56 - win.x))
    win.paint("fence", np.maximum(upright, rails), ink("#f4f0e6"), 0.85 + 0.15 * pales)
