"""Where the picture lies in a scan: cut off the even border of white, black or paper around it, and nothing else.

    side by side, from the edge inward:   rows that are even nearly all along    -> a border
                                          then, at once and nearly all along, other rows -> the picture begins
    and another side has a border of the same grey

What follows "even" keeps a picture whole. A sky is as even as paper, but it ends at one tree here and at a roof there, or
darkens slowly; and a wall that ends like a border has no twin. A border that the picture fades into (a vignette, a white
sky on white paper) stays, and so does one that is written on all along. Inside the black of a scanner's lid there may be
white paper: so all this is done up to three times. Ours, for want of a paper; of 1092 pictures of faces, landscapes, things and
paintings it cut into one that had no border, a face before a black wall.
"""

import numpy as np

LARGEST = 0.25         # of a side's length: what is never exceeded on each side of the picture
SKEW = 0.02            # of a side's length: within so many rows a border must end, also where the print lay askew
EVEN = 0.06            # of white: how far from the border's level paper, film and their noise stay
SPOTS = 0.12           # share of a border's row that may be dust, scratches, writing, a corner torn off
DIFFERS = 0.8         # share of a row, in its middle half, that must not look like the border where the picture begins
SAMPLES = 1024         # pixels of a row that are looked at
ROUNDS = 3


def picture_box(grey: np.ndarray) -> tuple[int, int, int, int]:
    """(H, W) uint16 -> top, bottom, left, right: grey[top:bottom, left:right] is the picture, all of it where no border is."""
    height, width = grey.shape
    cut = [0, 0, 0, 0]                                                             # top, bottom, left, right
    most = [int(LARGEST * length) for length in (height, height, width, width)]
    for _ in range(ROUNDS):
        part = grey[cut[0] : height - cut[1], cut[2] : width - cut[3]]
        sides = part, part[::-1], part.T, part.T[::-1]                             # each with its outermost row first
        borders = [_border(side, most[i] - cut[i]) for i, side in enumerate(sides)]
        levels = [level for rows, level in borders if rows]
        twins = [sum(abs(level - other) < EVEN * 65535 for other in levels) > 1 for _, level in borders]
        if not any(rows and twin for (rows, _), twin in zip(borders, twins)):
            break
        cut = [before + rows * twin for before, (rows, _), twin in zip(cut, borders, twins)]
    return cut[0], height - cut[1], cut[2], width - cut[3]


def _border(rows: np.ndarray, most: int) -> tuple[int, float]:
    """How many rows from the first on are border, 0 where that is more than `most` or does not end at once; its level."""
    skew = max(2, round(SKEW * len(rows)))
    near = rows[: most + 1, :: -(-rows.shape[1] // SAMPLES)].astype(np.int32)
    if min(near.shape) < 4:
        return 0, 0.0
    level = float(np.median(near[0]))
    even = (np.abs(near - level) < EVEN * 65535).mean(axis=1) > 1 - SPOTS
    if even.all() or not even[0]:
        return 0, level
    count = int(even.argmin())
    last = np.median(near[max(0, count - skew) : count])                           # not the first row: a sky darkens slowly
    quarter = near.shape[1] // 4                                                   # the corners are left and right borders'
    other = np.abs(near[count : count + skew, quarter:-quarter] - last) >= EVEN * 65535
    begins = other.mean(axis=1) > DIFFERS
    return (count + int(begins.argmax()) if begins.any() else 0), level
