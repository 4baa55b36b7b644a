"""A glass plate's three exposures come to lie on each other to the pixel, however long each was; and where not, it is said."""

from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.feature import match_template
from skimage.registration import phase_cross_correlation

from minicolor.data.plates import AGREE, Plate, align, balance, correlate, gather, shift, thumbnail
from minicolor.data.scenes import draw
from minicolor.errors import BadInput

SIDE, BORDER, FRAME = 256, 24, (208, 200)      # of a scene; how far an exposure may be shifted; an exposure's height and width
BAR = 9                                        # the black around each, and its tenths are 20 pixels
SHIFTS = st.tuples(st.integers(-14, 14), st.integers(-14, 14))


@cache
def scene(index):
    return draw(7, index, SIDE).rgb


def exposure(plane, down=0, right=0, gain=1.0, gamma=1.0):
    """One of the three on the glass: what the middle has at (y, x) is here at (y + down, x + right); a black frame around it."""
    h, w = FRAME
    seen = plane[BORDER - down : BORDER - down + h, BORDER - right : BORDER - right + w].astype(float)
    seen = 255 * gain * (seen / 255) ** gamma
    framed = np.full(FRAME, 5.0)
    framed[BAR : h - BAR, BAR : w - BAR] = seen[BAR : h - BAR, BAR : w - BAR]
    framed[:, :3] = 255                        # the light beside the glass
    return framed


def plate_of(rgb, blue=(0, 0), red=(0, 0), noise=0.0, gains=(1, 1, 1), gammas=(1, 1, 1), seed=0):
    """(H, W) uint8 in the order of the plates: blue, green, red."""
    parts = [exposure(rgb[..., c], *d, gain, gamma)
             for c, d, gain, gamma in zip((2, 1, 0), (blue, (0, 0), red), gains, gammas)]
    plate = np.concatenate(parts) + noise * np.random.default_rng(seed).standard_normal((3 * FRAME[0], FRAME[1]))
    return plate.round().clip(0, 255).astype(np.uint8)


def what_all_show(rgb, blue, red):
    """By hand: pixels that are at least a tenth of an exposure away from the edges of all three."""
    (h, w), cut = FRAME, (21, 20)
    kept = []
    for side, inset, shifts in zip((h, w), cut, zip((0, 0), blue, red)):
        kept.append([p for p in range(side) if all(inset <= p + s < side - inset for s in shifts)])
    return rgb[BORDER:, BORDER:][np.ix_(*kept)]


@settings(deadline=None, max_examples=25)
@given(index=st.integers(0, 9), blue=SHIFTS, red=SHIFTS, noise=st.floats(0, 2), seed=st.integers(0, 99),
       gains=st.tuples(*3 * [st.floats(0.5, 1)]), gammas=st.tuples(*3 * [st.floats(0.6, 1.6)]))
@example(index=0, blue=(0, 0), red=(0, 0), noise=0, seed=0, gains=(1, 1, 1), gammas=(1, 1, 1))
@example(index=1, blue=(20, -20), red=(-20, 20), noise=2, seed=0, gains=(1, 1, 1), gammas=(1, 1, 1))       # REACH itself
def test_shifts_are_found_to_the_pixel(index, blue, red, noise, seed, gains, gammas):
    found = align(plate_of(scene(index), blue, red, noise, gains, gammas, seed))
    assert (found.blue, found.red) == (blue, red)
    if np.abs([blue, red]).max() < 20 - BAR:                  # else a frame gets between, and a fault may be found where none is
        assert found.miss <= 1 and found.agreement > AGREE and not found.fault


@settings(deadline=None, max_examples=10)
@given(index=st.integers(0, 9), blue=SHIFTS, red=SHIFTS)
def test_the_aligned_plate_is_the_scene(index, blue, red):
    """Without noise and with equal exposures nothing is left to chance: every pixel, and no pixel of the frame."""
    np.testing.assert_array_equal(align(plate_of(scene(index), blue, red)).rgb, what_all_show(scene(index), blue, red))


