"""B4: an autoencoder of five levels with skips, grey -> RGB at 160x160.     Report B, its tables and listings

Four networks, one training: Adam 1e-3, mean absolute error, 50 epochs, batches of 50, 2500 landscapes to train and 500 to test,
the best checkpoint by validation. Here the split is this library's 80/10/10 of the 3000.
"""

from dataclasses import dataclass, replace

from torch.nn import functional as F

from minicolor.models.autoencoder import FIVE_LEVELS, THREE_LEVELS, Autoencoder
from minicolor.recipe import Recipe
from minicolor.steps.supervised import SupervisedStep
from minicolor.tasks.color import Color

WIDTHS = {3: THREE_LEVELS, 5: FIVE_LEVELS}


@dataclass(frozen=True)
class AutoencoderRecipe(Recipe):
    levels: int = 5                     # halvings: 3 or 5                                              report B, tables
    skips: bool = True                  # join each level of the way up to its twin on the way down     report B, tables
    narrow: int = 1                     # divide every width by this, for a laptop

    def check(self):
        for field, fine, expected in (
            ("levels", self.levels in WIDTHS, "3 or 5"),
            ("narrow", self.narrow in (1, 2, 4, 8, 16), "1, 2, 4, 8 or 16"),
        ):
            self.expect(field, fine, expected)
        return super().check()

    def task(self):
        return Color("rgb", positive=True)

    def build(self, autocast):
        network = Autoencoder(tuple(w // self.narrow for w in WIDTHS[self.levels]), self.skips)
        return SupervisedStep(network, {"l1": (1.0, F.l1_loss)}, self.lr, autocast=autocast)


RECIPE = AutoencoderRecipe(
    name="ae_skip5",
    experiment="B4",
    source="Rojas, Galván and Pinzón, Autoencoders para colorear imágenes, model 4",
    size=160,                           # report B
    pictures=3000,                      # report B: 2500 and 500
    batch_size=50,                      # report B
    epochs=50,                          # report B
    lr=1e-3,                            # report B
    flip=False,                         # report B augments nothing
)
QUICK = replace(RECIPE, size=64, pictures=2000, narrow=4, batch_size=16, epochs=10)
