"""The 4x4 convolution on a CPU with fewer multiplications.      reference: minicolor/ops/conv4x4.py

source: Winograd 1980, "Arithmetic Complexity of Computations"; Lavin and Gray 2016, arXiv:1509.09308 (section 4.1 for its form)

An outer product of two 1-D algorithms F(3, r), 3 outputs of a filter of r taps from t = r + 2 inputs by t multiplications:

    y = A^T [ (G w G^T) * (B^T x B) ] A            on tiles of t x t inputs, a step of 3 apart

    stride 1: r = 4, t = 6    36 multiplications for 3 x 3 outputs, where 144 are usual       4.0 times fewer
    stride 2: r = 2, t = 4    16 for 36                                                       2.25 times fewer

With stride 2 the picture is cut into its four phases (rows and columns even or odd): then 4 taps on one picture are 2 taps on
four, with stride 1. All multiplications of one place in the tile are one matrix product over (tiles, channels, outputs); the
matrices A, B, G act on all channels at once and are products, too. So everything is in the hands of the CPU's own library.

The gradients are the same: of the picture a convolution of g with the turned filter; of the weight the transposed algorithm.
Rounding: with r = 4 some ten times that of the plain sum (6e-6 against 5e-7 of the largest value, float32), with r = 2 twice.
Pictures lie in memory channels last, here (N, H, W, C), one picture at a time, so that a picture's tiles stay in the cache.
"""

from functools import cache

import torch
from torch import Tensor

M = 3                                                                # outputs of a tile, along one side
FEWEST = 64                                                          # channels, in and out, from which this pays
LARGE = 48                                                           # side from which it does with stride 2

BT, G, AT = {}, {}, {}                                               # by r; points 0, 1, -1, (2, -2,) infinity
BT[2] = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]
G[2] = [[1, 0], [1 / 2, 1 / 2], [1 / 2, -1 / 2], [0, 1]]
AT[2] = [[1, 1, 1, 0], [0, 1, -1, 0], [0, 1, 1, 1]]
BT[4] = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0],
         [0, 4, 0, -5, 0, 1]]
G[4] = [[1 / 4, 0, 0, 0], [-1 / 6] * 4, [-1 / 6, 1 / 6, -1 / 6, 1 / 6], [1 / 24, 1 / 12, 1 / 6, 1 / 3],
        [1 / 24, -1 / 12, 1 / 6, -1 / 3], [0, 0, 0, 1]]
AT[4] = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 1]]


