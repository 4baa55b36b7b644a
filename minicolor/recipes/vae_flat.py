"""A2: a variational autoencoder as a denoiser, with one flat code for a picture.     Recuerdos a Color (report A), III.A

The report tried two variants before it settled on DnCNN and rejected both for "unacceptable results"; it gives no layer and no
number of either. Network and numbers are ours, the data and the noise are A3's.
"""

from dataclasses import dataclass, replace

from minicolor.models.vae import VAE
from minicolor.recipe import Recipe
from minicolor.steps.vae import VAEStep
from minicolor.tasks.denoise import Denoise


@dataclass(frozen=True)
class VAERecipe(Recipe):
    sigma: float = 7.65 / 255           # standard deviation of the noise on [0, 1]                     report A, III.A
    latent: int = 128                   # numbers in the code: of the picture, or of each 16x16 pixels  ours
    base: int = 32                      # channels after the first convolution                          ours
    beta: float = 1e-3                  # weight of the code's distance from a normal one               ours
    spatial: bool = False               # one code for each 16x16 pixels, not one for the picture       report A: two variants

    def check(self):
        for field, fine, expected in (
            ("sigma", 0 < self.sigma <= 1, "above 0 and at most 1: it is on the scale where white is 1"),
            ("latent", self.latent >= 1, "at least 1"),
            ("base", self.base >= 1, "at least 1"),
            ("beta", self.beta >= 0, "0 or more"),
            ("crop", self.crop == 0 or self.spatial, "0: the flat code is one of whole pictures"),
        ):
            self.expect(field, fine, expected)
        return super().check()

    def task(self):
        return Denoise(self.sigma)

    def build(self, autocast):
        network = VAE(1, self.base, self.latent, None if self.spatial else self.size)
        return VAEStep(network, self.lr, self.beta, autocast)


RECIPE = VAERecipe(
    name="vae_flat",
    experiment="A2",
    source="Tepsich and Gubitosi, Recuerdos a Color, III.A; Kingma and Welling 2014, arXiv:1312.6114",
    pictures=1300,                      # as A3
    epochs=200,                         # as A3
    lr=1e-3,                            # ours: Adam's own default
)
QUICK = replace(RECIPE, size=64, pictures=2000, base=16, latent=64, epochs=8)
