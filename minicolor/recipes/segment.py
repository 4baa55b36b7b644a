"""D2, its first part, in small: a DeepLabV3+ that finds the parts of the drawn scenes.     CMS4CV (report D), 3 and 8.3.2

Report D takes a DeepLabV3+ on MobileNetV3 that others trained. Where no weights are at hand, this run stands in for them
(`python -m minicolor.train superres_fusion --init runs/segment`).
"""

from dataclasses import dataclass, replace

from torch.nn import functional as F

from minicolor.data.scenes import PARTS
from minicolor.data.source import open_scenes
from minicolor.errors import BadInput
from minicolor.models.deeplab import DeepLabV3Plus, encoder
from minicolor.recipe import Recipe
from minicolor.steps.supervised import SupervisedStep
from minicolor.tasks.segment import Segment


@dataclass(frozen=True)
class SegmentRecipe(Recipe):
    def check(self):
        self.expect("data", self.data == "scenes", "scenes: photographs bring no masks along")
        self.expect("jitter", self.jitter == 1, "1: a mask has no values between its own")
        self.expect("batch_size", self.batch_size >= 2, "at least 2: of a picture-wide feature one picture has no spread")
        self.expect("norm_at_test", self.norm_at_test != "batch", "running: for the same reason")
        self.expect("norm_pictures", self.norm_pictures != 1, "0, or at least 2, for the same reason")
        return super().check()

    def open(self):
        return open_scenes(self.size, self.pictures, self.seed, "mask")

    def task(self):
        return Segment(len(PARTS))

    def build(self, autocast):
        network = DeepLabV3Plus(len(PARTS))
        return SupervisedStep(network, {"cross_entropy": (1.0, F.cross_entropy)}, self.lr, autocast=autocast)

    def begin(self, step, given):
        """From a run of this recipe all weights; from torchvision's DeepLabV3 all but the decoder, which it does not have."""
        state = next(iter(given.values()))
        if any(name.startswith("reduce.") for name in state):
            return super().begin(step, given)
        try:
            step.network.load_state_dict(encoder(state), strict=False)
        except (ValueError, RuntimeError) as e:
            raise BadInput(f"--init {self.init}: {e}") from None


RECIPE = SegmentRecipe(
    name="segment",
    experiment="D2",
    source="Carboniero, Mancinelli and Sacerdote, CMS4CV, 3 and 8.3.2; Chen et al. 2018, arXiv:1802.02611",
    pictures=10_000,                    # ours
    batch_size=16,                      # ours
    epochs=30,                          # ours
    lr=1e-3,                            # ours: Adam's own default
    decay=0.5,                          # ours
)
QUICK = replace(RECIPE, pictures=600, size=64, batch_size=12, epochs=5)
