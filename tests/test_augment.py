"""A flip is a mirror, jitter an enlargement and a crop that stays inside, crops lie anywhere, and the seed alone draws."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minicolor.data.augment import augment
from minicolor.errors import BadInput
from minicolor.parallel import Share


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int, side: int, seed: int = 9) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=draws(seed))


def test_switched_off_it_is_the_identity():
    rgb = noise(3, 8)
    assert torch.equal(augment(rgb, draws(), flip=False, jitter=1.0), rgb)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 9), side=st.integers(2, 9))
def test_a_flip_is_an_exact_mirror_or_nothing(seed, n, side):
    rgb = noise(n, side)
    before = rgb.clone()
    for was, now in zip(rgb, augment(rgb, draws(seed), flip=True)):
        assert torch.equal(now, was) or torch.equal(now, was.flip(-1))
    assert torch.equal(rgb, before), "the pictures of the pack were written to"


def test_about_half_are_flipped_each_on_its_own():
    ramp = torch.arange(4.0).expand(2000, 3, 4, 4)
    flipped = (augment(ramp, draws(), flip=True)[:, 0, 0, 0] == 3).float()
    assert abs(flipped.mean() - 0.5) < 0.045                  # 4 sigma of a fair coin thrown 2000 times
    assert abs((flipped[1:] == flipped[:-1]).float().mean() - 0.5) < 0.045


def slopes_and_starts(jitter: float, side: int = 16, n: int = 200, seed: int = 0):
    """What becomes of two linear ramps, x and y in pixels: per picture their slopes and first values."""
    ramp = torch.arange(float(side), dtype=torch.float64)
    rgb = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side), torch.zeros(side, side)])
    return augment(rgb.expand(n, -1, -1, -1), draws(seed), flip=False, jitter=jitter)


@pytest.mark.parametrize("jitter", [286 / 256, 1.5, 2.0])
def test_a_ramp_becomes_a_ramp_of_slope_one_over_jitter_from_inside_the_picture(jitter):
    side = 16
    out = slopes_and_starts(jitter, side)
    inner = out[..., 1:-1, 1:-1]                                            # at the very border the ramp is held
    torch.testing.assert_close(inner[:, 0].diff(dim=-1), torch.full((200, 14, 13), 1 / jitter, dtype=torch.float64))
    torch.testing.assert_close(inner[:, 1].diff(dim=-2), torch.full((200, 13, 14), 1 / jitter, dtype=torch.float64))
    assert inner[:, 0].diff(dim=-2).abs().max() < 1e-9 > inner[:, 1].diff(dim=-1).abs().max(), "x and y mixed"
    # edges of the window, in pixels of the original whose own edges are at -0.5 and side - 0.5
    for axis, first in enumerate([inner[:, 0, 0, 0], inner[:, 1, 0, 0]]):
        left = first - 1.5 / jitter
        right = left + side / jitter
        assert left.min() >= -0.5 - 1e-9 and right.max() <= side - 0.5 + 1e-9
        room = side - side / jitter
        # 200 even draws: they come within a twentieth of both ends of the room but for a chance of 7e-5
        assert left.min() < -0.5 + room / 20 and left.max() > -0.5 + room * 19 / 20, f"axis {axis} is not drawn evenly"
        assert abs((left + 0.5).mean() / room - 0.5) < 0.082                # 4 sigma of the mean of 200 even draws
    assert torch.corrcoef(torch.stack([inner[:, 0, 0, 0], inner[:, 1, 0, 0]]))[0, 1].abs() < 0.29  # 4 sigma: two draws



@pytest.mark.parametrize("jitter, corner", [(2, (0, 0)), (2.0, (16, 16)), (2.0, (5, 11)), (1.5, (0, 8)), (1.5, (3, 6))])
def test_jitter_is_interpolate_then_crop(jitter, corner, monkeypatch):
    """The crop's corner lies on a whole pixel of the enlarged picture, so nothing is sampled twice."""
    side, rgb = 16, noise(2, 16)
    room = round(side * jitter) - side
    xy = torch.tensor([corner, corner], dtype=torch.float32) / room        # the share of the room on the left and above
    real = torch.rand
    monkeypatch.setattr(torch, "rand", lambda *size, **k: xy if size == (2, 2) else real(*size, **k))
    ours = augment(rgb, draws(), flip=False, jitter=jitter)
    large = F.interpolate(rgb, scale_factor=jitter, mode="bilinear", align_corners=False)
    x, y = corner
    torch.testing.assert_close(ours, large[..., y : y + side, x : x + side], atol=1e-5, rtol=0)  # float32 coordinates


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 5), jitter=st.sampled_from([1.0, 1.1, 286 / 256, 2.0]))
def test_the_same_seed_gives_the_same_pictures_and_values_stay_in_range(seed, n, jitter):
    rgb = noise(n, 8)
    once = augment(rgb, draws(seed), True, jitter)
    assert torch.equal(once, augment(rgb, draws(seed), True, jitter))
    assert once.shape == rgb.shape and once.dtype == rgb.dtype
    assert once.min() >= rgb.min() - 1e-6 and once.max() <= rgb.max() + 1e-6   # bilinear weights sum to 1


