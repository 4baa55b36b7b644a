"""D2: D1 with the answer of a segmentation network beside the grey picture.     CMS4CV (report D), 3 and 8.3.2

The segmentation network is frozen. Report D takes a pretrained DeepLabV3+ on MobileNetV3; torchvision publishes a DeepLabV3 on it
(21 classes, `--no-decoder`). Our own stand-in is a run of `segment`:
    python -m minicolor.train superres_fusion --init runs/segment
"""

from dataclasses import dataclass, replace

from minicolor.data.scenes import PARTS
from minicolor.models.deeplab import DeepLabV3, DeepLabV3Plus
from minicolor.models.fusion_unet import FusionUNet
from minicolor.recipes.superres_unet import RECIPE as D1
from minicolor.recipes.superres_unet import SLOPES, SuperResRecipe
from minicolor.weights import fit_into


@dataclass(frozen=True)
class SuperResFusionRecipe(SuperResRecipe):
    base: int = 64                      # channels of the first level: the bottleneck has 1024          report D, 8.3
    levels: int = 4                     # one fewer than D1                                             report D, 8.3
    classes: int = 21                   # of the segmentation network                                   torchvision's
    decoder: bool = False               # whether it is a DeepLabV3+ (a run of segment) or a DeepLabV3  torchvision's

    def check(self):
        self.expect("classes", self.classes >= 2, "at least 2")
        self.expect("init", self.init != "", "the segmentation network to ask: a run of segment (train it first: "
                    "python -m minicolor.train segment), or torchvision's deeplabv3_mobilenet_v3_large")
        return super().check()

    def network(self):
        segmenter = (DeepLabV3Plus if self.decoder else DeepLabV3)(self.classes)
        return FusionUNet(segmenter, self.classes, self.base, self.levels, self.convs, SLOPES[self.activation], self.output)

    def begin(self, step, given):
        """From a segmentation network's weights that part alone; from a run of this recipe all."""
        state = next(iter(given.values()))
        if not any(name.startswith("backbone.") for name in state):
            return super().begin(step, given)
        fit_into(step.network.segmenter, state, f"--init {self.init}")


RECIPE = SuperResFusionRecipe(
    name="superres_fusion",
    experiment="D2",
    source="Carboniero, Mancinelli and Sacerdote, CMS4CV, 3 and 8.3.2",
    pictures=D1.pictures,
    size=D1.size,
    epochs=30,                          # report D, table 1
    lr=D1.lr,
    init="deeplabv3_mobilenet_v3_large",
)
QUICK = replace(RECIPE, init="runs/segment", decoder=True, classes=len(PARTS), pictures=1000, size=64, levels=3, base=16,
                batch_size=16, epochs=5)
