"""Untrained little runs of the three kinds that restoring needs: their pictures mean nothing, but all paths are real."""

import contextlib
from dataclasses import replace

import torch

from minicolor import checkpoint
from minicolor.recipe import to_dict
from minicolor.recipes import dncnn, pix2pix_lab, srgan

COLOR = replace(pix2pix_lab.QUICK, size=32, base=4)
DENOISE = replace(dncnn.QUICK, depth=5, width=6)
ENLARGE = replace(srgan.QUICK, base=6, blocks=2, d_base=4)


def saved(recipe, folder, seed: int = 0):
    """Write best.pt into the folder -> the folder. BatchNorm's statistics are drawn too: fresh ones would do nothing."""
    torch.manual_seed(seed)
    networks = recipe.build(contextlib.nullcontext).networks
    for layer in (layer for net in networks.values() for layer in net.modules() if isinstance(layer, torch.nn.BatchNorm2d)):
        layer.running_mean.normal_(0, 0.1)
        layer.running_var.uniform_(0.5, 1.5)
    states = {name: net.state_dict() for name, net in networks.items()}
    kept = next(iter(states.values()))
    last = list(kept)[-1]
    if isinstance(recipe, type(COLOR)):
        kept[last] += torch.tensor([0.1, -0.15])                     # a violet that can be seen: fresh weights give grey
    elif isinstance(recipe, type(DENOISE)):
        kept[last.replace("bias", "weight")] *= 0.05                 # fresh weights would leave nothing of the picture
    folder.mkdir(exist_ok=True, parents=True)
    checkpoint.save(folder / "best.pt", {"recipe": to_dict(recipe), "networks": states})
    return folder
