"""Coloring: L* of a picture -> its a and b, or its r, g and b. Reports A, B, C and E.

    target "ab"    L (N, 1, H, W) -> a, b    (N, 2, H, W)      report C: two channels to guess, L is kept
    target "rgb"   L (N, 1, H, W) -> r, g, b (N, 3, H, W)      reports A, B, E: three channels, lightness guessed again

In network units, [-1, 1]; positive=True: in [0, 1], as report B has them. kernel_size, sigma, equalize: what report E does to
the grey picture first (section IV: blur with K = 5 and sigma 0.7 against noise, then a histogram equalization).

Two answers take no learning: `grey` leaves the picture as it is, a = b = 0; `mean` gives every pixel the mean a, b of the
training pictures.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from minicolor.data.pairs import chroma, prepare, restore
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.metrics.colorfulness import colorfulness
from minicolor.ops.blur import gaussian_blur
from minicolor.ops.equalize import equalize
from minicolor.ops.lab import lab_to_rgb, rgb_to_lab
from minicolor.tasks.task import Task, as_float, psnr, repeat


class Color(Task):
    """Pictures -> lightness, and the color to find. target: "ab" or "rgb"; the rest is above."""

    figure, title = "ab_rmse", "ab-RMSE, Lab units"
    to_beat = {"grey_ab_rmse": "left grey", "mean_ab_rmse": "mean training color everywhere"}

    def __init__(self, target: str = "ab", positive: bool = False, kernel_size: int = 0, sigma: float = 0.7,
                 equalize: bool = False):
        self.target, self.positive = target, positive
        self.kernel_size, self.sigma, self.equalize = kernel_size, sigma, equalize

    @property
    def question(self):
        """Which color it was: how a network wants the grey picture prepared, and in which units it answers, is its own affair."""
        return (type(self).__name__,)

    def prepare(self, pictures, seed=0, ids=None):
        x, y = prepare(pictures, self.target)
        if self.kernel_size or self.equalize:
            grey = (x.float() + 1) / 2
            if self.kernel_size:
                grey = gaussian_blur(grey, self.kernel_size, self.sigma)
            x = 2 * (equalize(grey) if self.equalize else grey) - 1
        return ((x + 1) / 2, (y + 1) / 2) if self.positive else (x, y)

    def picture(self, x: Tensor, output: Tensor) -> Tensor:
        """The network's input and answer -> pictures (N, 3, H, W) in [0, 1]."""
        return restore(*self._units(x, output), self.target)

    def chroma(self, x: Tensor, output: Tensor) -> Tensor:
        """The color alone, a and b (N, 2, H, W) in Lab units, for joining to a lightness of another size."""
        return chroma(*self._units(x, output), self.target)

    def _units(self, x: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        return (2 * x - 1, 2 * output - 1) if self.positive else (x, output)

    def sees(self, rgb: Tensor) -> Tensor:
        """A photograph (N, 3, H, W) at the working size -> what the network is shown of it."""
        return self.prepare(rgb)[0]

    def figures(self, pictures, x, y, output):
        fake, rgb = self.picture(x, output), as_float(pictures)
        return {"ab_rmse": ab_rmse(fake, rgb), "psnr": psnr(fake, rgb), "colorfulness": colorfulness(fake)}

    def common(self, batches: Iterable[Tensor]) -> Tensor:
        """The mean a, b of the batches, (1, 2, 1, 1)."""
        total, count = torch.zeros(2, dtype=torch.float64), 0
        for batch in batches:
            total += rgb_to_lab(as_float(batch))[:, 1:].mean(dim=(2, 3)).sum(0).double().cpu()
            count += len(batch)
        return (total / count).float()[None, :, None, None]

    def naive(self, pictures, x, y, common):
        lab = rgb_to_lab(rgb := as_float(pictures))
        average = torch.cat([lab[:, :1], common.to(lab).expand_as(lab[:, 1:])], dim=1)
        return {
            "grey_ab_rmse": ab_rmse(self.untouched(pictures, x), rgb),
            "mean_ab_rmse": ab_rmse(lab_to_rgb(average), rgb),
            "true_colorfulness": colorfulness(rgb),
        }

    def untouched(self, pictures, x):
        """Left grey: the lightness of the pictures, and no color."""
        lab = rgb_to_lab(as_float(pictures))
        return lab_to_rgb(torch.cat([lab[:, :1], torch.zeros_like(lab[:, 1:])], dim=1))

    def show(self, pictures, x, y, output):
        grey = x if self.positive else (x + 1) / 2
        if not (self.kernel_size or self.equalize):                  # L* as the eye sees it; network units would look darker
            grey = self.untouched(pictures, x)[:, :1]
        return [repeat(grey), self.picture(x, output), as_float(pictures)]

    def facts(self, test):
        share = test["ab_rmse"] / test["grey_ab_rmse"] if test["grey_ab_rmse"] else float("nan")
        return [
            ("ab-RMSE of this run", f"{test['ab_rmse']:.2f}", "Lab units, lower is better"),
            ("… left grey", f"{test['grey_ab_rmse']:.2f}", f"this run has {share:.0%} of it"),
            ("… mean training color everywhere", f"{test['mean_ab_rmse']:.2f}", ""),
            ("PSNR", f"{test['psnr']:.2f} dB", "mostly about lightness, little about color"),
            ("colorfulness", f"{test['colorfulness']:.1f}", f"the true pictures have {test['true_colorfulness']:.1f}"),
        ]