def test_another_seed_gives_other_pictures():
    rgb = noise(8, 8)
    assert not torch.equal(augment(rgb, draws(0)), augment(rgb, draws(1)))
    assert not torch.equal(augment(rgb, draws(0), False, 1.5), augment(rgb, draws(1), False, 1.5))


def test_one_option_leaves_the_draws_of_the_other():
    """Who is mirrored does not change with jitter; where the crop is does not change with flip."""
    ramp = torch.arange(8.0).expand(50, 3, 8, 8)
    mirrored = augment(ramp, draws(), True)[:, 0, 0, 0] == 7
    assert torch.equal(augment(ramp, draws(), True, 1.2)[:, 0].diff(dim=-1)[:, 0, 3] < 0, mirrored)
    rows = ramp.transpose(2, 3)                                              # a mirror does not change these
    torch.testing.assert_close(augment(rows, draws(), True, 1.2), augment(rows, draws(), False, 1.2))


def test_the_generator_alone_is_drawn_from():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    augment(noise(2, 8), draws(), True, 1.3)
    assert torch.equal(torch.get_rng_state(), before)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), flip=st.booleans(), jitter=st.sampled_from([1.0, 286 / 256]))
def test_bytes_become_what_floats_become(seed, flip, jitter):
    """Bit for bit. Without jitter they stay bytes, and stay (N, H, W, 3) in memory: a flip makes no other values."""
    u8 = torch.randint(0, 256, (5, 8, 8, 3), generator=draws(seed), dtype=torch.uint8).permute(0, 3, 1, 2)
    before = u8.clone()
    out = augment(u8, draws(seed), flip, jitter)
    assert out.dtype == (torch.uint8 if jitter == 1 else torch.float32) and torch.equal(u8, before)
    assert jitter > 1 or out.permute(0, 2, 3, 1).is_contiguous()
    as_float = out.float() / 255 if jitter == 1 else out
    assert torch.equal(as_float, augment(u8.float() / 255, draws(seed), flip, jitter))


