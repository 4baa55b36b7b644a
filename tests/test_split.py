"""A picture's part depends on its bytes and the seed alone: no order, no machine, no later picture can move it."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.data.pack import in_memory
from minicolor.data.split import PARTS, read_split, split, write_split
from minicolor.errors import BadInput

KEYS = st.lists(st.text(min_size=1, max_size=8), min_size=3, max_size=60, unique=True)
MANY = [hashlib.sha256(b"%d" % i).hexdigest() for i in range(3000)]  # large enough that no part is ever empty


def part_of(keys: list[str], seed: int = 0) -> dict[str, str]:
    parts = split(keys, seed)
    return {keys[i]: part for part in PARTS for i in parts[part]}


@settings(deadline=None)
@given(keys=KEYS, repeats=st.lists(st.integers(0, 1000), max_size=10), seed=st.integers(0, 5))
def test_parts_are_disjoint_complete_filled_and_in_list_order(keys, repeats, seed):
    keys = keys + [keys[i % len(keys)] for i in repeats]
    parts = split(keys, seed)
    assert tuple(parts) == PARTS and all(parts.values()) and all(p == sorted(p) for p in parts.values())
    assert sorted(sum(parts.values(), [])) == list(range(len(keys)))
    held = [{keys[i] for i in part} for part in parts.values()]
    assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2]), "copies of a picture on both sides"


@settings(deadline=None)
@given(keys=KEYS, seed=st.integers(0, 5), data=st.data())
def test_order_plays_no_part(keys, seed, data):
    assert part_of(keys, seed) == part_of(data.draw(st.permutations(keys)), seed)


@settings(deadline=None, max_examples=20)
@given(old=st.integers(200, 2000), new=st.integers(1, 900), seed=st.integers(0, 5))
def test_adding_pictures_never_moves_an_old_one(old, new, seed):
    after = part_of(MANY[: old + new], seed)
    assert part_of(MANY[:old], seed).items() <= after.items()


def test_thresholds_agree_with_a_calculation_by_hand():
    for seed in (0, 7):
        parts = part_of(MANY, seed)
        for key in MANY:
            number = int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest(), "big") / 2**256
            assert parts[key] == ("train" if number < 0.8 else "val" if number < 0.9 else "test")
    assert part_of(MANY, 0) != part_of(MANY, 7), "the seed does nothing"


def test_fractions_are_met_within_chance():
    sizes = [len(part) for part in split(MANY).values()]
    assert [abs(n - 3000 * f) < 75 for n, f in zip(sizes, (0.8, 0.1, 0.1))] == [True] * 3  # 75: over 3 sigma of each
    halves = [len(part) for part in split(MANY, fractions=(0.5, 0.25, 0.25)).values()]
    assert [abs(n - 3000 * f) < 90 for n, f in zip(halves, (0.5, 0.25, 0.25))] == [True] * 3


def test_an_empty_part_gets_the_nearest_key():
    numbers = {k: int(hashlib.sha256(f"0:{k}".encode()).hexdigest(), 16) / 2**256 for k in MANY}
    three = sorted([k for k in MANY if numbers[k] < 0.7][:3], key=numbers.get)  # all in train by their numbers
    assert part_of(three) == {three[0]: "train", three[1]: "test", three[2]: "val"}  # nearest to 0.8, then to 0.9


@pytest.mark.parametrize("keys", [[], ["a"], ["a", "b"], ["a", "b", "a", "b"]])
def test_fewer_than_three_different_pictures_are_refused(keys):
    with pytest.raises(BadInput, match="at least 3 different pictures"):
        split(keys)


@pytest.mark.parametrize("fractions", [(0.8, 0.1), (0.9, 0.1, 0.0), (0.8, 0.1, 0.2), (1.2, -0.1, -0.1)])
def test_fractions_that_cannot_be_are_refused(fractions):
    with pytest.raises(BadInput, match="three positive numbers"):
        split(MANY, fractions=fractions)


def test_a_split_file_comes_back_and_knows_its_pack(tmp_path):
    pack = in_memory(np.zeros((9, 2, 2, 3), np.uint8), [f"{i} \udcff.png" for i in range(9)], "test")
    parts = split(pack.keys, 3)
    write_split(tmp_path / "split.json", pack, parts, 3)
    assert read_split(tmp_path / "split.json", pack) == parts
    assert json.loads((tmp_path / "split.json").read_text())["seed"] == 3
    other = in_memory(np.zeros((9, 2, 2, 3), np.uint8), [f"{i}.png" for i in range(9)], "other")
    with pytest.raises(BadInput, match="splits pack"):
        read_split(tmp_path / "split.json", other)
    for text in "", "[1]", '{"train": []}', (tmp_path / "split.json").read_text().replace('"0 ', '"1 '):
        (tmp_path / "broken.json").write_text(text)
        with pytest.raises(BadInput, match="broken.json"):
            read_split(tmp_path / "broken.json", pack)
