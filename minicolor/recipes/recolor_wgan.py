"""E3: E1 with a Wasserstein critic and gradient penalty.     Image recoloring with conditional GANs (report E), V.B and V.C

Five critic steps to one of the generator, penalty 10. The report's critic has BatchNorm, on batches of one picture, where that
is a norm of the single picture; the small version has larger batches, and an InstanceNorm for the same reason. The
report does not say what its penalty makes of 30x30 scores; the usual code's sum leaves almost nothing of the adversarial loss
beside 100 L1 (losses/gradient_penalty.py), so it is the mean here, and `--patches sum` the other.
"""

from dataclasses import dataclass, replace

from minicolor.recipes import recolor_pix2pix
from minicolor.recipes.recolor_pix2pix import RecolorRecipe
from minicolor.steps.wgan_gp import WGANGPStep


@dataclass(frozen=True)
class RecolorWGANRecipe(RecolorRecipe):
    penalty_weight: float = 10.0        # lambda of the gradient penalty                                report E, V.B
    patches: str = "mean"               # whose slope the penalty holds to 1, of a map of scores: mean or sum             ours
    critic_steps: int = 5               # of the critic, to one of the generator                        report E, V.A

    def check(self):
        self.expect("penalty_weight", self.penalty_weight >= 0, "0 or more")
        self.expect("patches", self.patches in ("sum", "mean"), "sum or mean")
        self.expect("critic_steps", self.critic_steps >= 1, "at least 1")
        self.expect("d_norm", self.d_norm != "batch" or self.batch_size == 1,
                    "instance or none where --batch-size is above 1: the penalty is a slope at one picture")
        return super().check()

    def build(self, autocast):
        return WGANGPStep(*self.pair(), lr=self.lr, beta1=self.beta1, l1_weight=self.l1_weight,
                          penalty_weight=self.penalty_weight, critic_steps=self.critic_steps, patches=self.patches,
                          autocast=autocast)


SAME = {f: getattr(recolor_pix2pix.RECIPE, f) for f in ("source", "pictures", "batch_size", "epochs", "flip", "norm_at_test")}
RECIPE = RecolorWGANRecipe(name="recolor_wgan", experiment="E3", **SAME)
QUICK = replace(RECIPE, pictures=800, size=64, base=24, d_base=12, d_norm="instance", batch_size=8, epochs=5,
                lr=5e-4, norm_at_test="running")