def places(n: int, side: int, dtype=torch.float32) -> torch.Tensor:
    """(n, 4, side, side): in each pixel its own row and column, which picture it is in, and all three in one number."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    own = torch.arange(n)[:, None, None].expand(n, side, side)
    return torch.stack([rows.expand(n, -1, -1), columns.expand(n, -1, -1), own, rows + 5 * columns + 7 * own], dim=1).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
@pytest.mark.parametrize("crop", [1, 3, 7, 8])
def test_a_crop_is_a_whole_square_of_its_own_picture_all_planes_alike(crop, dtype):
    pictures = places(20, 8, dtype)
    before = pictures.clone()
    out = augment(pictures, draws(), flip=False, crop=crop)
    assert out.shape == (20, 4, crop, crop) and out.dtype == dtype and torch.equal(pictures, before)
    corners = out[:, :2, 0, 0].long().tolist()
    for picture, cut, (y, x) in zip(pictures, out, corners):
        assert torch.equal(cut, picture[:, y : y + crop, x : x + crop])
    assert len(set(map(tuple, corners))) > 1 or crop == 8                    # each picture has a place of its own


def test_every_place_of_a_crop_is_equally_likely():
    """Side 7, crop 5: nine corners, each about 1000 times in 9000. 4.5 sigma: 134, and a corner left out is off by 1000."""
    corners = augment(places(1, 7).expand(9000, -1, -1, -1), draws(), flip=False, crop=5)[:, :2, 0, 0].long()
    counts = (3 * corners[:, 0] + corners[:, 1]).bincount(minlength=9)
    assert len(counts) == 9 and (counts - 1000).abs().max() < 134
    assert (corners[1:] == corners[:-1]).all(1).float().mean() == pytest.approx(1 / 9, abs=0.015)   # neighbors share nothing


def test_a_crop_leaves_the_draws_of_flip_and_jitter():
    ramp = torch.arange(8.0).expand(50, 3, 8, 8)
    mirrored = augment(ramp, draws(), True)[:, 0].diff(dim=-1)[:, 0, 0] < 0
    assert torch.equal(augment(ramp, draws(), True, crop=6)[:, 0].diff(dim=-1)[:, 0, 0] < 0, mirrored)
    # the window of the jitter: the same share of the room, whichever square it is taken from
    whole, cut = (augment(ramp, draws(), False, 1.5, crop)[:, 0, 3, 3] for crop in (0, 8))
    assert torch.equal(whole, cut)
    part = augment(ramp, draws(), False, 1.5, 6)[:, 0]
    left = augment(ramp, draws(), False, crop=6)[:, 0, 0, 0]
    expected = augment(torch.arange(6.0).expand(50, 3, 6, 6), draws(), False, 1.5)[:, 0]
    torch.testing.assert_close(part - left[:, None, None], expected, atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), crop=st.integers(0, 8), jitter=st.sampled_from([1.0, 1.2]))
def test_the_same_seed_crops_the_same(seed, crop, jitter):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    rgb = noise(4, 8)
    assert torch.equal(augment(rgb, draws(seed), True, jitter, crop), augment(rgb, draws(seed), True, jitter, crop))
    assert torch.equal(torch.get_rng_state(), before)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), crop=st.integers(0, 8))
def test_a_mask_is_mirrored_and_cropped_with_its_picture(seed, crop):
    """Every pixel of the last plane says where its picture's pixel came from, afterwards as before."""
    rows, columns, own, number = augment(places(5, 8, torch.uint8), draws(seed), True, crop=crop).unbind(1)
    assert torch.equal(number, rows + 5 * columns + 7 * own)


@pytest.mark.parametrize("share", [None, Share(2, 3, 6)], ids=["whole", "part"])
def test_the_draws_come_in_this_order(share):
    """Who is mirrored, places of the jitter, corners: a run begun with an earlier version goes on with the same pictures."""
    generator, again = draws(1), draws(1)
    mirrored = torch.rand(6, generator=again) < 0.5
    torch.rand(6, 2, generator=again)
    corners = torch.randint(0, 8 - 5 + 1, (6, 2), generator=again)
    expected = []
    for picture, turned, (y, x) in zip(noise(6, 8), mirrored, corners.tolist()):
        square = picture[:, y : y + 5, x : x + 5]
        expected.append(square.flip(-1) if turned else square)
    ours = share.slice if share else slice(None)
    assert torch.equal(augment(noise(6, 8)[ours], generator, crop=5, share=share), torch.stack(expected)[ours])
    assert torch.equal(generator.get_state(), again.get_state()) and len(set(mirrored[ours].tolist())) == 2


def test_a_crop_that_does_not_fit_is_refused():
    with pytest.raises(BadInput, match="^argument crop: expected at most 8, the pictures' side, not 9"):
        augment(noise(2, 8), draws(), crop=9)
