"""Lesson 01. Lab against RGB.                                       reproduces: report A, A9 (argued there, measured here)

Question   A network may answer with red, green, blue, or with a and b alone. Is two less work than three, and is it better?
Needs      lesson 00 (color a picture)
Run        python lessons/01_color_spaces/lesson.py --quick                      half a minute, drawn scenes
           python lessons/01_color_spaces/lesson.py --small --data FOLDER        20 minutes of two cores, faces at 64 pixels
           python lessons/01_color_spaces/lesson.py                              2500 faces at 256 pixels: for a GPU
Read       minicolor/ops/srgb.py, minicolor/ops/lab.py, minicolor/ops/units.py, then minicolor/data/pairs.py
"""

# %%
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from minicolor.data.loader import Loader
from minicolor.data.scenes import draw
from minicolor.data.split import split
from minicolor.held_out import answer, samples
from minicolor.lesson import begin, claim, must_fail
from minicolor.metrics.psnr import psnr
from minicolor.ops.lab import into_gamut, lab_to_rgb, rgb_to_lab
from minicolor.ops.srgb import linear_to_srgb
from minicolor.plots import curves, rows
from minicolor.precision import autocast
from minicolor.recipes import pix2pix, pix2pix_lab
from minicolor.trained import trained

here = begin("01_color_spaces")

# %% [markdown]
# ## 1. One picture, twice three planes
#
# From RGB to Lab there are three steps: undo the curve that picture files are stored with, so that numbers count light; mix the
# three into X, Y, Z, which describe what the eye's receptors see; take cube roots, because an eye judges ratios of light. L is
# made of Y alone. a is the difference of X and Y, b of Y and Z: on grey all three are equal, so a = b = 0.

# %%
some = torch.stack([torch.tensor(draw(seed=5, index=i, size=128).rgb) for i in range(6)]).permute(0, 3, 1, 2) / 255
lab = rgb_to_lab(some)
middle, zero = torch.full_like(lab[:, :1], 60), torch.zeros_like(lab[:, :1])
here.show("planes", rows({
    "picture": some, "red": some[:, :1], "green": some[:, 1:2], "blue": some[:, 2:], "L": lab[:, :1] / 100,
    "a": lab_to_rgb(torch.cat([middle, lab[:, 1:2], zero], 1)), "b": lab_to_rgb(torch.cat([middle, zero, lab[:, 2:]], 1)),
}))
greys = rgb_to_lab(torch.linspace(0, 1, 256)[None, None, None].expand(1, 3, 1, 256))
print(f"of 256 greys, the largest |a| or |b| is {greys[:, 1:].abs().max():.6f}")

# %% [markdown]
# Look: red, green and blue each show the whole picture, with all its edges. a and b show areas. How much of a plane could you
# tell from L alone, by a straight line? That is the squared correlation:

# %%
for name, plane in {"red": some[:, 0], "green": some[:, 1], "blue": some[:, 2], "a": lab[:, 1], "b": lab[:, 2]}.items():
    known = torch.corrcoef(torch.stack([plane.flatten(), lab[:, 0].flatten()]))[0, 1] ** 2
    print(f"{name:6s}{known:6.0%} of its variation follows from L")

# %% [markdown]
# ## 2. Equal steps, and colors that do not exist
#
# Nine greys with equal steps between them. Of what? In light, the first step is huge and the last ones can hardly be told apart.
# In L they look even: that is what L was made for. The numbers in a picture file are close to it, which is no accident.

# %%
steps = torch.linspace(0, 1, 9)[:, None, None, None].expand(9, 3, 8, 8)
as_l = torch.cat([100 * steps[:, :1], 0 * steps[:, 1:]], dim=1)
here.show("equal_steps", rows({"in light": linear_to_srgb(steps), "in the file": steps, "in L": lab_to_rgb(as_l)}))
grey = torch.full((1, 3, 1, 1), 0.5)
for i, name in enumerate(("red", "green", "blue")):
    other = grey.clone()
    other[:, i] += 0.1
    print(f"0.1 more {name:6s} is a step of {(rgb_to_lab(other) - rgb_to_lab(grey)).norm():4.1f} Lab units")

# %% [markdown]
# Not every a, b is a color of the screen. Each square below is all of a (left to right) and b (top to bottom) at one L. Clipping
# what is outside changes the lightness; `into_gamut` makes the color weaker until it fits, and leaves L and hue.

