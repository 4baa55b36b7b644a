"""Histogram equalization: each grey value becomes its rank, so that all 256 are used about equally often.
source: report D, 2.1, contrasts it with CLAHE (clahe.py); Gonzalez and Woods, "Digital Image Processing", 3.3.1

    level v = round(255 grey)                     h(v): how many pixels have it, of n in all; d: the darkest that occurs
    new v   = round(255 (h(d+1) + ... + h(v)) / (n - h(d)))          the darkest becomes 0, the brightest 255

This is OpenCV's equalizeHist, level for level. Pillow's ImageOps.equalize differs: it divides whole numbers by a whole step,
which can leave the brightest level below 255. A picture of one level stays as it is. Piecewise constant: no slopes.
"""

import torch
from torch import Tensor


def equalize(grey: Tensor) -> Tensor:
    """(N, 1, H, W) float, taken as 8 bits of [0, 1] -> the same shape and type, multiples of 1/255; each picture by itself."""
    if grey.ndim != 4 or grey.shape[1] != 1 or not grey.is_floating_point():
        raise ValueError(f"equalize needs float grey pictures (N, 1, H, W), not {grey.dtype} {tuple(grey.shape)}")
    levels = (255 * grey.detach().float()).round().long().clamp(0, 255).flatten(1)           # (N, H W)
    counts = torch.zeros(len(grey), 256, dtype=torch.long, device=grey.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels))
    up_to = counts.cumsum(1)
    darkest = torch.where(up_to > 0, up_to, levels.shape[1]).amin(1, keepdim=True)            # h(d): the first sum above 0
    others = (levels.shape[1] - darkest).float()
    scale = torch.full_like(others, 255) / others     # float32, as OpenCV; 255 / others would be 255 * (1 / others)
    new = ((up_to - darkest).clamp_min(0).float() * scale).round()
    same = torch.arange(256.0, device=grey.device).expand_as(new)
    new = torch.where(darkest == levels.shape[1], same, new)                                  # one level: scale was infinite
    return (new.gather(1, levels) / 255).view_as(grey).to(grey.dtype)
