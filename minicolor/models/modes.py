"""Switching a network to its test behavior, out loud: which statistics BatchNorm uses, and whether dropout stays on.

pix2pix tests with the statistics of the test batch and with dropout on ("batch", True: its only noise z); most other
code uses running averages and no dropout ("running", False), which gives one photograph the same colors whatever
stands beside it. People lost days to this difference, so it is a field of every recipe and never a side effect.
"""

import contextlib

from torch import nn


@contextlib.contextmanager
def at_test(network: nn.Module, norm: str = "running", dropout: bool = False):
    """Inside: norm "running" or "batch", dropout on or off, no statistic is updated. After: everything as before."""
    before = {layer: layer.training for layer in network.modules()}
    batch_norms = [layer for layer in before if isinstance(layer, nn.BatchNorm2d)]
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
        for layer in batch_norms:
            layer.track_running_stats = True
        for layer, training in before.items():
            layer.training = training