# %%
axis = torch.linspace(-100, 100, 96)
b, a = torch.meshgrid(axis, axis, indexing="ij")
planes = torch.stack([torch.stack([torch.full_like(a, level), a, b]) for level in (10.0, 30.0, 50.0, 70.0, 90.0)])
free = lab_to_rgb(planes, clip=False)
inside = ((free >= 0) & (free <= 1)).all(1, keepdim=True)
here.show("gamut", rows({"sRGB has": torch.where(inside, free, 1.0), "clipped": lab_to_rgb(planes),
                         "into_gamut": lab_to_rgb(into_gamut(planes))}))
moved = {name: (rgb_to_lab(rgb) - planes)[:, 0].abs().max() for name, rgb in
         {"clipped": lab_to_rgb(planes), "into_gamut": lab_to_rgb(into_gamut(planes))}.items()}
print(f"{inside.float().mean():.0%} of these squares are sRGB colors; L moves by up to",
      ", ".join(f"{by:.1f} ({name})" for name, by in moved.items()))

# %% [markdown]
# ## 3. Predict first
#
# Report A: Lab leaves the network two channels to predict instead of three, so it costs less. Two networks, equal but for their
# last layer (and the discriminator's first). Write down: by how much is a step faster? Which color is better? Which lightness?

# %% 4. Train both.
QUICK = {"size": 32, "pictures": 260, "epochs": 5, "base": 16, "d_base": 8, "lr": 1e-3}
in_lab = replace(pix2pix.RECIPE, name="pix2pix_lab", target="ab"), pix2pix_lab.QUICK         # A6 in full, with C1's answer
arms = {"rgb": here.sized(pix2pix, "faces", QUICK, {"pictures": 800, "epochs": 5}),
        "lab": here.sized(in_lab, "faces", QUICK, {"pictures": 800, "epochs": 5}, jitter=pix2pix.RECIPE.jitter)}
table = here.compare(arms)
print(table.text("ab_rmse", "psnr", "colorfulness"))

# %% 5. How long a step takes: both in turns, so that whatever else the machine does disturbs both alike.
@cache
def opened(seed: int):
    """The pictures of both arms: in full and with --small the same whatever the seed, with --quick drawn from it."""
    return replace(arms["lab"], seed=seed).open()


pack = opened(0)
batch = next(Loader(pack, range(arms["lab"].batch_size), arms["lab"].batch_size, here.device, shuffle=False).epoch())[1]
trainers = {name: recipe.build(autocast(recipe.precision, here.device)) for name, recipe in arms.items()}
seconds = {name: [] for name in arms}
for step in trainers.values():
    for network in step.networks.values():
        network.to(here.device).train()
for turn in range(15 if here.quick else 60):
    for name, step in trainers.items():
        began = time.perf_counter()
        losses = step.step(*arms[name].task().prepare(batch))
        sum(losses.values()).item()                                      # on a GPU: wait until it is done
        seconds[name] += [time.perf_counter() - began] if turn >= 5 else []
time_of = {name: float(np.median(taken)) for name, taken in seconds.items()}
weights = {name: sum(p.numel() for p in step.network.parameters()) for name, step in trainers.items()}
print(f"a step in Lab takes {time_of['lab'] / time_of['rgb']:.2f} of the time of one in RGB; the generator has "
      f"{weights['lab']:,d} weights against {weights['rgb']:,d}")


# %% 6. Look at the lightness: what does RGB have to guess again?
def on_test(folder, shuffled: bool = False) -> dict[str, float]:
    """A run's test pictures: mean error in L*, and the PSNR where the question's own L takes the place of the answer's.

    shuffled: join each answer to the lightness of another picture of the batch.
    """
    recipe, step = trained(folder, here.device)
    pack, task, off, repaired = opened(recipe.seed), recipe.task(), [], []
    for _, pictures in Loader(pack, split(pack.keys, recipe.seed)["test"], 16, here.device, shuffle=False).epoch():
        truth, (x, _) = pictures.float() / 255, task.prepare(pictures)
        output = answer(step, recipe, x)
        made, true = rgb_to_lab(task.picture(x.roll(1, 0) if shuffled else x, output)), rgb_to_lab(truth)
        off.append((made - true)[:, 0].abs().mean((1, 2)))
        repaired.append(psnr(lab_to_rgb(torch.cat([true[:, :1], made[:, 1:]], 1)), truth))
    return {"lightness_error": torch.cat(off).mean().item(), "psnr_with_given_lightness": torch.cat(repaired).mean().item()}


