"""Switching a network to its test behavior, out loud: which statistics BatchNorm uses, and whether dropout stays on.

pix2pix tests with the statistics of the test batch and with dropout on ("batch", True: its only noise z); most other
code uses running averages and no dropout ("running", False), which gives one photograph the same colors whatever
stands beside it. People lost days to this difference, so it is a field of every recipe and never a side effect.
"""

import contextlib

import torch
from torch import nn


@contextlib.contextmanager
def at_test(network: nn.Module, norm: str = "running", dropout: bool = False):
    """Inside: norm "running" or "batch", dropout on or off, no statistic is updated. After: everything as before."""
    before = {layer: (layer.training, getattr(layer, "track_running_stats", None)) for layer in network.modules()}
    network.eval()
    for layer in before:
        if isinstance(layer, nn.BatchNorm2d) and norm == "batch":
            # training without tracking is PyTorch's spelling of "use this batch, remember nothing"
            layer.training, layer.track_running_stats = True, False
        elif isinstance(layer, nn.Dropout) and dropout:
            layer.training = True
    try:
        yield network
    finally:
        for layer, (training, tracking) in before.items():
            layer.training = training
            if tracking is not None:
                layer.track_running_stats = tracking


@contextlib.contextmanager
def settling(network: nn.Module):
    """Inside, whatever goes through the network renews BatchNorm's running averages, with the weights and dropout of the test.

    The averages that training leaves lag behind its last steps and were taken with dropout on. After: they are the plain
    means over all batches that came through; modes are as before, and weights never change.
    Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, arXiv:2105.07576, section 3 ("PreciseBN"). Differs
    from it: variances are averaged batch by batch, so the spread between the batches' means is left out.
    """
    before = {layer: (layer.training, getattr(layer, "momentum", None)) for layer in network.modules()}
    network.eval()
    for layer in (layer for layer in before if isinstance(layer, nn.BatchNorm2d)):
        layer.reset_running_stats()
        layer.training, layer.momentum = True, None          # None is PyTorch's spelling of a plain average
    try:
        with torch.no_grad():
            yield network
    finally:
        for layer, (training, momentum) in before.items():
            layer.training = training
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = momentum
