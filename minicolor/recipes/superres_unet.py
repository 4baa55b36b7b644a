"""D1: color and twice the size in one U-Net, grey 128 -> RGB 256.     CMS4CV (report D), 3 and 8.3.1

With its studies: D4 (losses: mae_weight, mse_weight, ssim_weight, psnr_weight), D5 (activation, output, convs), D7 (grain).
"""

from dataclasses import dataclass, replace

from torch.nn import functional as F

from minicolor.data.source import open_data
from minicolor.losses.psnr_loss import psnr_loss
from minicolor.losses.ssim_loss import ssim_loss
from minicolor.models.superres_unet import SuperResUNet
from minicolor.recipe import Recipe
from minicolor.steps.supervised import SupervisedStep
from minicolor.tasks.restore import Restore

SLOPES = {"relu": 0.0, "leaky": 0.2}


@dataclass(frozen=True)
class SuperResRecipe(Recipe):
    ALONE = True                        # no discriminator judges as well: without any of these losses nothing would be learned

    base: int = 32                      # channels of the first level; the bottleneck has 2^levels times as many     8.3: 1024
    levels: int = 5                     # halvings                                                      report D, 8.3
    convs: int = 2                      # convolutions in a block: 1 to 3 were tried                    report D, 8.3
    activation: str = "leaky"           # relu or leaky                                                 report D, 8.3.1
    output: str = "sigmoid"             # sigmoid or linear (clipped at test)                           report D, 8.3.1
    mae_weight: float = 1.0             # weight of the mean absolute error                             report D, 2.3
    ssim_weight: float = 1.0            # weight of 1 - SSIM                                            report D, 2.3
    mse_weight: float = 0.0             # weight of the mean squared error                              report D, 8.3.1
    psnr_weight: float = 0.0            # weight of the PSNR loss                                       report D, 8.3.1
    kernel_size: int = 5                # of the blur that damages the input; 0: none                   report E, IV
    blur: float = 0.7                   # standard deviation of that blur, in pixels                    report E, IV
    grain: float = 0.0                  # strength of film grain on the input                           report D, 2.1
    clip_limit: float = 2.0             # CLAHE's limit; 0: no CLAHE                                    OpenCV's example
    min_aspect: float = 0.5             # leave out photographs narrower than this, width / height      report D, 2.1
    max_aspect: float = 1.5             # leave out photographs wider than this                         report D, 2.1

    def check(self):
        sides = 2 ** (self.levels + 1)
        for field, fine, expected in (
            ("base", self.base >= 1, "at least 1"),
            ("levels", 1 <= self.levels <= 8, "1 to 8"),
            ("size", self.size % sides == 0, f"a multiple of {sides} with --levels {self.levels}"),
            ("crop", self.crop % sides == 0, f"a multiple of {sides} with --levels {self.levels}"),
            ("convs", 1 <= self.convs <= 3, "1 to 3"),
            ("activation", self.activation in SLOPES, "relu or leaky"),
            ("output", self.output in ("sigmoid", "linear"), "sigmoid or linear"),
            ("kernel_size", self.kernel_size in (0, *range(1, 32, 2)), "0, or odd and at most 31"),
            ("blur", self.blur > 0, "above 0"),
            ("grain", 0 <= self.grain <= 1, "between 0 and 1"),
            ("clip_limit", self.clip_limit >= 0, "0 (no CLAHE) or more"),
            ("max_aspect", 0 < self.min_aspect < self.max_aspect, "above --min-aspect, and both above 0"),
        ):
            self.expect(field, fine, expected)
        for name, (weight, _) in self.terms().items():
            self.expect(f"{name}_weight", weight >= 0, "0 or more")
        judged = any(weight > 0 for weight, _ in self.terms().values())
        self.expect("mae_weight", judged or not self.ALONE, "above 0 where the weights of the other losses are 0")
        return super().check()

    def open(self):
        return open_data(self.data, self.size, self.pictures, self.seed, aspect=(self.min_aspect, self.max_aspect))

    def task(self):
        return Restore(self.kernel_size, self.blur, self.grain, self.clip_limit)

    def network(self):
        return SuperResUNet(1, 3, self.base, self.levels, self.convs, SLOPES[self.activation], self.output)

    def terms(self):
        return {"mae": (self.mae_weight, F.l1_loss), "ssim": (self.ssim_weight, ssim_loss),
                "mse": (self.mse_weight, F.mse_loss), "psnr": (self.psnr_weight, psnr_loss)}

    def build(self, autocast):
        return SupervisedStep(self.network(), self.terms(), self.lr, autocast=autocast)


RECIPE = SuperResRecipe(
    name="superres_unet",
    experiment="D1",
    source="Carboniero, Mancinelli and Sacerdote, CMS4CV, 2.1, 3 and 8.3.1",
    pictures=5589,                      # report D, 2.1: the landscapes
    size=256,                           # report D, 2.1: of the answer; the input has half
    epochs=30,                          # report D, table 1
    lr=1e-3,                            # not in report D: Adam's own default
)
QUICK = replace(RECIPE, pictures=1500, size=64, levels=4, base=12, batch_size=16, epochs=6)