@cache
def matrices(r: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """B^T, G and A^T for two dimensions: (t*t, t*t), (t*t, r*r), (9, t*t)."""
    return tuple(torch.kron(*[torch.tensor(m[r], dtype=torch.float64)] * 2).to(dtype) for m in (BT, G, AT))


def helps(channels: int, out: int, stride: int, height: int, width: int) -> bool:
    """Whether this way is worth its transforms, for a picture (N, channels, height, width): a rule, so that runs repeat."""
    least = 24 if stride == 1 else LARGE
    return min(channels, out) >= FEWEST and (stride == 1 or height % 2 == width % 2 == 0) and min(height, width) >= least


def output(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """x (N, C, H, W), weight (O, C, 4, 4) -> (N, O, H', W')."""
    height, width = (s // 2 if stride == 2 else s - 1 for s in x.shape[2:])
    tiles = phases(last(x), *_whole(height, width, 2)) if stride == 2 else _padded(last(x), 1, height, width, 4)
    return _correlate(tiles, taps(weight, stride), height, width)


def input_gradient(g: Tensor, weight: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """g (N, O, H', W') -> (N, C, *size): also the transposed convolution of g."""
    if stride == 1:
        return _correlate(_padded(last(g), 2, *size, 4), taps(weight, 1, turned=True), *size)
    height, width = size[0] // 2 + 1, size[1] // 2 + 1
    four = _correlate(_padded(last(g), 1, height, width, 2), taps(weight, 2, turned=True), height, width)
    return interleaved(last(four), size)


def weight_gradient(g: Tensor, x: Tensor, stride: int) -> Tensor:
    """g (N, O, H', W'), x (N, C, H, W) -> (O, C, 4, 4)."""
    (height, width), r = g.shape[2:], 2 if stride == 2 else 4
    tiles = phases(last(x), *_whole(height, width, 2)) if stride == 2 else _padded(last(x), 1, height, width, 4)
    bt, gt, at = matrices(r, x.dtype)
    rows, columns = -(-height // M), -(-width // M)
    g = _padded(last(g), 0, height, width, 1)
    total = None
    for picture, slopes in zip(tiles, g):
        v = (bt @ _windows(picture, rows, columns, r)).view(len(bt), rows * columns, -1)
        s = slopes.view(rows, M, columns, M, -1).permute(1, 3, 0, 2, 4).reshape(M * M, -1)
        s = (at.T @ s).view(len(bt), rows * columns, -1)
        total = torch.bmm(s.transpose(1, 2), v) if total is None else total.baddbmm_(s.transpose(1, 2), v)
    taps = (gt.T @ total.view(len(bt), -1)).view(r, r, g.shape[-1], -1)            # (r, r, O, channels of the tiles)
    if stride == 1:
        return taps.permute(2, 3, 0, 1)
    u = taps.view(2, 2, g.shape[-1], 2, 2, x.shape[1])                             # u, v, O, a, b, C: tap (2u + a, 2v + b)
    return u.permute(2, 5, 0, 3, 1, 4).reshape(g.shape[-1], x.shape[1], 4, 4)


def _correlate(tiles: Tensor, taps: Tensor, height: int, width: int) -> Tensor:
    """Padded (N, rows * 3 + r - 1, ..., C) with taps (r * r, O * C) -> (N, O, height, width), channels last in memory."""
    n, channels = len(tiles), tiles.shape[-1]
    r = int(len(taps) ** 0.5)
    bt, gt, at = matrices(r, tiles.dtype)
    u = (gt @ taps).view(len(bt), -1, channels).transpose(1, 2)
    rows, columns, out = -(-height // M), -(-width // M), u.shape[2]
    y = tiles.new_empty(n, height, width, out)
    for picture, its in zip(tiles, y):
        v = (bt @ _windows(picture, rows, columns, r)).view(len(bt), rows * columns, channels)
        m = at @ torch.bmm(v, u).view(len(bt), -1)
        its.copy_(m.view(M, M, rows, columns, out).permute(2, 0, 3, 1, 4).reshape(rows * M, columns * M, out)[:height, :width])
    return y.permute(0, 3, 1, 2)


def _windows(picture: Tensor, rows: int, columns: int, r: int) -> Tensor:
    """(H, W, C) -> (t*t, rows*columns*C): each place of the tiles, all tiles side by side."""
    t, (down, right, _), channels = r + M - 1, picture.stride(), picture.shape[-1]
    return picture.as_strided((t, t, rows, columns, channels), (down, right, M * down, M * right, 1)).reshape(t * t, -1)


def taps(weight: Tensor, stride: int, turned: bool = False) -> Tensor:
    """(O, C, 4, 4) -> (r*r, outputs*inputs), outputs before inputs; turned: for the way back, where both change places."""
    o, c = weight.shape[:2]
    if stride == 1:
        return (weight.flip(2, 3).permute(2, 3, 1, 0) if turned else weight.permute(2, 3, 0, 1)).reshape(16, -1)
    w = weight.reshape(o, c, 2, 2, 2, 2)                             # O, C, u, a, v, b: tap (2u + a, 2v + b)
    return (w.flip(2, 4).permute(2, 4, 3, 5, 1, 0) if turned else w.permute(2, 4, 0, 3, 5, 1)).reshape(4, -1)


def last(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H, W, C), a view."""
    return x.permute(0, 2, 3, 1)


def _put(x: Tensor, into: Tensor, top: int, left: int) -> None:
    """x (N, H, W, C) at a place of a larger one; the rest becomes 0. One pass: to fill it all first would be another."""
    bottom, right = top + x.shape[1], left + x.shape[2]
    into[:, top:bottom, left:right] = x
    into[:, :top], into[:, bottom:], into[:, top:bottom, :left], into[:, top:bottom, right:] = 0, 0, 0, 0


def _whole(height: int, width: int, r: int) -> tuple[int, int]:
    """The input's sides, for as many whole tiles as give at least (height, width)."""
    return -(-height // M) * M + r - 1, -(-width // M) * M + r - 1


def _padded(x: Tensor, before: int, height: int, width: int, r: int) -> Tensor:
    """Zeros in front, and behind until whole tiles give (height, width)."""
    z = x.new_empty(len(x), *_whole(height, width, r), x.shape[3])
    _put(x, z, before, before)
    return z


def phases(x: Tensor, height: int, width: int) -> Tensor:
    """(N, H, W, C) -> padded by 1, even and odd rows and columns apart: (N, height, width, 4C), of which the rest is 0."""
    z = x.new_empty(len(x), height, width, 2, 2, x.shape[3])
    for a in (0, 1):
        for b in (0, 1):
            _put(x[:, 1 - a :: 2, 1 - b :: 2], z[:, :, :, a, b], 1 - a, 1 - b)
    return z.flatten(3)


def interleaved(four: Tensor, size: tuple[int, int]) -> Tensor:
    """The way back: (N, H/2 + 1, W/2 + 1, 4C) -> (N, C, H, W) without the padding."""
    n, height, width, _ = four.shape
    z = four.reshape(n, height, width, 2, 2, -1)
    out = four.new_empty(n, *size, z.shape[-1])
    for a in (0, 1):                                                 # row 2i + a of the padded picture is row 2i + a - 1 of ours
        for b in (0, 1):
            out[:, 1 - a :: 2, 1 - b :: 2] = z[:, 1 - a : height - a, 1 - b : width - b, a, b]
    return out.permute(0, 3, 1, 2)
