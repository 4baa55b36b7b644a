"""Classification: a picture -> which of a few classes it is. Report C, 6.5, stage 1: what a body learns before it colors.

    scenes (N, 4, S, S): r, g, b and a plane that holds the label -> (N, 3, S, S), ImageNet-normalized -> label (N,)

grey=True shows L* in all three channels: the body will be asked about grey pictures, and must not lean on color. The answer
that takes no learning is the most frequent class.
"""

import torch

from minicolor.ops.units import rgb_to_imagenet
from minicolor.tasks.task import Task, as_float, lightness

BAR = 6                                                  # rows of a strip's picture that say which class, by color
HUES = ((230, 80, 60), (70, 140, 220), (240, 190, 60), (110, 190, 90), (170, 110, 200))


class Classify(Task):
    """Scenes with a plane of labels -> logits (N, classes)."""

    figure, higher, title = "accuracy", True, "accuracy"
    to_beat = {"frequent_accuracy": "most frequent class"}

    def __init__(self, grey: bool = True):
        self.grey = grey

    def prepare(self, pictures, seed=0, ids=None):
        rgb, label = as_float(pictures), _label(pictures)
        return rgb_to_imagenet(lightness(rgb) if self.grey else rgb), label

    def figures(self, pictures, x, y, output):
        return {"accuracy": (output.argmax(1) == y).float()}

    def common(self, batches):
        return torch.cat([_label(batch) for batch in batches]).bincount().argmax()

    def naive(self, pictures, x, y, common):
        return {"frequent_accuracy": (y == common.to(y)).float()}

    def show(self, pictures, x, y, output):
        """What the network sees; below a bar of the class's color: its answer in the second row, the truth in the third."""
        rgb = lightness(as_float(pictures)) if self.grey else as_float(pictures)
        hues = torch.tensor(HUES, device=rgb.device, dtype=rgb.dtype) / 255
        rows = [rgb]
        for label in (output.argmax(1), y):
            row = rgb.clone()
            row[:, :, -BAR:] = hues[label % len(HUES)][:, :, None, None]
            rows.append(row)
        return rows


def _label(pictures):
    """The fourth plane holds the label in every pixel."""
    plane = pictures[:, 3, 0, 0]
    return (plane * 255).round().long() if plane.is_floating_point() else plane.long()
