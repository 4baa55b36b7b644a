"""Weights drawn from a normal distribution, as pix2pix starts: Isola et al. 2017, arXiv:1611.07004, section 6.2."""

from torch import nn


def normal_(network: nn.Module, sigma: float = 0.02) -> nn.Module:
    """Convolutions ~ N(0, sigma), biases 0; BatchNorm's gain ~ N(1, sigma), shift 0. In place; returns the network."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, sigma)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, sigma)
            nn.init.zeros_(layer.bias)
    return network
