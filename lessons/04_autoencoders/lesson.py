"""Lesson 04. Four autoencoders: what does a skip bring?                        reproduces: report B, B1 to B4

Question   An encoder makes the picture small, a decoder makes it large again. What is lost, and do skips bring it back?
Needs      lesson 02 (pictures as data)
Run        python lessons/04_autoencoders/lesson.py --quick                      half a minute, drawn scenes
           python lessons/04_autoencoders/lesson.py --small --data FOLDER        20 minutes of two cores, landscapes at 64 pixels
           python lessons/04_autoencoders/lesson.py                              the report's settings: for a GPU
Read       minicolor/models/autoencoder.py, minicolor/models/same_padding.py, then minicolor/recipes/ae_skip5.py
"""

# %%
from pathlib import Path

import numpy as np
import torch

from minicolor.data.loader import Loader
from minicolor.data.split import split
from minicolor.held_out import evaluate, samples
from minicolor.lesson import begin, claim, must_fail
from minicolor.models.autoencoder import FIVE_LEVELS, THREE_LEVELS, Autoencoder
from minicolor.plots import bars, curves, rows
from minicolor.recipes import ae_plain3, ae_plain5, ae_skip3, ae_skip5
from minicolor.trained import trained

here = begin("04_autoencoders")

# %% [markdown]
# ## 1. The four networks
#
# Report B prints every layer of its four Keras networks. "Same" padding in Keras is not `padding=1` in PyTorch: for a 3x3
# window at stride 2 on an even side, Keras puts one zero after and none before. The shapes agree either way, so nothing fails;
# the pictures are shifted. What can be checked is the number of parameters, BatchNorm's running averages included, as Keras
# counts them.

