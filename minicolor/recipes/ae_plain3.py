"""B1: an autoencoder of three levels, plain, grey -> RGB at 160x160.     Report B, its tables and listings

As recipes/ae_skip5.py in everything else.
"""

from dataclasses import replace

from minicolor.recipes import ae_skip5

THIS = {"name": "ae_plain3", "experiment": "B1", "levels": 3, "skips": False,
        "source": "Rojas, Galván and Pinzón, Autoencoders para colorear imágenes, model 1"}
RECIPE = replace(ae_skip5.RECIPE, **THIS)
QUICK = replace(ae_skip5.QUICK, **THIS)
