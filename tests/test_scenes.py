"""A scene is the same picture everywhere and at every size; a toss changes its colors and never its lightness."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from minicolor.data.drawn.palette import LUMINANCE, TOSS_COLORS
from minicolor.data.drawn.texture import bricks, fractal_noise, stripes
from minicolor.data.drawn.workers import cores, fill, useful_workers
from minicolor.data.scenes import AMBIGUOUS, CLASSES, PARTS, TOSS_NAMES, draw, draw_all
from minicolor.errors import BadInput

HERE = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}  # a script elsewhere finds this checkout
TOSSED = [PARTS.index(part) for part in sorted(AMBIGUOUS)]


def linear(rgb: np.ndarray) -> np.ndarray:
    c = rgb / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


@pytest.fixture(scope="module")
def many():
    """300 scenes of 64 pixels: (scenes, Lab (n, 64, 64, 3), masks (n, 64, 64))."""
    scenes = [draw(3, i, 64) for i in range(300)]
    return scenes, rgb2lab(np.stack([s.rgb for s in scenes])), np.stack([s.mask for s in scenes])


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**70), index=st.integers(0, 10**9), size=st.integers(8, 80))
@example(seed=0, index=0, size=8)
@example(seed=0, index=0, size=9)
@example(seed=1, index=2, size=257)  # odd, and past the size at which the finest textures appear
def test_any_seed_index_and_size_gives_a_picture(seed, index, size):
    scene, again = draw(seed, index, size), draw(seed, index, size)
    assert scene.rgb.shape == (size, size, 3) and scene.rgb.dtype == np.uint8
    assert scene.mask.shape == (size, size) and scene.mask.dtype == np.uint8
    assert scene.mask.max() < len(PARTS) and 0 <= scene.label < len(CLASSES)
    assert scene.rgb.std() > 10  # a picture, not a blank
    assert scene.rgb.flags.c_contiguous and scene.mask.flags.c_contiguous
    assert (scene.rgb == again.rgb).all() and (scene.mask == again.mask).all() and scene.label == again.label


def test_another_process_draws_the_same_bytes():
    code = """if True:
        import hashlib
        from minicolor.data.scenes import draw
        sha = hashlib.sha256()
        for i in range(8):
            s = draw(11, i, 48)
            sha.update(s.rgb.tobytes() + s.mask.tobytes() + bytes([s.label]))
        print(sha.hexdigest())"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=HERE)
    sha = hashlib.sha256()
    for i in range(8):
        s = draw(11, i, 48)
        sha.update(s.rgb.tobytes() + s.mask.tobytes() + bytes([s.label]))
    assert said.stdout.strip() == sha.hexdigest()


def test_seed_and_index_both_matter():
    pictures = [draw(seed, index, 32).rgb.tobytes() for seed in range(3) for index in range(10)]
    assert len(set(pictures)) == len(pictures)


@settings(deadline=None, max_examples=15)
@given(index=st.integers(0, 10**6), size=st.sampled_from([32, 64, 100]))
def test_a_toss_changes_the_color_and_never_the_lightness(index, size):
    tosses = [draw(5, index, size, toss=t) for t in range(len(TOSS_NAMES))]
    free = draw(5, index, size)
    labs = [rgb2lab(s.rgb) for s in [*tosses, free]]
    for s, lab in zip([*tosses, free], labs):
        assert (s.mask == free.mask).all() and s.label == free.label
        # 8-bit rounding of R, G and B moves L* by up to 0.5/255 of each channel's slope, most in the dark
        assert np.abs(lab[..., 0] - labs[-1][..., 0]).max() < 1
    ours = np.isin(free.mask, TOSSED)
    if ours.mean() > 0.05:  # a car, a shirt, a jug; the colors of flowers a pixel large mix with the grass
        for t in range(len(TOSS_NAMES)):
            for u in range(t):
                far = np.hypot(*(labs[t] - labs[u])[ours][:, 1:].T)
                assert far.mean() > 20, (TOSS_NAMES[t], TOSS_NAMES[u])


