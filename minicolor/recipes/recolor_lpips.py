"""E2: E1 and 50 times LPIPS in the generator's loss.     Image recoloring with conditional GANs (report E), V.A

LPIPS needs the weights of its network: `python -m minicolor.data.download weights alexnet lpips_alex`. The small version takes
a run of our own `classify` for it, a plain feature distance.
"""

from dataclasses import replace

from minicolor.recipes import recolor_pix2pix

THIS = {"name": "recolor_lpips", "experiment": "E2", "lpips_weight": 50.0}          # report E, V.A
RECIPE = replace(recolor_pix2pix.RECIPE, **THIS)
QUICK = replace(recolor_pix2pix.QUICK, **THIS, features="runs/classify")
