"""Lesson 00. Color a picture in five minutes.

Question   Can a network that has only seen drawings for a few seconds put color into a picture that it has never seen?
Needs      nothing: this is the beginning
Run        python lessons/00_start/lesson.py --quick                      a quarter of a minute, drawn scenes
           python lessons/00_start/lesson.py --small --data FOLDER        two minutes of two cores, faces at 64 pixels
           python lessons/00_start/lesson.py                              2500 faces at 256 pixels: for a GPU
Read       minicolor/recipes/residual_unet.py, minicolor/coloring.py, minicolor/fit.py
"""

# %%
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from minicolor.coloring import Colorizer, join
from minicolor.data.photos import read
from minicolor.data.scenes import draw
from minicolor.data.sets import SETS, locate
from minicolor.data.split import split
from minicolor.lesson import begin, must_fail
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.ops.lab import lab_to_rgb, rgb_to_lab
from minicolor.plots import curves, rows
from minicolor.recipes import residual_unet

here = begin("00_start")

# %% [markdown]
# ## 1. What is asked
#
# A color picture has three numbers in each pixel: red, green, blue. It can be written with three others: L says how light the
# pixel is, from 0 (black) to 100 (white). a says how red it is against green, b how yellow against blue; both are 0 on grey.
# A black-and-white photograph is L alone, so coloring it means guessing a and b.
#
# Where could one know them from? Grass, sky and skin can be told by their shapes and their lightness, and then most of the color
# is known. A network learns this from color pictures: it is shown their L and corrected towards their true a and b.

# %% 2. Train: 400 drawn pictures of 32 pixels, a few seconds.
QUICK = {"size": 32, "pictures": 400, "epochs": 10, "base": 16, "lr": 3e-3}
recipe = here.sized(residual_unet, "faces", quick=QUICK, small={"pictures": 800})
table = here.compare({"residual_unet": recipe}, seeds=1)
arm = table["residual_unet"]
print(f"{arm.minutes * 60:.0f} seconds of training, {arm.runs[0]['counts']['train']} pictures")
here.show("validation", curves({"network": arm.curve("val_ab_rmse")}, "ab-RMSE, Lab units: how far a and b are off"))

# %% [markdown]
# ## 3. What a run leaves behind
#
# Every training ends in a folder. Open its `report.html`: the losses, and how the same pictures looked after each epoch.

# %%
ABOUT = {
    "report.html": "the page to look at",
    "log.csv": "every epoch's losses and validation figures",
    "best.pt": "the weights that were best on pictures held out for choosing; this is what colors",
    "last.pt": "everything that is needed to go on with the training",
    "split.json": "which pictures were for training, for choosing, for the final figure: lesson 02",
    "results.json": "the final figures, with the recipe and the versions they came from",
}
run = arm.folders[0]
for name, words in ABOUT.items():
    print(f"{run / name}: {words}" if (run / name).exists() else f"{name} is not there")


# %% [markdown]
# ## 4. Color pictures that it has never seen, at their own size
#
# The network guesses a and b on a small copy of the picture. They are enlarged and joined to the picture's own L: color may be
# blurred and nobody minds, but every edge and every hair is in L, and L is not guessed at all.
#
# Predict first: the network learned on tiny pictures. Will the large ones look blurred? Which things will have a wrong color?


# %%
def photographs(count: int) -> list[np.ndarray]:
    """(H, W, 3) uint8 each, none of them trained on."""
    if here.quick:
        return [draw(seed=1000, index=i, size=256).rgb for i in range(count)]       # the network was shown those of seed 0
    pack = recipe.open()
    folder = locate(recipe.data) if recipe.data in SETS and not Path(recipe.data).exists() else Path(recipe.data)
    return [read(folder / pack.names[i]).rgb for i in split(pack.keys, 0)["test"][:count]]


