"""One step of WGAN-GP: report E, V.B and V.C; Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1.

    1. G answers the batch, once
    2. C, `critic_steps` times, each with interpolations of its own       L_C = mean C(x, G(x)) - mean C(x, y) + 10 penalty
    3. G, with C frozen                                                   L_G = -mean C(x, G(x)) + lambda L1 + other terms

The report's critic takes all its steps on one pair of pictures (V.C), and so does this; the paper draws a new batch for each.
Its text says that the critic's loss is "multiplied by" the penalty, its equation 1 adds it, as the paper does and this.
"""

from contextlib import nullcontext

from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.losses.gradient_penalty import gradient_penalty
from minicolor.losses.wasserstein import critic_loss, generator_loss
from minicolor.steps.step import Loss, Step, frozen


class WGANGPStep(Step):
    """`step(x, y)` takes network units and returns the losses, each without its weight, as detached scalars.

    The critic's are those of its last step. No BatchNorm in the critic: the penalty is one picture's slope (PatchGAN(norm=...)).
    """

    differentiated_twice = ("critic",)

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        lr: float = 2e-4,
        beta1: float = 0.5,
        l1_weight: float = 100.0,
        terms: dict[str, tuple[float, Loss]] | None = None,
        penalty_weight: float = 10.0,
        critic_steps: int = 5,
        patches: str = "sum",
        autocast=nullcontext,
    ):
        """terms: name -> (weight, loss of (fake, truth)), beside L1. patches: "sum" or "mean", losses/gradient_penalty.py."""
        super().__init__({"generator": generator, "critic": critic}, lr, (beta1, 0.999), autocast,
                         terms={"l1": (l1_weight, F.l1_loss)} | (terms or {}))
        self.penalty_weight, self.critic_steps, self.patches = penalty_weight, critic_steps, patches

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """x (N, C, H, W) the condition, y (N, C', H, W) the truth."""
        generator, critic = self.live.values()

        with self.autocast():
            fake = generator(x)

        # C. detach: these losses must not reach the generator
        for _ in range(self.critic_steps):
            with self.autocast():
                on_real, on_fake = critic(x, y), critic(x, fake.detach())
            distance = critic_loss(on_real.float(), on_fake.float())
            penalty = gradient_penalty(critic, y, fake, x, patches=self.patches)
            self.descend(distance + self.penalty_weight * penalty, "critic")

        # G. C frozen: gradients pass through it to the picture, none is spent on its weights
        with frozen(judge := self.networks["critic"]):
            with self.autocast():
                on_fake = judge(x, fake)
            g_gan = generator_loss(on_fake.float())
            near, total = self.off_by(fake, y)
            self.descend(g_gan + total, "generator")

        losses = {"c_distance": distance, "c_penalty": penalty, "g_gan": g_gan} | {f"g_{name}": v for name, v in near.items()}
        return {name: loss.detach() for name, loss in losses.items()}
