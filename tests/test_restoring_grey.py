"""The grey plane has the picture's L* and a grey pixel's own value; toned prints are told from grey ones and from color."""

import io
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import lab2rgb, rgb2lab

from minicolor.data.photos import read
from minicolor.data.scenes import draw_all
from minicolor.restoring.grey import grey_of, kind, relight

TONES = {                                    # a and b where the print is darkest, in its middle, and where it is lightest
    "sepia": ((8, 10), (9, 22), (1, 12)), "selenium": ((7, -6), (4, -2), (1, 4)), "cyanotype": ((4, -28), (-6, -34), (-3, -8)),
    "yellowed": ((1, 4), (2, 10), (1, 18)), "split": ((-2, -14), (4, 2), (4, 16)),
}  # fmt: skip


def every_grey(kind):
    return np.arange(np.iinfo(kind).max + 1).astype(kind)[None, :, None].repeat(3, axis=2)


def toned(grey: np.ndarray, tone: str, quality: int = 85) -> np.ndarray:
    """(H, W) uint8 printed in that tone, with grain, as a JPEG with half the resolution of color."""
    rng = np.random.default_rng(0)
    lab = np.zeros((*grey.shape, 3))
    lab[..., 0] = 5 + 0.9 * rgb2lab(np.repeat(grey[..., None], 3, axis=2))[..., 0]
    for plane, points in enumerate(zip(*TONES[tone]), start=1):
        lab[..., plane] = np.interp(lab[..., 0], (5, 50, 95), points)
    rgb = (255 * lab2rgb(lab) + rng.normal(0, 3, lab.shape)).clip(0, 255).round().astype(np.uint8)
    return jpeg(rgb, quality)


def jpeg(rgb: np.ndarray, quality: int = 85) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def test_a_grey_pixel_keeps_its_value_exactly():
    assert np.array_equal(grey_of(every_grey(np.uint8))[0], 257 * np.arange(256))
    assert np.array_equal(grey_of(every_grey(np.uint16))[0], np.arange(65536))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), deep=st.booleans(), shape=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_lightness_is_the_pictures(seed, deep, shape):
    """0.01 L*: scikit-image's white point is rounded (ops/lab.py); a step of 16 bits is at most 0.014 L*, near black."""
    top = 65535 if deep else 255
    rgb = np.random.default_rng(seed).integers(0, top + 1, (*shape, 3)).astype(np.uint16 if deep else np.uint8)
    plane = grey_of(rgb)
    assert plane.dtype == np.uint16 and plane.shape == shape
    of_plane = rgb2lab(np.repeat(plane[..., None] / 65535, 3, axis=2))[..., 0]
    assert np.abs(of_plane - rgb2lab(rgb / top)[..., 0]).max() < 0.02


def test_bands_do_not_show(monkeypatch):
    rgb = np.random.default_rng(0).integers(0, 256, (31, 17, 3), np.uint8)
    whole, kept = grey_of(rgb), np.empty_like(rgb)
    relight(rgb, whole, kept)
    monkeypatch.setattr(sys.modules[grey_of.__module__], "BAND", 17 * 3)
    out = np.empty_like(rgb)
    relight(rgb, whole, out)
    assert np.array_equal(grey_of(rgb), whole) and np.array_equal(out, kept)


def test_relight_keeps_color_and_takes_the_new_lightness():
    """8-bit rounding of three channels: up to 0.4 L*, and about 1 in a and b (more near black, so from L* 20 on)."""
    rng = np.random.default_rng(1)
    lab = np.stack([rng.uniform(30, 70, (20, 30)), *rng.uniform(-15, 15, (2, 20, 30))], axis=2)
    rgb = (255 * lab2rgb(lab)).round().astype(np.uint8)
    grey = (grey_of(rgb) * 0.8 + 4000).astype(np.uint16)
    before = rgb2lab(rgb)
    relight(rgb, grey, rgb)                                                        # in place
    after = rgb2lab(rgb)
    assert np.abs(after[..., 0] - rgb2lab(np.repeat(grey[..., None] / 65535, 3, axis=2))[..., 0]).max() < 0.5
    assert np.abs(after[..., 1:] - before[..., 1:]).max() < 1.5
    for numbers in (np.uint8, np.uint16):                                          # and what is grey stays so to the last bit
        same = every_grey(numbers)
        relight(same, grey_of(same), same)
        assert np.array_equal(same, every_grey(numbers))


@pytest.mark.parametrize("tone", TONES)
def test_drawn_scenes_grey_toned_and_colored(tone):
    """Every tone is found; so is every grey. Of drawings in color, which have flat skies and seas, some could be toned prints."""
    scenes = draw_all(3, 40, 128, workers=1)
    greys = [(grey_of(rgb) >> 8).astype(np.uint8) for rgb in scenes]
    assert {kind(toned(grey, tone)) for grey in greys} == {"toned"}
    assert {kind(np.repeat(grey[..., None], 3, axis=2)) for grey in greys} == {"grey"}
    assert {kind(jpeg(np.repeat(grey[..., None], 3, axis=2), 50)) for grey in greys} == {"grey"}
    assert Counter(kind(rgb) for rgb in scenes)["color"] >= 36
    deep = toned(greys[0], tone).astype(np.uint16) * 257
    assert kind(deep) == "toned"


def test_any_size_has_a_kind():
    for shape in ((1, 1), (1, 5000), (5000, 1), (3, 7), (1025, 2)):
        flat = np.full((*shape, 3), 90, np.uint8)
        assert kind(flat) == "grey"
        flat[..., 0] += 60
        assert kind(flat) == "toned"                                               # one color alone is a tone


def test_faces_and_landscapes(real_pictures):
    """The confusion count of photographs as they are, grey, and toned: those of fog and sand are taken for toned."""
    for folder, at_least in (("faces", 60), ("landscapes", 56)):
        found = {"grey": Counter(), "toned": Counter(), "color": Counter()}
        for i, path in enumerate(sorted((real_pictures / folder).iterdir())[:60]):
            rgb = read(path).rgb
            grey = (grey_of(rgb) >> 8).astype(np.uint8)
            found["color"][kind(rgb)] += 1
            found["grey"][kind(jpeg(np.repeat(grey[..., None], 3, axis=2)))] += 1
            found["toned"][kind(toned(grey, list(TONES)[i % len(TONES)]))] += 1
        assert found["grey"]["grey"] == 60 and found["toned"]["toned"] >= 59, (folder, found)
        assert found["color"]["color"] >= at_least, (folder, found)


def test_real_old_photographs_are_grey_or_toned(real_pictures):
    kinds = {path.stem: kind(read(path).rgb) for path in (real_pictures / "historical").iterdir()}
    assert set(kinds.values()) == {"grey", "toned"}
    by_eye = {"00002", "00012", "00015", "00017", "00019", "00025", "00027", "00032", "00034", "00035", "00037"}
    assert {name for name, what in kinds.items() if what == "toned"} == by_eye
