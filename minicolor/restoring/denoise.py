"""Remove the noise of a grey plane of any size, tile by tile, with a run of a recipe such as dncnn.

    grey (H, W) uint16 -> [0, 1], as the run saw pictures in training -> clean -> (1 - strength) grey + strength clean

The run learned Gaussian noise of one strength; the grain of an old print hangs together over several pixels, and a
network that was never shown such grain leaves some of it. strength below 1 leaves more, and more of fine detail with it.
"""

from pathlib import Path

import numpy as np

from minicolor.denoiser import Denoiser
from minicolor.errors import BadInput
from minicolor.restoring.tiles import reach, side, tiled


def denoise(grey: np.ndarray, denoiser: Denoiser, strength: float = 1.0) -> np.ndarray:
    """(H, W) uint16 of any size from 1x1 -> the same size, uint16. strength: 0 leaves it as it is, 1 is the network's answer."""
    check_strength(strength)
    out = np.empty(grey.shape, np.uint16)
    margin = reach(denoiser.step.network, "--denoise")
    tiled(lambda x: x.lerp(denoiser(x), strength), grey, out, margin, side(denoiser.step.network, margin))
    return out


def tileable(run: str | Path, device: str = "cpu") -> Denoiser:
    """The run's Denoiser; BadInput if it is none, or one that cannot work in tiles."""
    denoiser = Denoiser(run, device)
    reach(denoiser.step.network, f"--denoise {run}, a run of {denoiser.recipe.name}")
    if denoiser.recipe.norm_at_test == "batch":
        raise BadInput(f"--denoise {run}: its norms take their statistics from each whole picture, so it cannot work in tiles; "
                       "expected a run with --norm-at-test running")
    return denoiser


def check_strength(strength: float) -> None:
    """BadInput for a strength that cannot be."""
    if not 0 <= strength <= 1:
        raise BadInput(f"--strength {strength:g}: expected 0 (leave the noise) to 1 (all that the run would remove)")
