"""E1: pix2pix on a grey picture that was blurred and equalized, -> RGB.     Image recoloring with conditional GANs (report E)

500 pictures of Imagenette to train, 150 to test (here 80/10/10 of the 650), one at a time, 10 epochs. E2 adds LPIPS
(recipes/recolor_lpips.py), E3 and E4 have a Wasserstein critic (recipes/recolor_wgan.py).
The report prints the weights' standard deviation as 0.2 where pix2pix, which it cites, has 0.02: `--init-std 0.2` is its figure.
In small, on drawn scenes, one run each: test ab-RMSE 14.3 from 0.02, 18.0 from 0.2, 24.8 left grey.
"""

import math
from dataclasses import dataclass, replace

from minicolor.models.initialize import normal_
from minicolor.models.patchgan import PatchGAN
from minicolor.models.unet import UNet
from minicolor.perceptual import NETWORKS, PerceptualLoss
from minicolor.recipe import Recipe
from minicolor.steps.gan import GANStep
from minicolor.tasks.color import Color


@dataclass(frozen=True)
class RecolorRecipe(Recipe):
    kernel_size: int = 5                # of the blur of the grey picture; 0: none                      report E, IV
    blur: float = 0.7                   # standard deviation of that blur, in pixels                    report E, IV
    equalize: bool = True               # histogram equalization of the grey picture                    report E, IV
    base: int = 64                      # channels after the generator's first convolution              pix2pix, 6.1.1
    d_base: int = 64                    # channels after the discriminator's first convolution          pix2pix, 6.1.2
    d_norm: str = "batch"               # norm in the discriminator: batch, instance or none            report E, V.B
    levels: int = 8                     # halvings in the U-Net; fewer where size allows no more        pix2pix, 6.1.1
    init_std: float = 0.02              # standard deviation of the weights at the start                pix2pix, 6.2
    l1_weight: float = 100.0            # weight of L1 beside the adversarial loss                      report E, V.A
    lpips_weight: float = 0.0           # weight of the perceptual distance; 0: none                    report E, V.A
    features: str = "alex"              # whose: alex, vgg, squeeze, squeeze-keras, or a run of classify
    beta1: float = 0.5                  # Adam's momentum (printed as "weight decay")                   report E, V.A

    def check(self):
        for field, fine, expected in (
            ("kernel_size", self.kernel_size == 0 or self.kernel_size > 0 and self.kernel_size % 2 == 1, "0, or an odd number"),
            ("blur", self.blur > 0, "above 0"),
            ("base", self.base >= 1, "at least 1"),
            ("d_base", self.d_base >= 1, "at least 1"),
            ("d_norm", self.d_norm in ("batch", "instance", "none"), "batch, instance or none"),
            ("levels", self.levels >= 2, "at least 2"),
            ("init_std", 0 < self.init_std <= 1, "above 0 and at most 1"),
            ("l1_weight", self.l1_weight >= 0, "0 or more"),
            ("lpips_weight", self.lpips_weight >= 0, "0 or more"),
            ("beta1", 0 <= self.beta1 < 1, "at least 0 and below 1"),
        ):
            self.expect(field, fine, expected)
        return super().check()

    def task(self):
        return Color("rgb", kernel_size=self.kernel_size, sigma=self.blur, equalize=self.equalize)

    def pair(self):
        """Generator and discriminator."""
        side = math.gcd(self.size, self.crop)
        halvings = (side & -side).bit_length() - 1                  # how often it can be halved: 256 -> 8, 96 -> 5
        pair = UNet(1, 3, base=self.base, levels=min(self.levels, halvings)), PatchGAN(4, self.d_base, self.d_norm)
        for network in pair:
            normal_(network, self.init_std)
        return pair

    def build(self, autocast):
        return GANStep(*self.pair(), lr=self.lr, beta1=self.beta1, l1_weight=self.l1_weight, autocast=autocast)

    def equip(self, step):
        if self.lpips_weight:
            name = "lpips" if self.features in NETWORKS else "features"         # our own features are not LPIPS
            step.hold_to({name: (self.lpips_weight, PerceptualLoss(self.features))})


RECIPE = RecolorRecipe(
    name="recolor_pix2pix",
    experiment="E1",
    source="Cano Caldero and Moncada Ramírez, Image recoloring with conditional GANs, IV and V; Isola et al. 2017",
    pictures=650,                       # report E, IV: 500 and 150
    batch_size=1,                       # report E, V.A
    epochs=10,                          # report E, V.C
    flip=False,                         # report E augments nothing
    norm_at_test="batch",               # after training on single pictures any other statistics are foreign
)
QUICK = replace(RECIPE, pictures=1500, size=64, base=24, d_base=16, batch_size=8, epochs=5, lr=5e-4, norm_at_test="running")
