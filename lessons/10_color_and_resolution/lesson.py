"""Lesson 10. Color and twice the size in one network.                    reproduces: report D, D1 to D7 and D9

Question   One network colors a damaged grey picture and doubles its size. What does each choice bring: loss, GAN, layers?
Needs      lessons 05 (measuring), 06 (U-Net) and 07 (adversarial training)
Run        python lessons/10_color_and_resolution/lesson.py --quick                      half a minute, drawn scenes
           python lessons/10_color_and_resolution/lesson.py --small --data FOLDER        an hour of two cores, 64 pixels
           python lessons/10_color_and_resolution/lesson.py                              the report's settings: for a GPU
             first: python -m minicolor.data.download weights deeplabv3_mobilenet_v3_large
Read       minicolor/tasks/restore.py, minicolor/models/superres_unet.py, then minicolor/recipes/superres_gan.py
"""

# %%
import dataclasses
from pathlib import Path

import numpy as np
import torch

from minicolor.data.loader import Loader
from minicolor.data.split import split
from minicolor.held_out import answer, baselines, samples
from minicolor.lesson import begin, claim, must_fail
from minicolor.metrics.ssim import ssim
from minicolor.plots import bars, curves, rows
from minicolor.recipes import segment, superres_fusion, superres_gan, superres_unet
from minicolor.trained import trained

here = begin("10_color_and_resolution")

# %% [markdown]
# ## 1. The question, and what is done to it
#
# Report D blurs a color picture, halves it, takes its grey and equalizes that by CLAHE. The network sees the result and must
# answer with the color picture at its full size. Three things are lost: color, detail, and, through CLAHE, the lightness
# itself. The third is easy to overlook: beside so bad an input almost any network looks good. The more so the smaller the
# picture: CLAHE has 8x8 tiles, and of the report's 128 pixels each has 16, of 32 pixels only 4.

# %%
QUICK = {"size": 32, "pictures": 240, "epochs": 6, "batch_size": 8, "base": 6, "levels": 3, "lr": 3e-3, "norm_pictures": 64,
         "clip_limit": 0.0}             # of 16 pixels CLAHE's 8x8 tiles would have 2x2 each
SMALL = {"pictures": 600, "epochs": 4}


def unet(**changed):
    return here.sized(superres_unet, "landscapes", QUICK, SMALL, **changed)


arms = {"unet": unet(), "mae": unet(ssim_weight=0.0)}
recipe = arms["unet"]
pack = recipe.open()
some = next(Loader(pack, split(pack.keys, here.seeds[0])["val"][:6], 6, shuffle=False).epoch())[1]
task, untouched = recipe.task(), {}
for what, limit in (("CLAHE", 2.0), ("no CLAHE", 0.0)):
    kind = dataclasses.replace(recipe, clip_limit=limit).task()
    untouched[what] = kind.untouched(some, kind.prepare(some)[0])

# %% [markdown]
# ## 2. Predict first
#
# Two networks differ in one thing alone: the loss. `mae` has the mean absolute error, `unet` has MAE + (1 - SSIM), as the report
# chose. Write down: which has the higher SSIM? Which has the smaller MAE? Which looks sharper to you?

# %% 3. Train: only the loss differs.
table = here.compare(arms)
print(table.text("mae", "ssim", "psnr", "colorfulness"))

# %% 4. Look: what is shown doubled, with and without CLAHE, then the answers, then the truth.
made = {}
for name, arm in table.items():
    one, step = trained(arm.folders[0])
    _, made[name], truth = samples(step, one, some)
if here.quick or here.small:
    here.show("answers", rows({**untouched, **made, "truth": truth}))
here.show("validation", curves({name: arm.curve("val_ssim") for name, arm in table.items()}, "SSIM on held-out pictures"))

# %% [markdown]
# ## 5. What you should have seen
#
# You get what you ask for. Where the answer is uncertain, MAE takes the median of what is possible, which is flat; 1 - SSIM asks
# each window for its contrast, so edges come back. It need not lower MAE: the two ask for different things, and a figure always
# looks kindly on the loss that it is made of. That is a reason to measure with others, too.
# If the next cell fails, the lesson is wrong, not you.


# %%
def asking_for_structure_brings_it(with_ssim: float, without: float) -> None:
    assert with_ssim > without + 0.01, f"SSIM should be .01 higher at least: {with_ssim:.3f} against {without:.3f}"


asking_for_structure_brings_it(table["unet"]["ssim"].mean(), table["mae"]["ssim"].mean())

