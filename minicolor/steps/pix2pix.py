"""One step of pix2pix: Isola et al. 2017, arXiv:1611.07004; report A, eqs. 2 and 3; report C, Figs. 3, 6 and 7.

    1. G colors the batch, once; both updates use that one result
    2. D: real pairs towards "real", generated pairs towards "fake"       L_D = BCE(D(x, y), 1) + BCE(D(x, G(x)), 0)
    3. G, with D frozen: fool D and stay near the truth                   L_G = BCE(D(x, G(x)), 1) + lambda L1

The paper halves L_D to slow D down; Adam divides any constant factor out again, so the report's plain sum is kept.
"""

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.losses.bce_gan import bce_gan


class Pix2PixStep:
    """Owns both networks and their Adams. `step(x, y)` takes network units and returns the losses as detached scalars."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        lr: float = 2e-4,
        beta1: float = 0.5,
        l1_weight: float = 100.0,
        autocast=nullcontext,
    ):
        self.networks = {"generator": generator, "discriminator": discriminator}
        adam = {"lr": lr, "betas": (beta1, 0.999), "fused": True}  # fused: one pass over the weights, not ten
        self.optimizers = {name: torch.optim.Adam(net.parameters(), **adam) for name, net in self.networks.items()}
        self.l1_weight, self.autocast = l1_weight, autocast

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """x (N, 1, H, W) the condition, y (N, C, H, W) the truth, both in [-1, 1]."""
        generator, discriminator = self.networks.values()

        with self.autocast():
            fake = generator(x)

        # D. detach: this loss must not reach the generator
        with self.autocast():
            on_real = discriminator(x, y)
            on_fake = discriminator(x, fake.detach())
        d_real, d_fake = bce_gan(on_real.float(), real=True), bce_gan(on_fake.float(), real=False)
        self._descend("discriminator", d_real + d_fake)

        # G. D frozen: gradients pass through it to the picture, none is spent on its weights
        discriminator.requires_grad_(False)
        with self.autocast():
            on_fake = discriminator(x, fake)
        g_gan, g_l1 = bce_gan(on_fake.float(), real=True), F.l1_loss(fake.float(), y)
        self._descend("generator", g_gan + self.l1_weight * g_l1)
        discriminator.requires_grad_(True)

        losses = {"d_real": d_real, "d_fake": d_fake, "g_gan": g_gan, "g_l1": g_l1}
        return {name: loss.detach() for name, loss in losses.items()}

    def generate(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, C, H, W) float32. The caller chooses the mode: see models/modes.py."""
        with self.autocast():
            return self.networks["generator"](x).float()

    def _descend(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[name].step()
