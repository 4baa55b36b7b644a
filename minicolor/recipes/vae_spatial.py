"""A2: the second variational autoencoder, with a code for each 16x16 pixels.     Recuerdos a Color (report A), III.A

As recipes/vae_flat.py in everything else.
"""

from dataclasses import replace

from minicolor.recipes import vae_flat

RECIPE = replace(vae_flat.RECIPE, name="vae_spatial", spatial=True)
QUICK = replace(vae_flat.QUICK, name="vae_spatial", spatial=True)
