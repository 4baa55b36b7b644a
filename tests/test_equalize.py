"""equalize is OpenCV's equalizeHist, level for level; each picture by itself."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.ops.equalize import equalize


def as_float(levels):
    return torch.from_numpy(levels)[None, None].float() / 255


def as_levels(grey):
    return (255 * grey[:, 0].float()).round().byte().numpy()


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), height=st.integers(1, 40), width=st.integers(1, 40), spread=st.floats(0, 300))
@example(seed=0, height=1, width=1, spread=0)
@example(seed=0, height=16, width=16, spread=300)
def test_agrees_with_opencv(seed, height, width, spread):
    """Small pictures are the hard ones: 255 * 7 / 14 is a tie, and which way it falls hangs on the last bit of 255 / 14."""
    cv2 = pytest.importorskip("cv2")
    noise = np.random.default_rng(seed).normal(128, spread, (height, width))
    levels = noise.clip(0, 255).astype(np.uint8)
    found = equalize(as_float(levels))
    assert found.shape == (1, 1, height, width)
    np.testing.assert_array_equal(as_levels(found)[0], cv2.equalizeHist(levels))


def test_ties_fall_as_they_do_in_opencv():
    """All counts from 2 to 600 of a picture with equally many pixels at a few levels, and one at the darkest."""
    cv2 = pytest.importorskip("cv2")
    for n in range(2, 600):
        levels = (np.arange(n + 1, dtype=np.int64) * 256 // (n + 1)).astype(np.uint8)[None]
        np.testing.assert_array_equal(as_levels(equalize(as_float(levels)))[0], cv2.equalizeHist(levels))


def test_figures_known_without_a_computer():
    """Levels 10, 10, 20, 30: the darkest becomes 0, then one of two others, then both."""
    grey = as_float(np.array([[10, 10], [20, 30]], dtype=np.uint8))
    assert as_levels(equalize(grey)).tolist() == [[[0, 0], [128, 255]]]      # 127.5 rounds to even


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_picture_stays(level):
    grey = torch.full((2, 1, 3, 4), level / 255)
    assert torch.equal(equalize(grey), grey)


def test_a_picture_does_not_touch_its_neighbors():
    generator = torch.Generator().manual_seed(0)
    grey = torch.rand(4, 1, 9, 7, generator=generator) * torch.tensor([1, 0.3, 0, 0.9]).view(4, 1, 1, 1)
    for i in range(4):
        assert torch.equal(equalize(grey)[i], equalize(grey[i:i + 1])[0])
    assert equalize(grey[:0]).shape == (0, 1, 9, 7)


def test_types_strides_and_values_beside_the_range():
    grey = torch.rand(2, 1, 12, 8, generator=torch.Generator().manual_seed(1))
    assert equalize(grey.bfloat16()).dtype == torch.bfloat16 and equalize(grey.double()).dtype == torch.float64
    assert torch.equal(equalize(grey.transpose(2, 3)), equalize(grey).transpose(2, 3))
    wild = grey.clone()
    wild[0, 0, 0, :3] = torch.tensor([-0.5, 1.5, -1e9])
    assert torch.equal(equalize(wild), equalize(wild.clamp(0, 1)))


@pytest.mark.parametrize("wrong", [torch.rand(1, 3, 4, 4), torch.rand(4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.uint8)])
def test_other_shapes_and_types_are_refused(wrong):
    with pytest.raises(ValueError, match=r"float grey pictures \(N, 1, H, W\)"):
        equalize(wrong)
