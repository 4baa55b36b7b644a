"""clahe is OpenCV's createCLAHE, level for level: every size, clip limit and number of tiles; each picture by itself."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.errors import BadInput
from minicolor.ops.clahe import clahe
from minicolor.ops.equalize import equalize


def as_float(levels):
    return torch.from_numpy(np.stack(levels))[:, None].float() / 255


def as_levels(grey):
    return (255 * grey[:, 0].float()).round().int().numpy()


def drawn(seed, height, width, spread):
    """A slope with noise: dark tiles, bright tiles, and counts that the clip limit cuts."""
    rng = np.random.default_rng(seed)
    slope = 255 * np.add.outer(np.arange(height), np.arange(width)) / (height + width)
    return (slope + rng.normal(0, spread, (height, width))).clip(0, 255).astype(np.uint8)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), height=st.integers(1, 70), width=st.integers(1, 70), spread=st.floats(0, 200),
       clip_limit=st.one_of(st.floats(0, 50), st.sampled_from([0, 2.0, 256.0])), tiles=st.integers(1, 9))
@example(seed=0, height=64, width=64, spread=20, clip_limit=2.0, tiles=8)      # nothing to mirror
@example(seed=0, height=64, width=65, spread=20, clip_limit=2.0, tiles=8)      # one side: OpenCV mirrors both
@example(seed=0, height=3, width=1, spread=20, clip_limit=2.0, tiles=8)        # mirrored over and over
@example(seed=0, height=128, width=128, spread=3, clip_limit=2.0, tiles=8)     # report D's size
def test_agrees_with_opencv(seed, height, width, spread, clip_limit, tiles):
    cv2 = pytest.importorskip("cv2")
    levels = drawn(seed, height, width, spread)
    found = clahe(as_float([levels]), clip_limit, tiles)
    assert found.shape == (1, 1, height, width)
    np.testing.assert_array_equal(as_levels(found)[0], cv2.createCLAHE(clip_limit, (tiles, tiles)).apply(levels))


def test_a_photographs_size_and_the_defaults():
    cv2 = pytest.importorskip("cv2")
    levels = [drawn(seed, 241, 333, spread) for seed, spread in enumerate((0, 2, 60))]
    found = as_levels(clahe(as_float(levels)))
    for mine, each in zip(found, levels, strict=True):
        np.testing.assert_array_equal(mine, cv2.createCLAHE(2.0, (8, 8)).apply(each))


def test_one_tile_without_a_limit_is_the_share_of_darker_pixels():
    """The plain cumulative histogram: round(255 * how many are at most as bright / n)."""
    levels = np.array([[10, 10], [20, 30]], dtype=np.uint8)
    assert as_levels(clahe(as_float([levels]), clip_limit=0, tiles=1)).tolist() == [[[128, 128], [191, 255]]]


def test_the_limit_spares_a_flat_sky_its_noise():
    """What CLAHE is for: noise of one level on a flat picture is torn apart by equalize, and not by this."""
    generator = torch.Generator().manual_seed(0)
    sky = (128 + torch.randint(-1, 2, (1, 1, 64, 64), generator=generator)) / 255
    assert clahe(sky).std() < 0.05 < 0.3 < equalize(sky).std()


def test_a_picture_does_not_touch_its_neighbors():
    grey = as_float([drawn(seed, 33, 20, 30) for seed in range(4)])
    for i in range(4):
        assert torch.equal(clahe(grey)[i], clahe(grey[i:i + 1])[0])
    assert clahe(grey[:0]).shape == (0, 1, 33, 20)


def test_types_strides_and_values_beside_the_range():
    grey = as_float([drawn(5, 32, 24, 30)])
    assert clahe(grey.bfloat16()).dtype == torch.bfloat16 and clahe(grey.double()).dtype == torch.float64
    view = grey.transpose(2, 3)
    assert torch.equal(clahe(view), clahe(view.contiguous()))
    wild = grey.clone()
    wild[0, 0, 0, :3] = torch.tensor([-0.5, 1.5, -1e9])
    assert torch.equal(clahe(wild), clahe(wild.clamp(0, 1)))


@pytest.mark.parametrize("wrong", [torch.rand(1, 3, 16, 16), torch.rand(16, 16), torch.zeros(1, 1, 16, 16, dtype=torch.uint8)])
def test_other_shapes_and_types_are_refused(wrong):
    with pytest.raises(ValueError, match=r"float grey pictures \(N, 1, H, W\)"):
        clahe(wrong)


@pytest.mark.parametrize("clip_limit, tiles, name", [(-1, 8, "clip_limit"), (float("nan"), 8, "clip_limit"),
                                                     (float("inf"), 8, "clip_limit"), (2.0, 0, "tiles"), (2.0, 2.5, "tiles")])
def test_settings_that_are_none_are_refused(clip_limit, tiles, name):
    with pytest.raises(BadInput, match=f"argument {name}: expected"):
        clahe(torch.rand(1, 1, 16, 16), clip_limit, tiles)
