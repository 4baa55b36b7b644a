"""A3: DnCNN, grey with noise -> grey without.     Recuerdos a Color (report A), II.A.4 and III.A

1000 pictures to train, 300 to evaluate, 200 epochs, MSE of the noise. The report chose its settings by cross validation on the
first 500 pictures: `python -m minicolor.train dncnn --pictures 500 --folds 5 --search lr=1e-4,1e-3`.
For the paper's own experiment, noise of 25 and squares of 40 pixels:
    `--sigma 0.098 --crop 40 --crops 512 --batch-size 128 --epochs 50`.
"""

from dataclasses import dataclass, replace

from torch.nn import functional as F

from minicolor.models.dncnn import DnCNN
from minicolor.recipe import Recipe
from minicolor.steps.supervised import SupervisedStep
from minicolor.tasks.denoise import Denoise


@dataclass(frozen=True)
class DnCNNRecipe(Recipe):
    SIDES = 2                           # nothing is down-sampled; drawing and halving like even sides

    sigma: float = 7.65 / 255           # standard deviation of the noise on [0, 1]                     report A, III.A
    depth: int = 17                     # convolutions, for one known strength of noise                 paper, III.B
    width: int = 64                     # channels between them                                         paper, III.A
    residual: bool = True               # learn the noise; off: the picture itself                      report A, II.A.4

    def check(self):
        for field, fine, expected in (
            ("sigma", 0 < self.sigma <= 1, "above 0 and at most 1: it is on the scale where white is 1 (25 of 255 is 0.098)"),
            ("depth", self.depth >= 2, "at least 2"),
            ("width", self.width >= 1, "at least 1"),
        ):
            self.expect(field, fine, expected)
        return super().check()

    def task(self):
        return Denoise(self.sigma)

    def build(self, autocast):
        network = DnCNN(1, self.width, self.depth, self.residual)
        return SupervisedStep(network, {"mse": (1.0, F.mse_loss)}, self.lr, autocast=autocast)


RECIPE = DnCNNRecipe(
    name="dncnn",
    experiment="A3",
    source="Tepsich and Gubitosi, Recuerdos a Color, II.A.4 and III.A; Zhang et al. 2017, arXiv:1608.03981",
    pictures=1300,                      # report A, III.A: 1000 and 300
    size=256,                           # report A, II.A.4
    epochs=200,                         # report A, III.A
    lr=1e-3,                            # not in report A: Adam's own default, and the size that the paper's code has
    decay=0.5,                          # not in report A; the paper divides it by 10 along the way
)
QUICK = replace(RECIPE, size=64, pictures=600, crop=40, crops=6, depth=7, width=32, batch_size=8, epochs=6)