for name, arm in table.items():
    figures = [on_test(folder) for folder in arm.folders]
    arm.update({key: np.array([f[key] for f in figures]) for key in figures[0]} | {"seconds_per_step": np.array([time_of[name]])})
    print(f"{name}: L is off by {arm['lightness_error'].mean():.2f}; PSNR {arm['psnr'].mean():.1f} dB, "
          f"with the given lightness {arm['psnr_with_given_lightness'].mean():.1f} dB")
if here.quick:
    unseen = next(Loader(pack, split(pack.keys, 0)["test"][:6], 6, here.device, shuffle=False).epoch())[1]
    strips = {name: samples(*reversed(trained(arm.folders[0], here.device)), unseen) for name, arm in table.items()}
    here.show("answers", rows({"grey": strips["rgb"][0], "rgb": strips["rgb"][1], "lab": strips["lab"][1],
                               "truth": strips["lab"][2]}))
here.show("validation", curves({name: arm.curve("val_ab_rmse") for name, arm in table.items()}, "ab-RMSE, Lab units"))


# %% [markdown]
# ## 7. What you should have seen
#
# A step costs about the same: the third channel is one more filter in the last of many layers. What RGB costs is another thing.
# The lightness was given, and the network has to draw it again, edge by edge: it comes out blurred. In Lab the answer is joined
# to the lightness that was given. PSNR sees mostly this: give both the same lightness, and compare again. Is the *color* of one
# better? Do not be surprised if it is not: nobody had measured it.


# %%
def lab_keeps_the_lightness(lab: float, rgb: float) -> None:
    assert lab < 0.4 * rgb, f"L is off by {lab:.2f} with Lab, by {rgb:.2f} with RGB"


of_rgb = table["rgb"]["lightness_error"].mean()
lab_keeps_the_lightness(table["lab"]["lightness_error"].mean(), of_rgb)

# spoiled: the same answers, joined to the lightness of another picture
must_fail(lab_keeps_the_lightness, on_test(table["lab"].folders[0], shuffled=True)["lightness_error"], of_rgb)

# %% 8. The record
rgb, in_lab = table["rgb"], table["lab"]
if not here.quick:
    here.record("A9", "Lab against RGB: two channels to predict against three", table, [
        claim("two channels save a twentieth of the time per step (one run; seconds, against 95 % of RGB's)",
              time_of["lab"], 0.95 * time_of["rgb"]),
        claim("Lab has the lower color error (ab-RMSE, each at its best epoch)", in_lab["ab_rmse"], rgb["ab_rmse"]),
        claim("... and the lower CIEDE2000", in_lab["ciede2000"], rgb["ciede2000"]),
        claim("Lab has the higher PSNR (dB)", rgb["psnr"], in_lab["psnr"]),
        claim("... also when the RGB answer is given the input's lightness", rgb["psnr_with_given_lightness"],
              in_lab["psnr_with_given_lightness"]),
        claim("Lab is nearer to the true lightness (mean error, L* units)", in_lab["lightness_error"], rgb["lightness_error"]),
    ], {"argued, not measured": "Lab has two channels to predict, RGB three, so Lab is less work for the model (B.3)"},
        {"name": Path(in_lab.recipe.data).name, "stands_in_for": "CelebA", "n": in_lab.tested},
        f"A step in Lab took {time_of['lab'] / time_of['rgb']:.2f} of the time of one in RGB (both in turns, one machine): the "
        f"generators have {weights['lab']:,d} and {weights['rgb']:,d} weights, since only the last layer differs. What Lab saves "
        "is the lightness, which an RGB network has to guess although it was given. Both were trained with the same loss, "
        "100 L1 in network units: in Lab all of it is about color, in RGB the lightness counts in it, too. Kept epochs, seed by "
        f"seed: RGB {rgb.kept}, Lab {in_lab.kept}; ab-RMSE {rgb['ab_rmse'].mean():.1f} and {in_lab['ab_rmse'].mean():.1f}; the "
        f"mean training color everywhere has {rgb['mean_ab_rmse'].mean():.1f}. CIEDE2000 and PSNR count lightness, too.")

# Now exercise.py, then: python lessons/grade.py 01
