"""A landscape: mountains in haze, a lake or a meadow, trees of the season, and now and then a balloon."""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.canvas import Canvas
from minicolor.data.drawn.nature import clouds, flower, grass, sky, tree
from minicolor.data.drawn.palette import between, ink, mix
from minicolor.data.drawn.shapes import box, convex, ellipse
from minicolor.data.drawn.texture import clip

SPECIES = {"summer": ("broadleaf", "conifer"), "spring": ("blossom", "broadleaf"), "autumn": ("autumn tree", "conifer"),
           "winter": ("conifer", "conifer")}  # fmt: skip
MEADOW = {"summer": ("#8fb45a", "#4f8a2c"), "spring": ("#9cc062", "#5c9a34"), "autumn": ("#b8a850", "#8a8432"),
          "winter": ("#d8e2ee", "#f2f6fa")}  # fmt: skip


def landscape(canvas: Canvas) -> None:
    """Paint the whole picture."""
    dice = canvas.dice
    season = dice.pick(("summer", "summer", "summer", "spring", "autumn", "autumn", "winter"))
    horizon, sunset = dice.between(0.48, 0.60), dice.chance(0.18)
    sky(canvas, horizon, sunset)
    clouds(canvas, horizon - 0.22, dice.below(4), warm=sunset)
    mountains(canvas, horizon, sunset)
    hills(canvas, horizon, sunset)
    if dice.chance(0.35):
        balloon(canvas, dice.between(0.15, 0.85), dice.between(0.15, 0.22), dice.between(0.08, 0.12))
    shore = horizon + 0.02
    if dice.chance(0.55):
        lake(canvas, shore, sunset)
        if dice.chance(0.5):
            boat(canvas, dice.between(0.25, 0.75), shore + dice.between(0.05, 0.09), dice.between(0.13, 0.19))
        shore = dice.between(0.74, 0.82)
    far, near = (ink(code) for code in MEADOW[season])
    grass(canvas, shore, 0.02, far, near, "snow" if season == "winter" else "grass")
    forest(canvas, season, shore)
    if season in ("summer", "spring"):
        flowers(canvas, shore)


def mountains(canvas: Canvas, horizon: float, sunset: bool) -> None:
    """Peaks from the far to the near: one face lit, the other in shade, snow on top, and haze that thins toward us."""
    dice, sun = canvas.dice, canvas.sun
    count, start = 3 + dice.below(3), dice.unit()
    haze = ink("#e8a884") if sunset else ink("#b8d0e8")
    for i in range(count):
        nearness = i / (count - 1)
        cx = (i * 0.37 + start + dice.between(-0.1, 0.1)) % 1.0
        rise, lean = dice.between(0.22, 0.38) * (1.1 - 0.45 * nearness), dice.between(0.8, 1.2)
        top, width = horizon - rise, rise * lean * 1.5
        win = canvas.window(cx - width - 0.1, top - 0.03, cx + width + 0.1, horizon + 0.06)
        rough = win.noise(9, 9, 4)
        down = win.y - top
        jag = 0.030 * rough
        d = (np.abs(win.x - cx) / (lean * 1.35) - down + jag) * 0.78
        crest = win.x - cx + (0.25 * down + 0.03) * rough
        face = clip(0.5 + sun * crest / 0.02)
        rock = mix(ink("#3c4660"), between(dice, "#8c8478", "#9a8a74"), 0.12 + 0.70 * face + 0.30 * rough)
        snow = mix(ink("#8fa8d0"), ink("#ffffff"), 0.1 + 0.9 * face)
        cover, capped = win.inside(d), win.inside(down - (0.36 + 0.22 * rough) * rise, 0.010)
        fog = 0.50 - 0.30 * nearness + 0.35 * clip(down / rise - 0.5)
        win.paint("mountain", cover, mix(rock, haze, fog))
        win.paint("snow", cover * capped, mix(snow, haze, 0.6 * fog))


def hills(canvas: Canvas, horizon: float, sunset: bool) -> None:
    """Two wooded ridges before the mountains, the far one paled by haze."""
    haze = ink("#b08a86") if sunset else ink("#8fb4b8")
    for far in (1.0, 0.0):
        win = canvas.window(0, horizon - 0.14, 1, horizon + 0.06)
        ridge = horizon - 0.035 - 0.03 * far + 0.05 * win.noise(3, 1, 4)[:1]
        leaves = win.noise(40, 50, 2)
        color = mix(ink("#3c6c48"), haze, 0.10 + 0.5 * far)
        win.paint("hill", win.inside(ridge + 0.01 * leaves - win.y), color, 0.95 + (0.35 - 0.25 * far) * leaves)


