"""C3: the pretrained U-Net goes on against a discriminator, L -> ab.     Vision and Cognitive Systems Report (report C), 6.5

Stage 3 of three: C2's generator (recipes/resnet_unet_l1.py), then C1's adversarial training, 10 to 20 epochs instead of 100.
`--init ""` begins at random instead.
"""

from dataclasses import dataclass, replace

from minicolor.models.dynamic_unet import DynamicUnet
from minicolor.models.patchgan import PatchGAN
from minicolor.recipe import Recipe
from minicolor.steps.gan import GANStep
from minicolor.tasks.color import Color


@dataclass(frozen=True)
class ResNetUNetGANRecipe(Recipe):
    base: int = 64                      # channels of ResNet18's first stage                            report C, 6.5
    d_base: int = 64                    # channels after the discriminator's first convolution          pix2pix, 6.1.2
    l1_weight: float = 100.0            # lambda, weight of L1 beside the adversarial loss              pix2pix, 4.2
    beta1: float = 0.5                  # Adam's momentum                                               pix2pix, 3.3

    def check(self):
        for field, fine, expected in (
            ("base", self.base >= 4 and self.base % 2 == 0, "an even number, at least 4"),
            ("d_base", self.d_base >= 1, "at least 1"),
            ("l1_weight", self.l1_weight >= 0, "0 or more"),
            ("beta1", 0 <= self.beta1 < 1, "at least 0 and below 1"),
        ):
            self.expect(field, fine, expected)
        return super().check()

    def task(self):
        return Color("ab")

    def build(self, autocast):
        return GANStep(DynamicUnet(1, 2, self.base), PatchGAN(3, self.d_base), lr=self.lr, beta1=self.beta1,
                       l1_weight=self.l1_weight, autocast=autocast)


RECIPE = ResNetUNetGANRecipe(
    name="resnet_unet_gan",
    experiment="C3",
    source="Selek and Berberi, Vision and Cognitive Systems Report, 6.5",
    pictures=10_000,                    # as C1
    epochs=20,                          # report C, 6.5: 10 to 20
    lr=2e-4,                            # pix2pix, 3.3
    init="runs/resnet_unet_l1",         # report C, 6.5, stage 2
)
QUICK = replace(RECIPE, pictures=1500, size=64, base=24, d_base=16, batch_size=16, epochs=4, decay=0.5)
