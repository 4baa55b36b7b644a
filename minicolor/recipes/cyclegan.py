"""A12: CycleGAN, grey -> RGB from pictures that are no pairs.     Recuerdos a Color (report A), V: "replace the cGAN"

One half of each batch gives grey pictures, the other half colors (steps/cyclegan.py): no update sees a picture's color beside its
grey. Judged on pairs like every other network. Numbers: Zhu et al. 2017.
"""

from dataclasses import dataclass, replace

from minicolor.models.patchgan import PatchGAN
from minicolor.models.resnet_generator import ResnetGenerator
from minicolor.recipe import Recipe
from minicolor.steps.cyclegan import CycleGANStep
from minicolor.tasks.color import Color


@dataclass(frozen=True)
class CycleGANRecipe(Recipe):
    base: int = 64                      # channels after the generators' first convolution              paper, 7.2
    d_base: int = 64                    # channels after the discriminators' first convolution          paper, 7.2
    blocks: int = 9                     # residual blocks: 9 for pictures of 256, 6 for 128             paper, 7.2
    cycle_weight: float = 10.0          # lambda                                                        paper, 4
    identity_weight: float = 0.5        # of the identity loss, as a share of the cycle loss            paper, 5.2
    pool: int = 50                      # how many generated pictures the discriminators see again      paper, 4
    beta1: float = 0.5                  # Adam's momentum                                               its code

    def check(self):
        for field, fine, expected in (
            ("base", self.base >= 1, "at least 1"),
            ("d_base", self.d_base >= 1, "at least 1"),
            ("blocks", self.blocks >= 1, "at least 1"),
            ("cycle_weight", self.cycle_weight >= 0, "0 or more"),
            ("identity_weight", self.identity_weight >= 0, "0 or more"),
            ("pool", self.pool >= 0, "0 (none) or more"),
            ("beta1", 0 <= self.beta1 < 1, "at least 0 and below 1"),
            ("batch_size", self.batch_size >= 2, "at least 2: one half is grey, the other half color"),
        ):
            self.expect(field, fine, expected)
        return super().check()

    def task(self):
        return Color("rgb")

    def build(self, autocast):
        return CycleGANStep(
            ResnetGenerator(1, 3, self.base, self.blocks), ResnetGenerator(3, 1, self.base, self.blocks),
            PatchGAN(3, self.d_base, norm="instance"), PatchGAN(1, self.d_base, norm="instance"),
            lr=self.lr, betas=(self.beta1, 0.999), cycle_weight=self.cycle_weight, identity=self.identity_weight, pool=self.pool,
            autocast=autocast,
        )


RECIPE = CycleGANRecipe(
    name="cyclegan",
    experiment="A12",
    source="Tepsich and Gubitosi, Recuerdos a Color, V; Zhu et al. 2017, arXiv:1703.10593",
    pictures=2500,                      # as A6
    batch_size=2,                       # paper, 4: one of each kind
    epochs=200,                         # paper, 4
    decay=0.5,                          # paper, 4: 100 epochs, then 100 on the way to 0
    jitter=286 / 256,                   # its code: 286, then a crop of 256
)
QUICK = replace(RECIPE, pictures=800, size=64, base=16, d_base=16, blocks=3, batch_size=8, epochs=4, lr=1e-3)
