"""A trained run that removes noise, ready for pictures of any size."""

from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from minicolor.errors import BadInput
from minicolor.held_out import answer
from minicolor.tasks.denoise import Denoise
from minicolor.trained import trained


class Denoiser:
    """A run of a denoising recipe. Denoiser("runs/dncnn")(noisy) -> clean, (N, 1, H, W) around [0, 1], any size it can take."""

    def __init__(self, run: str | Path, device: str = "cpu"):
        self.device, (self.recipe, self.step) = device, trained(run, device)
        if not isinstance(self.recipe.task(), Denoise):
            raise BadInput(f"{run}: a run of {self.recipe.name}, expected one that removes noise, such as dncnn")

    def __call__(self, noisy: Tensor) -> Tensor:
        height, width = noisy.shape[-2:]
        m = self.step.network.multiple
        padded = F.pad(noisy.to(self.device), (0, -width % m, 0, -height % m), mode="replicate")
        try:
            return answer(self.step, self.recipe, padded).cpu()[..., :height, :width]
        except ValueError as e:
            raise BadInput(f"this run of {self.recipe.name} cannot take a picture of {height}x{width}: {e}") from e
