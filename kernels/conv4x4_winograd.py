"""The 4x4 convolution on a CPU with fewer multiplications.      reference: minicolor/ops/conv4x4.py

source: Winograd 1980, "Arithmetic Complexity of Computations"; Lavin and Gray 2016, arXiv:1509.09308 (section 4.1 for its form)

An outer product of two 1-D algorithms F(m, r), m outputs of a filter of r taps from t = m + r - 1 inputs by t multiplications:

    y = A^T [ (G w G^T) * (B^T x B) ] A            on tiles of t x t inputs, a step of m apart

    stride 1    r = 4, m = 3 or 4         49 multiplications for 4 x 4 outputs, where 256 are usual: 5.2 times fewer
    stride 2    r = 2, m = 3, 4 or 5      16 for 36, 25 for 64, 36 for 100: 2.25, 2.6 or 2.8 times fewer

The larger m, the fewer, but the larger are the transformed weights, and what an edge wastes: m is what costs least (Tiles).

With stride 2 the picture is cut into its four phases (rows and columns even or odd): then 4 taps on one picture are 2 taps on
four, with stride 1. All multiplications of one place in the tile are one matrix product over (tiles, channels, outputs); the
matrices A, B, G act on all channels at once and are products, too. So everything is in the hands of the CPU's own library.

The gradients are the same: of the picture a convolution of g with the turned filter; of the weight the transposed algorithm.
Rounding, of the largest value in float32: t = 4 as the plain sum (5e-7), t = 5 and 6 some six times that (3e-6), t = 7 8e-6.
Pictures lie in memory channels last, here (N, H, W, C); few at a time, so that their tiles stay in the cache.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

FEWEST = 64                                                          # channels, in and out, from which this pays
SMALL = 24                                                           # side from which it does
ENOUGH = 150                                                         # tiles for a good product
WEIGHTS = 100                                                        # to transform the weights costs as much as so many tiles
POINTS = (0, 1, -1, 1 / 2, -2, -1 / 2)                               # and infinity; p and -1/p: the least rounding of those tried


@cache
def matrix(which: str, m: int, r: int, dtype: torch.dtype) -> Tensor:
    """B^T (t, t), G (t, r) or A^T (m, t) for m outputs of r taps.

    The product of two polynomials is known by its values at t points: G and A^T are powers of the points, B^T interpolates.
    """
    points, matrix = POINTS[: m + r - 2], torch.zeros(m + r - 1, {"B": m + r - 1, "G": r, "A": m}[which], dtype=torch.float64)
    for i, p in enumerate(points):
        others = points[:i] + points[i + 1 :]
        rows = {"B": np.poly(others)[::-1], "G": [p**j / np.prod([p - q for q in others]) for j in range(r)],
                "A": [p**j for j in range(m)]}
        matrix[i, : len(rows[which])] = torch.tensor(np.array(rows[which]))
    matrix[-1] = torch.tensor(np.poly(points)[::-1].copy()) if which == "B" else 0.0
    matrix[-1, -1] = 1
    return (matrix.T if which == "A" else matrix).to(dtype)


def helps(channels: int, out: int, stride: int, height: int, width: int) -> bool:
    """Whether this way is worth its transforms, for a picture (N, channels, height, width): a rule, so that runs repeat."""
    return min(channels, out) >= FEWEST and (stride == 1 or height % 2 == width % 2 == 0) and min(height, width) >= SMALL


def output(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """x (N, C, H, W), weight (O, C, 4, 4) -> (N, O, H', W')."""
    height, width = (s // 2 if stride == 2 else s - 1 for s in x.shape[2:])
    y = x.new_empty(len(x), height, width, len(weight))
    _correlate(Tiles(last(x), 1, height, width, 4 // stride, stride), taps(weight, stride), True, y, 1)
    return y.permute(0, 3, 1, 2)


def input_gradient(g: Tensor, weight: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """g (N, O, H', W') -> (N, C, *size): also the transposed convolution of g."""
    height, width = (s // 2 + 1 if stride == 2 else s for s in size)
    y = g.new_empty(len(g), *size, weight.shape[1])
    _correlate(Tiles(last(g), 3 - stride, height, width, 4 // stride, 1), taps(weight, stride, turned=True), False, y, stride)
    return y.permute(0, 3, 1, 2)


def weight_gradient(g: Tensor, x: Tensor, stride: int) -> Tensor:
    """g (N, O, H', W'), x (N, C, H, W) -> (O, C, 4, 4)."""
    (out, height, width), r = g.shape[1:], 4 // stride
    tiles = Tiles(last(x), 1, height, width, r, stride)
    (t, m), total = (tiles.t, tiles.m), None
    room = g.new_zeros(tiles.group, tiles.rows, m, tiles.columns, m, out)
    inside = room.view(-1, tiles.rows * m, tiles.columns * m, out)[:, :height, :width]
    spaces = [g.new_empty(a, b, tiles.count * out) for a, b in ((m, m), (t, m), (t, t))]
    for some in tiles.groups():
        inside[: len(last(g)[some])] = last(g)[some]
        inside[len(last(g)[some]) :] = 0
        spaces[0].view(m, m, -1, tiles.rows, tiles.columns, out).copy_(room.permute(2, 4, 0, 1, 3, 5))
        slopes = both(matrix("A", m, r, x.dtype).T, *spaces).view(t * t, -1, out).transpose(1, 2)
        total = torch.bmm(slopes, tiles(some)) if total is None else total.baddbmm_(slopes, tiles(some))
    taps = both(matrix("G", m, r, x.dtype).T, total.view(t, t, -1)).view(r, r, out, -1)  # (r, r, O, channels of the tiles)
    if stride == 1:
        w = taps.permute(2, 0, 1, 3)
    else:                                                            # u, v, O, a, b, C: tap (2u + a, 2v + b)
        w = taps.view(2, 2, out, 2, 2, x.shape[1]).permute(2, 0, 3, 1, 4, 5)
    return w.reshape(out, 4, 4, -1).permute(0, 3, 1, 2)              # as Adam and the weights have it: channels last


def _correlate(tiles: "Tiles", taps: Tensor, forth: bool, y: Tensor, step: int) -> None:
    """Tiles times taps (r, r, O, C), forth from C to O or back, into y (N, H, W, channels).

    step 2: what comes out has 4 times y's channels, the phases of a y with one row and column of padding.
    """
    _, height, width, out = y.shape
    t, m, rows, columns = tiles.t, tiles.m, tiles.rows, tiles.columns
    u = both(matrix("G", m, tiles.r, y.dtype), taps.flatten(2)).view(t * t, *taps.shape[2:])
    u = u.transpose(1, 2) if forth else u
    spaces = [y.new_empty(a, b, tiles.count * u.shape[2]) for a, b in ((t, t), (m, t), (m, m))]
    room, edge = y.new_empty(tiles.group, rows, m, step, columns, m, step, out), step - 1
    whole = room.view(-1, rows * m * step, columns * m * step, out)[:, edge : edge + height, edge : edge + width]
    for some in tiles.groups():
        torch.bmm(tiles(some), u, out=spaces[0].view(t * t, -1, u.shape[2]))
        both(matrix("A", m, tiles.r, y.dtype), *spaces)
        room.copy_(spaces[2].view(m, m, -1, rows, columns, step, step, out).permute(2, 3, 0, 5, 4, 1, 6, 7))
        y[some] = whole[: len(y[some])]


class Tiles:
    """Of pictures (N, H, W, C): B^T x B of the tiles of some of them, (t*t, count, channels).

    As many pictures at a time as make enough tiles for a good product; all take the same memory in turn: it stays in the cache.
    step 2: the four phases of a picture are channels, 4C of them.
    """

    def __init__(self, pictures: Tensor, before: int, height: int, width: int, r: int, step: int):
        """before: zeros in front; behind are as many as whole tiles for an output of (height, width) need."""
        self.pictures, self.r, channels = pictures, r, pictures.shape[3]
        self.m = min((3, 4, 5) if r == 2 else (3, 4), key=lambda m: (r + m - 1) ** 2 * (
            len(pictures) * -(-height // m) * -(-width // m) + WEIGHTS))
        self.t, self.rows, self.columns = r + self.m - 1, -(-height // self.m), -(-width // self.m)
        self.group = max(1, min(len(pictures), ENOUGH // (self.rows * self.columns)))
        self.count, self.channels = self.group * self.rows * self.columns, channels * step**2
        room = pictures.new_zeros(self.group, *(step * (self.m * k + r - 1) for k in (self.rows, self.columns)), channels)
        self.inside = room[:, before : before + pictures.shape[1], before : before + pictures.shape[2]]
        picture, down, right, _ = room.stride()
        self.windows = room.as_strided(
            (self.t, self.t, self.group, self.rows, self.columns, step, step, channels),
            (step * down, step * right, picture, self.m * step * down, self.m * step * right, down, right, 1))
        self.spaces = [pictures.new_empty(self.t, self.t, self.count * self.channels) for _ in range(3)]

    def groups(self) -> list[slice]:
        return [slice(i, i + self.group) for i in range(0, len(self.pictures), self.group)]

    def __call__(self, some: slice) -> Tensor:
        """Until the next are asked for."""
        self.inside[: len(self.pictures[some])] = self.pictures[some]
        self.spaces[0].view(self.windows.shape).copy_(self.windows)
        return both(matrix("B", self.m, self.r, self.inside.dtype), *self.spaces).view(self.t**2, -1, self.channels)


def both(matrix: Tensor, x: Tensor, between: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """matrix (p, q) along both of the first dimensions of x (q, q, K) -> (p, p, K); small ones in one step."""
    (p, q), k = matrix.shape, x.shape[2]
    out = x.new_empty(p, p, k) if out is None else out
    if max(p, q) <= 4:
        torch.mm(torch.kron(matrix, matrix), x.reshape(q * q, k), out=out.view(p * p, k))
        return out
    between = x.new_empty(p, q, k) if between is None else between
    torch.mm(matrix, x.reshape(q, q * k), out=between.view(p, q * k))
    return torch.bmm(matrix.expand(p, p, q), between, out=out)


def taps(weight: Tensor, stride: int, turned: bool = False) -> Tensor:
    """(O, C, 4, 4) -> (r, r, O, channels of the tiles), by phases for stride 2; turned: by 180 degrees, for the way back."""
    if stride == 1:
        return (weight.flip(2, 3) if turned else weight).permute(2, 3, 0, 1)
    w = weight.reshape(*weight.shape[:2], 2, 2, 2, 2)                # O, C, u, a, v, b: tap (2u + a, 2v + b)
    return (w.flip(2, 4) if turned else w).permute(2, 4, 0, 3, 5, 1).flatten(3)


def last(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H, W, C), a view."""
    return x.permute(0, 2, 3, 1)


def interleaved(four: Tensor, size: tuple[int, int]) -> Tensor:
    """The way back: (N, H/2 + 1, W/2 + 1, 4C) -> (N, C, H, W) without the padding."""
    n, height, width, _ = four.shape
    z = four.reshape(n, height, width, 2, 2, -1)
    out = four.new_empty(n, *size, z.shape[-1])
    for a in (0, 1):                                                 # row 2i + a of the padded picture is row 2i + a - 1 of ours
        for b in (0, 1):
            out[:, 1 - a :: 2, 1 - b :: 2] = z[:, 1 - a : height - a, 1 - b : width - b, a, b]
    return out.permute(0, 3, 1, 2)
