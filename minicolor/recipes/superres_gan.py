"""D3: D1's network against a discriminator with one dense unit, grey 128 -> RGB 256.     CMS4CV (report D), 3, 4 and 8.3.3

The discriminator sees the colored picture alone (its equations write D(y) and D(G(x))). D6 is `--search mae_weight=100,150,200`.
"""

from dataclasses import dataclass, replace

from minicolor.models.dense_critic import DenseCritic
from minicolor.recipes.superres_unet import RECIPE as D1
from minicolor.recipes.superres_unet import SuperResRecipe
from minicolor.steps.gan import GANStep


@dataclass(frozen=True)
class SuperResGANRecipe(SuperResRecipe):
    ALONE = False

    d_base: int = 64                    # channels after the discriminator's first convolution          ours
    mae_weight: float = 150.0           # lambda: 100, 150 and 200 were tried                           report D, 4
    ssim_weight: float = 0.0            # none in the GAN                                               report D, 2.3
    beta1: float = 0.9                  # Adam's momentum                                               ours: Adam's own default

    def check(self):
        self.expect("d_base", self.d_base >= 1, "at least 1")
        self.expect("beta1", 0 <= self.beta1 < 1, "at least 0 and below 1")
        return super().check()

    def build(self, autocast):
        critic = DenseCritic(3, self.d_base, self.crop or self.size)
        terms = {name: term for name, term in self.terms().items() if name != "mae"}
        return GANStep(self.network(), critic, self.lr, self.beta1, l1_weight=self.mae_weight, terms=terms, conditional=False,
                       autocast=autocast)


RECIPE = SuperResGANRecipe(
    name="superres_gan",
    experiment="D3",
    source="Carboniero, Mancinelli and Sacerdote, CMS4CV, 3, 4 and 8.3.3",
    pictures=D1.pictures,
    size=D1.size,
    epochs=50,                          # report D, table 1
    lr=1e-5,                            # report D, 4: "very small"
)
QUICK = replace(RECIPE, pictures=1500, size=64, levels=4, base=12, d_base=16, batch_size=16, epochs=6, lr=5e-4)