@pytest.mark.parametrize("index", range(10))
def test_a_toss_leaves_every_other_part_alone(index):
    a, b = draw(5, index, 256, toss=0), draw(5, index, 256, toss=1)
    changed = (a.rgb != b.rgb).any(-1)
    near = np.isin(a.mask, TOSSED)
    for _ in range(3):  # soft edges, and glints on the paint
        near = near | np.roll(near, 1, 0) | np.roll(near, -1, 0)
        near = near | np.roll(near, 1, 1) | np.roll(near, -1, 1)
    water = np.isin(a.mask, [PARTS.index("water")])  # mirrors the sail
    if near.any():
        assert changed[np.isin(a.mask, TOSSED)].mean() > 0.8
    assert (changed & ~near & ~water).mean() < 0.001  # slivers of a flower between the pales of a fence


def test_toss_colors_have_one_luminance_and_fit_into_srgb():
    for color in TOSS_COLORS:
        assert LUMINANCE @ color.ravel() == pytest.approx(LUMINANCE @ TOSS_COLORS[0].ravel(), abs=1e-6)
        assert color.min() >= 0 and color.max() <= 1


def test_without_a_forced_toss_every_color_comes_up():
    shirts = []
    for i in range(120):
        s = draw(3, i, 32)
        forced = [draw(3, i, 32, toss=t).rgb for t in range(len(TOSS_NAMES))] if s.label == 3 else []
        shirts += [t for t, rgb in enumerate(forced) if (rgb == s.rgb).all()]   # a portrait has one ambiguous thing: the shirt
    assert set(shirts) == set(range(len(TOSS_NAMES)))


@pytest.mark.parametrize("index", range(20))
def test_large_and_small_are_the_same_picture(index):
    large, small = draw(9, index, 256), draw(9, index, 64)
    mean = linear(large.rgb).reshape(64, 4, 64, 4, 3).mean((1, 3))
    srgb = np.where(mean <= 0.0031308, 12.92 * mean, 1.055 * mean ** (1 / 2.4) - 0.055) * 255
    off = np.abs(srgb - small.rgb)
    assert off.mean() < 5 and (off > 40).mean() < 0.02  # levels of 255; seams and lines finer than a pixel differ most
    assert (large.mask[2::4, 2::4] == small.mask).mean() > 0.93  # the center of a small pixel lies on a corner of four
    assert large.label == small.label


def test_all_classes_and_all_parts_occur(many):
    scenes, _, masks = many
    counts = np.bincount([s.label for s in scenes], minlength=len(CLASSES))
    assert (np.abs(counts - 60) < 4 * (300 * 0.2 * 0.8) ** 0.5).all()  # four standard deviations
    seen = set(np.unique(masks).tolist())
    assert seen == set(range(len(PARTS))), [PARTS[k] for k in range(len(PARTS)) if k not in seen]
    assert set(PARTS) >= AMBIGUOUS and len(set(PARTS)) == len(PARTS)


def test_most_colors_can_be_learned_and_some_cannot(many):
    """Whoever knows each pixel's part and the mean color of that part is more than twice as good as grey."""
    _, lab, masks = many
    ab = lab[..., 1:]
    known = np.zeros_like(ab)
    for k in range(len(PARTS)):
        known[masks == k] = ab[masks == k].mean(0)
    assert ((ab - known) ** 2).mean() ** 0.5 < 0.43 * (ab**2).mean() ** 0.5
    assert 20 < np.hypot(*ab.reshape(-1, 2).T).mean() < 35
    ours = np.isin(masks, TOSSED)
    assert 0.045 < ours.mean() < 0.08
    # and the coin is fair enough that its mean is dull: an L2 learner paints these near grey
    assert np.hypot(*ab[ours].mean(0)) < 0.5 * np.hypot(*ab[ours].T).mean()


def test_the_pictures_are_the_ones_we_know():
    """Not a checksum, for square roots of float32 may round their own way. But nobody repaints these by accident."""
    mean = np.mean([draw(0, i, 64).rgb.mean((0, 1)) for i in range(10)], 0)
    np.testing.assert_allclose(mean, (112.3, 138.5, 132.3), atol=0.3)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_do_not_change_the_pictures(workers):
    expected = np.stack([draw(4, i, 16).rgb for i in range(5)])
    got = draw_all(4, 5, 16, workers=workers)
    assert got.dtype == np.uint8 and (got == expected).all()


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("plane", ["mask", "label"])
def test_the_fourth_plane_is_the_scenes_own_whatever_the_workers(plane, workers):
    got, scenes = draw_all(4, 7, 16, workers=workers, plane=plane), [draw(4, i, 16) for i in range(7)]
    assert got.shape == (7, 16, 16, 4) and got.dtype == np.uint8 and len({s.label for s in scenes}) > 1
    assert (got[..., :3] == np.stack([s.rgb for s in scenes])).all()
    for picture, scene in zip(got, scenes):
        assert (picture[..., 3] == (scene.mask if plane == "mask" else scene.label)).all()


