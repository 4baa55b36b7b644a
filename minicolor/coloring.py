"""Color one photograph of any size with a trained run: the color is guessed small, the lightness stays the photograph's.

    photograph (H, W) -> shrink the shorter side to the network's working size, reflect the longer one to a multiple
                      -> a, b at that size -> enlarge to (H, W) -> join to the photograph's own L -> sRGB

So the result has every detail of the original and nothing but its color is invented; where sRGB has no color so strong
at that lightness, the color gives way. The full size is worked through
in bands of rows: memory beyond the two pictures themselves stays the same, however large the photograph.

A photograph is (H, W, 3) uint8 in sRGB, or a grey plane: (H, W) uint16, the sRGB grey of its lightness, 65535 for white.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minicolor.data.pixels import bands, eight_bits
from minicolor.errors import BadInput
from minicolor.held_out import answer
from minicolor.ops.lab import GAMUT_SLACK, into_gamut, lab_to_rgb, rgb_to_lab
from minicolor.trained import trained

BAND = 1 << 18         # pixels of the full size that are in work at once: so few stay in a CPU's cache
LONGEST = 8            # a strip longer than so many working sizes is squeezed to that: its ends see each other anyway
SIZES = (32, 2048)     # working sizes that can be asked for: below, no network sees anything; above, none has the memory
STRONGEST = 4.0        # times the guessed chroma: far beyond, all is at the border of sRGB


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

    def ab(self, photograph: np.ndarray, size: int | None = None) -> Tensor:
        """(H, W, 3) uint8 or a grey plane -> a, b in Lab units (2, h, w), the shorter of h and w being the working size.

        size: another working size than the one that the run learned at. Larger: finer color that knows less of the whole.
        """
        check_size(size)
        height, width = photograph.shape[:2]
        side = size or self.recipe.size
        scale = side / min(height, width)
        h, w = (min(max(1, round(length * scale)), LONGEST * side) for length in (height, width))
        small = Image.fromarray(eight_bits(photograph)).resize((w, h), Image.Resampling.LANCZOS)
        small = np.asarray(small.convert("RGB"))                                             # shrunk as pack shrinks pictures

        multiple = self.task.multiple * self.network.multiple
        margins = [((extra := -length % multiple) // 2, extra - extra // 2) for length in (h, w)]
        padded = torch.from_numpy(np.pad(small, [*margins, (0, 0)], mode="symmetric"))       # works from 1 pixel up
        x = self.task.sees(padded.permute(2, 0, 1)[None].to(self.device))
        ab = self.task.chroma(x, answer(self.step, self.recipe, x))[0]
        (top, _), (left, _) = margins
        return ab[:, top : top + h, left : left + w].float().cpu()


def check_size(size: int | None) -> None:
    """BadInput for a working size that cannot be."""
    if size is not None and not SIZES[0] <= size <= SIZES[1]:
        raise BadInput(f"--size {size}: expected {SIZES[0]} to {SIZES[1]}, the shorter side in pixels at which color is guessed")


def check_saturation(saturation: float) -> None:
    """BadInput for a saturation that cannot be."""
    if not 0 <= saturation <= STRONGEST:                                                     # also when it is not a number
        raise BadInput(f"--saturation {saturation:g}: expected 0 (grey) to {STRONGEST:g}; 1 is as the run guesses it")


def join(photograph: np.ndarray, ab: Tensor, saturation: float = 1.0, deep: bool = False,
         out: np.ndarray | None = None) -> np.ndarray:
    """The lightness of a photograph and the color ab (2, h, w), enlarged bilinearly -> (H, W, 3) uint8, deep: uint16.

    saturation: times a and b, before they give way where sRGB has no such color. out: an array to write the result into.
    """
    check_saturation(saturation)
    height, width = photograph.shape[:2]
    ab = _enlarge(saturation * ab, width, dim=2)                      # (2, h, W): rows follow band by band
    if out is None:
        out = np.empty((height, width, 3), np.uint16 if deep else np.uint8)
    for rows in bands(out, BAND):
        lightness = _lightness(photograph[rows])
        color = _enlarge(ab, height, dim=1, first=rows.start, count=lightness.shape[2])[None]
        out[rows] = from_lab(torch.cat([lightness, color], dim=1), out.dtype)
    return out


def from_lab(lab: Tensor, dtype: np.dtype) -> np.ndarray:
    """(1, 3, H, W) Lab -> (H, W, 3) in sRGB, uint8 or uint16; the chroma gives way where sRGB has no such color."""
    rgb = lab_to_rgb(lab, clip=False)[0].permute(1, 2, 0)
    outside = ((rgb < -GAMUT_SLACK) | (rgb > 1 + GAMUT_SLACK)).any(dim=2)       # few: the others need no second look
    if outside.any():
        few = lab[0].permute(1, 2, 0)[outside].T[None, :, :, None]
        rgb[outside] = lab_to_rgb(into_gamut(few))[0, :, :, 0].T
    return (rgb.clamp(0, 1) * np.iinfo(dtype).max).round().int().numpy().astype(dtype)


def _lightness(band: np.ndarray) -> Tensor:
    """Rows of a photograph -> their L* (1, 1, h, W)."""
    if band.ndim == 2:
        return torch.from_numpy(_lightness_of_greys()[band])[None, None]
    return rgb_to_lab(torch.tensor(band).permute(2, 0, 1)[None].float() / 255)[:, :1]


@cache
def _lightness_of_greys() -> np.ndarray:
    """(65536,) float32: the L* of every 16-bit grey."""
    return rgb_to_lab(torch.arange(65536).expand(1, 3, 1, -1) / 65535)[0, 0, 0].numpy()


def _enlarge(x: Tensor, size: int, dim: int, first: int = 0, count: int | None = None) -> Tensor:
    """Linear interpolation along one dimension to `size`, of which only `count` from `first` on are computed.

    Pixel centers line up as in torch's interpolate(align_corners=False), which cannot compute a part.
    """
    there = torch.arange(first, first + (size - first if count is None else count), dtype=torch.float64)
    here = ((there + 0.5) * x.shape[dim] / size - 0.5).clamp(0, x.shape[dim] - 1)
    low = here.floor().long()
    weight = (here - low).float().reshape([-1 if d == dim else 1 for d in range(x.ndim)])
    return torch.lerp(x.index_select(dim, low), x.index_select(dim, (low + 1).clamp(max=x.shape[dim] - 1)), weight)
