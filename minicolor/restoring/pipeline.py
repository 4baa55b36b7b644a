"""The stages in their order, each on or off: what an old photograph goes through between being read and being written.

    Photo -> grey plane -> crop to the picture -> denoise -> color -> join to full-size lightness -> double -> Restored

The networks are loaded once, the photographs go through one by one. Memory beyond the photograph and the result is one grey plane
(two while denoising), 2 bytes a pixel each, and the tile or band that is in work.

Without a coloring run a photograph keeps the color or the tone that it has, and only its lightness is worked on.
"""

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minicolor.coloring import Colorizer, check_saturation, check_size, join
from minicolor.data.photos import Photo
from minicolor.errors import BadInput
from minicolor.restoring.crop import picture_box
from minicolor.restoring.denoise import check_strength, denoise, tileable
from minicolor.restoring.enlarge import Enlarger
from minicolor.restoring.grey import grey_of, kind, relight

STAGES = ("crop", "denoise", "color", "enlarge")       # in this order, and so named in Restored.seconds
TAKEN_AS_GREY = {"toned": "a toned print, taken as grey", "color": "has color of its own, taken as grey"}


@dataclass(frozen=True)
class Restored:
    rgb: np.ndarray                # (H, W, 3), uint8 or uint16 as the photograph came; H and W doubled by the last stage
    box: tuple[int, int, int, int]  # top, bottom, left, right of what was kept, in pixels of the photograph
    notes: tuple[str, ...]         # the photograph's own, and what the stages have to say
    seconds: dict[str, float]      # of each stage that ran, and of "grey", the way to the grey plane


class Pipeline:
    """The stages that are on, ready for any number of photographs: Pipeline(run="runs/mine", crop=True)(photo) -> Restored."""

    def __init__(self, run: str | Path | None = None, denoise: str | Path | None = None, enlarge: str | Path | None = None,
                 crop: bool = False, size: int | None = None, saturation: float = 1.0, strength: float = 1.0,
                 device: str = "cpu"):
        """run, denoise, enlarge: runs that color, remove noise, double the size; None: that stage is off.

        size: the side in pixels at which color is guessed, None for what the run learned. saturation: times the guessed chroma.
        strength: of the denoising, 0 to 1. BadInput for runs that are none or do something else, and where nothing is on.
        """
        if run is None and denoise is None and enlarge is None and not crop:
            raise BadInput("no stage is on; expected a run that colors (--run), denoises (--denoise) or enlarges (--enlarge)")
        check_size(size)
        check_saturation(saturation)
        check_strength(strength)
        self.crop, self.size, self.saturation, self.strength = crop, size, saturation, strength
        self.denoiser = tileable(denoise, device) if denoise is not None else None
        self.colorizer = Colorizer(run, device) if run is not None else None
        self.enlarger = Enlarger(enlarge, device) if enlarge is not None else None

    def __call__(self, photo: Photo, said: Callable[[str], object] = lambda stage: None, reuse: bool = False) -> Restored:
        """One photograph through all stages that are on.

        said: is told each stage's name as it begins. reuse: the photograph's own array may be overwritten, which saves
        3 or 6 bytes a pixel. BadInput where the enlarged picture would be too large: before denoising and coloring.
        """
        seconds: dict[str, float] = {}
        grey, box, notes = self.prepared(photo, said, seconds)
        rgb = photo.rgb[box[0] : box[1], box[2] : box[3]]
        out = rgb if reuse and rgb.flags.c_contiguous else np.empty(rgb.shape, rgb.dtype)
        if self.colorizer:
            with _stage("color", said, seconds):
                join(grey, self.colorizer.ab(grey, self.size), self.saturation, out=out)
        elif self.denoiser:
            relight(rgb, grey, out)
        elif out is not rgb:
            out[...] = rgb             # nothing changed the lightness: Lab and back would be off by its roundings
        del grey, rgb
        if self.enlarger:
            with _stage("enlarge", said, seconds):
                out = self.enlarger(out)
        return Restored(out, box, tuple(notes), seconds)

    def prepared(self, photo: Photo, said: Callable[[str], object] = lambda stage: None,
                 seconds: dict[str, float] | None = None) -> tuple[np.ndarray, tuple, list[str]]:
        """What comes before color: the grey plane, cropped and denoised; the box that was kept; the notes so far."""
        seconds, rgb, notes = {} if seconds is None else seconds, photo.rgb, list(photo.notes)
        box = (0, rgb.shape[0], 0, rgb.shape[1])
        if self.enlarger and not self.crop:
            self.enlarger.check(*rgb.shape[:2])
        with _stage("grey", said, seconds):
            grey = grey_of(rgb)
        if self.crop:
            with _stage("crop", said, seconds):
                top, bottom, left, right = box = picture_box(grey)
            if (bottom - top, right - left) != grey.shape:
                notes.append(f"cropped from {grey.shape[1]} x {grey.shape[0]} to {right - left} x {bottom - top} pixels")
            grey, rgb = grey[top:bottom, left:right], rgb[top:bottom, left:right]
            if self.enlarger:
                self.enlarger.check(*grey.shape)
        if self.colorizer and (what := kind(rgb)) in TAKEN_AS_GREY:
            notes.append(TAKEN_AS_GREY[what])
        if self.denoiser:
            with _stage("denoise", said, seconds):
                grey = denoise(grey, self.denoiser, self.strength)
        return grey, box, notes


@contextmanager
def _stage(name: str, said: Callable[[str], object], seconds: dict[str, float]):
    said(name)
    began = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - began
