"""A5: a U-Net that sees L again at its end, L -> ab.     Recuerdos a Color (report A), Table II and III.B

The loss and the training are A4's (recipes/cae.py): only the network differs.
"""

from dataclasses import dataclass, replace

from minicolor.models.residual_unet import ResidualUNet
from minicolor.recipes.cae import CAERecipe


@dataclass(frozen=True)
class ResidualUNetRecipe(CAERecipe):
    SIDES = 16                          # four halvings

    base: int = 32                      # channels after the first convolution                          report A, Table II

    def check(self):
        self.expect("base", self.base >= 1, "at least 1")
        return super().check()

    def network(self):
        return ResidualUNet(1, 2, self.base)


RECIPE = ResidualUNetRecipe(
    name="residual_unet",
    experiment="A5",
    source="Tepsich and Gubitosi, Recuerdos a Color, II.A.2, Table II and III.B",
    size=256,                           # report A, Table II
    pictures=2500,                      # report A, III.B
    epochs=100,                         # not in report A
    lr=1e-3,                            # not in report A: Adam's own default
)
QUICK = replace(RECIPE, size=64, epochs=8, lr=2e-3)
