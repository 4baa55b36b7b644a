"""Lesson 12. Beyond the reports: what they left for later.                  reproduces: report A, A12 (its section V)

Question   Report A ends with a list of things to try. Which of them help? And, with all of them: when should a training stop?
Needs      lessons 07 (adversarial training) and 08 (pretraining); without --quick the runs of 02 and 07, too
Run        python lessons/12_beyond/lesson.py --quick                      half a minute, drawn scenes
           python lessons/12_beyond/lesson.py --small --data FOLDER        half an hour of two cores
           python lessons/12_beyond/lesson.py                              the report's settings: for a GPU
Read       minicolor/fit.py (_enough), minicolor/search.py, minicolor/steps/cyclegan.py, minicolor/recipes/srgan.py
"""

# %%
import dataclasses
import itertools
from pathlib import Path

import numpy as np

from minicolor.data.loader import Loader
from minicolor.data.sets import SETS, locate
from minicolor.data.sets import pictures as color_pictures
from minicolor.data.split import split
from minicolor.evaluation.answers import Answers
from minicolor.evaluation.measure import measure
from minicolor.evaluation.networks import Networks
from minicolor.held_out import samples
from minicolor.lesson import begin, claim, must_fail
from minicolor.plots import bars, curves, rows
from minicolor.recipes import cae, cyclegan, pix2pix, residual_unet, srgan
from minicolor.search import candidates, search
from minicolor.search import table as as_text
from minicolor.trained import trained

here = begin("12_beyond")

# %% [markdown]
# ## 1. Early stopping
#
# Few pictures and many epochs: the error on the training pictures falls and falls, on others it soon does not. Early stopping
# watches the others: after `patience` epochs without a better figure it ends the training; the checkpoint with the best figure
# is kept in any case (best.pt).
#
# ## 2. Predict first
#
# One network, one start, trained twice: once to the end, once with patience. Write down: after how many epochs does the patient
# one stop? Is its best checkpoint as good? And what would happen if it watched the training loss instead?

# %% 3. Train: one field differs. The same seed gives the same weights, epoch by epoch, until one of the two stops.
PATIENCE = 4
FEW = {"size": 32, "pictures": 48, "epochs": 44, "batch_size": 8, "lr": 5e-3, "flip": False, "data": "scenes"}


def few(**changed):
    return here.sized((residual_unet.QUICK, residual_unet.QUICK), "scenes", {}, {}, **FEW, **changed)


stopping = here.compare({"to the end": few(), "patient": few(patience=PATIENCE)}, closely=False)

# %% 4. Look.
to_the_end, patient = stopping["to the end"], stopping["patient"]
here.show("early stopping", curves({"to the end": to_the_end.curve("val_ab_rmse"), "patient": patient.curve("val_ab_rmse")},
                                   "ab-RMSE on held-out pictures"))
here.show("training loss", curves({"to the end": to_the_end.curve("mse")}, "MSE on the training pictures"))


# %% 5. The rule itself, in five lines: fit() asks the same after each epoch.
def stops_after(figures: list[float], patience: int) -> tuple[int, int]:
    """Epochs that are run, and the best of them; lower is better."""
    best = 0
    for epoch, figure in enumerate(figures):
        best = epoch if figure < figures[best] else best
        if epoch - best >= patience:
            break
    return epoch + 1, best + 1


# %% [markdown]
# ## 6. What you should have seen
#
# Both curves are one and the same, up to where the shorter ends. Nothing is lost but what might have come later: a curve that
# goes up and down can find a better epoch after a long wait, so patience is a bet. The curve jumps, for so few pictures leave
# only a handful to watch: that is why patience is not 1.
#
# Watching the training loss saves little: it goes on falling when nothing is gained any more, so the training stops late or
# never. What it keeps may be good or bad by luck, for it never looked. If the next cell fails, the lesson is wrong, not you.


# %%
def saves_epochs_and_keeps_the_best(epochs: int, best: float, all_epochs: int, best_of_all: float) -> None:
    assert epochs < all_epochs, f"it should stop before the last epoch: it ran {epochs} of {all_epochs}"
    assert best < 1.1 * best_of_all, f"what it kept should be nearly as good: {best:.2f} against {best_of_all:.2f}"


for short, long in zip(patient.runs, to_the_end.runs, strict=True):
    watched = [row["val_ab_rmse"] for row in long["history"]]
    assert stops_after(watched, PATIENCE) == (short["epochs"], short["best_epoch"]), "another rule than fit()'s"
    saves_epochs_and_keeps_the_best(short["epochs"], watched[short["best_epoch"] - 1], long["epochs"], min(watched))
    print(f"seed {short['recipe']['seed']}: {short['epochs']} of {long['epochs']} epochs, "
          f"the best {watched[short['best_epoch'] - 1]:.2f}, of all {min(watched):.2f}")

