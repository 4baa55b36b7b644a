"""A lesson knows its size and its pictures; a claim holds only where it holds in every seed; what is recorded was measured."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from minicolor.lesson import begin, claim, must_fail
from minicolor.recipes import cae

figures = st.floats(-1e3, 1e3, allow_nan=False)


@given(st.lists(st.tuples(figures, figures), min_size=1, max_size=6))
def test_a_claim_holds_where_it_holds_in_every_seed(pairs):
    lower, higher = zip(*pairs, strict=True)
    said = claim("a below b", np.array(lower), np.array(higher))
    assert said.times == sum(a < b for a, b in pairs) and said.held == all(a < b for a, b in pairs)
    words = str(said)
    assert (": held, " in words) == said.held and ("did not hold" in words) == (said.times == 0)
    assert said.held or said.times == 0 or f"held in {said.times} of {len(pairs)} seeds" in words


def test_one_figure_stands_for_all_seeds():
    assert claim("x", 1.0, np.array([2.0, 3.0])).held and not claim("x", np.array([1.0, 4.0]), 3.0).held
    for other in (np.zeros(3), np.zeros(1), np.array([0.0, np.nan]), float("inf")):
        with pytest.raises(ValueError, match="as many figures on both sides"):
            claim("x", np.zeros(2), other)


def test_must_fail_wants_a_failure(capsys):
    def check(x):
        assert x > 0, f"{x} is not above 0"

    must_fail(check, -1)
    assert "-1 is not above 0" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="check holds for what was spoiled"):
        must_fail(check, 1)
    with pytest.raises(TypeError):                                  # another error is not the check's verdict
        must_fail(check, None)


@pytest.mark.parametrize("flags, scale, data, seeds", [
    (["--quick"], "quick", "scenes", (0,)), ([], "full", "celeba", (0, 1, 2)),
    (["--small", "--seeds", "2"], "small", None, (0, 1)), (["--full", "--seeds", "1"], "full", None, (0,)),
])  # fmt: skip
def test_sizes(flags, scale, data, seeds, tmp_path):
    flags = flags if data else [*flags, "--data", str(tmp_path)]
    here = begin("06_unet", flags)
    recipe = here.sized(cae, "faces", quick={"pictures": 5}, small={"pictures": 7}, lr=0.5)
    assert (here.scale, here.seeds, recipe.lr) == (scale, seeds, 0.5)
    assert recipe.data == (data or str(tmp_path / "faces"))
    assert recipe == replace(cae.RECIPE if scale == "full" else cae.QUICK, data=recipe.data, lr=0.5,
                             pictures={"quick": 5, "small": 7, "full": cae.RECIPE.pictures}[scale])
    assert here.out == Path("runs/lessons") / scale / "06_unet"


@pytest.mark.parametrize("flags, words", [
    (["--small"], "--small needs --data"), (["--data", "no/such"], "no such folder"), (["--seeds", "0"], "at least 1"),
    (["--quick", "--small"], "not allowed with"), (["--wat"], "--wat"), (["--seeds", "two"], "two"), (["--device", "tpu"], "tpu"),
])  # fmt: skip
def test_bad_flags_are_one_sentence_and_2(flags, words, capsys):
    with pytest.raises(SystemExit) as stop:
        begin("06_unet", flags)
    err = capsys.readouterr().err
    assert stop.value.code == 2 and words in err and len(err.splitlines()) == 1


def test_figures_and_arms_are_kept(tmp_path, capsys):
    """A whole small life: two arms trained, looked at, recorded; read again without training; another setting refused."""
    folder, results = tmp_path / "out", tmp_path / "results"
    here = replace(begin("06_unet", ["--quick", "--seeds", "2", "--out", str(folder)]), results=results)
    small = here.sized(cae, "faces", quick={"pictures": 12, "size": 32, "epochs": 2, "batch_size": 4}, small={})
    table = here.compare({"a": small, "b": replace(small, lr=1e-4)})
    assert table["a"]["ab_rmse"].shape == (2,) and table["a"].curve("val_ab_rmse").shape == (2, 2) and table["a"].tested >= 1
    for seed in range(2):
        run = json.loads((folder / f"a-{seed}" / "results.json").read_text())
        assert run["test"]["ab_rmse"] == table["a"]["ab_rmse"][seed] and run["recipe"]["seed"] == seed
    assert table["a"]["ab_rmse"][0] != table["b"]["ab_rmse"][0] and table["a"].minutes > 0

    figure = Figure()
    figure.subplots().plot([1, 2])
    for name, what in {"a line": figure, "bytes": np.zeros((4, 5, 3), np.uint8)}.items():
        here.show(name, what)
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")

    said = [claim("a below b", table["a"]["ab_rmse"], table["b"]["ab_rmse"])]
    given = ("A4", "which?", table, said, {"FID": 0.3091}, {"name": "scenes", "stands_in_for": "celeba", "n": 1}, "because")
    here.record(*given)
    assert not results.exists(), "--quick writes no result"
    capsys.readouterr()
    replace(here, quick=False, small=True).record(*given)
    written = json.loads((results / "A4.json").read_text())
    arm = written["arms"]["a"]
    assert arm["figures"]["ab_rmse"]["values"] == list(table["a"]["ab_rmse"])
    assert arm["seeds"] == [0, 1] and arm["epochs"] == [2, 2]
    assert arm["figures"]["ab_rmse"]["low"] <= arm["figures"]["ab_rmse"]["mean"] <= arm["figures"]["ab_rmse"]["high"]
    assert written["claims"][0]["held"] == said[0].held and written["verdict"].endswith("because")
    assert "FID" in capsys.readouterr().out

    before = (folder / "a-0" / "last.pt").stat().st_mtime_ns
    assert here.compare({"a": small})["a"]["ab_rmse"][0] == table["a"]["ab_rmse"][0]
    assert (folder / "a-0" / "last.pt").stat().st_mtime_ns == before, "a finished run is read, not trained again"
    with pytest.raises(ValueError, match="other settings"):
        here.compare({"a": replace(small, lr=0.1)})