def test_photographs_made_into_plates(real_pictures):
    """Some landscapes, hardly more than a horizon, cannot be aligned; but then a fault says so."""
    chance, found = np.random.default_rng(0), 0
    for path in sorted((real_pictures / "landscapes").iterdir())[:40]:
        rgb = np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE)))
        blue, red = (tuple(int(v) for v in chance.integers(-14, 15, 2)) for _ in range(2))
        plate = align(plate_of(rgb, blue, red, 3, chance.uniform(0.5, 1, 3), chance.uniform(0.7, 1.4, 3)))
        found += (plate.blue, plate.red) == (blue, red)
        assert plate.fault or np.abs(np.subtract([plate.blue, plate.red], [blue, red])).max() <= 1, path.name
    assert found >= 36


def test_a_color_that_turns_bright_into_dark_does_not_mislead():
    """A blue patch on red: where one exposure goes up the other goes down, but at the same place."""
    rgb = np.full((SIDE, SIDE, 3), (200, 90, 30), np.uint8)
    rgb[90:150, 80:170] = (20, 100, 220)
    found = align(plate_of(rgb, (5, -3), (-8, 2), noise=1))
    assert (found.blue, found.red) == ((5, -3), (-8, 2))


@pytest.mark.parametrize("size", [(32, 32), (33, 57), (60, 41), (101, 100)])
def test_correlation_is_scikit_images(size):
    chance = np.random.default_rng(sum(size))
    middle, other = 1000 + chance.random(size), chance.random(size)                # far from 0: cancellation would show
    other[: size[0] // 2] = middle[-(size[0] // 2) :]
    y, x = size[0] // 10, size[1] // 10
    theirs = match_template(other, middle[y : size[0] - y, x : size[1] - x])
    np.testing.assert_allclose(correlate(middle, other), theirs, atol=1e-6)        # they add up 1000^2: about 1e-8 each


def test_flat_exposures_agree_with_nothing():
    some, flat = np.random.default_rng(0).random((50, 40)), np.full((50, 40), 255.0)
    assert shift(flat, some)[1] == shift(some, flat)[1] == shift(flat, flat)[1] == 0
    assert np.isfinite(correlate(some, flat)).all()


@pytest.mark.parametrize("indices", [(0, 1, 2), (3, 3, 4), (5, 6, 5)])
def test_exposures_of_different_things_have_a_fault(indices):
    b, g, r = (scene(i)[..., 1] for i in indices)
    assert "agree" in align(plate_of(np.stack([r, g, b], axis=2), noise=2)).fault


def test_red_and_blue_that_do_not_fit_are_a_fault():
    """Blue and green share a texture, green and red another, blue and red a third one, which lies 9 pixels lower in red."""
    chance = np.random.default_rng(0)
    one, two, three = (np.kron(chance.integers(0, 2, (32, 32)), np.ones((8, 8))) * 80 for _ in range(3))
    rgb = np.stack([two + np.roll(three, 9, axis=0), one + two, one + three], axis=2)
    found = align(plate_of(rgb))
    assert (found.blue, found.red, found.miss) == ((0, 0), (0, 0), 9) and found.agreement > AGREE
    assert "miss each other by 9" in found.fault
    assert not Plate(rgb, (0, 0), (0, 0), 0.5, 2, 341).fault and Plate(rgb, (0, 0), (0, 0), 0.5, 3, 341).fault


def test_the_plates_beside_this_checkout(real_pictures):
    """Another method, phase correlation of what is left, finds nothing to move by more than 2 pixels (it knows no edges)."""
    truths, left_out = gather(real_pictures / "prokudin_plates")
    assert len(truths) == 32 and len(truths) + len(left_out) == 48
    assert [name for name, why in left_out.items() if "same as" not in why] == ["a_00056v.jpg"], "its sky has come off the glass"
    for name, rgb in truths.items():
        for c in (0, 2):
            moved = phase_cross_correlation(rgb[..., 1].astype(float), rgb[..., c].astype(float))[0]
            assert np.abs(moved).max() <= 2, (name, c, moved)


@settings(deadline=None, max_examples=25)
@given(index=st.integers(0, 9), gains=st.tuples(*3 * [st.floats(0.5, 1)]), offsets=st.tuples(*3 * [st.floats(0, 30)]))
def test_balance_forgets_how_long_each_exposure_was(index, gains, offsets):
    """Of a stretched scene; 8 bits of half the contrast hold 1 in 2 levels, so up to 2 levels are lost, and 1 by rounding."""
    full = balance(scene(index))
    low, high = np.percentile(full, (0.5, 99.5), axis=(0, 1))
    np.testing.assert_allclose(low, 0, atol=1)
    np.testing.assert_allclose(high, 255, atol=1)
    exposed = (full * np.array(gains) * (225 / 255) + offsets).round().astype(np.uint8)
    assert np.abs(balance(exposed).astype(int) - full).max() <= 3


@pytest.mark.parametrize("index", range(5))
def test_grey_balance_makes_the_mean_light_grey(index):
    rgb = (scene(index) * np.array([0.9, 0.6, 0.8])).astype(np.uint8)
    white, grey = balance(rgb), balance(rgb, "grey")
    np.testing.assert_array_equal(grey[..., 1], white[..., 1])
    v = np.where(grey == 255, np.nan, grey) / 255                        # what became too bright was cut off there
    light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)              # IEC 61966-2-1
    w = white / 255
    before = np.where(w <= 0.04045, w / 12.92, ((w + 0.055) / 1.055) ** 2.4)
    for c in (0, 2):                                                     # so every other pixel is scaled by one number:
        there = (grey[..., c] < 255) & (white[..., c] > 40) & (grey[..., c] > 40)
        ratio = light[..., c][there] / before[..., c][there]
        assert np.allclose(ratio, before[..., 1].mean() / before[..., c].mean(), rtol=0.06)   # 8-bit steps at 40: 2 x 2.4 / 80


