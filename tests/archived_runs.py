"""Little untrained runs for tests of whole programs: one that colors, one that denoises, one that enlarges."""

import contextlib
from dataclasses import replace
from pathlib import Path

import torch

from minicolor import checkpoint
from minicolor.recipe import to_dict
from minicolor.recipes import dncnn, pix2pix_lab, srgan


def coloring(folder: Path) -> str:
    """Its answer is a pinkish a = b = 22 everywhere."""
    recipe = replace(pix2pix_lab.QUICK, size=32, base=4)
    return _saved(folder, recipe, lambda generator: generator["up.4.0.bias"].fill_(0.2))


def denoising(folder: Path) -> str:
    return _saved(folder, replace(dncnn.QUICK, depth=3, width=4))


def enlarging(folder: Path) -> str:
    return _saved(folder, replace(srgan.QUICK, base=4, blocks=1))


def _saved(folder: Path, recipe, change=lambda weights: None) -> str:
    torch.manual_seed(0)
    networks = {name: net.state_dict() for name, net in recipe.build(contextlib.nullcontext).networks.items()}
    change(next(iter(networks.values())))
    folder.mkdir(parents=True)
    checkpoint.save(folder / "best.pt", {"recipe": to_dict(recipe), "networks": networks})
    return str(folder)
