"""A photograph as a grey plane, what kind of photograph it is, and back to a picture that keeps its own color.

    rgb (H, W, 3) -> linear light -> Y = 0.2127 R + 0.7152 G + 0.0722 B -> sRGB curve -> grey (H, W) uint16, 65535 for white

L* depends on Y alone, and for a grey pixel Y is its linear light: so the grey with a picture's Y has its L*. An 8-bit
grey pixel v becomes exactly 257 v, a 16-bit one stays as it is.
"""

from functools import cache

import numpy as np
import torch

from minicolor.coloring import BAND, from_lab
from minicolor.data.pixels import bands
from minicolor.ops.lab import TO_RELATIVE, rgb_to_lab
from minicolor.ops.srgb import linear_to_srgb, srgb_to_linear

SAMPLES, BLOCK = 1024, 4     # kind() looks at no more than 1024 x 1024 pixels, as means of 4 x 4: grain and JPEG's colors cancel
LEVELS = 16                  # points that a tone's curve is drawn through: a split tone has one hue in the dark, one in the light
NEUTRAL = 2.0                # Lab units of chroma: less looks grey
STRAYS = 5.0                 # Lab units from that curve. The worst of 11 toned prints had 4.8, the best of 400 faces in color 6.1


def grey_of(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 or uint16 -> (H, W) uint16, the grey of the same L*, by bands of rows."""
    linear, weights = _linear(rgb.dtype), TO_RELATIVE[1]
    grey = np.empty(rgb.shape[:2], np.uint16)
    for rows in bands(grey, BAND):
        band = rgb[rows]
        y = sum(weight * torch.from_numpy(linear[band[..., c]]) for c, weight in enumerate(weights))
        grey[rows] = (linear_to_srgb(y) * 65535).round().clamp(0, 65535).int().numpy()
    return grey


def relight(rgb: np.ndarray, grey: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` with the color of rgb at the lightness of grey; out may be rgb. What was neutral stays neutral, exactly."""
    for rows in bands(grey, BAND):
        plain = torch.from_numpy(grey[rows].astype(np.float32) / 65535).expand(1, 3, -1, -1)
        own = torch.from_numpy(rgb[rows].astype(np.float32) / np.iinfo(rgb.dtype).max).permute(2, 0, 1)[None]
        neutral = (rgb[rows] == rgb[rows][..., :1]).all(axis=2, keepdims=True)
        lab = torch.cat([rgb_to_lab(plain)[:, :1], rgb_to_lab(own)[:, 1:]], dim=1)
        same = np.round(plain[0, 0, :, :, None].numpy() * np.iinfo(out.dtype).max).astype(out.dtype)
        out[rows] = np.where(neutral, same, from_lab(lab, out.dtype))


def kind(rgb: np.ndarray) -> str:
    """What (H, W, 3) uint8 or uint16 shows: "grey", "toned" (sepia, selenium, cyanotype, yellowed) or "color".

    Grey: 95 % of the picture has less chroma than NEUTRAL. Toned: one dye or one metal in a layer of varying thickness, so
    that a and b follow from L*: 90 % of the picture lies within STRAYS of one curve, medians of a and b in LEVELS steps
    of lightness joined by lines; the rest may be stains, a stamp, a colored mount. Ours, for want of a paper. It cannot
    know a photograph of fog or sand in color from a toned one, and calls that toned.
    """
    lightness, a, b = _sample(rgb)
    if np.quantile(np.hypot(a, b), 0.95) < NEUTRAL:
        return "grey"
    steps = [s for s in np.array_split(np.argsort(lightness), LEVELS) if len(s)]
    at = [lightness[s].mean() for s in steps]
    away = [plane - np.interp(lightness, at, [np.median(plane[s]) for s in steps]) for plane in (a, b)]
    return "toned" if np.quantile(np.hypot(*away), 0.9) < STRAYS else "color"


def _sample(rgb: np.ndarray) -> np.ndarray:
    """(3, K): L*, a, b of means over small blocks, from all over the picture."""
    step = -(-max(rgb.shape[:2]) // SAMPLES)
    some = rgb[::step, ::step].astype(np.float32) / np.iinfo(rgb.dtype).max
    tall, wide = (min(BLOCK, length) for length in some.shape[:2])                       # a line of pixels has no 4 x 4
    h, w = some.shape[0] // tall, some.shape[1] // wide
    means = some[: h * tall, : w * wide].reshape(h, tall, w, wide, 3).mean(axis=(1, 3))
    return rgb_to_lab(torch.from_numpy(means).permute(2, 0, 1)[None])[0].flatten(1).numpy()


@cache
def _linear(dtype: np.dtype) -> np.ndarray:
    """Linear light of every value of the type: one power each instead of one for every pixel and channel."""
    top = np.iinfo(dtype).max
    return srgb_to_linear(torch.arange(top + 1) / top).numpy()
