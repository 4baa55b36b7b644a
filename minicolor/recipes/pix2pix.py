"""A6: pix2pix, grey -> RGB.     Recuerdos a Color (report A), II.A.3 and III.B

The whole experiment is on this page: the numbers with their source, then the assembly. The report searched on 800
pictures and trained on 2500 of CelebA, split 80/10/10, with Adam and a "very small" learning rate "based on the
hyper-parameters of pix2pix": where it gives no number, the pix2pix paper's stands.
"""

import math
from dataclasses import dataclass, replace

from minicolor.data.pairs import CHANNELS
from minicolor.losses.bce_gan import bce_gan
from minicolor.losses.lsgan import lsgan
from minicolor.models.patchgan import PatchGAN
from minicolor.models.unet import UNet
from minicolor.recipe import Recipe
from minicolor.steps.gan import GANStep
from minicolor.tasks.color import Color

LOSSES = {"bce": bce_gan, "lsgan": lsgan}


@dataclass(frozen=True)
class Pix2PixRecipe(Recipe):
    target: str = "rgb"                 # what the network answers: rgb, or ab (lightness is kept)      report A, B.3
    base: int = 64                      # channels after the generator's first convolution              paper, 6.1.1
    d_base: int = 64                    # channels after the discriminator's first convolution          paper, 6.1.2
    levels: int = 8                     # halvings in the U-Net; fewer where size allows no more        paper, 6.1.1
    l1_weight: float = 100.0            # lambda, weight of L1 beside the adversarial loss              paper, 4.2
    gan_weight: float = 1.0             # weight of the adversarial loss; 0: L1 alone, no discriminator paper, 4.2
    gan: str = "bce"                    # the adversarial loss: bce (cross entropy) or lsgan            paper, 3.1
    beta1: float = 0.5                  # Adam's momentum                                               paper, 3.3

    def check(self):
        for field, fine, expected in (
            ("target", self.target in CHANNELS, "rgb or ab"),
            ("base", self.base >= 1, "at least 1"),
            ("d_base", self.d_base >= 1, "at least 1"),
            ("levels", self.levels >= 2, "at least 2"),
            ("l1_weight", self.l1_weight >= 0, "0 or more"),
            ("l1_weight", self.l1_weight + self.gan_weight > 0, "above 0 where --gan-weight is 0"),
            ("gan_weight", self.gan_weight >= 0, "0 or more"),
            ("gan", self.gan in LOSSES, "bce or lsgan"),
            ("beta1", 0 <= self.beta1 < 1, "at least 0 and below 1"),
        ):
            self.expect(field, fine, expected)
        return super().check()

    def task(self):
        return Color(self.target)

    def build(self, autocast):
        side = math.gcd(self.size, self.crop)                      # whole pictures, and crops of them where there are any
        halvings = (side & -side).bit_length() - 1                  # how often it can be halved: 256 -> 8, 96 -> 5
        channels = CHANNELS[self.target]
        return GANStep(
            UNet(1, channels, base=self.base, levels=min(self.levels, halvings)),
            PatchGAN(1 + channels, base=self.d_base),               # it sees the grey picture beside the colored one
            lr=self.lr, beta1=self.beta1, l1_weight=self.l1_weight,
            gan=LOSSES[self.gan], gan_weight=self.gan_weight, autocast=autocast,
        )


RECIPE = Pix2PixRecipe(
    name="pix2pix",
    experiment="A6",
    source="Tepsich and Gubitosi, Recuerdos a Color, II.A.3 and III.B; Isola et al. 2017, arXiv:1611.07004",
    pictures=2500,                      # report A, III.B
    jitter=286 / 256,                   # report A, II.B.2: resize, crop, random jitter; sizes from the paper, 6.2
    batch_size=1,                       # paper, 6.2, for its small data sets (facades, maps)
    epochs=200,                         # likewise
    decay=0.5,                          # the authors' PyTorch code: 100 epochs at 2e-4, then 100 on the way to 0
    norm_at_test="batch",               # paper, 3.3; after training on single pictures any other statistics are foreign
)
QUICK = replace(RECIPE, norm_at_test="running", pictures=2000, size=64, base=32, d_base=16, batch_size=12, epochs=6, lr=5e-4)