def test_thumbnails_tell_one_plate_from_another():
    one, two = plate_of(scene(0)), plate_of(scene(5))
    again = plate_of(scene(0), noise=4)[2:-2, 1:-1]                      # scanned once more: other noise, cut differently
    assert thumbnail(one) @ thumbnail(again) > 0.98 > 0.9 > thumbnail(one) @ thumbnail(two)
    assert thumbnail(np.zeros((300, 100))) @ thumbnail(one) == 0


def test_a_folder_of_plates(tmp_path):
    Image.fromarray(plate_of(scene(0))).save(tmp_path / "a.png")
    Image.fromarray(plate_of(scene(0), noise=3)).save(tmp_path / "b.png")
    Image.fromarray(plate_of(scene(1))).convert("RGB").save(tmp_path / "c.png")
    Image.fromarray(plate_of(scene(2))).save(tmp_path / "d.png")
    Image.fromarray(scene(3)).save(tmp_path / "e no plate.png")
    Image.fromarray(scene(4)[:20]).save(tmp_path / "f small.png")
    (tmp_path / "g broken.png").write_bytes(b"no picture")
    (tmp_path / "h.txt").write_text("no picture")
    kept, left_out = gather(tmp_path, without=["d.png"])
    np.testing.assert_array_equal(kept["a.png"], balance(what_all_show(scene(0), (0, 0), (0, 0))))
    assert list(kept) == ["a.png", "c.png"]
    assert list(left_out) == ["b.png", "d.png", "e no plate.png", "f small.png", "g broken.png"]
    for why, said in zip(left_out.values(), ("same as a.png", "not wanted", "agree", "at least 96 x 32", "not a picture")):
        assert said in why


def test_bad_input(tmp_path):
    for plate in (np.zeros((95, 32)), np.zeros((96, 31)), np.zeros((300, 100, 3)), np.zeros(300)):
        with pytest.raises(BadInput, match="at least 96 x 32"):
            align(plate)
    with pytest.raises(BadInput, match="sepia"):
        balance(scene(0), "sepia")
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadInput, match="no pictures"):
            gather(folder)
    Image.fromarray(scene(0)).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match="gone.png"):
        gather(tmp_path, without=["gone.png"])
    assert "agree" in align(np.zeros((96, 32))).fault, "the smallest, and nothing on it"
