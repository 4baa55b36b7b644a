"""The pictures that people judge: photographs that no run was trained on, real and colored, all as PNG of one size.

PNG for both, uncompressed: sharpness is the same, and so are all files' lengths, which would tell them apart (compressed, a
colored drawing is a fifth longer than the real one: many colors instead of few). With several runs
only photographs count that all of them held out, so that they can be compared with each other; with runs of several sizes
the largest is shown, and each run colors it as it colors any photograph.
"""

import dataclasses
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from minicolor.coloring import Colorizer, join
from minicolor.data.listing import shown
from minicolor.data.split import read_split
from minicolor.errors import BadInput
from minicolor.judging.plan import REAL, WRONG

STRENGTH = 70          # chroma of the wrong colors: far beyond what photographs have all over


class Gallery:
    """What there is to judge. `names`: of the photographs; photo(i) -> their versions."""

    def __init__(self, runs: Sequence[str], pictures: int, device: str = "cpu", data: str | None = None):
        """At most `pictures` of the runs' test pictures. BadInput: no run, not its pictures, none that all runs held out."""
        self.colorizers = [Colorizer(run, device) for run in runs]
        tests = [_test_part(run, colorizer.recipe, data) for run, colorizer in zip(runs, self.colorizers)]
        shared = set.intersection(*(set(test) for _, test in tests))
        if not shared:
            raise BadInput(f"{', '.join(map(str, runs))}: no picture is in the test part of every one of them; runs can be "
                           "compared that were trained on the same pictures with the same --seed")
        self.pack, self.test = max(tests, key=lambda one: one[0].size)
        self.keys = sorted(shared)[:pictures]                        # hashes: a fair draw, in an order that means nothing
        self.names = [shown(self.pack.names[self.test[key]]) for key in self.keys]

    def photo(self, i: int, check: bool) -> Iterator[tuple[int, bytes]]:
        """(version, PNG) of photograph i: the real one and each run's, or for a check the real and the wrong one."""
        rgb = np.array(self.pack.pictures[self.pack.rows[self.test[self.keys[i]]]][..., :3])     # a fourth plane is a mask
        yield REAL, png(rgb)
        if check:
            yield WRONG, png(wrong(rgb))
        else:
            yield from ((run, png(colorizer(rgb))) for run, colorizer in enumerate(self.colorizers, start=1))


def wrong(rgb: np.ndarray) -> np.ndarray:
    """All hues from left to right over the photograph's own lightness: nobody who looks takes it for real."""
    hue = torch.arange(16) * (2 * math.pi / 16)
    return join(rgb, STRENGTH * torch.stack([hue.cos(), hue.sin()])[:, None])


def png(rgb: np.ndarray) -> bytes:
    """(H, W, 3) uint8 -> a file that holds pixels and nothing else; its length depends on H and W alone."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=0)
    return file.getvalue()


def _test_part(run: str, recipe, data: str | None) -> tuple:
    """-> the run's Pack, and {key: index} of the pictures that it held out to the end."""
    pack = (dataclasses.replace(recipe, data=data) if data else recipe).open()
    path = Path(run)
    parts = read_split((path if path.is_dir() else path.parent) / "split.json", pack)
    return pack, {pack.keys[i]: i for i in reversed(parts["test"])}      # of two copies of a picture only the first
