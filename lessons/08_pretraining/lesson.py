"""Lesson 08. Pretraining: three stages instead of one.                         reproduces: report C, C2 to C4

Question   A network that has learned to name pictures, then to color them carefully: what does an adversarial stage gain from it?
Needs      lesson 07 (adversarial training)
Run        python lessons/08_pretraining/lesson.py --quick                      half a minute, drawn scenes
           python lessons/08_pretraining/lesson.py --small --data FOLDER --features squeeze-keras
                                                                                half an hour of two cores, objects at 64 pixels
           python lessons/08_pretraining/lesson.py                              the report's settings: for a GPU
             first: python -m minicolor.data.download weights resnet18
Read       minicolor/models/dynamic_unet.py, minicolor/recipes/resnet_unet_l1.py, minicolor/recipes/resnet_unet_gan.py
"""

# %%
from pathlib import Path

import numpy as np
import torch

from minicolor.evaluation.answers import Answers
from minicolor.held_out import samples
from minicolor.lesson import begin, claim, must_fail
from minicolor.models.dynamic_unet import DynamicUnet
from minicolor.ops.lab import rgb_to_lab
from minicolor.plots import bars, curves, rows
from minicolor.recipes import classify, pix2pix_lab, resnet_unet_gan, resnet_unet_l1
from minicolor.trained import trained

here = begin("08_pretraining")

# %% [markdown]
# ## 1. Three stages
#
# 1. A ResNet18 learns to tell pictures apart. Report C takes the one that ImageNet made.
# 2. Its layers become the way down of a U-Net, which learns to color with L1 alone (C2).
# 3. That U-Net goes on as the generator of a GAN, for 10 to 20 epochs instead of 100 (C3).
#
# Only the full size takes ImageNet's weights. Here, stage 1 is learned on DRAWN scenes: five kinds of them, in grey. They are
# easy, and a body that tells a drawn house from a drawn fruit has seen far less than one of a million photographs. Keep that in
# mind when you read the results on photographs.

# %%
network = DynamicUnet(1, 2)
body, whole = (sum(p.numel() for p in part.parameters()) for part in (network.body, network))
print(f"of {whole:,d} parameters, stage 1 brings {body:,d}; the others begin at random")
# ResNet18 has 11,176,512 without its head, here less two of three input channels of 64 filters of 7x7
assert (body, whole) == (11_176_512 - 2 * 64 * 7 * 7, 31_099_672), "another network than the report's"

# %% [markdown]
# ## 2. Predict first
#
# The adversarial stage, an epoch or two: once from stage 2, once from random numbers. Which is nearer to the truth (ab-RMSE), and
# by how much: a little or a lot? Which is more colorful? And what does stage 1 bring to stage 2, at the same number of epochs?

# %% 3. Train.
TINY = {"size": 32, "pictures": 250, "base": 8}
SMALL = {"pictures": 800, "base": 16}
# in full COCO, as the report: Imagenette's pictures are ImageNet's, and the ResNet18 of stage 1 has seen those
COCO = {"data": "coco"} if here.scale == "full" and not here.data else {}
stages = {}
if here.scale != "full":
    stages = {"classify": here.sized(classify, "scenes", TINY | {"pictures": 500, "batch_size": 16, "epochs": 3},
                                     SMALL | {"pictures": 1500, "epochs": 4}, data="scenes")}
    named = here.compare(stages)
    print(named.text("accuracy", "frequent_accuracy"))


def stage2(**begins):
    return here.sized(resnet_unet_l1, "objects", TINY | {"epochs": 3}, SMALL | {"epochs": 3}, **COCO, **begins)


def stage3(init):
    tiny = TINY | {"epochs": 1, "d_base": 8}
    return here.sized(resnet_unet_gan, "objects", tiny, SMALL | {"epochs": 2}, **COCO, init=init)


arms = {
    "l1_pretrained": stage2(**({"init": str(here.out / "classify-{seed}")} if stages else {})),    # in full: ImageNet's
    "l1_scratch": stage2(init=""),
    "gan_pretrained": stage3(str(here.out / "l1_pretrained-{seed}")),
    "gan_scratch": stage3(""),
}
if not here.quick:                                                     # C1, the report's baseline
    arms["pix2pix_lab"] = here.sized(pix2pix_lab, "objects", {}, {"pictures": 800, "epochs": 5}, **COCO)
table = here.compare(arms)


