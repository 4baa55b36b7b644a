"""Segmentation: a picture -> which part of the scene each pixel is. Report D, 3: what a DeepLab tells the fusion network.

    scenes (N, 4, S, S): r, g, b and the mask -> grey in three channels, ImageNet-normalized (N, 3, S, S) -> parts (N, S, S)

Grey, for that is what report D's fusion network asks it about. The figure is the mean over the parts that a picture shows, or
that the answer sees in it, of the intersection over the union. The answer that takes no learning: the most frequent part.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from minicolor.ops.units import rgb_to_imagenet
from minicolor.tasks.task import Task, as_float, lightness


class Segment(Task):
    """Scenes with a mask -> logits (N, parts, S, S)."""

    figure, higher, title = "iou", True, "mean intersection over union"
    to_beat = {"frequent_iou": "most frequent part everywhere"}

    def __init__(self, parts: int):
        """parts: how many there are."""
        self.parts = parts

    def prepare(self, pictures, seed=0, ids=None):
        plane = pictures[:, 3]
        mask = (plane * 255).round().long() if plane.is_floating_point() else plane.long()
        return rgb_to_imagenet(lightness(as_float(pictures))), mask

    def figures(self, pictures, x, y, output):
        guess = output.argmax(1)
        return {"iou": self.iou(guess, y), "pixel_accuracy": (guess == y).float().mean(dim=(1, 2))}

    def iou(self, a: Tensor, b: Tensor) -> Tensor:
        """(N, H, W) and (N, H, W) -> (N,)"""
        a, b = (F.one_hot(m, self.parts).flatten(1, 2) for m in (a, b))          # (N, pixels, parts)
        both, either = (a & b).sum(1), (a | b).sum(1)
        return (both / either.clamp(min=1)).sum(1) / (either > 0).sum(1)

    def common(self, batches):
        count = torch.zeros(self.parts, dtype=torch.long)
        for batch in batches:
            count += self.prepare(batch)[1].flatten().bincount(minlength=self.parts).cpu()
        return count.argmax()

    def naive(self, pictures, x, y, common):
        guess = torch.full_like(y, common.item())
        return {"frequent_iou": self.iou(guess, y), "frequent_pixel_accuracy": (guess == y).float().mean(dim=(1, 2))}

    def show(self, pictures, x, y, output):
        hues = _hues(self.parts).to(x)
        return [lightness(as_float(pictures)), *(hues[m].permute(0, 3, 1, 2) for m in (output.argmax(1), y))]

    def facts(self, test):
        return [*super().facts(test), ("pixels right", f"{test['pixel_accuracy']:.1%}",
                                       f"most frequent part everywhere: {test['frequent_pixel_accuracy']:.1%}")]


def _hues(parts: int) -> Tensor:
    """(parts, 3) in [0, 1]: colors that are easy to tell apart, by steps of the golden ratio around the color wheel."""
    turn = (torch.arange(parts)[:, None] * 0.618034 + torch.tensor([0.0, 1 / 3, 2 / 3])) % 1
    bright = 0.55 + 0.4 * (torch.arange(parts)[:, None] % 3) / 2
    return bright * (0.25 + 0.75 * (2 * (turn - 0.5).abs()))