# spoiled: the same trained network is shown each picture's neighbor. A network that paid no heed to its input would not mind
one, step = trained(table["unet"].folders[0])
test = split(pack.keys, one.seed)["test"]
mixed_up = []
for _, pictures in Loader(pack, test, 16, shuffle=False).epoch():
    x, y = task.prepare(pictures)
    mixed_up.append(ssim(task.picture(x, answer(step, one, x.roll(1, 0))), y))
must_fail(asking_for_structure_brings_it, torch.cat(mixed_up).mean().item(), table["mae"]["ssim"].mean())

# %% [markdown]
# ## 6. The report's other choices
#
# All at once: another loss (D4), other layers (D5), a discriminator with three weights of MAE (D3, D6), grain (D7), the answer of
# a segmentation network beside the grey picture (D2), other pictures (D9). Each differs from D1 in what its name says.

# %%
if not here.quick:
    full = here.scale == "full"
    arms |= {f"gan_{k}": here.sized(superres_gan, "landscapes", QUICK, SMALL, mae_weight=float(k)) for k in (0, 100, 150, 200)}
    LOSSES = {"mse": {"mae_weight": 0.0, "ssim_weight": 0.0, "mse_weight": 1.0}, "mae_ssim_psnr": {"psnr_weight": 1.0}}
    arms |= {name: unet(**loss) for name, loss in LOSSES.items()} | {
        "relu": unet(activation="relu"), "linear": unet(output="linear"), "convs_1": unet(convs=1), "convs_3": unet(convs=3),
        "grain": unet(grain=0.1)}
    seen = {}
    if not full:                    # in full the report's own: a DeepLab of torchvision's, which knows 21 kinds of things
        parts = here.compare({"segment": here.sized(segment, "scenes", {}, {"data": "scenes", "pictures": 400, "epochs": 4})}, 1)
        seen = {"init": str(here.out / "segment-0")}
    for name, loss in {"fusion": {}, "fusion_mae": {"ssim_weight": 0.0}, **{f"fusion_{n}": l for n, l in LOSSES.items()}}.items():
        arms[name] = here.sized(superres_fusion, "landscapes", QUICK, SMALL | seen, **loss)
    many = {"pictures": 10_000, "epochs": 150, **({} if here.data else {"data": "flickr30k"})} if full else {}
    arms["gan_varied"] = here.sized(superres_gan, "objects", QUICK, SMALL, **many)
    table = here.compare(arms)
    print(table.text("mae", "psnr", "ssim"), table.text("ciede2000", "colorfulness", "untouched_ciede2000"), sep="\n\n")
    for figure, words in (("ciede2000", "CIEDE2000: lower is better"), ("ssim", "SSIM: higher is better")):
        here.show(figure, bars({n: a[figure] for n, a in table.items()}, words))

# %% [markdown]
# ## 7. A fair thing to beat
#
# Report D has no baseline. The input doubled by bicubic interpolation is one, but CLAHE has spoiled it. The same picture blurred
# and halved, but not equalized, doubled and left grey, is the harder one: is a network that guesses color and detail nearer
# to the truth than a picture that guesses neither?


# %%
def left_grey(recipe) -> dict[str, list[float]]:
    """MAE, PSNR and SSIM, one per seed, of the pictures blurred and halved but not equalized, doubled and left grey."""
    kind = dataclasses.replace(recipe, clip_limit=0.0)
    found = []
    for seed in here.seeds:
        one = dataclasses.replace(kind, seed=seed)
        pack = one.open()
        train, test = (Loader(pack, split(pack.keys, seed)[part], 16, shuffle=False) for part in ("train", "test"))
        found.append(baselines(one, train, test))
    return {name: [f[f"grey_{name}"] for f in found] for name in ("mae", "psnr", "ssim")}


grey = left_grey(recipe)
print("doubled and left grey, no CLAHE: " + ", ".join(f"{name} {np.mean(values):.3f}" for name, values in grey.items()))

# %% [markdown]
# ## 8. The results