def tensor(rgb: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) in [0, 1]."""
    return torch.tensor(rgb).permute(2, 0, 1)[None] / 255


def small(pictures: list[np.ndarray]) -> torch.Tensor:
    """For a figure with pictures of any size: (N, 3, 160, 160)."""
    return torch.cat([F.interpolate(tensor(p), (160, 160), mode="area") for p in pictures])


truth = photographs(24)
colorizer = Colorizer(run, here.device)
colored = [colorizer(picture) for picture in truth]                # it looks at the lightness alone
grey = [join(picture, torch.zeros(2, 1, 1)) for picture in truth]
if here.quick:
    here.show("before_after", rows({"grey": small(grey[:8]), "colored": small(colored[:8]), "truth": small(truth[:8])}))


# %% [markdown]
# ## 5. What you should have seen
#
# Sky, grass and skin have their color, and edges are as sharp as before. What could have any color (a car, a door, a shirt) is
# brownish or pale: the network was punished by the squared error, and the middle between red and blue is the safest answer.
# Lesson 07 is about that.
#
# Every lesson ends like this one: with a claim in an `assert`, and with an experiment that is spoiled on purpose, to show that
# the assertion can fail. If it fails without being spoiled, the lesson is wrong, not you.


# %%
def error(pictures: list[np.ndarray]) -> float:
    """ab-RMSE, Lab units, mean over the pictures."""
    return float(np.mean([ab_rmse(tensor(p), tensor(t)).item() for p, t in zip(pictures, truth, strict=True)]))


def moved(pictures: list[np.ndarray]) -> float:
    """Mean difference in lightness, L* units; a single unit can just be seen."""
    return float(np.mean([(rgb_to_lab(tensor(p)) - rgb_to_lab(tensor(t)))[:, 0].abs().mean().item()
                          for p, t in zip(pictures, truth, strict=True)]))


def closer_than_grey_and_as_light(colored: list[np.ndarray]) -> None:
    assert error(colored) < 0.9 * error(grey), f"the color is off by {error(colored):.1f}, left grey by {error(grey):.1f}"
    assert moved(colored) < 1, f"the lightness has moved by {moved(colored):.1f} on average"


print(f"off by {error(colored):.1f} Lab units, left grey by {error(grey):.1f}; lightness moved by {moved(colored):.2f} of 100")
closer_than_grey_and_as_light(colored)

# spoiled: the same network as it was before its first picture
untrained = Colorizer(run, here.device)
for layer in untrained.network.modules():
    if hasattr(layer, "reset_parameters"):
        layer.reset_parameters()
must_fail(closer_than_grey_and_as_light, [untrained(picture) for picture in truth])


# spoiled: the small picture enlarged as it is, so that its lightness is blurred, too
def blurred(rgb: np.ndarray, ab: torch.Tensor) -> np.ndarray:
    lightness = F.interpolate(rgb_to_lab(tensor(rgb))[:, :1], ab.shape[1:], mode="area")
    guess = lab_to_rgb(torch.cat([lightness, ab[None]], dim=1))
    enlarged = F.interpolate(guess, rgb.shape[:2], mode="bilinear")
    return (enlarged[0].permute(1, 2, 0) * 255).round().byte().numpy()


colors = [colorizer.ab(picture) for picture in truth]
must_fail(closer_than_grey_and_as_light, [blurred(p, ab) for p, ab in zip(truth, colors, strict=True)])

# and the color that was guessed for another picture? No claim here: among scenes it is bad, among faces a face's color is fair
others = [join(p, ab) for p, ab in zip(truth, colors[1:] + colors[:1], strict=True)]
print(f"with the color of another picture: off by {error(others):.1f}")

# %% 6. Your own picture: from the command line, for a photograph or a folder of them, with the run that you have just made.
print(f"python -m minicolor.colorize PHOTO OUT --run {run}")

# %% [markdown]
# It will not be good while the network has seen drawings only, for seconds. What makes it better is what the lessons are about:
#
# | lesson | question |
# | --- | --- |
# | 01 | why L, a, b and not red, green, blue? |
# | 02 | which pictures to learn from, and which to keep for the test? |
# | 03 | how is noise removed from an old photograph? |
# | 04 | what does an autoencoder lose, and what do skips bring back? |
# | 05 | how is a colored picture measured, and how do figures mislead? |
# | 06 | from a small network to a U-Net |
# | 07 | why a second network that judges makes colors stronger |
# | 08 | what does a network bring along that already knows pictures? |
# | 09 | losses that look with a network's eyes, and another kind of judge |
# | 10 | color and twice the resolution at once |
# | 11 | a family album: everything together on real old photographs |
# | 12 | beyond the reports |
# | K1 to K3 | for those who want it fast: GPU kernels, from the first on |


# Now exercise.py, then: python lessons/grade.py 00
