"""One step of a variational autoencoder: Kingma and Welling 2014, arXiv:1312.6114; the denoisers of report A, III.A.

    noisy -> encoder -> mean, log variance -> a code drawn from them -> decoder -> clean        minimize MSE + beta KL
"""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from minicolor.losses.elbo import elbo
from minicolor.steps.step import Step


class VAEStep(Step):
    """The network is models/vae.py's VAE. At test it answers with the mean code's picture: no dice."""

    static = False                                           # the code's dice have a seed from the CPU

    def __init__(self, network: nn.Module, lr: float = 1e-3, beta: float = 1e-3, autocast=nullcontext):
        super().__init__({"network": network}, lr, autocast=autocast)
        self.beta = beta

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Noisy x and clean y, both (N, 1, H, W), around [0, 1]."""
        seed = int(torch.randint(2**62, ()))                 # from the generator that a checkpoint keeps, for x's device
        draws = torch.Generator(x.device).manual_seed(seed)
        with self.autocast():
            clean, mean, log_variance = self.live["network"](x, draws)
        reconstruction, kl = elbo(clean.float(), y, mean.float(), log_variance.float())
        self.descend(reconstruction + self.beta * kl, "network")
        return {"mse": reconstruction.detach(), "kl": kl.detach()}

    def generate(self, x: Tensor) -> Tensor:
        with self.autocast():
            mean, _ = self.network.encode(x)
            return self.network.decode(mean).float()
