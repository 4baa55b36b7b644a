"""FSIM and FSIMc, feature similarity: Zhang, Zhang, Mou and Zhang, "FSIM: A Feature Similarity Index for Image Quality
Assessment", IEEE TIP 20(8), 2011, sections II and III.

    FSIM = sum S_pc S_g w / sum w          w = max(pc_a, pc_b): a pixel counts as much as it is an edge or a line
    FSIMc = sum S_pc S_g (S_i S_q)^0.03 w / sum w
    S(x, y) = (2 x y + T) / (x^2 + y^2 + T),   T = 0.85 for phase congruency pc, 160 for the gradient g, 200 for colors i and q

pc: minicolor/ops/phase_congruency.py. g: length of Scharr's gradient, 3-10-3 over 16, black beyond the edge. Both on luma Y of
YIQ (NTSC). T belongs to pixels of 0..255: input in [0, 1] is brought to that scale here, and pictures of a smaller side above
384 shrink first by averaging blocks, to sides of about 256.

FSIMc is no judge of colorization: between opposite vivid colors S_i is near -1, and |-1|^0.03 counts as equal. CIEDE2000 is one.

Differs from the authors' code: S_i S_q below 0 counts by its size (they take the real part of the complex root, .9956 of that);
rows and columns that fill no block are left out. Differs from report B's table, which has six orientations, other filters,
T = 160 for [0, 1], gradients with their negative half cut off, and the mean of three channels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from minicolor.errors import BadInput
from minicolor.metrics.ranges import at_least_float32, check_rgb
from minicolor.ops.phase_congruency import WAVELENGTHS, phase_congruency

SIDE = max(WAVELENGTHS)  # a smaller picture does not hold one wave of the coarsest filter
YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def fsim(a: Tensor, b: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,) in [0, 1], 1 for equal ones, on luma alone. Symmetric.

    Float32 at least. BadInput as check_rgb, and for sides below 48.
    """
    y, = _channels(a, b, YIQ[:1])
    similar, weight = _features(y)
    return (similar * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))


def fsimc(a: Tensor, b: Tensor) -> Tensor:
    """fsim() with the colors' part. Range, symmetry and errors as fsim()."""
    y, i, q = _channels(a, b, YIQ)
    similar, weight = _features(y)
    similar = similar * (_similarity(i, 200) * _similarity(q, 200)).abs() ** 0.03
    return (similar * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))


def _channels(a: Tensor, b: Tensor, matrix: tuple[tuple[float, ...], ...]) -> list[Tensor]:
    """Each (2 N, H', W') on 0..255, shrunken: a's pictures, then b's."""
    check_rgb(a, b)
    smaller = min(a.shape[2:])
    if smaller < SIDE:
        raise BadInput(f"FSIM needs sides of at least {SIDE} pixels, got {a.shape[2]}x{a.shape[3]}")
    block = max(1, int(smaller / 256 + 0.5))
    red, green, blue = (255 * torch.cat(at_least_float32(a, b))).unbind(dim=1)
    mixed = [m[0] * red + m[1] * green + m[2] * blue for m in matrix]
    return [F.avg_pool2d(x[:, None], block)[:, 0] if block > 1 else x for x in mixed]


def _features(y: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (2 N, H, W) -> how alike the features are, and how much each pixel counts; both (N, H, W)."""
    pc = phase_congruency(y)
    weight = torch.maximum(*pc.chunk(2)) + 1e-6   # two pictures without any feature: every pixel counts alike
    return _similarity(pc, 0.85) * _similarity(_gradient(y), 160), weight


def _gradient(y: Tensor) -> Tensor:
    x = F.pad(y, (1, 1, 1, 1))
    down = (3 * (x[:, :-2] + x[:, 2:]) + 10 * x[:, 1:-1]) / 16                  # smooth one way, then differ the other way
    across = (3 * (x[..., :-2] + x[..., 2:]) + 10 * x[..., 1:-1]) / 16
    return torch.hypot(down[..., 2:] - down[..., :-2], across[:, 2:] - across[:, :-2])


def _similarity(both: Tensor, t: float) -> Tensor:
    x, y = both.chunk(2)
    return (2 * x * y + t) / (x * x + y * y + t)
