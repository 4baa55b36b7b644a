"""Color one photograph of any size with a trained run: the color is guessed small, the lightness stays the photograph's.

    photograph (H, W) -> shrink the shorter side to the network's working size, reflect the longer one to a multiple
                      -> a, b at that size -> enlarge to (H, W) -> join to the photograph's own L -> sRGB

So the result has every detail of the original and nothing but its color is invented; where sRGB has no color so strong
at that lightness, the color gives way. The full size is worked through
in bands of rows: memory beyond the two pictures themselves stays the same, however large the photograph.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.held_out import answer
from minicolor.ops.lab import into_gamut, lab_to_rgb, rgb_to_lab
from minicolor.trained import trained

BAND = 1 << 20         # pixels of the full size that are in work at once
LONGEST = 8            # a strip longer than so many working sizes is squeezed to that: its ends see each other anyway


class Colorizer:
    """A trained generator and how to use it. Colorizer("runs/pix2pix")(rgb) -> colored rgb of the same size."""

    def __init__(self, run: str | Path, device: str = "cpu"):
        """run: a run's folder (its best.pt) or a checkpoint file. BadInput for anything else."""
        self.device, (self.recipe, self.step) = device, trained(run, device)
        self.task, self.network = self.recipe.task(), self.step.network
        if not hasattr(self.task, "chroma"):
            raise BadInput(f"--run {run}: a run of {self.recipe.name}, which gives no color; expected one that does, such as "
                           "pix2pix_lab")

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 of any size from 1x1 -> (H, W, 3) uint8. Color in the input is ignored: L alone counts."""
        return join(rgb, self.ab(rgb))

    def ab(self, rgb: np.ndarray) -> Tensor:
        """(H, W, 3) uint8 -> a, b in Lab units (2, h, w) at the working size."""
        height, width = rgb.shape[:2]
        scale = self.recipe.size / min(height, width)
        h, w = (min(max(1, round(side * scale)), LONGEST * self.recipe.size) for side in (height, width))
        small = np.asarray(Image.fromarray(rgb).resize((w, h), Image.Resampling.LANCZOS))    # as pack shrinks pictures

        multiple = self.task.multiple * self.network.multiple
        margins = [((extra := -side % multiple) // 2, extra - extra // 2) for side in (h, w)]
        padded = torch.from_numpy(np.pad(small, [*margins, (0, 0)], mode="symmetric"))       # works from 1 pixel up
        x = self.task.sees(padded.permute(2, 0, 1)[None].to(self.device))
        ab = self.task.chroma(x, answer(self.step, self.recipe, x))[0]
        (top, _), (left, _) = margins
        return ab[:, top : top + h, left : left + w].float().cpu()


def join(rgb: np.ndarray, ab: Tensor) -> np.ndarray:
    """The lightness of rgb (H, W, 3) uint8 and the color ab (2, h, w), enlarged bilinearly -> (H, W, 3) uint8."""
    height, width = rgb.shape[:2]
    ab = _enlarge(ab, width, dim=2)                                   # (2, h, W): rows follow band by band
    out, rows = np.empty_like(rgb), max(1, BAND // width)
    for top in range(0, height, rows):
        band = torch.tensor(rgb[top : top + rows]).permute(2, 0, 1)[None].float() / 255
        lightness = rgb_to_lab(band)[:, :1]
        color = _enlarge(ab, height, dim=1, first=top, count=band.shape[2])[None]
        joined = lab_to_rgb(into_gamut(torch.cat([lightness, color], dim=1)))
        out[top : top + rows] = (joined[0] * 255).round().byte().permute(1, 2, 0).numpy()
    return out


def _enlarge(x: Tensor, size: int, dim: int, first: int = 0, count: int | None = None) -> Tensor:
    """Linear interpolation along one dimension to `size`, of which only `count` from `first` on are computed.

    Pixel centers line up as in torch's interpolate(align_corners=False), which cannot compute a part.
    """
    there = torch.arange(first, first + (size - first if count is None else count), dtype=torch.float64)
    here = ((there + 0.5) * x.shape[dim] / size - 0.5).clamp(0, x.shape[dim] - 1)
    low = here.floor().long()
    weight = (here - low).float().reshape([-1 if d == dim else 1 for d in range(x.ndim)])
    return torch.lerp(x.index_select(dim, low), x.index_select(dim, (low + 1).clamp(max=x.shape[dim] - 1)), weight)
