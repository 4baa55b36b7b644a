"""C2: a U-Net on a pretrained ResNet18, L -> ab, with L1 alone.     Vision and Cognitive Systems Report (report C), 6.5

Stage 1 is the body's, classification: ImageNet's weights (`python -m minicolor.data.download weights resnet18`), or a run of
our own recipe `classify`. Stage 2 is this: the whole generator, 20 epochs. Stage 3 is recipes/resnet_unet_gan.py.
`--init ""` begins at random instead.
"""

from dataclasses import dataclass, replace

from torch.nn import functional as F

from minicolor.errors import BadInput
from minicolor.models.dynamic_unet import DynamicUnet, grey_body
from minicolor.recipe import Recipe
from minicolor.steps.supervised import SupervisedStep
from minicolor.tasks.color import Color
from minicolor.weights import fit_into


@dataclass(frozen=True)
class ResNetUNetRecipe(Recipe):
    base: int = 64                      # channels of ResNet18's first stage                            report C, 6.5

    def check(self):
        self.expect("base", self.base >= 4 and self.base % 2 == 0, "an even number, at least 4")
        return super().check()

    def task(self):
        return Color("ab")

    def build(self, autocast):
        network = DynamicUnet(1, 2, self.base)
        return SupervisedStep(network, {"l1": (1.0, F.l1_loss)}, self.lr, autocast=autocast)

    def begin(self, step, given):
        """From a run of this recipe all weights; from a classifier's, or ImageNet's, the body alone."""
        state = next(iter(given.values()))
        if "conv1.weight" not in state:
            return super().begin(step, given)
        try:
            body = grey_body(state)
        except ValueError as e:
            raise BadInput(f"--init {self.init}: {e}") from None
        fit_into(step.network.body, body, f"--init {self.init}")


RECIPE = ResNetUNetRecipe(
    name="resnet_unet_l1",
    experiment="C2",
    source="Selek and Berberi, Vision and Cognitive Systems Report, 6.5",
    pictures=10_000,                    # as C1
    epochs=20,                          # report C, 6.5
    lr=1e-4,                            # not in report C: the tutorial that it follows
    init="resnet18",                    # report C, 6.5, stage 1: ImageNet
)
QUICK = replace(RECIPE, init="runs/classify", pictures=1500, size=64, base=24, batch_size=16, epochs=5, lr=5e-4)