# %%
PRINTED = {"plain3": 2_960_426, "plain5": 7_977_258, "skip3": 3_258_830, "skip5": 9_602_766}
for name, printed in PRINTED.items():
    network = Autoencoder(FIVE_LEVELS if name[-1] == "5" else THREE_LEVELS, skips=name.startswith("skip"))
    counted = sum(v.numel() for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked"))
    print(f"{name:7s} {counted:10,d} parameters, the report prints {printed:,d}")
    assert counted == printed, "another network than the report's"

# %% [markdown]
# ## 2. Predict first
#
# A picture of 64x64 becomes 2x2 after five halvings. Write down: which of the four draws edges where they belong? Which has the
# smaller error in *color*? They need not be the same one. (--quick trains the two that differ most.)

# %% 3. Train: one thing differs from arm to arm.
QUICK = {"size": 32, "pictures": 400, "epochs": 8, "batch_size": 8, "lr": 2e-3, "narrow": 8}
arms = {name: here.sized(module, "landscapes", quick=QUICK, small={"pictures": 800}) for name, module in
        {"plain3": ae_plain3, "plain5": ae_plain5, "skip3": ae_skip3, "skip5": ae_skip5}.items()}
if here.quick:
    arms = {name: arms[name] for name in ("plain5", "skip5")}       # the pair that differs most
table = here.compare(arms)
print(table.text("ab_rmse", "psnr", "colorfulness"))

# %% 4. Look: grey, then each network's answer, then the truth.
pack = arms["plain5"].open()
some = next(Loader(pack, range(6), 6, shuffle=False).epoch())[1]
answers = {}
for name, arm in table.items():
    recipe, step = trained(arm.folders[0])
    grey, answers[name], truth = samples(step, recipe, some)
if here.quick or here.small:
    here.show("answers", rows({"grey": grey, **answers, "truth": truth}))
here.show("validation", curves({name: arm.curve("val_ab_rmse") for name, arm in table.items()}, "ab-RMSE, Lab units"))
here.show("psnr", bars({name: arm["psnr"] for name, arm in table.items()}, "PSNR, dB: mostly about lightness"))


# %% [markdown]
# ## 5. What you should have seen
#
# Without skips everything must pass the smallest layer: the answer is blurred, although its grey input was sharp. A skip hands
# the decoder the grey picture itself, so lightness is nearly free and the network has only the color left to find.
# If the next cell fails, the lesson is wrong, not you.

# %%
def skips_keep_what_was_seen(skip: float, plain: float) -> None:
    assert skip > plain + 1.5, f"skips should win by 1.5 dB at least: {skip:.1f} against {plain:.1f}"


skips_keep_what_was_seen(table["skip5"]["psnr"].mean(), table["plain5"]["psnr"].mean())

# spoiled: the skips are cut after training. A layer's second half of inputs is what its twin hands over
recipe, step = trained(table["skip5"].folders[0])
with torch.no_grad():
    for up in step.network.up[1:]:
        up[0].weight[len(up[0].weight) // 2 :] = 0
    step.network.last.weight[:, 3:] = 0
cut = evaluate(step, recipe, Loader(pack, split(pack.keys, recipe.seed)["test"], 16, shuffle=False))
must_fail(skips_keep_what_was_seen, cut["psnr"], table["plain5"]["psnr"].mean())

# %% [markdown]
# ## 6. The report's table
#
# Report B prints PSNR of 95 and 96 dB and an SSIM of .999997. Lesson 05 shows where these come from. Its MSE is the one figure in
# the usual convention, so it is what stands beside ours here.

# %%
REPORTED = {"plain3": ("B1", .007172), "plain5": ("B2", .006462), "skip3": ("B3", .006256), "skip5": ("B4", .006086)}
if not here.quick:
    mse = {name: arm["mse"] for name, arm in table.items()}
    data = {"name": Path(arms["plain3"].data).name, "stands_in_for": "Kaggle landscapes, 7129 pairs", "n": table["plain3"].tested}
    verdicts = {
        "plain3": [claim("B1 has the largest MSE of the four, as printed",
                         np.max([mse[k] for k in mse if k != "plain3"], axis=0), mse["plain3"])],
        "plain5": [claim("five levels beat three without skips (MSE)", mse["plain5"], mse["plain3"])],
        "skip3": [claim("skips beat none at three levels (MSE)", mse["skip3"], mse["plain3"]),
                  claim("... and by the color alone (ab-RMSE)", table["skip3"]["ab_rmse"], table["plain3"]["ab_rmse"])],
        "skip5": [claim("skips beat none at five levels (MSE)", mse["skip5"], mse["plain5"]),
                  claim("B4 has the smallest MSE of the four, as printed", mse["skip5"],
                        np.min([mse[k] for k in mse if k != "skip5"], axis=0)),
                  claim("... and better than the picture left grey (ab-RMSE)", table["skip5"]["ab_rmse"],
                        table["skip5"]["grey_ab_rmse"])],
    }
    ssim, side = {name: f"{arm['ssim'].mean():.2f}" for name, arm in table.items()}, arms["plain3"].size
    words = {
        "plain3": f"Everything passes {side // 8}x{side // 8} pixels of many channels: the less fits through, the less sharp is "
                  f"the answer (SSIM {ssim['plain3']}). ",
        "plain5": f"Everything passes {side // 32}x{side // 32} pixels, in the report 5x5: that is the least of all (SSIM "
                  f"{ssim['plain5']}). Whether the report's order comes of its widths and epochs or of chance is open: it has "
                  "one run. ",
        "skip3": f"The skip hands over lightness (SSIM {ssim['skip3']} against {ssim['plain3']}); MSE mostly counts that, so its "
                 "gain says little about color. ",
        "skip5": "" if (mse["skip5"] < mse["skip3"]).all() else
                 "What the report took for the best of four is here not better than three levels with skips in every seed. ",
    }
    differs = "" if here.scale == "full" else "Smaller pictures than the report's, a quarter of the widths, fewer epochs. "
    differs = ("Other landscapes than the report's. " if here.data else "") + differs
    for name, (experiment, printed) in REPORTED.items():
        here.record(experiment, f"grey to RGB by the autoencoder {name}", {name: table[name]}, verdicts[name], {"MSE": printed},
                    data, f"{words[name]}{differs}The report's other metrics are in its own conventions (B5, lesson 05).")

# Now exercise.py, then: python lessons/grade.py 04
