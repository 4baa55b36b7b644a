"""CLAHE, contrast-limited adaptive histogram equalization: Zuiderveld, "Contrast Limited Adaptive Histogram Equalization",
Graphics Gems IV, 1994; source: report D, 2.1 ("to enhance contrast without over-concentration of pixel values").

    1. tiles x tiles tiles, each with its histogram (256 levels) of what it holds
    2. no level counts more than clip_limit times the mean count; what is cut off is spread over all levels. The count is the
       slope of the tile's curve, so a flat sky is not torn apart into its noise
    3. the tile's curve: the sum of counts up to a level, as a share of the tile, times 255
    4. a pixel takes the curves of the four tiles whose centers are around it, mixed bilinearly: no seams

This is OpenCV's createCLAHE(clip_limit, (tiles, tiles)).apply, level for level: pictures whose sides are no multiples of `tiles`
are mirrored to the right and below, the counts that 256 does not divide go to every k-th level, and arithmetic is float32.
The report names no settings; clip limit 2 and 8x8 tiles are what OpenCV's tutorial shows. Piecewise constant: no slopes.
"""

import math

import torch
from torch import Tensor

from minicolor.errors import BadInput


def clahe(grey: Tensor, clip_limit: float = 2.0, tiles: int = 8) -> Tensor:
    """(N, 1, H, W) float, taken as 8 bits of [0, 1] -> the same shape and type, multiples of 1/255; each picture by itself.

    clip_limit: how steep a curve may be, 0 for any; tiles: how many along each side. BadInput for what is neither.
    """
    if grey.ndim != 4 or grey.shape[1] != 1 or not grey.is_floating_point():
        raise ValueError(f"clahe needs float grey pictures (N, 1, H, W), not {grey.dtype} {tuple(grey.shape)}")
    if type(clip_limit) not in (int, float) or not math.isfinite(clip_limit) or clip_limit < 0:
        raise BadInput(f"argument clip_limit: expected a finite number of at least 0, not {clip_limit!r}")
    if type(tiles) is not int or tiles < 1:
        raise BadInput(f"argument tiles: expected a whole number from 1, not {tiles!r}")
    levels = (255 * grey.detach().float()).round().long().clamp(0, 255)[:, 0]                 # (N, H, W)
    height, width = levels.shape[1:]
    if height % tiles or width % tiles:     # OpenCV pads both sides then, a side that was a multiple by `tiles` whole pixels
        rows = _mirrored(height, height + tiles - height % tiles, grey.device)
        columns = _mirrored(width, width + tiles - width % tiles, grey.device)
        curves = _curves(levels[:, rows][:, :, columns], clip_limit, tiles)
        tile = len(rows) // tiles, len(columns) // tiles
    else:
        curves = _curves(levels, clip_limit, tiles)
        tile = height // tiles, width // tiles
    new = _mixed(curves, levels, tile, tiles).round().clamp(0, 255)
    return (new / 255)[:, None].to(grey.dtype)


def _mirrored(size: int, longer: int, device: torch.device) -> Tensor:
    """0 1 2 3 -> 0 1 2 3 2 1 0 1: the edge pixel itself is not repeated, and it goes on however short the picture is."""
    period = max(2 * (size - 1), 1)
    i = torch.arange(longer, device=device) % period
    return torch.minimum(i, period - i)


def _curves(levels: Tensor, clip_limit: float, tiles: int) -> Tensor:
    """(N, H, W), sides multiples of `tiles` -> (N, tiles^2 256), float32: the new level of each level, tile after tile."""
    n, height, width = levels.shape
    area = (height // tiles) * (width // tiles)
    y, x = torch.arange(height, device=levels.device), torch.arange(width, device=levels.device)
    tile = (y // (height // tiles) * tiles)[:, None] + x // (width // tiles)                  # (H, W): which tile holds it
    bins = (tile * 256 + levels).flatten(1)
    counts = torch.zeros(n, tiles * tiles * 256, dtype=torch.long, device=levels.device)
    counts = counts.scatter_add_(1, bins, torch.ones_like(bins)).view(n, tiles * tiles, 256)
    if clip_limit > 0:
        most = max(int(clip_limit * area / 256), 1)
        cut = (counts - most).clamp_min(0).sum(2, keepdim=True)
        rest = cut % 256                                                                      # one each for every k-th level
        k = (256 // rest.clamp_min(1)).clamp_min(1)
        level = torch.arange(256, device=levels.device)
        counts = counts.clamp_max(most) + cut // 256 + ((level % k == 0) & (level // k < rest))
    scale = (torch.tensor(255.0) / area).item()      # float32, and on the CPU: a GPU would multiply by 1 / area, rounded twice
    return (counts.cumsum(2).float() * scale).round().clamp(0, 255).flatten(1)


def _mixed(curves: Tensor, levels: Tensor, tile: tuple[int, int], tiles: int) -> Tensor:
    """(N, H, W) float32: each pixel's level in the curves of the four tiles around it, mixed by nearness."""
    (top, bottom, down), (left, right, along) = (
        _neighbors(size, side, tiles, levels.device) for size, side in zip(levels.shape[1:], tile))

    def at(row: Tensor, column: Tensor) -> Tensor:
        bins = ((row[:, None] * tiles + column) * 256 + levels).flatten(1)
        return curves.gather(1, bins).view_as(levels)

    down = down[:, None]
    return ((at(top, left) * (1 - along) + at(top, right) * along) * (1 - down)
            + (at(bottom, left) * (1 - along) + at(bottom, right) * along) * down)


def _neighbors(size: int, side: int, tiles: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each pixel of a line the tile whose center is at or before it, the next one, how far it is towards that: 0 to 1."""
    share = torch.tensor(side).float().reciprocal().item()
    place = torch.arange(size, device=device, dtype=torch.float32) * share - 0.5
    before = place.floor()
    return before.long().clamp_min(0), (before.long() + 1).clamp_max(tiles - 1), place - before
