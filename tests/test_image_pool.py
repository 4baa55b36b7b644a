"""ImagePool shows every second time an older picture, loses none, and goes on exactly where it was saved."""

import pytest
import torch

from minicolor import checkpoint
from minicolor.steps.image_pool import ImagePool


def numbered(first: int, n: int = 1) -> torch.Tensor:
    """Pictures that say which they are."""
    return torch.arange(first, first + n).float()[:, None, None, None].expand(-1, 1, 2, 2).clone()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_while_it_fills_everything_is_shown_and_kept():
    pool = ImagePool(5, seeded())
    assert torch.equal(pool(numbered(0, 3)), numbered(0, 3)) and torch.equal(pool(numbered(3, 2)), numbered(3, 2))
    assert torch.equal(torch.stack(pool.pictures), numbered(0, 5))


def test_half_of_what_it_shows_is_older():
    """5 sigma of 4000 tosses is 158. An old picture is one of the kept ones, each as likely as the next."""
    pool, new, places = ImagePool(10, seeded()), 0, [0] * 10
    pool(numbered(0, 10))
    for i in range(10, 4010):
        kept = [int(p[0, 0, 0]) for p in pool.pictures]
        shown = int(pool(numbered(i))[0, 0, 0, 0])
        if shown == i:
            new += 1
            assert [int(p[0, 0, 0]) for p in pool.pictures] == kept            # and nothing was put away
        else:
            place = kept.index(shown)
            places[place] += 1
            kept[place] = i                                                    # the new one lies where the old one was
            assert [int(p[0, 0, 0]) for p in pool.pictures] == kept
    assert abs(new - 2000) < 158
    assert all(abs(n - sum(places) / 10) < 5 * (sum(places) / 10) ** 0.5 for n in places)


def test_within_a_batch_each_picture_has_its_own_toss():
    pool = ImagePool(50, seeded())
    pool(numbered(0, 50))
    shown = pool(numbered(50, 40)).flatten(1)[:, 0]
    new = (shown == torch.arange(50, 90)).sum()
    assert 8 < new < 32 and len(set(shown.tolist())) == 40                     # nothing is shown twice: it was put away only once


def test_size_0_is_off():
    pool, fakes = ImagePool(0), numbered(0, 4).requires_grad_()
    for _ in range(3):
        assert torch.equal(pool(fakes), fakes) and not pool(fakes).requires_grad
    assert pool.pictures == [] and pool.state_dict() == {}


def test_no_gradient_comes_through_and_what_is_kept_stays_as_it_was():
    pool, fakes = ImagePool(4, seeded()), numbered(0, 4).requires_grad_()
    assert not pool(fakes).requires_grad and not any(p.requires_grad for p in pool.pictures)
    with torch.no_grad():
        fakes.zero_()
    assert torch.equal(torch.stack(pool.pictures), numbered(0, 4))


def test_a_kept_picture_does_not_keep_its_batch_in_memory():
    pool = ImagePool(2, seeded())
    for i in range(5):
        pool(numbered(100 * i, 100))
    assert all(p.untyped_storage().nbytes() == 16 for p in pool.pictures)


@pytest.mark.parametrize("own", [True, False], ids=["own generator", "torch's"])
def test_it_goes_on_where_it_was_saved(own, tmp_path):
    torch.manual_seed(3)
    pool = ImagePool(6, seeded(3) if own else None)
    for i in range(20):
        pool(numbered(2 * i, 2))
    checkpoint.save(tmp_path / "pool.pt", {"pool": pool.state_dict(), "random": torch.get_rng_state()})
    expected = [pool(numbered(100 + 2 * i, 2)) for i in range(20)]
    assert not torch.equal(torch.cat(expected), numbered(100, 40))
    torch.manual_seed(99)
    again, saved = ImagePool(6, seeded(99) if own else None), checkpoint.load(tmp_path / "pool.pt")
    again.load_state_dict(saved["pool"])
    torch.set_rng_state(saved["random"])
    for i, batch in enumerate(expected):
        assert torch.equal(again(numbered(100 + 2 * i, 2)), batch)


def test_a_pool_that_has_seen_nothing_can_be_saved():
    pool = ImagePool(3)
    pool(numbered(0, 3))
    pool.load_state_dict(ImagePool(3).state_dict())
    assert pool.pictures == []


def test_what_is_loaded_is_a_copy():
    first, second = ImagePool(3), ImagePool(3)
    first(numbered(0, 3))
    state = first.state_dict()
    second.load_state_dict(state)
    state["pictures"].zero_()
    assert torch.equal(torch.stack(second.pictures), numbered(0, 3)) and torch.equal(torch.stack(first.pictures), numbered(0, 3))


def test_what_cannot_work_is_refused():
    with pytest.raises(ValueError, match="0 or more pictures, not -1"):
        ImagePool(-1)
    with pytest.raises(ValueError, match="keeps 2 pictures, and the saved one holds 3"):
        ImagePool(2).load_state_dict({"pictures": numbered(0, 3)})
