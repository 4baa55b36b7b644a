"""A search tries what it was told, holds each picture out once, goes on where it stopped, and its table is what the runs say."""

import csv
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from minicolor import search as module
from minicolor.data.pack import in_memory
from minicolor.data.scenes import draw_all
from minicolor.data.split import split
from minicolor.errors import BadInput
from minicolor.recipes.dncnn import QUICK
from minicolor.search import candidates, folds, search, table

TINY = replace(QUICK, pictures=24, size=32, crop=16, crops=1, depth=3, width=4, epochs=1, batch_size=4)


def a_pack(count=24):
    return in_memory(draw_all(0, count, 32, workers=1), [f"{i:03d}" for i in range(count)], "scenes")


def test_a_grid_is_every_combination_once():
    found = candidates(TINY, ["lr=1e-4,2e-4,1e-4", "residual=yes,no", "batch-size=2,4"])
    expected = [{"lr": a, "residual": b, "batch_size": c} for a, b, c in itertools.product((1e-4, 2e-4), (True, False), (2, 4))]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    assert all(type(s["batch_size"]) is int and type(s["residual"]) is bool for s in found)


def test_nothing_to_search_is_the_recipe_itself():
    assert candidates(TINY, []) == [{}]


def test_random_draws_stay_in_their_range_and_are_even_in_the_logarithm():
    found = [s["lr"] for s in candidates(TINY, ["lr=1e-5..1e-1"], trials=400, seed=1)]
    assert all(1e-5 <= lr <= 1e-1 for lr in found)
    below = sum(lr < 1e-3 for lr in found) / len(found)
    assert 0.4 < below < 0.6, "half of the draws below the geometric middle; even in lr itself it would be 1 %"
    assert found == [s["lr"] for s in candidates(TINY, ["lr=1e-5..1e-1"], trials=400, seed=1)]
    whole = [s["depth"] for s in candidates(TINY, ["depth=2..9"], trials=50)]
    assert set(whole) <= set(range(2, 10)) and all(type(d) is int for d in whole)


@pytest.mark.parametrize("text, trials, sentence", [
    ("lr", 0, "expected FIELD=VALUE"), ("speed=1", 0, "of a field of dncnn"), ("name=x", 0, "of a field of dncnn"),
    ("lr=fast", 0, "'fast' is no float"), ("residual=maybe", 0, "no yes or no"), ("lr=1e-4..1e-3", 0, "--trials"),
    ("lr=1e-3..1e-4", 5, "LOW < HIGH"), ("residual=no..yes", 5, "two numbers"), ("lr=2", 0, "--lr 2"),
    ("depth=1", 0, "at least 2"),
])  # fmt: skip
def test_what_cannot_be_tried_is_refused_in_one_sentence(text, trials, sentence):
    with pytest.raises(BadInput, match=sentence):
        candidates(TINY, [text], trials)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_folds_hold_each_picture_out_once_and_never_touch_the_test_part(count):
    pack = a_pack(40)
    test = set(map(int, split(pack.keys, 7)["test"]))
    found = folds(pack, 7, count)
    held = [i for fold in found for i in fold["val"]]
    assert sorted(held) == sorted(set(range(40)) - test), "each of the others once"
    for fold in found:
        assert set(fold["test"]) == test and not set(fold["train"]) & (set(fold["val"]) | test)
        assert len(fold["train"]) + len(fold["val"]) + len(test) == 40
    sizes = [len(fold["val"]) for fold in found]
    assert max(sizes) - min(sizes) <= 1


def test_copies_of_a_picture_are_never_on_both_sides():
    pictures = np.repeat(draw_all(0, 20, 32, workers=1), 2, axis=0)
    pack = replace(in_memory(pictures, [f"{i:03d}" for i in range(40)], "pairs"), keys=tuple(f"{i // 2:03d}" for i in range(40)))
    for fold in folds(pack, 0, 4):
        train, val = ({pack.keys[i] for i in fold[part]} for part in ("train", "val"))
        assert not train & val and len(fold["val"]) == 2 * len(val)


def test_other_folds_are_other_runs(tmp_path):
    for count in (2, 3):
        search(TINY, [{}], count, tmp_path, quiet=True)
    held = {p.parent.name: len(json.loads(p.read_text())["val"]) for p in tmp_path.rglob("split.json")}
    assert set(held) == {"fold-1-of-2", "fold-2-of-2", "fold-1-of-3", "fold-2-of-3", "fold-3-of-3"}
    assert held["fold-1-of-2"] > held["fold-1-of-3"]


def test_more_folds_than_pictures_is_refused():
    with pytest.raises(BadInput, match="--folds 99: expected 2 to"):
        folds(a_pack(), 0, 99)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    out = tmp_path_factory.mktemp("search")
    return search(TINY, candidates(TINY, ["lr=1e-3,1e-2"]), 2, out, quiet=True), out


def test_the_table_is_what_the_runs_say(searched):
    rows, out = searched
    assert [row["mean"] for row in rows] == sorted((row["mean"] for row in rows), reverse=True), "PSNR: the highest first"
    for row in rows:
        runs = [json.loads(p.read_text()) for p in sorted((out / f"lr-{row['settings']['lr']}").glob("fold-*/results.json"))]
        figures = [max(epoch["val_psnr"] for epoch in run["history"]) for run in runs]
        assert len(runs) == row["runs"] == 2
        assert row["mean"] == pytest.approx(sum(figures) / 2) and (row["low"], row["high"]) == (min(figures), max(figures))
        assert {run["recipe"]["lr"] for run in runs} == {row["settings"]["lr"]}
    written = list(csv.DictReader((out / "search.csv").open()))
    assert [float(line["lr"]) for line in written] == [row["settings"]["lr"] for row in rows]
    assert "lr=0.001" in table(rows, "PSNR") and json.loads((out / "search.json").read_text())["folds"] == 2


def test_a_finished_search_trains_nothing_again_and_a_stopped_one_only_the_rest(searched, monkeypatch):
    rows, out = searched
    monkeypatch.setattr(module, "fit", lambda *_, **__: pytest.fail("it is all there"))
    assert search(TINY, candidates(TINY, ["lr=1e-3,1e-2"]), 2, out, quiet=True) == rows
    with pytest.raises(BadInput, match="other settings"):
        search(replace(TINY, depth=4), candidates(TINY, ["lr=1e-3,1e-2"]), 2, out, quiet=True)
    monkeypatch.undo()
    again, calls = module.fit, []
    monkeypatch.setattr(module, "fit", lambda *a, **k: calls.append(a[2]) or again(*a, **k))
    (out / "lr-0.01" / "fold-2-of-2" / "results.json").unlink()
    (out / "lr-0.01" / "fold-2-of-2" / "last.pt").unlink()
    (out / "lr-0.01" / "fold-2-of-2" / "best.pt").unlink()
    more = search(TINY, candidates(TINY, ["lr=1e-3,1e-2"]), 2, out, quiet=True)
    assert len(calls) == 1 and [r["mean"] for r in more] == pytest.approx([r["mean"] for r in rows])
