"""Double the size of a colored picture, tile by tile, with a run of the recipe srgan.

    (H, W, 3) -> [0, 1] -> network -> (2H, 2W, 3), the same kind of numbers; 4 times where the run learned a scale of 4

The run learned from pictures that were halved cleanly. What a print or a scan has lost it does not know, so
it sharpens rather than restores; and grain looks to it like detail: denoise first.
"""

from pathlib import Path

import numpy as np

from minicolor.errors import BadInput
from minicolor.held_out import answer
from minicolor.restoring.tiles import reach, side, tiled
from minicolor.tasks.enlarge import Enlarge
from minicolor.trained import trained

MAX_PIXELS = 100_000_000     # of the result: what is promised to fit into 2 GiB


class Enlarger:
    """A run that enlarges. Enlarger("runs/srgan")(rgb) -> rgb of twice the size."""

    def __init__(self, run: str | Path, device: str = "cpu"):
        """BadInput for runs that are none, do something else, or cannot work in tiles."""
        self.device, (self.recipe, self.step) = device, trained(run, device)
        task = self.recipe.task()
        if not isinstance(task, Enlarge):
            raise BadInput(f"--enlarge {run}: a run of {self.recipe.name}, which does not enlarge; expected one that does, "
                           "such as srgan")
        if self.recipe.norm_at_test == "batch":
            raise BadInput(f"--enlarge {run}: its norms take their statistics from each whole picture, so it cannot work in "
                           "tiles; expected a run with --norm-at-test running")
        self.scale = task.scale
        self.margin = reach(self.step.network, f"--enlarge {run}")
        self.side = side(self.step.network, self.margin)

    def check(self, height: int, width: int) -> None:
        """BadInput for a picture whose enlargement would have more than MAX_PIXELS; before any work is done."""
        if height * width * self.scale**2 > MAX_PIXELS:
            raise BadInput(f"{width} x {height} pixels would be enlarged to {self.scale * width} x {self.scale * height}; "
                           f"expected at most {MAX_PIXELS:,} pixels, so leave out --enlarge or shrink the picture")

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 or uint16 -> (2H, 2W, 3), the same type."""
        height, width = rgb.shape[:2]
        self.check(height, width)
        out = np.empty((self.scale * height, self.scale * width, 3), rgb.dtype)
        tiled(lambda x: answer(self.step, self.recipe, x.to(self.device)), rgb, out, self.margin, self.side)
        return out
