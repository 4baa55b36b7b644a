"""Steps and batches for the tests of the fast path: of a recipe, small enough for a second."""

from contextlib import nullcontext

import torch
from processes import NARROW, small

from minicolor.data.augment import augment
from minicolor.data.loader import Loader

NAMES = ["pix2pix", "recolor_wgan", "dncnn"]


def begun(name: str, device: str = "cpu", seed: int = 0, **fields):
    """-> (recipe, its step, ready to be hurried)."""
    recipe = small(name, NARROW, **({"base": 16, "d_base": 16} if name != "dncnn" else {"width": 16}) | fields)
    torch.manual_seed(seed)
    step = recipe.build(nullcontext)
    for network in step.networks.values():
        network.to(device).train()
    return recipe, step


def pairs(recipe, device: str = "cpu", count: int = 1) -> list:
    """Questions and answers of the first batches."""
    pack, task = recipe.open(), recipe.task()
    loader, found = Loader(pack, range(len(pack)), recipe.batch_size, device), []
    for epoch in range(count):
        for i, batch in loader.epoch(epoch):
            pictures = augment(batch, torch.Generator().manual_seed(i), recipe.flip, recipe.jitter, recipe.crop)
            found.append(task.prepare(pictures, i, torch.arange(len(batch), device=device)))
    return [pair for pair in found if len(pair[0]) == recipe.batch_size][:count]
