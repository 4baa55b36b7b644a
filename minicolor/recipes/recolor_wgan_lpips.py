"""E4: E3 and 50 times LPIPS, the report's final model.     Image recoloring with conditional GANs (report E), V"""

from dataclasses import replace

from minicolor.recipes import recolor_wgan

THIS = {"name": "recolor_wgan_lpips", "experiment": "E4", "lpips_weight": 50.0}     # report E, V.A
RECIPE = replace(recolor_wgan.RECIPE, **THIS)
QUICK = replace(recolor_wgan.QUICK, **THIS, features="runs/classify")
