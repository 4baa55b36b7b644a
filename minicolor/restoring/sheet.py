"""One photograph colored at several working sizes, side by side with labels: to choose the size by eye.

    photograph -> small enough for the eye, in grey -> joined to the color guessed at 192, 256, 384 ... -> one row

A small working size colors large things evenly; a larger one finds more edges, and sees less of the whole at once.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minicolor.coloring import Colorizer, join
from minicolor.data.pixels import eight_bits
from minicolor.errors import BadInput
from minicolor.restoring.grey import grey_of

LONGER, GAP, LABEL = 480, 8, 24     # pixels: each picture's longer side at most, between them, the line of text above
MOST = 12                           # pictures in a row: more than that nobody compares


def contact_sheet(colorizer: Colorizer, photograph: np.ndarray, sizes: Sequence[int], saturation: float = 1.0) -> np.ndarray:
    """A photograph (H, W, 3) or its grey plane, after Pipeline.prepared(), -> (h, w, 3) uint8, a picture for each size."""
    if not 1 <= len(sizes) <= MOST:
        raise BadInput(f"--sizes: {len(sizes)} sizes; expected 1 to {MOST}, such as 192,256,384")
    grey = photograph if photograph.ndim == 2 else grey_of(photograph)
    shown = Image.fromarray(eight_bits(grey))
    shown.thumbnail((LONGER, LONGER), Image.Resampling.LANCZOS)
    shown = np.asarray(shown).astype(np.uint16) * 257
    height, width = shown.shape
    step = max(width, 80) + GAP                                                    # 80: the text of a narrow one
    sheet = Image.new("RGB", (len(sizes) * step + GAP, height + LABEL + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for i, size in enumerate(sizes):
        draw.text((GAP + i * step, LABEL // 4), f"--size {size}", "black", font)
        sheet.paste(Image.fromarray(join(shown, colorizer.ab(grey, size), saturation)), (GAP + i * step, LABEL))
    return np.asarray(sheet)
