"""What coloring makes of a glass plate's green exposure, and how far that is from the color that all three exposures give.

The green exposure stands for the grey photograph, so each answer has its L*. Beside the answers of runs stand four that need
none:

    left grey      the green exposure as it is
    mean color     with the mean a, b of all other plates in every pixel: takes no learning
    true color     with the plate's own a, b, as far as sRGB has them at that lightness: no answer can be much better
    the plate      all three exposures: the truth itself
"""

import io
from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps
from torch import Tensor

from minicolor.coloring import join
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.metrics.ciede2000 import ciede2000
from minicolor.metrics.colorfulness import colorfulness
from minicolor.ops.lab import rgb_to_lab

FIGURES = {"ab_rmse": "ab-RMSE", "no_cast": "no cast", "ciede2000": "CIEDE2000", "colorfulness": "colorfulness"}
TILE, TITLE, GAP = 220, 16, 4    # pixels, on the sheet

Maker = Callable[[np.ndarray], np.ndarray]


def answers(truth: np.ndarray, mean: Tensor, colorizers: Mapping[str, Maker],
            denoise: Maker | None = None) -> dict[str, np.ndarray]:
    """A plate in color (h, w, 3) uint8 -> what its green exposure becomes, by name, (h, w, 3) uint8 each.

    mean: a, b of the other plates, (1, 2, 1, 1). A colorizer takes and gives (h, w, 3) uint8; denoise, (h, w) uint8, goes before.
    """
    green = truth[..., 1] if denoise is None else denoise(truth[..., 1])
    grey = green[..., None].repeat(3, axis=2)
    return {"left grey": grey, "mean color": join(grey, mean[0]), **{name: color(grey) for name, color in colorizers.items()},
            "true color": join(grey, _lab(truth)[0, 1:]), "the plate": truth}


def mean_ab(truth: np.ndarray) -> Tensor:
    """(h, w, 3) uint8 -> its mean a, b, (1, 2, 1, 1)."""
    return _lab(truth)[:, 1:].mean(dim=(2, 3), keepdim=True)


def measured(answer: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Two (h, w, 3) uint8 -> the FIGURES of the answer.

    no_cast: ab-RMSE after each picture's own mean a, b has been taken off; so the print's tint, which is a choice, hardly counts.
    """
    a, b = _tensor(answer), _tensor(truth)
    off = (rgb_to_lab(a) - rgb_to_lab(b))[:, 1:]
    no_cast = (off - off.mean(dim=(2, 3), keepdim=True)).square().mean().sqrt()
    return {name: value.item() for name, value in zip(FIGURES, (ab_rmse(a, b), no_cast, ciede2000(a, b), colorfulness(a)))}


def row(name: str, pictures: Mapping[str, np.ndarray]) -> Image.Image:
    """Pictures (h, w, 3) uint8 of one size side by side, each under its title; `name` stands at the left end."""
    tiles = [ImageOps.contain(Image.fromarray(rgb), (TILE, TILE)) for rgb in pictures.values()]
    line = Image.new("RGB", (len(tiles) * (TILE + GAP), TITLE + tiles[0].height + GAP), "white")
    for i, (title, tile) in enumerate(zip(pictures, tiles)):
        line.paste(tile, (i * (TILE + GAP), TITLE))
        ImageDraw.Draw(line).text((i * (TILE + GAP), 2), title if i else f"{name}: {title}", fill="black")
    return line


def sheet(rows: list[Image.Image]) -> bytes:
    """Rows of one width, one below the other, as JPEG."""
    whole, top = Image.new("RGB", (rows[0].width, sum(r.height for r in rows)), "white"), 0
    for line in rows:
        whole.paste(line, (0, top))
        top += line.height
    packed = io.BytesIO()
    whole.save(packed, "JPEG", quality=92)
    return packed.getvalue()


def _lab(rgb: np.ndarray) -> Tensor:
    return rgb_to_lab(_tensor(rgb))


def _tensor(rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float() / 255