def lake(canvas: Canvas, shore: float, sunset: bool) -> None:
    """Still water: what stands above the shore, upside down, under ripples and the blue of the sky."""
    win = canvas.window(0, shore, 1, 1)
    dice = canvas.dice
    rows = win.light.shape[1]
    first = canvas.size - rows
    above = canvas.light[:, first - 1 :: -1] if first else win.light
    mirror = above[:, np.minimum((np.arange(rows) * 1.3).astype(int), above.shape[1] - 1)]
    ripples = win.noise(7, 60, 3)
    t = (win.y - shore) / (1 - shore)
    deep = ink("#b06a5a") if sunset else between(dice, "#2c6a9a", "#2f7a9c")
    color = mix(mirror, deep, clip(0.35 + 0.5 * t + 0.35 * ripples))
    glitter = clip(ripples * 2.2 - 1.1, 0, 0.7)
    win.paint("water", win.inside(shore - win.y), mix(color, ink("#e8f2fa"), glitter))


def forest(canvas: Canvas, season: str, shore: float) -> None:
    """From the back to the front, larger as they come nearer, and off the middle so that the view stays open."""
    dice = canvas.dice
    main, other = SPECIES[season]
    side = dice.pick((-1, 1))
    for i in range(5):
        near = i / 4
        away = dice.between(0.14, 0.50) * (side if dice.chance(0.7) else -side)
        kind = main if dice.chance(0.7) else other
        tree(
            canvas,
            kind,
            0.5 + away,
            shore + 0.03 + 0.55 * near * (0.97 - shore),
            0.16 + 0.26 * near * dice.between(0.7, 1.1),
        )


def flowers(canvas: Canvas, shore: float) -> None:
    dice, color = canvas.dice, canvas.toss_color()
    for i in range(14):
        y = shore + (0.97 - shore) * (0.35 + 0.65 * i / 13)
        flower(canvas, dice.between(0, 1), y, 0.010 + 0.022 * (y - shore) / (1 - shore), color)


def balloon(canvas: Canvas, cx: float, cy: float, r: float) -> None:
    """A hot-air balloon: a toss color between white gores, and a basket."""
    win = canvas.window(cx - r, cy - r, cx + r, cy + 1.9 * r)
    u, v = (win.x - cx) / r, (win.y - cy) / r
    narrow = clip(v, 0, 1.3)
    d = ellipse(win.x / (1 - 0.28 * narrow) - cx * (1 / (1 - 0.28 * narrow) - 1), win.y, cx, cy + 0.1 * r, r, 1.15 * r)
    light = clip(0.62 + 0.3 * canvas.sun * u - 0.2 * v, 0.25, 1)
    win.paint("balloon", win.inside(d), canvas.toss_color(), light)
    win.glaze(win.inside(np.maximum(d, np.abs(v - 0.1) * r - 0.14 * r)), ink("#f4f0e4") * light)
    win.paint(
        "timber",
        win.inside(box(win.x, win.y, cx - 0.17 * r, cy + 1.5 * r, cx + 0.17 * r, cy + 1.78 * r, 0.03 * r)),
        ink("#7a5230"),
    )


def boat(canvas: Canvas, cx: float, water: float, height: float) -> None:
    """A sailing boat: the mainsail has a toss color, the jib is white, and both lie broken in the water."""
    side = canvas.sun
    win = canvas.window(cx - 0.6 * height, water - height, cx + 0.6 * height, water + 0.7 * height)
    color = canvas.toss_color()
    main = [(cx, water - height), (cx + 0.46 * height, water - 0.2 * height), (cx, water - 0.2 * height)]
    jib = [
        (cx - 0.03 * height, water - 0.86 * height),
        (cx - 0.03 * height, water - 0.2 * height),
        (cx - 0.36 * height, water - 0.2 * height),
    ]
    waves = 0.5 + 0.5 * win.noise(9, 90, 2)
    for sail, part, paint in ((main, "sail", color), (jib, "jib", ink("#f6f0e2"))):
        lower = np.where(win.y > water, 1.0, 0.0) * clip(0.75 * waves)
        win.glaze(lower * win.inside(convex(win.x, 2 * water - win.y, sail)), 0.7 * paint)
        win.paint(
            part, win.inside(convex(win.x, win.y, sail)), paint, clip(0.8 + 0.4 * side * (win.x - cx) / height, 0.3, 1)
        )
    hull = [
        (cx - 0.46 * height, water - 0.14 * height),
        (cx + 0.50 * height, water - 0.14 * height),
        (cx + 0.34 * height, water),
        (cx - 0.34 * height, water),
    ]
    win.paint(
        "timber",
        win.inside(convex(win.x, win.y, hull)),
        ink("#7a4a2a"),
        1.1 - 3 * (win.y - water + 0.14 * height) / height,
    )
