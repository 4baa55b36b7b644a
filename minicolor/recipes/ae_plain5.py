"""B2: an autoencoder of five levels, plain, grey -> RGB at 160x160.     Report B, its tables and listings

As recipes/ae_skip5.py in everything else.
"""

from dataclasses import replace

from minicolor.recipes import ae_skip5

THIS = {"name": "ae_plain5", "experiment": "B2", "levels": 5, "skips": False,
        "source": "Rojas, Galván and Pinzón, Autoencoders para colorear imágenes, model 2"}
RECIPE = replace(ae_skip5.RECIPE, **THIS)
QUICK = replace(ae_skip5.QUICK, **THIS)
