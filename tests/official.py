"""Other people's networks, to compare ours with: importing torchvision on a CPU's PyTorch, weights to fill in."""

import functools
import importlib

import pytest
import torch
from torch import nn


@functools.cache
def _operators() -> torch.library.Library:
    """torchvision's import asks for these two compiled operators by name; nothing that we compare calls them."""
    operators = torch.library.Library("torchvision", "FRAGMENT")
    operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return operators


def load(module: str):
    """The module of torchvision, or of a package that needs it (lpips, pytorch_fid); skips with a reason where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as e:
        pytest.skip(f"{module.split('.')[0]} is not installed: {e}")
    except RuntimeError as e:                                    # a build for another device: no operators
        if "does not exist" not in str(e):
            pytest.skip(f"{module} cannot be imported: {e}")
    _operators()
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as e:
        pytest.skip(f"{module} cannot be imported: {e}")


def lively(network: nn.Module, seed: int = 0) -> nn.Module:
    """Biases, gains and statistics that no two layers share: new ones, 0 and 1, hide what is left out. In eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for p in network.parameters():
        if p.ndim == 1:
            p.data.normal_(0.5, 0.3, generator=generator)
    for norm in (layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.5, generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
    return network.eval()
