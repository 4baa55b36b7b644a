"""C2, stage 1, in small: a ResNet18 that tells the drawn scenes apart.     Vision and Cognitive Systems Report (report C), 6.5

Report C takes ImageNet's weights. Where these are not at hand, this run stands in for them (`--init runs/classify`,
`--features runs/classify`), in the same format: ResNet18 for three channels, ImageNet's normalization.
"""

from dataclasses import dataclass, replace

from torch.nn import functional as F

from minicolor.data.scenes import CLASSES
from minicolor.data.source import open_scenes
from minicolor.models.resnet18 import ResNet18
from minicolor.recipe import Recipe
from minicolor.steps.supervised import SupervisedStep
from minicolor.tasks.classify import Classify


@dataclass(frozen=True)
class ClassifyRecipe(Recipe):
    base: int = 64                      # channels of the first stage                                   He et al. 2016, table 1
    grey: bool = True                   # show lightness alone: the body is to color grey pictures      ours

    def check(self):
        self.expect("base", self.base >= 1, "at least 1")
        self.expect("data", self.data == "scenes", "scenes: photographs bring no labels along")
        return super().check()

    def open(self):
        return open_scenes(self.size, self.pictures, self.seed, "label")

    def task(self):
        return Classify(self.grey)

    def build(self, autocast):
        network = ResNet18(len(CLASSES), base=self.base)
        return SupervisedStep(network, {"cross_entropy": (1.0, F.cross_entropy)}, self.lr, autocast=autocast)


RECIPE = ClassifyRecipe(
    name="classify",
    experiment="C2",
    source="Selek and Berberi, Vision and Cognitive Systems Report, 6.5, stage 1; He et al. 2016, arXiv:1512.03385",
    pictures=20_000,                    # ours
    size=128,                           # ours
    batch_size=64,                      # ours
    epochs=20,                          # ours
    lr=1e-3,                            # ours: Adam's own default
)
QUICK = replace(RECIPE, pictures=2000, size=64, base=24, batch_size=32, epochs=6, decay=0.5)
