"""Signed distances of simple shapes in unit coordinates: negative inside, and close to true length near the edge.

x is (1, w) and y is (h, 1) or anything that broadcasts; the answer is (h, w) float32.
"""

from __future__ import annotations

import numpy as np

from minicolor.data.drawn.texture import clip


def disk(x, y, cx, cy, r):
    return np.sqrt((x - cx) ** 2 + (y - cy) ** 2) - np.float32(r)


def ellipse(x, y, cx, cy, rx, ry):
    """Exact on the outline, close near it: the value of the implicit function over the length of its gradient."""
    u, v = (x - cx) / rx, (y - cy) / ry
    k = np.sqrt(u * u + v * v)
    slope = np.sqrt((u / rx) ** 2 + (v / ry) ** 2)
    return k * (k - 1) / (slope + np.float32(1e-6))


def box(x, y, x0, y0, x1, y1, r=0.0):
    """A rectangle with corners rounded by r."""
    dx = np.abs(x - (x0 + x1) / 2) - ((x1 - x0) / 2 - r)
    dy = np.abs(y - (y0 + y1) / 2) - ((y1 - y0) / 2 - r)
    if r == 0:
        return np.maximum(dx, dy)
    outside = np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2)
    return outside + np.minimum(np.maximum(dx, dy), 0) - np.float32(r)


def capsule(x, y, ax, ay, bx, by, ra, rb=None):
    """A stroke from a to b, ra wide (radius) at a and rb at b."""
    dx, dy = bx - ax, by - ay
    t = clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))
    reach = np.sqrt((x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2)
    return reach - (ra if rb is None else ra + (rb - ra) * t)


def convex(x, y, points):
    """A convex polygon, its corners in clockwise order as seen (y runs down)."""
    worst = None
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
        length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
        side = ((x - ax) * ((by - ay) / length) - (y - ay) * ((bx - ax) / length)).astype(np.float32)
        worst = side if worst is None else np.maximum(worst, side)
    return worst


def below(x, y, height):
    """What lies under the curve y = height, given at the columns x: (1, w) -> (h, w)."""
    height = np.asarray(height, np.float32)
    slope = np.gradient(height.ravel(), x.ravel()) if x.size > 1 else np.zeros(1)
    return (height - y) / np.sqrt(1 + slope * slope).astype(np.float32)


def outline(x, xs, ys):
    """Height over the columns x of a curve through the points (xs, ys), rounded at the corners: (1, w)."""
    t = clip((x[..., None] - xs[:-1]) / np.diff(xs))
    t = 0.5 * t + 0.5 * t * t * (3 - 2 * t)
    return (ys[0] + (t * np.diff(ys)).sum(-1)).astype(np.float32)


def puffs(x, y, cx, cy, r, sun, soft=True):
    """Overlapping balls, as clouds and crowns of leaves are: (signed distance, light 0..1), both (h, w).

    cx, cy, r: one value per ball. soft: the balls melt together; otherwise the nearest to us hides the others.
    """
    cx, cy, r = (np.asarray(v, np.float32)[:, None, None] for v in (cx, cy, r))
    u, v = (x - cx) / r, (y - cy) / r
    q = u * u + v * v
    light = np.float32(0.32 * sun) * u - np.float32(0.42) * v + np.float32(0.30) * np.sqrt(np.maximum(1 - q, 0))
    if soft:
        near = np.maximum(1.2 - q, 0.001)
        near *= near
        light = (near * light).sum(0) / near.sum(0)
    else:
        light = np.take_along_axis(light, np.argmax(r * (1 - q), axis=0)[None], 0)[0]
    return ((np.sqrt(q) - 1) * r).min(0), clip(light + 0.36)


def ball(x, y, cx, cy, rx, ry, sun):
    """Light 0..1 on a round thing of this outline, and its glint 0..1; lit from above and from the side of the sun."""
    u, v = (x - cx) / rx, (y - cy) / ry
    toward = np.sqrt(clip(1 - u * u - v * v))
    light = clip(0.42 * sun * u - 0.50 * v + 0.62 * toward + 0.12)
    glint = clip(1 - ((u - 0.38 * sun) ** 2 + (v + 0.42) ** 2) / 0.09)
    return light, glint * glint