# %% 4. Look: how far from the truth, and how much color there is. Chroma is a pixel's distance from grey, sqrt(a^2 + b^2).
def chroma(pictures) -> float:
    return rgb_to_lab(pictures)[:, 1:].norm(dim=1).mean().item()


answers, found = {}, {name: [] for name in table}
for i in range(len(here.seeds)):                                       # all arms of a seed hold out the same pictures
    batches = [batch for _, batch in Answers(table["l1_scratch"].folders[i], device=here.device).loader.epoch()]
    for name, arm in table.items():
        recipe, step = trained(arm.folders[i], here.device)
        strip = [torch.cat(row) for row in zip(*(samples(step, recipe, batch) for batch in batches), strict=True)]
        found[name].append([chroma(pictures) for pictures in strip[1:]])
        if i == 0:
            grey, answers[name], truth = (row[:6] for row in strip)
for name, arm in table.items():
    arm["chroma"], arm["true_chroma"] = np.array(found[name]).T
print(table.text("ab_rmse", "grey_ab_rmse", "colorfulness", "true_colorfulness", "chroma", "true_chroma"))
here.show("answers", rows({"grey": grey, **answers, "truth": truth}))
validation = {name: arm.curve("val_ab_rmse") for name, arm in table.items()}
here.show("stage2", curves({n: v for n, v in validation.items() if n.startswith("l1")}, "ab-RMSE, Lab units", title="L1 alone"))
if not here.quick:                                                     # one epoch makes no curve
    here.show("stage3", curves({n: v for n, v in validation.items() if not n.startswith("l1")}, "ab-RMSE, Lab units",
                               title="adversarial: epochs of that stage alone"))
here.show("colorfulness", bars({**{n: arm["colorfulness"] for n, arm in table.items()},
                                "truth": table["l1_scratch"]["true_colorfulness"]}, "colorfulness"))

# %% [markdown]
# ## 5. What you should have seen
#
# From random numbers, an adversarial stage teaches two beginners at once, and that takes long. From stage 2 the generator has
# colors to offer from the first batch. Does the discriminator add to them? Compare l1_pretrained with gan_pretrained. Be fair:
# stage 2 was training as well, of a kind that costs less and is safe.
#
# What stage 1 brings: compare l1_pretrained with l1_scratch. Drawn scenes are easy; do not be surprised if it brings little.
#
# On drawn scenes the claim is checked against shuffled weights: each layer keeps its own numbers, in another order. What helps is
# what was learned, not that the numbers have the right size.
# If the next cell fails, the lesson is wrong, not you.


# %%
def stages_help(after_stages: float, from_scratch: float, left_grey: float) -> None:
    assert after_stages < left_grey, f"ab-RMSE {after_stages:.1f}: a picture left grey has {left_grey:.1f}"
    assert after_stages < from_scratch - 3, f"ab-RMSE should be 3 below {from_scratch:.1f}, not {after_stages:.1f}"


if here.quick:
    scratch, untouched = (table["gan_scratch"][figure].mean() for figure in ("ab_rmse", "grey_ab_rmse"))
    stages_help(table["gan_pretrained"]["ab_rmse"].mean(), scratch, untouched)
    state = trained(table["l1_pretrained"].folders[0])[1].network.state_dict()
    draws = torch.Generator().manual_seed(0)
    shuffled = {name: v.flatten()[torch.randperm(v.numel(), generator=draws)].view(v.shape) for name, v in state.items()}
    torch.save(shuffled, here.out / "shuffled.pt")
    spoiled = here.compare({"gan_shuffled": stage3(str(here.out / "shuffled.pt"))}, seeds=1)["gan_shuffled"]
    must_fail(stages_help, spoiled["ab_rmse"].mean(), scratch, untouched)

