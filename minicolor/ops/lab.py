"""sRGB <-> CIE L*a*b*.     source: CIE 15:2004 for Lab; ITU-R BT.709 primaries with white D65, 2 degree observer

L* is lightness, 0 black to 100 white; a* runs green to red, b* blue to yellow; both are 0 on every grey. On sRGB
colors a* lies in -86.2 .. 98.2 and b* in -107.9 .. 94.5. One unit is about the smallest difference that an eye sees.

The white point is the sum of the matrix's own rows, not the usual rounded (0.95047, 1, 1.08883): so white is exactly
L* = 100 and every grey has a* = b* = 0. It differs from scikit-image by less than 0.01 for that reason alone.
"""

import torch
from torch import Tensor

from minicolor.ops.srgb import linear_to_srgb, srgb_to_linear

RGB_TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
WHITE = tuple(sum(row) for row in RGB_TO_XYZ)
# each row divided by its own sum: XYZ relative to white, so that grey in gives three equal values. Plain numbers, since a
# tensor would have to be sent to the GPU at every call.
TO_RELATIVE = [[m / white for m in row] for row, white in zip(RGB_TO_XYZ, WHITE)]
FROM_RELATIVE = torch.linalg.inv(torch.tensor(TO_RELATIVE, dtype=torch.float64)).tolist()
GAMUT_SLACK = 0.002  # half an 8-bit step: what rounding hides is inside
DELTA = 6 / 29  # CIE 15:2004: below DELTA^3 the cube root becomes a line, so that its slope at black stays finite


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) sRGB in [0, 1] -> (N, 3, H, W): L in [0, 100], a and b in about [-108, 99]."""
    x, y, z = _cube_root(_mix(srgb_to_linear(rgb), TO_RELATIVE)).unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(lab: Tensor, clip: bool = True) -> Tensor:
    """(N, 3, H, W) Lab -> (N, 3, H, W) sRGB. Many Lab values have no sRGB color: clip cuts them off at 0 and 1."""
    lightness, a, b = lab.unbind(dim=1)
    y = (lightness + 16) / 116
    relative = _cube(torch.stack([y + a / 500, y, y - b / 200], dim=1))
    rgb = linear_to_srgb(_mix(relative, FROM_RELATIVE))
    return rgb.clamp(0, 1) if clip else rgb


def into_gamut(lab: Tensor) -> Tensor:
    """(N, 3, H, W) Lab -> the same with a and b scaled towards 0 wherever sRGB has no such color: L and hue stay.

    Clipping instead would move the lightness: black with a = b = 40 becomes a dark brown, 8 units of L lighter.
    """
    rgb = lab_to_rgb(lab, clip=False)
    outside = ((rgb < -GAMUT_SLACK) | (rgb > 1 + GAMUT_SLACK)).any(dim=1)              # (N, H, W), usually few
    if not outside.any():
        return lab
    pixels = lab.movedim(1, -1)[outside].T[None, :, :, None]                           # (1, 3, K, 1)
    lightness, ab = pixels[:, :1], pixels[:, 1:]
    fits, too_much = torch.zeros_like(lightness), torch.ones_like(lightness)
    for _ in range(8):                                       # bisection: the share of chroma to 1/256
        middle = (fits + too_much) / 2
        tried = lab_to_rgb(torch.cat([lightness, middle * ab], dim=1), clip=False)
        inside = ((tried >= -GAMUT_SLACK) & (tried <= 1 + GAMUT_SLACK)).all(dim=1, keepdim=True)
        fits, too_much = torch.where(inside, middle, fits), torch.where(inside, too_much, middle)
    fitted = lab.movedim(1, -1).clone()
    fitted[outside] = torch.cat([lightness, fits * ab], dim=1)[0, :, :, 0].T
    return fitted.movedim(-1, 1)


def _mix(x: Tensor, matrix: list[list[float]]) -> Tensor:
    """Every pixel's three values times a 3x3 matrix, written out: einsum would copy the picture to another layout."""
    r, g, b = x.unbind(dim=1)
    return torch.stack([m[0] * r + m[1] * g + m[2] * b for m in matrix], dim=1)


def _cube_root(t: Tensor) -> Tensor:
    return torch.where(t > DELTA**3, t.clamp(min=DELTA**3) ** (1 / 3), t / (3 * DELTA**2) + 4 / 29)


def _cube(f: Tensor) -> Tensor:
    return torch.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29))
