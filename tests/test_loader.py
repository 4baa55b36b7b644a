"""Each epoch shows each picture once, in an order that (seed, epoch) alone decides, resident or read from the map."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.data.loader import Loader
from minicolor.data.pack import in_memory

BOTH = pytest.mark.parametrize("resident", [False, True], ids=["streaming", "resident"])


def a_pack(count: int, side: int = 4, holes: bool = True):
    """Random pictures; with holes, rows of skipped pictures stand between them and the names are not in row order."""
    rng = np.random.default_rng(count)
    pack = in_memory(rng.integers(0, 256, (count, side, side, 3), np.uint8), [f"{i:04d}" for i in range(count)], "test")
    if holes:
        pictures = rng.integers(0, 256, (2 * count + 1, side, side, 3), np.uint8)
        pictures.flags.writeable = False
        pack = replace(pack, pictures=pictures, rows=tuple(int(r) for r in rng.permutation(2 * count + 1)[:count]))
    return pack


def shown(loader: Loader, number: int = 0, start: int = 0) -> list[torch.Tensor]:
    """All pictures of an epoch, one by one, (3, S, S)."""
    return [picture for _, batch in loader.epoch(number, start) for picture in batch]


def which(loader: Loader, number: int = 0, start: int = 0) -> list[int]:
    """The same as indices into the pack, found by their pixels."""
    known = {loader.pack.pictures[row].tobytes(): i for i, row in enumerate(loader.pack.rows)}
    return [known[picture.permute(1, 2, 0).contiguous().numpy().tobytes()] for picture in shown(loader, number, start)]


@BOTH
@settings(deadline=None, max_examples=25)
@given(count=st.integers(1, 25), batch_size=st.integers(1, 9), seed=st.integers(0, 2**31 - 1), number=st.integers(0, 9))
@example(count=8, batch_size=4, seed=0, number=0)                   # an exact multiple: no batch of none at the end
@example(count=3, batch_size=100, seed=1, number=1)
@example(count=9, batch_size=4, seed=0, number=0)                   # the ninth joins the second batch
@example(count=3, batch_size=2, seed=0, number=0)                   # and so there is one batch alone
@example(count=1, batch_size=4, seed=0, number=0)                   # nothing before it to join
@example(count=4, batch_size=1, seed=0, number=0)                   # asked for: each alone
def test_every_picture_once_in_an_epoch(resident, count, batch_size, seed, number):
    pack = a_pack(count)
    loader = Loader(pack, range(count), batch_size, seed=seed, resident=resident)
    batches = list(loader.epoch(number))
    assert [i for i, _ in batches] == list(range(loader.batches)) and len(loader) == count
    sizes = [len(batch) for _, batch in batches]
    full = [batch_size] * (count // batch_size)
    rest = count % batch_size                                       # batch by batch as one would, but nobody is left alone
    assert sizes == ([*full[:-1], batch_size + 1] if rest == 1 and full else full + [rest] * (rest > 0))
    assert all(batch.shape[1:] == (3, 4, 4) and batch.dtype == torch.uint8 for _, batch in batches)
    assert sorted(which(loader, number)) == list(range(count))


@settings(deadline=None, max_examples=25)
@given(count=st.integers(1, 20), batch_size=st.integers(1, 7), shuffle=st.booleans(), data=st.data())
def test_resident_and_streaming_agree(count, batch_size, shuffle, data):
    pack = a_pack(count)
    indices = data.draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True))   # a part of a split
    a, b = (Loader(pack, indices, batch_size, seed=4, shuffle=shuffle, resident=r) for r in (False, True))
    for (i, x), (j, y) in zip(a.epoch(3), b.epoch(3), strict=True):
        assert i == j and torch.equal(x, y)
    assert sorted(which(a, 3)) == sorted(indices)


@BOTH
def test_without_shuffling_the_order_is_the_lists(resident):
    pack, indices = a_pack(9), [7, 2, 3, 8, 0]
    loader = Loader(pack, indices, 2, shuffle=False, resident=resident)
    assert which(loader, 0) == which(loader, 5) == indices
    for i, picture in zip(indices, shown(loader)):
        np.testing.assert_array_equal(picture.permute(1, 2, 0), pack.pictures[pack.rows[i]])


@BOTH
@settings(deadline=None, max_examples=15)
@given(count=st.integers(11, 13), batch_size=st.integers(1, 6), start=st.integers(0, 14), number=st.integers(0, 5))
@example(count=13, batch_size=4, start=2, number=0)                 # from the batch of 5 on
@example(count=13, batch_size=4, start=3, number=0)                 # and from behind it: nothing is left
def test_starting_in_the_middle_goes_on_exactly(resident, count, batch_size, start, number):
    loader = Loader(a_pack(count), range(count), batch_size, resident=resident)
    whole, rest = list(loader.epoch(number)), list(loader.epoch(number, start))
    assert [i for i, _ in rest] == list(range(start, loader.batches))
    assert all(i == j and torch.equal(x, y) for (i, x), (j, y) in zip(whole[start:], rest, strict=True))


@BOTH
def test_a_last_picture_alone_joins_the_batch_before_it_at_its_end(resident):
    """Batch i begins at picture i * batch_size all the same: the noise of held-out pictures goes by that place."""
    pack = a_pack(13)
    loader = Loader(pack, range(13), 4, shuffle=False, resident=resident)
    batches = dict(loader.epoch())
    assert [len(batches[i]) for i in range(3)] == [4, 4, 5] and loader.batches == 3 and len(loader) == 13
    for i, batch in batches.items():
        for k, picture in enumerate(batch):
            np.testing.assert_array_equal(picture.permute(1, 2, 0), pack.pictures[pack.rows[4 * i + k]])


@BOTH
def test_a_picture_named_twice_comes_twice(resident):
    pack, indices = a_pack(5), [3, 0, 3, 3, 1, 0]
    assert which(Loader(pack, indices, 2, shuffle=False, resident=resident)) == indices
    shuffled = Loader(pack, indices, 2, seed=1, resident=resident)
    assert sorted(which(shuffled)) == sorted(indices) and len(shuffled) == 6
    assert which(shuffled) == which(Loader(pack, indices, 2, seed=1, resident=not resident))


@BOTH
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_fourth_plane_comes_with_its_picture(resident, shuffle):
    pictures = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 4), np.uint8)
    loader = Loader(in_memory(pictures, [f"{i}" for i in range(7)], "test"), range(7), 3, shuffle=shuffle, resident=resident)
    assert all(batch.shape[1:] == (4, 4, 4) and batch.dtype == torch.uint8 for _, batch in loader.epoch())
    assert sorted(which(loader)) == list(range(7))                  # all four planes are compared


def test_every_epoch_and_every_seed_has_its_own_order():
    pack = a_pack(40)
    orders = {tuple(which(Loader(pack, range(40), 8, seed=seed), number)) for seed in range(4) for number in range(5)}
    assert len(orders) == 20 and tuple(range(40)) not in orders
    one = which(Loader(pack, range(40), 8, seed=3), 2)
    assert one == which(Loader(pack, range(40), 8, seed=3), 2) == which(Loader(pack, range(40), 5, seed=3), 2)


def test_orders_are_fair():
    """Over 400 epochs, each of 5 pictures is first about 80 times. 4 sigma: 32."""
    loader = Loader(a_pack(5), range(5), 5)
    firsts = np.bincount([which(loader, number)[0] for number in range(400)], minlength=5)
    assert abs(firsts - 80).max() < 32


FINGERPRINT = """
import hashlib
import numpy as np
from minicolor.data.loader import Loader
from minicolor.data.pack import in_memory
pictures = np.arange(50, dtype=np.uint8)[:, None, None, None].repeat(3, 3)
loader = Loader(in_memory(pictures, [f"{i:02d}" for i in range(50)], "test"), range(50), 8, seed=7)
batches = b"".join(batch.numpy().tobytes() for number in range(3) for _, batch in loader.epoch(number))
fingerprint = hashlib.sha256(batches).hexdigest()
"""


def test_another_process_sees_the_same_order():
    """With other threads, another hash seed and another global random state."""
    code = f"import torch\ntorch.set_num_threads(2)\ntorch.manual_seed(5)\n{FINGERPRINT}\nprint(fingerprint)"
    there = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True,
                           env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)})
    here = {}
    exec(FINGERPRINT, here)
    assert there.stdout.strip() == here["fingerprint"], there.stderr


@BOTH
def test_global_randomness_is_left_alone(resident):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    shown(Loader(a_pack(9), range(9), 2, resident=resident))
    assert torch.equal(torch.get_rng_state(), before)


@BOTH
def test_writing_into_a_batch_leaves_the_pack_as_it_is(resident):
    loader = Loader(a_pack(6), range(6), 6, shuffle=False, resident=resident)
    before = loader.pack.pictures.copy()
    for _, batch in loader.epoch():
        batch.zero_()
    np.testing.assert_array_equal(loader.pack.pictures, before)
    assert which(loader) == list(range(6))


@BOTH
def test_an_epoch_that_is_left_early_harms_no_other(resident):
    loader = Loader(a_pack(12), range(12), 3, resident=resident)
    expected = which(loader, 1)
    abandoned = loader.epoch(1)
    next(abandoned)
    assert which(loader, 1) == expected, "two epochs at once disturb each other"
    abandoned.close()
    assert which(loader, 1) == expected


def test_a_memory_map_is_read_like_an_array(tmp_path):
    pack = a_pack(7)
    np.save(tmp_path / "pictures.npy", pack.pictures)
    mapped = replace(pack, pictures=np.load(tmp_path / "pictures.npy", mmap_mode="r"))
    for resident in (False, True):
        assert which(Loader(mapped, range(7), 3, resident=resident)) == which(Loader(pack, range(7), 3))


def test_nothing_is_resident_on_a_cpu_unless_asked():
    assert Loader(a_pack(3), range(3), 2).resident is None  # the system's page cache serves better there