# the same rule watching the training loss: how long would it have gone on, and with what?
history = to_the_end.runs[0]["history"]
watched = [row["val_ab_rmse"] for row in history]
epochs, best = stops_after([row["mse"] for row in history], PATIENCE)
print(f"by the training loss: {epochs} of {len(history)} epochs, and it keeps {watched[best - 1]:.2f}")

# spoiled: too hasty. To stop after the first epoch saves the most, but that network has hardly learned
must_fail(saves_epochs_and_keeps_the_best, 1, watched[0], len(history), min(watched))
# spoiled: the change left out. Without patience (0 in the recipe) the same training runs to its end
whole = to_the_end.runs[0]
must_fail(saves_epochs_and_keeps_the_best, whole["epochs"], watched[whole["best_epoch"] - 1], len(history), min(watched))

# %% [markdown]
# ## 7. A wider search
#
# A grid of three values each for three fields is 27 trainings, and has seen three learning rates. As many random draws have
# seen 27. The range is drawn evenly in its logarithm: 1e-4 to 1e-3 is as wide as 1e-3 to 1e-2.

# %%
draws = 3 if here.quick else 8
cheap = dataclasses.replace(cae.QUICK, data="scenes", size=32, pictures=120 if here.quick else 600, epochs=2 if here.quick else 6)
tried = search(cheap, candidates(cheap, ["lr=1e-4..1e-1", "batch_size=4,8,16"], trials=draws, seed=1), 1, here.out / "search",
               here.device, quiet=True)
print(as_text(tried, "ab-RMSE"))

# %% [markdown]
# ## 8. The rest of the list
#
# CycleGAN instead of pix2pix: it learns from grey pictures and colors of others, so nobody needs pairs. Here pairs cost
# nothing, for any color picture has its grey; so the question is what it costs to do without. SRGAN, meant to stand behind the
# denoiser: its SRResNet is trained by the squared error alone, SRGAN has a discriminator besides. Landscapes for the
# backgrounds. Lab in pix2pix is lesson 01, the ResNet generator lesson 08, WGAN lesson 09.

# %%
def both() -> str:
    """A folder with a link to the faces and one to the landscapes: a data set of the two."""
    folder = here.out / "both" / "pictures"     # one deeper: else a link is taken for the one data set that it leads to
    folder.mkdir(parents=True, exist_ok=True)
    for which in ("faces", "landscapes"):
        named = here.pictures(which)
        of = locate(named) if named in SETS else color_pictures(named)
        (folder / which).unlink(missing_ok=True)
        (folder / which).symlink_to(of.resolve(), target_is_directory=True)
    return str(folder.parent)


