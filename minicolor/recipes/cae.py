"""A4: a small convolutional autoencoder, L -> ab.     Recuerdos a Color (report A), Table I and III.B

The report prints the layers (Table I), the loss and the size; its numbers of training are the pix2pix run's, or none.
"""

from dataclasses import dataclass, replace

from torch.nn import functional as F

from minicolor.models.cae import CAE
from minicolor.recipe import Recipe
from minicolor.steps.supervised import SupervisedStep
from minicolor.tasks.color import Color


@dataclass(frozen=True)
class CAERecipe(Recipe):
    SIDES = 4                           # two halvings

    l1_weight: float = 0.0              # weight of the mean absolute error
    mse_weight: float = 1.0             # weight of the mean squared error                              report A, II.A.1

    def check(self):
        for field in ("l1_weight", "mse_weight"):
            self.expect(field, getattr(self, field) >= 0, "0 or more")
        self.expect("mse_weight", self.mse_weight + self.l1_weight > 0, "above 0 where --l1-weight is 0")
        return super().check()

    def task(self):
        return Color("ab")

    def network(self):
        return CAE(1, 2)

    def build(self, autocast):
        terms = {"mse": (self.mse_weight, F.mse_loss), "l1": (self.l1_weight, F.l1_loss)}
        return SupervisedStep(self.network(), terms, self.lr, autocast=autocast)


RECIPE = CAERecipe(
    name="cae",
    experiment="A4",
    source="Tepsich and Gubitosi, Recuerdos a Color, II.A.1, Table I and III.B",
    size=224,                           # report A, Table I
    pictures=2500,                      # report A, III.B
    epochs=100,                         # not in report A
    lr=1e-3,                            # not in report A: Adam's own default
)
QUICK = replace(RECIPE, size=64, epochs=8, lr=3e-3)
