"""Each stage is on or off, they come in their order, and what is promised of the result holds for every choice of them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from restoring_runs import COLOR, DENOISE, ENLARGE, saved
from skimage.color import rgb2lab

from minicolor.data.photos import Photo, read
from minicolor.errors import BadInput
from minicolor.recipes import classify
from minicolor.restoring import enlarge as enlarging
from minicolor.restoring import pipeline as pipelines
from minicolor.restoring.denoise import denoise
from minicolor.restoring.grey import grey_of
from minicolor.restoring.pipeline import Pipeline
from minicolor.restoring.sheet import contact_sheet


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {"run": saved(COLOR, folder / "color"), "denoise": saved(DENOISE, folder / "denoise"),
            "enlarge": saved(ENLARGE, folder / "enlarge")}


def photo(height=60, width=75, kind=np.uint8, border=0, color=False):
    top = np.iinfo(kind).max
    rgb = np.random.default_rng(0).integers(top // 5, 3 * top // 4, (height, width, 3 if color else 1)).astype(kind)
    rgb = np.ascontiguousarray(np.broadcast_to(rgb, (height, width, 3)))
    rgb = np.pad(rgb, ((border, border), (border, border), (0, 0)), constant_values=top)
    return Photo(rgb, b"Exif\0\0", ("a note of the file",))


CHOICES = [c for c in itertools.product([False, True], repeat=4) if any(c)]
NAMES = ["-".join(name for name, on in zip(("crop", "denoise", "run", "enlarge"), c) if on) for c in CHOICES]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("on", CHOICES, ids=NAMES)
def test_every_choice_of_stages(runs, on, kind):
    crop, chosen = on[0], {name: runs[name] for name, o in zip(("denoise", "run", "enlarge"), on[1:]) if o}
    one, said = photo(kind=kind, border=9), []
    before = one.rgb.copy()
    got = Pipeline(crop=crop, **chosen)(one, said.append)
    height, width = (60, 75) if crop else (78, 93)
    scale = 2 if on[3] else 1
    assert got.rgb.shape == (scale * height, scale * width, 3) and got.rgb.dtype == kind and got.rgb.flags.c_contiguous
    assert np.array_equal(one.rgb, before), "the photograph is the caller's"
    assert got.box == ((9, 69, 9, 84) if crop else (0, 78, 0, 93))
    expected = ["grey", *(stage for stage, o in zip(pipelines.STAGES, on) if o)]
    assert said == list(got.seconds) == expected and all(s >= 0 for s in got.seconds.values())
    assert got.notes == ("a note of the file", *(["cropped from 93 x 78 to 75 x 60 pixels"] if crop else []))
    if not on[2] and not on[3]:                                                    # grey stays grey
        assert (got.rgb == got.rgb[..., :1]).all()
    if on == (True, False, False, False):
        assert np.array_equal(got.rgb, before[9:69, 9:84])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_the_lightness_is_that_of_the_denoised_photograph(runs, kind):
    """At most 1 L* on at least 99 % of the pixels: here on all, for color gives way where sRGB has none so strong."""
    one = photo(kind=kind)
    pipeline = Pipeline(run=runs["run"], denoise=runs["denoise"], saturation=3.0)
    got = pipeline(one).rgb
    clean = denoise(grey_of(one.rgb), pipeline.denoiser)
    wanted = rgb2lab(np.repeat(clean[..., None] / 65535, 3, axis=2))[..., 0]
    lab = rgb2lab(got / np.iinfo(kind).max)
    assert np.abs(lab[..., 0] - wanted).max() < 1.0 and np.abs(lab[..., 1:]).mean() > 1


def test_old_photographs_keep_their_lightness(runs, real_pictures):
    pipeline = Pipeline(run=runs["run"], saturation=4.0)
    for path in sorted((real_pictures / "historical").iterdir())[::6]:
        one = read(path)
        before, after = rgb2lab(one.rgb)[..., 0], rgb2lab(pipeline(one).rgb)[..., 0]
        assert (np.abs(after - before) <= 1).mean() >= 0.99, path.name


def test_without_a_coloring_run_color_stays(runs):
    one = photo(color=True)
    got = Pipeline(denoise=runs["denoise"], strength=0.0)(one).rgb
    assert np.abs(got.astype(int) - one.rgb).max() <= 1                            # to Lab and back: float32, 8 bits
    toned = one.rgb.copy()
    toned[...] = toned[..., :1] // 2 + np.array([60, 40, 10], np.uint8)
    for rgb, words in ((one.rgb, "has color of its own, taken as grey"), (toned, "a toned print, taken as grey")):
        got = Pipeline(run=runs["run"])(Photo(rgb, None, ()))
        assert got.notes == (words,)
        grey = np.repeat(grey_of(rgb)[..., None], 3, axis=2)
        as_grey = Pipeline(run=runs["run"])(Photo(grey, None, ())).rgb / 257     # the same in 16 bits
        assert np.abs(got.rgb - as_grey).max() <= 0.51
        assert Pipeline(denoise=runs["denoise"])(Photo(rgb, None, ())).notes == ()


def test_what_changes_no_lightness_changes_no_color(runs):
    one = photo(kind=np.uint16, border=9, color=True)
    for reuse in False, True:
        got = Pipeline(crop=True)(replace(one, rgb=one.rgb.copy()), reuse=reuse).rgb
        assert np.array_equal(got, one.rgb[9:69, 9:84])
    enlarger = Pipeline(enlarge=runs["enlarge"])
    assert np.array_equal(enlarger(one).rgb, enlarger.enlarger(one.rgb))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("chosen", [("run",), ("denoise",), ("run", "denoise", "enlarge")])
def test_reusing_the_photographs_array_changes_nothing_else(runs, kind, chosen):
    pipeline = Pipeline(**{name: runs[name] for name in chosen})
    fresh = pipeline(photo(kind=kind, color=True)).rgb
    one = photo(kind=kind, color=True)
    got = pipeline(one, reuse=True).rgb
    assert np.array_equal(got, fresh) and np.shares_memory(got, one.rgb) == (chosen[-1] != "enlarge")


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (2, 3)])
def test_the_smallest_pictures(runs, shape):
    got = Pipeline(**runs, crop=True)(photo(*shape))
    assert got.rgb.shape == (2 * shape[0], 2 * shape[1], 3)


def test_one_after_the_other_or_twice_it_is_the_same(runs):
    pipeline = Pipeline(**runs)
    first = pipeline(photo()).rgb
    pipeline(photo(30, 90))
    assert np.array_equal(pipeline(photo()).rgb, first)


def test_what_cannot_be_is_one_sentence(runs, tmp_path, monkeypatch):
    other = saved(replace(classify.QUICK, size=64), tmp_path / "classify")
    for settings, words in (
        ({}, "no stage is on"), ({"run": tmp_path}, "no best.pt"), ({"run": "nowhere"}, "nowhere"),
        ({"run": other}, "gives no color"), ({"run": runs["denoise"]}, "gives no color"),
        ({"denoise": runs["run"]}, "expected one that removes noise"), ({"enlarge": runs["run"]}, "does not enlarge"),
        ({"run": runs["run"], "size": 8}, "--size 8"), ({"run": runs["run"], "saturation": -1.0}, "--saturation -1"),
        ({"denoise": runs["denoise"], "strength": 2.0}, "--strength 2"),
    ):
        with pytest.raises(BadInput, match=words) as said:
            Pipeline(**settings)
        assert "\n" not in str(said.value)
    monkeypatch.setattr(enlarging, "MAX_PIXELS", 4 * 60 * 75)
    Pipeline(**runs, crop=True)(photo(border=9))                                   # fits when it is cropped
    steps = []
    with pytest.raises(BadInput, match="93 x 78 pixels would be enlarged to 186 x 156"):
        Pipeline(**runs)(photo(border=9), steps.append)
    assert steps == []


def test_the_contact_sheet_shows_each_size(runs):
    pipeline = Pipeline(run=runs["run"], saturation=1.5)
    one = photo(120, 150)
    grey, box, notes = pipeline.prepared(one)
    sheet = contact_sheet(pipeline.colorizer, grey, [32, 64], 1.5)
    assert sheet.shape == (120 + 24 + 8, 2 * (150 + 8) + 8, 3) and box == (0, 120, 0, 150) and notes == list(one.notes)
    for i, size in enumerate((32, 64)):
        left = 8 + i * 158
        alone = Pipeline(run=runs["run"], saturation=1.5, size=size)(one).rgb
        assert np.array_equal(sheet[24:144, left : left + 150], alone)
        assert (sheet[:24, left : left + 150] < 128).any(), "a label"
    assert np.array_equal(contact_sheet(pipeline.colorizer, one.rgb, [32, 64], 1.5), sheet)
    assert contact_sheet(pipeline.colorizer, np.zeros((9000, 7), np.uint16), [32]).shape[0] <= 480 + 32
    for sizes, words in (([], "0 sizes"), ([64] * 13, "13 sizes"), ([7], "--size 7")):
        with pytest.raises(BadInput, match=words):
            contact_sheet(pipeline.colorizer, grey, sizes)