# %% 6. The report's claims.
if not here.quick:
    careful, plain, vivid, beginner, baseline = (table[name] for name in
                                                 ("l1_pretrained", "l1_scratch", "gan_pretrained", "gan_scratch", "pix2pix_lab"))
    look = next((f for f in careful if f.startswith(("features", "lpips"))), None)            # where --features asks for one
    data = {"name": Path(careful.recipe.data).name, "stands_in_for": "COCO", "n": careful.tested}
    stands = ("ImageNet's weights are stage 1." if not stages else
              f"Stage 1 saw drawn scenes, not ImageNet (test accuracy there: {named['classify']['accuracy'].mean():.2f}); "
              "the pictures are smaller, the networks narrower, the epochs fewer than the report's.")
    kept = {name: ", ".join(str(run["best_epoch"]) for run in table[name].runs)
            for name in ("gan_pretrained", "gan_scratch", "pix2pix_lab")}                      # seed by seed
    first = {name: curve[:, 0] for name, curve in validation.items()}
    here.record("C2", "a U-Net on a pretrained ResNet18, L1 alone: good already, but conservative?",
                {"l1_pretrained": careful, "l1_scratch": plain}, [
        claim("conservative: less colorful than the truth", careful["colorfulness"], careful["true_colorfulness"]),
        claim("... and of less chroma", careful["chroma"], careful["true_chroma"]),
        claim("good already: nearer than the picture left grey (ab-RMSE)", careful["ab_rmse"], careful["grey_ab_rmse"]),
        claim("... and than the mean training color everywhere (ab-RMSE)", careful["ab_rmse"], careful["mean_ab_rmse"]),
        claim("the pretrained body is ahead of a random one after one epoch (validation ab-RMSE)", first["l1_pretrained"],
              first["l1_scratch"]),
        claim("... and at the end (test ab-RMSE)", careful["ab_rmse"], plain["ab_rmse"]),
    ], {"words": "good already, but conservative: grey or brown where unsure"}, data, stands)
    here.record("C3", "then adversarial training, few epochs: vivid, and the best of the report?",
                {"gan_pretrained": vivid, "gan_scratch": beginner, "pix2pix_lab": baseline}, [
        claim("ahead of scratch after one adversarial epoch (validation ab-RMSE)", first["gan_pretrained"], first["gan_scratch"]),
        claim("... and at the end (test ab-RMSE)", vivid["ab_rmse"], beginner["ab_rmse"]),
        claim("ahead of C1 after one adversarial epoch (validation ab-RMSE)", first["gan_pretrained"], first["pix2pix_lab"]),
        claim("nearer than C1 at the end of all (CIEDE2000)", vivid["ciede2000"], baseline["ciede2000"]),
        *(claim("... by the perceptual distance", vivid[f], baseline[f]) for f in [look] if f),
        claim("more colorful than C1", baseline["colorfulness"], vivid["colorfulness"]),
    ], {"words": "vivid, best of the report, after 10 to 20 adversarial epochs instead of 100"}, data,
        f"{stands} Adversarial epochs: {arms['gan_pretrained'].epochs} of gan_pretrained and gan_scratch, "
        f"{arms['pix2pix_lab'].epochs} of C1; gan_pretrained had {arms['l1_pretrained'].epochs} of L1 before. Kept, seed by "
        "seed: " + "; ".join(f"{name} epoch {epochs}" for name, epochs in kept.items()) + ". The start is stages 1 and "
        "2 together; for stage 1 alone see C2. Nearer is not more vivid, and errors favor pale answers: colorfulness is "
        f"{vivid['colorfulness'].mean():.0f} here, {baseline['colorfulness'].mean():.0f} of C1, "
        f"{vivid['true_colorfulness'].mean():.0f} of the truth; left grey has a CIEDE2000 of "
        f"{vivid['untouched_ciede2000'].mean():.1f}.")
    here.record("C4", "C2 against C3 on the same pictures: does adversarial training add color?",
                {"l1_pretrained": careful, "gan_pretrained": vivid}, [
        claim("more colorful", careful["colorfulness"], vivid["colorfulness"]),
        claim("more chroma", careful["chroma"], vivid["chroma"]),
        claim("colorfulness nearer to the truth's", abs(vivid["colorfulness"] - vivid["true_colorfulness"]),
              abs(careful["colorfulness"] - careful["true_colorfulness"])),
        claim("at a price: further from the truth (ab-RMSE)", careful["ab_rmse"], vivid["ab_rmse"]),
        claim("more colorful after the last adversarial epoch, kept or not (validation)",
              [run["history"][run["best_epoch"] - 1]["val_colorfulness"] for run in careful.runs],
              vivid.curve("val_colorfulness")[:, -1]),
    ], {"words": "adversarial training adds color (Fig. 10)"}, data,
        f"{stands} Judged is the adversarial epoch of the best validation ab-RMSE, seed by seed epoch {kept['gan_pretrained']} "
        f"of {arms['gan_pretrained'].epochs}. That figure favors careful colors, and an early epoch is still close to C2: color "
        "that later epochs add is hidden from all claims but the one about the last epoch. C3 has had more epochs than C2, so "
        "some of any difference may be more training, not the discriminator.")

# Now exercise.py, then: python lessons/grade.py 08
