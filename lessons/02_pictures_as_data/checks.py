"""What exercise 02 is graded on: a picture's part follows from its own bytes."""

import builtins
import hashlib
import random
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "split"
KEY = "minicolor.data.split:split"
TRAINS = "why a random split leaks, and how a hash makes one that is the same everywhere"
MINUTES = 30

PARTS = ("train", "val", "test")


def adapt(key):
    """The library's takes each file's digest, as a pack keeps it, and never leaves a part empty."""
    return lambda files, seed=0: key([hashlib.sha256(f).hexdigest() for f in files], seed)


def _by(number):
    """A split by number(file, place, seed) in [0, 1)."""

    def split(files, seed=0):
        numbers = [number(f, i, seed) for i, f in enumerate(files)]
        part = ["train" if x < 0.8 else "val" if x < 0.9 else "test" for x in numbers]
        return {name: [i for i, p in enumerate(part) if p == name] for name in PARTS}

    return split


def _hashed(f, seed):
    return int(hashlib.sha256(str(seed).encode() + b":" + f).hexdigest()[:13], 16) / 16**13


def _shuffled(files, seed=0):
    order = list(range(len(files)))
    random.Random(seed).shuffle(order)
    first, second = int(0.8 * len(files)), int(0.9 * len(files))
    return {"train": sorted(order[:first]), "val": sorted(order[first:second]), "test": sorted(order[second:])}


def _sorted_and_cut(files, seed=0):
    order = sorted(range(len(files)), key=lambda i: (_hashed(files[i], seed), i))
    first, second = int(0.8 * len(files)), int(0.9 * len(files))
    return {"train": sorted(order[:first]), "val": sorted(order[first:second]), "test": sorted(order[second:])}


def _copies_dropped(files, seed=0):
    kept = {f: i for i, f in enumerate(files)}
    parts = _by(lambda f, i, seed: _hashed(f, seed))(files, seed)
    return {name: [i for i in parts[name] if kept[files[i]] == i] for name in PARTS}


def _wrong_edges(files, seed=0):
    numbers = [_hashed(f, seed) for f in files]
    part = ["val" if x < 0.1 else "test" if x < 0.1 + 0.8 else "train" for x in numbers]
    return {name: [i for i, p in enumerate(part) if p == name] for name in PARTS}


WRONG = {
    "shuffled and cut": _shuffled,
    "every tenth picture": _by(lambda f, i, seed: (i + seed) % 10 / 10),
    "sorted by hash, then cut at 80 and 90 %": _sorted_and_cut,
    "the place in the list goes into the hash": _by(lambda f, i, seed: _hashed(f + str(i).encode(), seed)),
    "the seed forgotten": _by(lambda f, i, seed: _hashed(f, 0)),
    "Python's hash(), another one in every process": _by(lambda f, i, seed: hash((f, seed)) % 1000 / 1000),
    "the file's size in place of its content": _by(lambda f, i, seed: (len(f) * 7 + seed) % 10 / 10),
    "copies dropped": _copies_dropped,
    "80 % for the test": _wrong_edges,
    "sets that overlap": lambda files, seed=0: (parts := _by(lambda f, i, seed: _hashed(f, seed))(files, seed))
    | {"val": sorted(parts["val"] + parts["test"])},
}  # fmt: skip

often = settings(max_examples=15, deadline=None, database=None)
drawn = {"chance": st.integers(0, 10**9), "seed": st.integers(0, 1000)}


def _files(chance, count=120):
    draws = random.Random(chance)
    return [draws.randbytes(draws.randrange(8, 60)) for _ in range(count)]


def _part_of(files, parts):
    """Place -> the name of its part."""
    return [next((name for name in PARTS if i in parts[name]), None) for i in range(len(files))]


@often
@given(**drawn)
def each_picture_in_exactly_one_part(f, chance, seed):
    files = _files(chance)
    files += files[:40]
    parts = f(files, seed)
    assert sorted(parts) == sorted(PARTS), "three parts: train, val, test"
    assert sorted(sum((list(parts[name]) for name in PARTS), [])) == list(range(len(files)))


@often
@given(**drawn)
def copies_are_on_one_side(f, chance, seed):
    files = _files(chance)
    twice = [*files, b"another", *files]
    part = _part_of(twice, f(twice, seed))
    assert part[:120] == part[121:], "two copies of a picture are in two parts"


@often
@given(**drawn)
def neither_order_nor_new_pictures_move_a_picture(f, chance, seed):
    files, order = _files(chance), list(range(120))
    random.Random(chance + 1).shuffle(order)
    longer = _files(chance + 2, 30) + [files[i] for i in order]
    before, after = _part_of(files, f(files, seed)), _part_of(longer, f(longer, seed))
    assert [before[i] for i in order] == after[30:]


@often
@given(**drawn)
def tomorrow_it_is_the_same_split(f, chance, seed):
    files, today = _files(chance), builtins.hash
    before = f(files, seed)
    with mock.patch("builtins.hash", lambda x: today(("another process", x))):     # Python salts hash() anew in each process
        assert f(files, seed) == before, "a new process would give another split"


@often
@given(chance=st.integers(0, 10**9))
def another_seed_is_another_split(f, chance):
    files = _files(chance)
    assert len({str(f(files, seed)) for seed in range(5)}) == 5, "two of five seeds give the same split"
    moved = sum(a != b for a, b in zip(_part_of(files, f(files, 0)), _part_of(files, f(files, 1)), strict=True))
    assert moved < 90, "hardly a picture has the same part under another seed"


@settings(max_examples=5, deadline=None, database=None)
@given(**drawn)
def about_80_10_10(f, chance, seed):
    draws = random.Random(chance)
    files = [bytes(20) + draws.randbytes(12) for _ in range(2000)]                 # of one size, with the same beginning
    parts = f(files, seed)
    for name, share in zip(PARTS, (0.8, 0.1, 0.1), strict=True):
        assert abs(len(parts[name]) / 2000 - share) < 0.04, f"{name} has {len(parts[name])} of 2000"


CHECKS = [
    (1, each_picture_in_exactly_one_part, "place by place: each is named once, copies included"),
    (3, copies_are_on_one_side, "what does your number depend on, beside the bytes and the seed?"),
    (2, neither_order_nor_new_pictures_move_a_picture, "decide for each file alone, without looking at the others"),
    (1, tomorrow_it_is_the_same_split, "Python's own hash() of bytes changes with every process; which functions do not?"),
    (1, another_seed_is_another_split, "the seed is hashed together with the bytes"),
    (2, about_80_10_10, "count the parts of 2000 files; the number must be evenly spread, whatever the files hold"),
]
