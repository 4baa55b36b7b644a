"""One adversarial step: pix2pix, Isola et al. 2017, arXiv:1611.07004; report A, eqs. 2 and 3; report C, Figs. 3, 6 and 7.

    1. G answers the batch, once; both updates use that one result
    2. D: true pairs towards "real", generated pairs towards "fake"       L_D = gan(D(x, y), real) + gan(D(x, G(x)), fake)
    3. G, with D frozen: fool D and stay near the truth                   L_G = w gan(D(x, G(x)), real) + lambda L1 + other terms

gan is binary cross entropy (losses/bce_gan.py) or least squares (losses/lsgan.py). conditional=False: D is shown y and G(x)
without x (report D, 8.3.3; SRGAN). Terms: what else G is held to, such as 50 LPIPS (report E).

The paper halves L_D to slow D down; Adam divides any constant factor out again, so the report's plain sum is kept.
"""

from collections.abc import Callable
from contextlib import nullcontext

from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.losses.bce_gan import bce_gan
from minicolor.steps.step import Loss, Step, frozen


class GANStep(Step):
    """`step(x, y)` takes network units and returns the losses, each without its weight, as detached scalars."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        lr: float = 2e-4,
        beta1: float = 0.5,
        l1_weight: float = 100.0,
        terms: dict[str, tuple[float, Loss]] | None = None,
        gan: Callable[[Tensor, bool], Tensor] = bce_gan,
        gan_weight: float = 1.0,
        conditional: bool = True,
        autocast=nullcontext,
    ):
        """terms: name -> (weight, loss of (fake, truth)), beside L1."""
        super().__init__({"generator": generator, "discriminator": discriminator}, lr, (beta1, 0.999), autocast,
                         terms={"l1": (l1_weight, F.l1_loss)} | (terms or {}))
        self.gan, self.gan_weight, self.conditional = gan, gan_weight, conditional

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """x (N, C, H, W) the condition, y (N, C', H', W') the truth; of one size where D is conditional."""
        generator, discriminator = self.live.values()
        condition = (x,) if self.conditional else ()

        with self.autocast():
            fake = generator(x)

        if not self.gan_weight:                              # nobody listens to D: G alone, at less than half the cost
            near, total = self.off_by(fake, y)
            self.descend(total, "generator")
            return {f"g_{name}": loss.detach() for name, loss in near.items()}

        # D. detach: this loss must not reach the generator
        with self.autocast():
            on_real = discriminator(*condition, y)
            on_fake = discriminator(*condition, fake.detach())
        d_real, d_fake = self.gan(on_real.float(), real=True), self.gan(on_fake.float(), real=False)
        self.descend(d_real + d_fake, "discriminator")

        # G. D frozen: gradients pass through it to the picture, none is spent on its weights
        with frozen(judge := self.networks["discriminator"]):
            with self.autocast():
                on_fake = judge(*condition, fake)
            g_gan = self.gan(on_fake.float(), real=True)
            near, total = self.off_by(fake, y)
            self.descend(self.gan_weight * g_gan + total, "generator")

        losses = {"d_real": d_real, "d_fake": d_fake, "g_gan": g_gan} | {f"g_{name}": loss for name, loss in near.items()}
        return {name: loss.detach() for name, loss in losses.items()}
