"""A pack cut into shards is the pack that was never cut: the same pictures, the same hash, the same split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minicolor.data.loader import Loader
from minicolor.data.pack import open_pack, pack
from minicolor.data.shards import Shards, name_of, open_shards, pack_shards, shard_of
from minicolor.data.source import open_data
from minicolor.errors import BadInput


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(30):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(folder / f"{i:02d}.png")
    return folder


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), data=st.data())
@settings(max_examples=50, deadline=None)
def test_shards_read_as_one_array(sizes, data):
    whole = np.random.default_rng(0).integers(0, 256, (sum(sizes), 2, 2, 3), np.uint8)
    shards = Shards(np.split(whole, np.cumsum(sizes)[:-1]))
    rows = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=9)), dtype=np.int64)
    assert shards.shape == whole.shape and len(shards) == len(whole)
    assert np.array_equal(shards[rows], whole[rows])
    assert all(np.array_equal(shards[i], whole[i]) for i in range(len(whole)))


def test_it_is_the_pack_that_was_never_cut(folder, tmp_path):
    whole = pack(folder, tmp_path / "whole", 16, progress=False)
    cut = pack_shards(folder, tmp_path / "cut", 4, size=16, progress=False)
    assert (cut.names, cut.keys, cut.hash, cut.size) == (whole.names, whole.keys, whole.hash, whole.size)
    assert [p.name for p in sorted((tmp_path / "cut").iterdir())] == [name_of(i, 4) for i in range(4)]
    assert {shard_of(name, 4) for name in whole.names} == {0, 1, 2, 3}
    for a, b in zip(Loader(whole, range(30), 7, seed=3).epoch(2), Loader(cut, range(30), 7, seed=3).epoch(2), strict=True):
        assert (a[1] == b[1]).all()
    assert open_data(str(tmp_path / "cut"), 16, 12).names == open_data(str(tmp_path / "whole"), 16, 12).names


def test_a_new_picture_moves_no_old_one(folder, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for file in sorted(folder.iterdir())[:25]:
        (few / file.name).symlink_to(file)
    pack_shards(few, tmp_path / "cut", 3, size=16, progress=False)
    before = {name: i for i in range(3) for name in open_pack(tmp_path / "cut" / name_of(i, 3)).names}
    for file in sorted(folder.iterdir())[25:]:
        (few / file.name).symlink_to(file)
    pack_shards(few, tmp_path / "cut", 3, size=16, progress=False)
    after = {name: i for i in range(3) for name in open_pack(tmp_path / "cut" / name_of(i, 3)).names}
    assert len(before) == 25 and len(after) == 30 and before.items() <= after.items()


def test_what_is_refused(folder, tmp_path):
    pack(folder, tmp_path / "whole", 16, progress=False)
    with pytest.raises(BadInput, match="in one piece"):
        pack_shards(folder, tmp_path / "whole", 2, size=16, progress=False)
    pack_shards(folder, tmp_path / "cut", 2, size=16, progress=False)
    with pytest.raises(BadInput, match="another number of shards than 3"):
        pack_shards(folder, tmp_path / "cut", 3, size=16, progress=False)
    with pytest.raises(BadInput, match="fewer shards"):
        pack_shards(folder, tmp_path / "many", 500, size=16, progress=False)
    (tmp_path / "cut" / name_of(1, 2)).rename(tmp_path / "away")
    with pytest.raises(BadInput, match="1-of-2 is missing"):
        open_shards(tmp_path / "cut")
    with pytest.raises(BadInput, match="1-of-2 is missing"):
        open_data(str(tmp_path / "cut"), 16, 10)
    pack(folder, tmp_path / "cut" / name_of(1, 2), 32, progress=False)
    with pytest.raises(BadInput, match="different sources, sizes"):
        open_shards(tmp_path / "cut")
