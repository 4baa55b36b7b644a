"""One photograph for the page: opened, worked on as the switches say, and packed as a file to keep.

The pipeline is the one of `python -m minicolor.colorize`: its networks are loaded once, its switches are set for each photograph.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from minicolor.data import photos
from minicolor.data.photos import Photo
from minicolor.errors import BadInput
from minicolor.restoring.pipeline import STAGES, Pipeline

SHOWN = 2000           # pixels of the longer side on the page
SIZES = (64, 1024)     # working sizes: below is no picture, above is more than any run has learned
STRONGEST = 2.0        # saturation


@dataclass(frozen=True)
class Settings:
    """What the page's switches say."""

    crop: bool = False
    denoise: bool = False
    color: bool = False
    enlarge: bool = False
    size: int | None = None        # working size; None: the run's own
    saturation: float = 1.0
    strength: float = 1.0          # of the denoising


class Studio:
    """What photographs.Photographs asks: a pipeline with all stages that there are, and how large a photograph may be."""

    def __init__(self, pipeline: Pipeline, most_pixels: int):
        self.pipeline, self.most_pixels = pipeline, most_pixels

    def settings(self, said) -> Settings:
        """From the page's JSON. BadInput: not of these names and kinds, out of range, nothing on, or no run for what is."""
        if not isinstance(said, dict) or set(said) - set(Settings.__dataclass_fields__):
            raise BadInput(f"expected an object with some of {', '.join(Settings.__dataclass_fields__)}")
        for name, value in said.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            fine, expected = {
                "size": (value is None or (isinstance(value, int) and number and SIZES[0] <= value <= SIZES[1]),
                         f"{SIZES[0]} to {SIZES[1]}, or null"),
                "saturation": (number and 0 <= value <= STRONGEST, f"0 to {STRONGEST:g}"),
                "strength": (number and 0 <= value <= 1, "0 to 1"),
            }.get(name, (isinstance(value, bool), "true or false"))
            if not fine:
                raise BadInput(f"{name}: {value!r:.20} was sent; expected {expected}")
        settings = Settings(**said)
        if not any(getattr(settings, name) for name in STAGES):
            raise BadInput("Every stage is switched off; please switch on at least one.")
        for name, there in (("denoise", self.pipeline.denoiser), ("color", self.pipeline.colorizer),
                            ("enlarge", self.pipeline.enlarger)):
            if getattr(settings, name) and there is None:
                raise BadInput(f"{name}: the studio was started without a run for this stage")
        return settings

    def open(self, data: bytes, name: str) -> tuple[dict, bytes]:
        """What the page says about the photograph, and how it looks as it came."""
        photo = self._read(data, name)
        height, width = photo.rgb.shape[:2]
        return {"width": width, "height": height, "deep": photo.rgb.dtype == np.uint16, "notes": photo.notes}, shown(photo.rgb)

    def develop(self, data: bytes, name: str, settings: Settings,
                said: Callable[[str], None]) -> tuple[Photo, dict, bytes, bytes]:
        """-> the result, with all that the photograph's file told; what the page says about it; pictures before and after.

        said: is told each stage as it begins.
        """
        photo, pipeline = self._read(data, name), copy.copy(self.pipeline)        # the networks are shared
        pipeline.crop, pipeline.size = settings.crop, settings.size
        pipeline.saturation, pipeline.strength = settings.saturation, settings.strength
        pipeline.denoiser = self.pipeline.denoiser if settings.denoise else None
        pipeline.colorizer = self.pipeline.colorizer if settings.color else None
        pipeline.enlarger = self.pipeline.enlarger if settings.enlarge else None
        restored = pipeline(photo, said)
        top, bottom, left, right = restored.box
        height, width = restored.rgb.shape[:2]
        told = {"width": width, "height": height, "notes": restored.notes,
                "seconds": {stage: round(s, 2) for stage, s in restored.seconds.items()}}
        return replace(photo, rgb=restored.rgb), told, shown(photo.rgb[top:bottom, left:right]), shown(restored.rgb)

    def encode(self, name: str, result: Photo, form: str) -> tuple[str, bytes]:
        """The result as a file of this suffix: its name and its bytes. The disk never sees it."""
        name, packed = f"{Path(name).stem}-restored.{form}", BytesIO()
        photos.encode(packed, name, result.rgb, result.exif, about=result.about)
        return name, packed.getvalue()

    def _read(self, data: bytes, name: str) -> Photo:
        try:
            with Image.open(BytesIO(data)) as im:                          # no pixel is decoded yet
                width, height = im.size
        except Exception:
            width = height = 0                                             # decode() says what is wrong with it
        if width * height > self.most_pixels:
            raise BadInput(f"{name}: has {width} x {height} pixels; the studio takes up to {self.most_pixels / 1e6:.0f} million")
        return photos.decode(data, name, deep=True)


def shown(rgb: np.ndarray) -> bytes:
    """A JPEG of at most SHOWN pixels a side. rgb: (H, W, 3), uint8 or uint16."""
    step = max(1, max(rgb.shape) // (2 * SHOWN))           # of a large one every second, third ... pixel is enough to begin with
    small = rgb[::step, ::step]
    im = Image.fromarray(np.ascontiguousarray(small if small.dtype == np.uint8 else (small >> 8).astype(np.uint8)))
    im.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    packed = BytesIO()
    im.save(packed, "JPEG", quality=90)
    return packed.getvalue()