if not here.quick:
    faces, U = {"pictures": 800, "epochs": 5}, {"pictures": 500, "epochs": 5}
    table = here.compare({
        "pix2pix": here.sized(pix2pix, "faces", {}, faces),
        "cyclegan": here.sized(cyclegan, "faces", {}, {"pictures": 500, "epochs": 3}),
        "srresnet": here.sized(srgan, "landscapes", {}, U, gan_weight=0.0),
        "srgan": here.sized(srgan, "landscapes", {}, U),
    })
    print(table.text("ab_rmse", "ciede2000", "colorfulness"), table.text("psnr", "ssim", "untouched_psnr"), sep="\n\n")
    pairs, unpaired, smooth, sharp = table.values()
    here.show("psnr", bars({"bicubic": smooth["untouched_psnr"], "srresnet": smooth["psnr"], "srgan": sharp["psnr"]}, "PSNR, dB"))
    if here.small:
        for shown in (("pix2pix", "cyclegan"), ("srresnet", "srgan")):
            recipe, _ = trained(table[shown[0]].folders[0])
            pack = recipe.open()
            some = next(Loader(pack, split(pack.keys, recipe.seed)["test"][:6], 6, shuffle=False).epoch())[1]
            made = {name: samples(*reversed(trained(table[name].folders[0])), some) for name in shown}
            input_, _, truth = made[shown[0]]
            here.show(" and ".join(shown), rows({"input": input_, **{n: m[1] for n, m in made.items()}, "truth": truth}))

    # more landscapes: as many pictures of both as lesson 07's network had of faces, and lesson 02's of varied pictures
    together = here.compare({"faces and landscapes": here.sized(pix2pix, "", {}, faces, data=both())}, closely=False)
    backgrounds = {"faces alone": "07_adversarial/pix2pix", "faces and landscapes": "12_beyond/faces and landscapes",
                   "varied pictures": "02_pictures_as_data/varied"}
    asked = {f"{name}, on {which}": {} for which in ("landscapes", "faces") for name in backgrounds}
    for (which, name), figures in zip(itertools.product(("landscapes", "faces"), backgrounds), asked.values()):
        for seed in here.seeds:         # a picture's part goes by its bytes and the seed, so no test picture was trained on
            some = Answers(f"{here.out.parent / backgrounds[name]}-{seed}", "test", here.pictures(which), 300, here.device)
            for row in measure(some, Networks()).rows:
                figures.setdefault(row.name, []).append(row.summary.mean)
                figures.setdefault(f"untouched_{row.name}", []).append(row.untouched)

    kept = {arm: [min(row["val_ab_rmse"] for row in run["history"]) for run in stopping[arm].runs] for arm in stopping}
    ran = {arm: [run["epochs"] for run in stopping[arm].runs] for arm in stopping}
    tops = {f"search {n}": {"val_ab_rmse": row["mean"], **row["settings"]} for n, row in enumerate(tried, 1)}

    def left(arm, figure, grey):
        """Of the error of the arm's own test pictures left grey: what is left, a share."""
        return arm[figure] / arm[grey]

    def epochs_of(arm):
        return ", ".join(str(run["best_epoch"]) for run in arm.runs)

    counts = patient.runs[0]["counts"]
    faces_alone, mixed, varied, faces_on_faces, mixed_on_faces, _ = asked.values()
    here.record("A12", "what report A left for later", {**table, **together, **stopping, **asked, **tops}, [
        claim("early stopping runs fewer epochs", ran["patient"], ran["to the end"]),
        claim("... and costs at most 1 % on the test pictures (ab-RMSE)", patient["ab_rmse"], 1.01 * to_the_end["ab_rmse"]),
        claim("pix2pix, from pairs, leaves less of the grey picture's ab-RMSE than CycleGAN without",
              left(pairs, "ab_rmse", "grey_ab_rmse"), left(unpaired, "ab_rmse", "grey_ab_rmse")),
        claim("... of its CIEDE2000", left(pairs, "ciede2000", "untouched_ciede2000"),
              left(unpaired, "ciede2000", "untouched_ciede2000")),
        claim("CycleGAN is nearer to the truth than left grey (ab-RMSE)", unpaired["ab_rmse"], unpaired["grey_ab_rmse"]),
        claim("SRGAN has the lower PSNR than SRResNet", sharp["psnr"], smooth["psnr"]),
        claim("SRResNet has a higher PSNR than bicubic interpolation", smooth["untouched_psnr"], smooth["psnr"]),
        claim("half faces, half landscapes to learn from serve landscapes better than faces alone (ab-RMSE)", mixed["ab_rmse"],
              faces_alone["ab_rmse"]),
        claim("... at a price on faces (ab-RMSE)", faces_on_faces["ab_rmse"], mixed_on_faces["ab_rmse"]),
        claim("... and better than leaving the landscapes grey (ab-RMSE)", mixed["ab_rmse"], mixed["untouched_ab_rmse"]),
        claim("varied training pictures serve landscapes better than faces alone (ab-RMSE)", varied["ab_rmse"],
              faces_alone["ab_rmse"]),
        claim("... and better than leaving them grey (ab-RMSE)", varied["ab_rmse"], varied["untouched_ab_rmse"])],
        {"reported": "future work, nothing done there"},
        {"name": Path(pairs.recipe.data).name, "stands_in_for": "CelebA; landscapes for super-resolution", "n": pairs.tested},
        f"Bicubic interpolation has {smooth['untouched_psnr'].mean():.2f} dB, SRResNet {smooth['psnr'].mean():.2f}, SRGAN "
        f"{sharp['psnr'].mean():.2f} after {sharp.runs[0]['epochs']} epochs; the paper's SRResNet had 10^6 updates. Early "
        f"stopping, on drawn scenes: {np.mean(ran['patient']):.0f} epochs of {np.mean(ran['to the end']):.0f}, validation "
        f"ab-RMSE {np.mean(kept['patient']):.2f} against {np.mean(kept['to the end']):.2f}, the best of all epochs, which no "
        f"patience can beat; {counts['train']} pictures to learn from, {counts['val']} to watch, {counts['test']} to test. "
        f"CycleGAN learned from {unpaired.recipe.pictures} pictures in {unpaired.runs[0]['epochs']} epochs, pix2pix from "
        f"{pairs.recipe.pictures} in {pairs.runs[0]['epochs']}. Kept is the best validation epoch, seed by seed: "
        f"{epochs_of(pairs)} of pix2pix, {epochs_of(unpaired)} of CycleGAN. CycleGAN is tested on {unpaired.tested} pictures, "
        f"pix2pix on {pairs.tested}: so shares are compared. Both SRResNet and SRGAN begin at random, the paper's SRGAN from "
        "SRResNet; neither stands behind the DnCNN here; ESRGAN and RCAN were not tried. The search's best, on drawn scenes, "
        "one run for each draw: " + ", ".join(f"{k} {v:g}" for k, v in tried[0]["settings"].items()) + ". Extra landscapes: as "
        f"many pictures to learn from, half of them landscapes; kept epochs {together['faces and landscapes'].kept}, of faces "
        f"alone {pairs.kept}. Lab in pix2pix is A9 (lesson 01), the ResNet generator C2 and C3 (lesson 08), WGAN E3 (lesson 09).")

# Now exercise.py, then: python lessons/grade.py 12
