"""A border of white, black or paper around a scan goes; of a picture that has none, nothing does."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from minicolor.data.photos import read
from minicolor.data.scenes import draw_all
from minicolor.restoring.crop import LARGEST, picture_box
from minicolor.restoring.grey import grey_of


@pytest.fixture(scope="module")
def scenes():
    """Drawn landscapes, houses, fruit, portraits and streets, 192 x 192, as grey planes."""
    return [grey_of(rgb) for rgb in draw_all(5, 30, 192, workers=1)]


def bordered(picture, top, bottom, left, right, level, noise=0.0, seed=0):
    """The picture in a border; noise: standard deviation over all, of white."""
    rng = np.random.default_rng(seed)
    framed = np.pad(picture.astype(np.float64), ((top, bottom), (left, right)), constant_values=level * 65535)
    return (framed + rng.normal(0, noise * 65535, framed.shape)).clip(0, 65535).astype(np.uint16)


def contrasting(picture, level):
    """Whether a person would see where the picture ends: its outermost lines differ from the border nearly all along."""
    edges = picture[0], picture[-1], picture[:, 0], picture[:, -1]
    return all((np.abs(edge.astype(float) / 65535 - level) > 0.15).mean() > 0.95 for edge in edges)


LEVELS = {"white": 0.97, "black": 0.03, "paper": 0.85}


@pytest.mark.parametrize("level", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("noise", [0.0, 0.012])                                    # 3 of 255: a scanner's
def test_a_border_that_can_be_seen_is_cut_where_it_ends(scenes, level, noise):
    """To the pixel without noise, and to 2 with it: a scene's own first line may be within the noise of the border."""
    rng, seen = np.random.default_rng(0), 0
    for picture in scenes:
        if contrasting(picture, level):
            top, bottom, left, right = rng.integers(4, 40, 4)
            scan = bordered(picture, top, bottom, left, right, level, noise)
            box = np.array(picture_box(scan))
            assert np.abs(box - (top, top + 192, left, left + 192)).max() <= (2 if noise else 0), box
            seen += 1
    assert seen >= 4, "else this test has looked at nothing"


def test_a_picture_without_a_border_stays_whole(scenes):
    for picture in scenes:
        assert picture_box(picture) == (0, 192, 0, 192)
    for flat in (0, 30000, 65535):
        assert picture_box(np.full((50, 60), flat, np.uint16)) == (0, 50, 0, 60), "all border or all picture: nobody knows"


def test_skies_and_walls_are_no_borders():
    """An even sky over hills, a wall beside a door, fog that thickens: even all along, but no border."""
    rng, y, x = np.random.default_rng(0), *np.mgrid[:200, :300]
    ground = rng.uniform(0.1, 0.5, (200, 300))
    hills = np.where(y > 60 + 25 * np.sin(x / 30), ground, 0.9)
    horizon = np.where(y > 60, ground, 0.9)                                        # straight: but nothing is below to match
    fog = np.clip(0.95 - y / 250, 0, 1)
    glow = 0.3 + 0.005 * np.abs(y - 100)                                           # above and below alike, and no border either
    for picture in (hills, horizon, horizon[::-1], horizon.T, fog, fog[::-1], glow, glow.T):
        assert picture_box((65535 * picture).astype(np.uint16)) == (0, picture.shape[0], 0, picture.shape[1])


def test_black_lid_and_white_paper_both_go():
    picture = np.random.default_rng(1).integers(20000, 45000, (150, 170)).astype(np.uint16)
    scan = bordered(bordered(picture, 10, 12, 9, 11, 0.95), 20, 3, 6, 8, 0.02)
    assert picture_box(scan) == (30, 180, 15, 185)


def test_a_print_in_a_corner_of_the_scanner():
    """Border on two sides alone, right and below."""
    picture = np.random.default_rng(1).integers(15000, 50000, (150, 170)).astype(np.uint16)
    assert picture_box(bordered(picture, 0, 30, 0, 25, 0.98)) == (0, 150, 0, 170)


def test_a_print_that_lay_askew():
    """Half a degree: the wedge of paper is cut with the border, and no more of the picture than that."""
    picture = np.random.default_rng(1).integers(10000, 50000, (400, 500)).astype(np.uint16)
    scan = Image.fromarray((bordered(picture, 30, 30, 30, 30, 0.97) // 257).astype(np.uint8))
    scan = scan.rotate(0.5, Image.Resampling.BICUBIC, fillcolor=247)
    box = picture_box(np.asarray(scan).astype(np.uint16) * 257)
    assert all(0 <= d <= 6 for d in (box[0] - 30, 430 - box[1], box[2] - 30, 530 - box[3])), box


@settings(deadline=None, max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 999), widest=st.floats(0, 0.6),
       level=st.sampled_from(sorted(LEVELS.values())))
@example(height=1, width=1, seed=0, widest=0.0, level=0.97)
@example(height=90, width=90, seed=0, widest=0.6, level=0.97)
def test_never_more_than_a_quarter_of_each_side(height, width, seed, widest, level):
    """Whatever it is shown; also when the border is wider than that: then that side stays."""
    rng = np.random.default_rng(seed)
    scan = rng.integers(10000, 50000, (height, width)).astype(np.uint16)
    rows, columns = int(widest * height), int(widest * width)
    for side, lines in ((scan, rows), (scan[::-1], rows), (scan.T, columns), (scan.T[::-1], columns)):
        side[:lines] = level * 65535
    top, bottom, left, right = picture_box(scan)
    assert 0 <= top <= LARGEST * height and height - LARGEST * height <= bottom <= height
    assert 0 <= left <= LARGEST * width and width - LARGEST * width <= right <= width
    assert top < bottom and left < right


def test_real_pictures_stay_and_framed_ones_lose_their_frame(real_pictures):
    """BSD68 by eye: one of 68 has a border, 6 white columns; none of it may lose more. In frames most lose the frame alone."""
    found = 0
    for path in sorted((real_pictures / "bsd68").iterdir()):
        grey = grey_of(read(path).rgb)
        box = picture_box(grey)
        assert box == (0, grey.shape[0], 0, grey.shape[1]) or path.stem == "test061", (path.name, box)
        if contrasting(grey, 0.97):
            height, width = grey.shape
            box = picture_box(bordered(grey, 20, 30, 25, 15, 0.97, 0.01))
            assert np.abs(np.array(box) - (20, 20 + height, 25, 25 + width)).max() <= 12, (path.name, box)
            found += 1
    assert found >= 10
    for path in sorted((real_pictures / "historical").iterdir()):                 # only hairlines: those pictures were cropped
        grey = grey_of(read(path).rgb)
        top, bottom, left, right = picture_box(grey)
        assert (bottom - top) * (right - left) > 0.97 * grey.size, path.name
