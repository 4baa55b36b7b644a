"""B3: an autoencoder of three levels with skips, grey -> RGB at 160x160.     Report B, its tables and listings

As recipes/ae_skip5.py in everything else.
"""

from dataclasses import replace

from minicolor.recipes import ae_skip5

THIS = {"name": "ae_skip3", "experiment": "B3", "levels": 3, "skips": True,
        "source": "Rojas, Galván and Pinzón, Autoencoders para colorear imágenes, model 3"}
RECIPE = replace(ae_skip5.RECIPE, **THIS)
QUICK = replace(ae_skip5.QUICK, **THIS)
