"""Pictures <-> what a network is given: sRGB to L and ab (or L and rgb) in network units, and back to pictures.

    rgb (N, 3, H, W)  ->  L (N, 1, H, W),  ab (N, 2, H, W) or rgb (N, 3, H, W)  ->  rgb (N, 3, H, W)

ops/lab.py and ops/units.py one after the other, nothing more: the twin that kernels/lab.py is held against. uint8 is read
as v / 255. Half-precision pictures are computed in float32 and rounded once, at the end: the dark needs more than 8 bits.
"""

import torch
from torch import Tensor

from minicolor.ops.lab import lab_to_rgb, rgb_to_lab
from minicolor.ops.units import ab_to_unit, l_to_unit, rgb_to_unit, unit_to_ab, unit_to_l

TARGETS = ("ab", "rgb")


def rgb_to_units(rgb: Tensor, target: str = "ab", dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W) sRGB, float in [0, 1] or uint8 -> L (N, 1, H, W) in [-1, 1] and the target, in network units.

    target "ab": (N, 2, H, W) within [-1, 1]; "rgb": (N, 3, H, W) in [-1, 1]. dtype of both: rgb's own, float32 for uint8.
    """
    dtype = dtype or (torch.float32 if rgb.dtype == torch.uint8 else rgb.dtype)
    rgb = rgb.float() / 255 if rgb.dtype == torch.uint8 else _wide(rgb)
    lab = rgb_to_lab(rgb)
    out = ab_to_unit(lab[:, 1:]) if target == "ab" else rgb_to_unit(rgb)
    return l_to_unit(lab[:, :1]).to(dtype), out.to(dtype)


def units_to_rgb(l: Tensor, ab: Tensor) -> Tensor:
    """L (N, 1, H, W) and ab (N, 2, H, W) in network units -> sRGB (N, 3, H, W), clipped to [0, 1], in their dtype."""
    return _rgb(l, ab).to(l.dtype)


def units_to_rgb_u8(l: Tensor, ab: Tensor) -> Tensor:
    """The same as uint8 (N, 3, H, W), rounded to the nearest; in memory (N, H, W, 3), as picture files and packs have it.

    What is not a number has no byte: it may come out as anything.
    """
    u8 = (_rgb(l, ab) * 255).round().byte()
    return u8.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def _rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    return lab_to_rgb(torch.cat([unit_to_l(_wide(lightness)), unit_to_ab(_wide(ab))], dim=1))


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