@pytest.mark.parametrize("plane", ["masks", "depth", "Label", None, 1])
def test_another_plane_is_refused(plane):
    with pytest.raises(BadInput, match=r"^plane must be mask or label[^\n]*, got"):
        draw_all(0, 1, 16, plane=plane)


def test_a_worker_that_cannot_start_costs_time_only(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    for plane in ("", "mask", "label"):
        assert (draw_all(4, 4, 16, workers=2, plane=plane) == draw_all(4, 4, 16, workers=1, plane=plane)).all()


def test_workers_really_share_the_work():
    here = []
    out = np.zeros((4, 16, 16, 3), np.uint8)
    fill(out, lambda i: here.append(i) or draw(4, i, 16).rgb, 4, 2)
    assert here == [0, 1] and (out == draw_all(4, 4, 16, workers=1)).all()


def test_small_jobs_start_no_process_and_none_gives_nothing():
    assert useful_workers(100, 64) == 1 and useful_workers(10**6, 64) == cores()
    assert draw_all(0, 0, 16).shape == (0, 16, 16, 3)


def test_it_works_from_a_script_without_a_main_guard(tmp_path):
    script = tmp_path / "lesson.py"
    script.write_text("from minicolor.data.scenes import draw_all\nprint(draw_all(1, 4, 16, workers=2).shape)\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, env=HERE)
    assert done.stdout == "(4, 16, 16, 3)\n", done.stderr


@pytest.mark.parametrize("arguments", [
    (-1, 0, 64), (0, -1, 64), (0, 0, 7), (0, 0, 0), (0, 0, 64, 4), (0, 0, 64, -1), (0.5, 0, 64), (0, 0, 64.0), (0, True, 64),
])  # fmt: skip
def test_bad_input_is_refused_in_one_sentence(arguments):
    with pytest.raises(BadInput, match=r"^(seed|index|size|toss) must be a whole number [^\n]*, got [^\n]+$"):
        draw(*arguments)


@pytest.mark.parametrize("arguments", [(-1, 1, 64), (0, -1, 64), (0, 1, 7), (0, 1, 64, 0)])
def test_bad_input_to_draw_all_is_refused(arguments):
    with pytest.raises(BadInput):
        draw_all(*arguments)


@pytest.mark.parametrize(("frequency", "worst"), [(4, 0.005), (16, 0.03), (60, 0.14), (120, 0.22)])
def test_noise_finer_than_a_pixel_fades_to_its_mean(frequency, worst):
    """Sampled without fading, the last two are off by 0.18 and 0.34: they would flicker from size to size."""
    fine, coarse = (((np.arange(n) + 0.5) / n).astype(np.float32)[None] for n in (512, 64))
    small = fractal_noise(fine, fine.T, (3, 5), frequency, frequency, 2, 1 / 512)
    large = fractal_noise(coarse, coarse.T, (3, 5), frequency, frequency, 2, 1 / 64)
    assert ((small.reshape(64, 8, 64, 8).mean((1, 3)) - large) ** 2).mean() ** 0.5 < worst


@settings(deadline=None, max_examples=30)
@given(period=st.floats(0.01, 0.5), share=st.floats(0.05, 0.95), shift=st.floats(-1, 1))
def test_stripes_cover_their_share_at_every_size(period, share, shift):
    """The box filter is exact: the mean of four small pixels is the large pixel."""
    fine, coarse = ((np.arange(n) + 0.5) / n for n in (256, 64))
    small = stripes(fine, period, share * period, 1 / 256, shift)
    large = stripes(coarse, period, share * period, 1 / 64, shift)
    np.testing.assert_allclose(small.reshape(64, 4).mean(1), large, atol=1e-4)
    assert small.min() >= -1e-5 and small.max() <= 1 + 1e-5


def test_every_other_course_of_bricks_is_shifted():
    x, y = ((np.arange(256) + 0.5)[None] / 256, (np.arange(256) + 0.5)[:, None] / 256)
    mortar = bricks(x, y, 0.25, 0.125, 0.02, 1 / 256)
    first, second = mortar[16], mortar[48]  # the middles of two courses
    np.testing.assert_allclose(np.roll(first, 32), second, atol=1e-5)
    assert not np.allclose(first, second)
