"""A weighted sum of losses that keeps its parts, for the log.     source: report D, 8.3.1: MAE + SSIM, MAE + SSIM + PSNR

    loss = Weighted({"l1": (1.0, F.l1_loss), "ssim": (1.0, ssim_loss)})
    losses = loss(output, truth)              {"l1": ..., "ssim": ...}, each without its weight: comparable between runs
    loss.total(losses).backward()             the sum of weight * loss
"""

import math
from collections.abc import Callable

from torch import Tensor, nn


class Weighted:
    """Terms by name, each (weight >= 0, function of (output, truth) -> scalar). Those of weight 0 are never computed."""

    def __init__(self, terms: dict[str, tuple[float, Callable[[Tensor, Tensor], Tensor]]]):
        for name, (weight, _) in terms.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"the weight of {name} must be a finite number of at least 0, not {weight}")
        self.terms = {name: term for name, term in terms.items() if term[0] > 0}
        if not self.terms:
            raise ValueError(f"at least one loss with a weight above 0 expected, not {list(terms) or 'none'}")

    @property
    def rulers(self) -> list[nn.Module]:
        """The terms that are networks themselves (LPIPS): whoever moves to a device has to take them along."""
        return [loss for _, loss in self.terms.values() if isinstance(loss, nn.Module)]

    def __call__(self, output: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """The losses by name, without their weights."""
        return {name: loss(output, truth) for name, (_, loss) in self.terms.items()}

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """What to descend: the sum of weight * loss over what a call returned."""
        return sum(weight * losses[name] for name, (weight, _) in self.terms.items())
