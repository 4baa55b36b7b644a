"""C1: pix2pix in Lab, L -> ab.     Vision and Cognitive Systems Report (report C), 5 and 6.1 to 6.4

The same two networks and the same step as A6 (recipes/pix2pix.py); only the question differs: two channels of color
are guessed and the lightness is kept, where A6 guesses three. 100 epochs on COCO, flips only.
"""

from dataclasses import replace

from minicolor.recipes.pix2pix import Pix2PixRecipe

RECIPE = Pix2PixRecipe(
    name="pix2pix_lab",
    experiment="C1",
    source="Selek and Berberi, Vision and Cognitive Systems Report, 5 and 6; Isola et al. 2017, arXiv:1611.07004",
    target="ab",                        # report C, 4
    pictures=10_000,                    # report C gives no count: this is how many the tutorial it follows draws of COCO
    batch_size=16,                      # not in report C
    epochs=100,                         # report C, 6.5
)
QUICK = replace(RECIPE, pictures=2000, size=64, base=32, d_base=16, batch_size=12, epochs=6, lr=5e-4, decay=0.5)