# %%
if not here.quick:
    D, u, gan, fusion = table, table["unet"], table["gan_150"], table["fusion"]
    data = {"name": Path(u.recipe.data).name, "stands_in_for": "Landscape Images, 5589, 20 % held out", "n": u.tested}
    sizes = (f"{recipe.size // 2} -> {recipe.size} pixels and {recipe.epochs} epochs; the report: 128 -> 256 and 30 (GAN: 50). "
             f"A tile of CLAHE has {recipe.size // 16} of these pixels, in the report 16.")
    lost = f"The input doubled as it is, CLAHE and all, has a CIEDE2000 of {u['untouched_ciede2000'].mean():.1f}."

    def pick(*names):
        return {name: D[name] for name in names}

    def share(name, figure):
        """Of the error of the arm's own untouched input: what is left."""
        return D[name][figure] / D[name][f"untouched_{figure}"]

    here.record("D1", "one U-Net for color and twice the size", {**pick("unet"), "left grey, no CLAHE": grey}, [
        claim("the U-Net is nearer to the truth than its input doubled (MAE)", u["mae"], u["untouched_mae"]),
        claim("... by CIEDE2000", u["ciede2000"], u["untouched_ciede2000"]),
        claim("... and than a doubled grey picture without CLAHE (MAE)", u["mae"], grey["mae"]),
        claim("... by PSNR", grey["psnr"], u["psnr"]),
        claim("... by SSIM", grey["ssim"], u["ssim"])],
        {"MAE": 0.067, "PSNR": 21.20, "SSIM": 0.78}, data,
        f"{sizes} The report compares with no untouched picture. Doubled and left grey its input has a MAE of "
        f"{u['untouched_mae'].mean():.3f}, without CLAHE {np.mean(grey['mae']):.3f}. The true pictures have a colorfulness "
        f"of {u['true_colorfulness'].mean():.0f}, the answers {u['colorfulness'].mean():.0f}.")
    here.record("D2", "does a segmentation help the U-Net?", pick("unet", "fusion"), [
        claim("the fusion network has the larger MAE, as reported", u["mae"], fusion["mae"]),
        claim("... the lower PSNR, as reported", fusion["psnr"], u["psnr"]),
        claim("... the lower SSIM, as reported", fusion["ssim"], u["ssim"]),
        claim("... and the larger CIEDE2000", u["ciede2000"], fusion["ciede2000"])],
        {"MAE": 0.07, "PSNR": 20.98, "SSIM": 0.77}, data,
        sizes + " The fusion network has one level fewer than D1 and wider ones, there and here."
        + (" The report's own DeepLab is asked." if full else
           " The segmenter is ours: it learned the parts of drawn scenes "
           f"(IoU {parts['segment']['iou'].mean():.2f} there) and is asked about photographs, which it never saw, so this says "
           "little about a segmenter of photographs. One segmenter, of one run, serves all seeds."))
    here.record("D3", "does a discriminator help?", pick("unet", "fusion", "gan_150", "gan_0", "mae"), [
        claim("the GAN has the smaller MAE than the U-Net, as reported", gan["mae"], u["mae"]),
        claim("... the higher PSNR, as reported", u["psnr"], gan["psnr"]),
        claim("... an SSIM no higher than the U-Net's, as reported", gan["ssim"], u["ssim"]),
        claim("its MAE is smaller than of the same loss alone (at another learning rate)", gan["mae"], D["mae"]["mae"]),
        claim("... and than of BCE alone, without MAE", gan["mae"], D["gan_0"]["mae"]),
        claim("its CIEDE2000 is smaller than the U-Net's", gan["ciede2000"], u["ciede2000"]),
        claim("its pictures are more colorful than the U-Net's", u["colorfulness"], gan["colorfulness"])],
        {"MAE": 0.064, "PSNR": 21.56, "SSIM": 0.77}, data,
        f"{sizes} The report's margins (.003 of MAE, .36 dB) come from one run each with no spread, and its GAN trained 50 "
        f"epochs where its U-Net had 30. Here the U-Net has {recipe.epochs}, the GAN {arms['gan_150'].epochs}; the GAN's "
        f"learning rate is {arms['gan_150'].lr:g}, the U-Net's {recipe.lr:g}, so the discriminator is not the only difference. "
        f"The true pictures have a colorfulness of {u['true_colorfulness'].mean():.0f}.")
    here.record("D4", "which loss?", pick("unet", "mae", *LOSSES, "fusion", "fusion_mae", *(f"fusion_{n}" for n in LOSSES)), [
        claim("MAE + SSIM has a higher SSIM than MAE", D["mae"]["ssim"], u["ssim"]),
        claim("... and than MSE", D["mse"]["ssim"], u["ssim"]),
        claim("MAE alone has the smaller MAE than MAE + SSIM", D["mae"]["mae"], u["mae"]),
        claim("MSE alone has a higher PSNR than MAE", D["mae"]["psnr"], D["mse"]["psnr"]),
        claim("a PSNR term beside MAE + SSIM brings no PSNR", D["mae_ssim_psnr"]["psnr"], u["psnr"]),
        claim("MAE + SSIM has a smaller CIEDE2000 than MAE", u["ciede2000"], D["mae"]["ciede2000"]),
        claim("the fusion network: MAE + SSIM has a higher SSIM than MAE", D["fusion_mae"]["ssim"], fusion["ssim"]),
        claim("... and than MSE", D["fusion_mse"]["ssim"], fusion["ssim"]),
        claim("... a PSNR term beside MAE + SSIM brings no PSNR", D["fusion_mae_ssim_psnr"]["psnr"], fusion["psnr"]),
        claim("... and MAE + SSIM has a smaller CIEDE2000 than MAE", fusion["ciede2000"], D["fusion_mae"]["ciede2000"])],
        {"chosen": "MAE + SSIM"}, data, f"The report has no table; its choice is in bold. {sizes} {lost}")
    five = pick("unet", "relu", "linear", "convs_1", "convs_3")
    here.record("D5", "which activation, output, and how many convolutions?", five, [
        claim("LeakyReLU is better than ReLU (MAE)", u["mae"], D["relu"]["mae"]),
        claim("a sigmoid is better than linear and clipped (MAE)", u["mae"], D["linear"]["mae"]),
        claim("two convolutions in a block are better than one (MAE)", u["mae"], D["convs_1"]["mae"]),
        claim("three are better than two (MAE)", D["convs_3"]["mae"], u["mae"])],
        {"chosen": "LeakyReLU, sigmoid"}, data, f"No table in the report; it tried one to three convolutions. {sizes} "
        "More convolutions are also more parameters and more time in each step.")
    here.record("D6", "how much MAE beside the discriminator?", pick("gan_100", "gan_150", "gan_200"), [
        claim(f"150 is better than {k} ({name})", gan[figure], D[f"gan_{k}"][figure])
        for figure, name in (("mae", "MAE"), ("ciede2000", "CIEDE2000")) for k in (100, 200)],
        {"chosen": "lambda 150"}, data, f"No table in the report. {sizes} Epochs of these: {gan.recipe.epochs}. MAE: "
        + ", ".join(f"{D[f'gan_{k}']['mae'].mean():.4f} ({k})" for k in (100, 150, 200)) + ". Look at the spread of the seeds.")
    here.record("D7", "grain on the input", pick("unet", "grain"), [
        claim("with grain the answers are worse (MAE)", u["mae"], D["grain"]["mae"]),
        claim("... less sharp (SSIM)", D["grain"]["ssim"], u["ssim"]),
        claim("... but less of its own input's error is left (MAE)", share("grain", "mae"), share("unet", "mae"))],
        {"reported": "one experiment, no figure"}, data,
        f"Grain of strength {arms['grain'].grain:g}, ours: the report gives none. {sizes} "
        "CLAHE strengthens it. Each arm is tested on its own kind of input, a harder question beside an easier one; what a "
        "network makes of grain that had none in training was not asked.")
    here.record("D9", "the GAN on varied pictures", pick("gan_150", "gan_varied"), [
        claim("varied pictures keep more of their input's CIEDE2000 than landscapes do", share("gan_150", "ciede2000"),
              share("gan_varied", "ciede2000")),
        claim("... of its MAE", share("gan_150", "mae"), share("gan_varied", "mae")),
        claim("the GAN on varied pictures is better than their input doubled (CIEDE2000)", D["gan_varied"]["ciede2000"],
              D["gan_varied"]["untouched_ciede2000"])],
        {"reported": "unsatisfactory on varied subjects"},
        {"name": Path(D["gan_varied"].recipe.data).name, "stands_in_for": "Flickr30k, landscapes", "n": D["gan_varied"].tested},
        "The report: 10,000 pictures, Flickr30k and landscapes mixed, 150 epochs; here "
        f"{D['gan_varied'].runs[0]['counts']['train']} varied pictures alone, {D['gan_varied'].recipe.epochs} epochs. As shares "
        f"of their own inputs' CIEDE2000: {share('gan_varied', 'ciede2000').mean():.2f} (varied), "
        f"{share('gan_150', 'ciede2000').mean():.2f} (landscapes). As they are, figures of two sets cannot be compared.")

# Now exercise.py, then: python lessons/grade.py 10
