"""A12: SRGAN, half the size -> the size.     Recuerdos a Color (report A), V: "a model that raises the resolution"

For the step behind the DnCNN. The generator is held to the picture by its mean squared error and to look sharp by a
discriminator: the paper's SRGAN-MSE (table 1). gan_weight=0 trains its SRResNet, which has the better PSNR, and the paper
begins there:
    python -m minicolor.train srgan --gan-weight 0 --out runs/srresnet
    python -m minicolor.train srgan --init runs/srresnet
"""

from dataclasses import dataclass, replace

from torch.nn import functional as F

from minicolor.models.srgan import SRResNet
from minicolor.models.srgan_discriminator import SRGANDiscriminator
from minicolor.recipe import Recipe
from minicolor.steps.gan import GANStep
from minicolor.tasks.enlarge import Enlarge


@dataclass(frozen=True)
class SRGANRecipe(Recipe):
    SIDES = 16                          # the discriminator halves four times

    scale: int = 2                      # how much larger: 2 or 4                                       report A: not given
    base: int = 64                      # channels                                                      paper, Fig. 4
    blocks: int = 16                    # residual blocks                                               paper, 3.2
    d_base: int = 64                    # channels of the discriminator's first convolution             paper, Fig. 4
    mse_weight: float = 1.0             # weight of the mean squared error                              paper, eq. 3
    gan_weight: float = 1e-3            # weight of the adversarial loss                                paper, eq. 3
    beta1: float = 0.9                  # Adam's momentum                                               paper, 3.2

    def check(self):
        for field, fine, expected in (
            ("scale", self.scale in (2, 4), "2 or 4"),
            ("base", self.base >= 1, "at least 1"),
            ("blocks", self.blocks >= 1, "at least 1"),
            ("d_base", self.d_base >= 1, "at least 1"),
            ("mse_weight", self.mse_weight > 0, "above 0"),
            ("gan_weight", self.gan_weight >= 0, "0 or more"),
            ("beta1", 0 <= self.beta1 < 1, "at least 0 and below 1"),
        ):
            self.expect(field, fine, expected)
        return super().check()

    def task(self):
        return Enlarge(self.scale)

    def build(self, autocast):
        discriminator = SRGANDiscriminator(3, self.d_base, self.crop or self.size)
        return GANStep(SRResNet(3, self.base, self.blocks, self.scale), discriminator, self.lr, self.beta1, l1_weight=0.0,
                       terms={"mse": (self.mse_weight, F.mse_loss)}, gan_weight=self.gan_weight, conditional=False,
                       autocast=autocast)


RECIPE = SRGANRecipe(
    name="srgan",
    experiment="A12",
    source="Tepsich and Gubitosi, Recuerdos a Color, V; Ledig et al. 2017, arXiv:1609.04802",
    pictures=2500,                      # as A6
    crop=96,                            # paper, 3.2
    epochs=200,                         # ours
    lr=1e-4,                            # paper, 3.2
)
QUICK = replace(RECIPE, pictures=1000, size=64, crop=48, base=24, blocks=4, d_base=16, epochs=8, lr=1e-3, decay=0.5)
