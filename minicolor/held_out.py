"""Figures on pictures that were not trained on, and the two answers that any network has to beat.

    grey    leave the picture as it is: a = b = 0
    mean    give every pixel the mean a, b of the training pictures

The figures are computed in float32; the network itself runs in the precision that it is trained in.
"""

import torch
from torch import Tensor

from minicolor.data.loader import Loader
from minicolor.data.pairs import prepare, restore
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.metrics.colorfulness import colorfulness
from minicolor.metrics.psnr import psnr
from minicolor.models.modes import at_test, settling
from minicolor.ops.lab import lab_to_rgb, rgb_to_lab


def color(step, recipe, rgb: Tensor) -> Tensor:
    """Pictures (N, 3, S, S), uint8 or in [0, 1] -> what the trained network makes of their lightness, (N, 3, S, S) in [0, 1]."""
    x, _ = prepare(rgb, recipe.target)
    each = 1 if recipe.norm_at_test == "batch" else len(x)      # its own statistics, whatever picture stands beside it
    with torch.inference_mode(), at_test(step.networks["generator"], recipe.norm_at_test, recipe.dropout_at_test):
        output = torch.cat([step.generate(part) for part in x.split(each)])
        return restore(x, output, recipe.target)


def settle(step, recipe, train: Loader) -> None:
    """Take BatchNorm's test statistics over `norm_pictures` training pictures, evenly spread over the list, unaugmented."""
    if recipe.norm_at_test == "batch" or not recipe.norm_pictures:
        return
    apart = max(1, len(train) // recipe.norm_pictures)      # spread: a list sorted by folder begins with one subject
    some = train.indices[::apart][: recipe.norm_pictures]
    with settling(step.networks["generator"]):
        for _, batch in Loader(train.pack, some, recipe.batch_size, train.device, shuffle=False).epoch():
            step.generate(prepare(batch, recipe.target)[0])


def evaluate(step, recipe, loader: Loader) -> dict[str, float]:
    """Means over the loader's pictures of ab-RMSE, PSNR and colorfulness; per picture first, then the mean."""
    def figures(u8: Tensor) -> dict[str, Tensor]:
        fake, rgb = color(step, recipe, u8), u8.float() / 255
        return {"ab_rmse": ab_rmse(fake, rgb), "psnr": psnr(fake, rgb), "colorfulness": colorfulness(fake)}

    return _mean(loader, figures)


def baselines(train: Loader, held_out: Loader, at_most: int = 1000) -> dict[str, float]:
    """ab-RMSE of `grey` and `mean`, and the colorfulness of the truth, on the held-out pictures."""
    total, count = torch.zeros(2, dtype=torch.float64), 0
    for _, batch in train.epoch():
        ab = rgb_to_lab(batch.float() / 255)[:, 1:]
        total += ab.mean(dim=(2, 3)).sum(0).double().cpu()
        if (count := count + len(batch)) >= at_most:
            break
    mean = (total / count).float()[None, :, None, None]

    def answers(u8: Tensor) -> dict[str, Tensor]:
        lab = rgb_to_lab(rgb := u8.float() / 255)
        grey = torch.cat([lab[:, :1], torch.zeros_like(lab[:, 1:])], dim=1)
        average = torch.cat([lab[:, :1], mean.to(lab).expand_as(lab[:, 1:])], dim=1)
        return {
            "grey_ab_rmse": ab_rmse(lab_to_rgb(grey), rgb),
            "mean_ab_rmse": ab_rmse(lab_to_rgb(average), rgb),
            "true_colorfulness": colorfulness(rgb),
        }

    return _mean(held_out, answers)


def _mean(loader: Loader, figures) -> dict[str, float]:
    sums: dict[str, float] = {}
    for _, batch in loader.epoch():
        for name, per_picture in figures(batch).items():
            sums[name] = sums.get(name, 0.0) + per_picture.double().sum().item()
    return {name: total / len(loader) for name, total in sums.items()}
