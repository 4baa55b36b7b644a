"""The figures of lessons: curves over epochs, rows of pictures, bars. Each is a matplotlib Figure, to be saved or shown."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor


def curves(lines: Mapping[str, np.ndarray], y: str, x: str = "epoch", title: str = "") -> Figure:
    """(seeds, epochs) or (epochs,) under a name each -> a figure; several seeds become a band with their mean."""
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    for name, values in lines.items():
        values = np.atleast_2d(values)
        at = np.arange(1, values.shape[1] + 1)
        line, = axes.plot(at, values.mean(0), label=name)
        if len(values) > 1:
            axes.fill_between(at, values.min(0), values.max(0), alpha=0.2, color=line.get_color())
    axes.set(xlabel=x, ylabel=y, title=title)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def rows(pictures: Mapping[str, Tensor]) -> Figure:
    """Name -> pictures (N, 3 or 1, H, W) in [0, 1]: a row each, named at its left."""
    count = max(len(p) for p in pictures.values())
    figure = Figure(figsize=(1.5 * count + 1.2, 1.5 * len(pictures)))
    grid = figure.subplots(len(pictures), count, squeeze=False)
    for line, (name, batch) in zip(grid, pictures.items(), strict=True):
        for axes in line:
            axes.set_axis_off()
        for axes, picture in zip(line, batch, strict=False):
            shown = picture.detach().float().cpu().expand(3, -1, -1).clamp(0, 1)
            axes.imshow(shown.permute(1, 2, 0).numpy(), interpolation="nearest")
        line[0].text(-0.1, 0.5, name, transform=line[0].transAxes, ha="right", va="center")
    figure.subplots_adjust(wspace=0.04, hspace=0.04)
    return figure


def bars(values: Mapping[str, np.ndarray], y: str, title: str = "") -> Figure:
    """Name -> one figure or one per seed: bars of means with the seeds as dots."""
    figure = Figure(figsize=(max(4, 1.3 * len(values)), 3.6))
    axes = figure.subplots()
    for i, v in enumerate(np.atleast_1d(v) for v in values.values()):
        axes.bar(i, v.mean(), color="#4878a8", width=0.6)
        axes.plot([i] * len(v), v, "k.", alpha=0.6)
    axes.set_xticks(range(len(values)), list(values), rotation=20, ha="right")
    axes.set(ylabel=y, title=title)
    return figure
