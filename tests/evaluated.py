"""Small trained runs for the tests of evaluation: seconds of training, but whole."""

from dataclasses import replace
from pathlib import Path

from minicolor import recipe as recipes
from minicolor.fit import fit

SMALL = {"pix2pix_lab": {"base": 4, "d_base": 4}, "dncnn": {"depth": 3, "width": 8, "crop": 0, "crops": 1},
         "ae_plain3": {"narrow": 16}, "classify": {"base": 4}, "superres_unet": {}, "srgan": {}}  # fmt: skip


def make_run(folder: Path, name: str, **fields) -> Path:
    """A run of the recipe `name` on drawn scenes, one epoch: best.pt, split.json, results.json and the rest."""
    given = {"size": 64, "pictures": 60, "epochs": 1, "batch_size": 8, "init": ""} | SMALL[name] | fields
    recipe = replace(recipes.load(name).QUICK, **given).check()
    fit(recipe, recipe.open(), folder, quiet=True)
    return folder
