"""Every committed result says what was run, on what, what came out, what the report says, and what follows from it."""

import json
import math
import re
from pathlib import Path

import pytest

from minicolor import recipe as recipes
from minicolor.lesson import Claim

RESULTS = Path(__file__).parents[1] / "lessons" / "results"
OTHERS = ("bench-", "quick-", "ambiguous-", "metrics-", "conventions-", "plates-")   # have tests of their own
FILES = sorted(p for p in RESULTS.glob("*.json") if not p.stem.startswith(OTHERS))
BENCHES = sorted(RESULTS.glob("bench-*.json"))
KEYS = {"experiment", "question", "lesson", "scale", "command", "data", "device", "environment", "arms", "reported", "claims",
        "verdict"}  # fmt: skip
TRAINED = {"recipe", "seeds", "counts", "epochs", "minutes", "device", "environment", "curves"}
IDS = [f"{report}{i + 1}" for report, count in {"A": 12, "B": 5, "C": 4, "D": 10, "E": 5}.items() for i in range(count)]


def test_every_experiment_has_its_result():
    """<id>.json is what the lesson writes; <id>_<what>.json are further runs of the same schema."""
    assert {p.stem for p in FILES if "_" not in p.stem} == set(IDS)
    assert {p.stem.partition("_")[0] for p in FILES} <= set(IDS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_result_is_complete(path):
    r = json.loads(path.read_text(), parse_constant=pytest.fail)          # NaN is no JSON
    assert set(r) == KEYS and path.stem.partition("_")[0] == r["experiment"] and r["arms"]
    assert (RESULTS.parent / r["lesson"] / "lesson.py").is_file() and r["scale"] in ("small", "full", "long")
    assert {"name", "stands_in_for", "n"} <= set(r["data"]) and "/" not in r["data"]["name"] and r["data"]["n"] > 0
    assert {"torch", "processor", "threads"} <= set(r["environment"])
    assert len(r["verdict"]) > 60 and len(r["question"]) > 10
    for name, arm in r["arms"].items():
        assert arm["figures"] and set(arm) in ({"figures"}, {"figures"} | TRAINED), name
        for figure in arm["figures"].values():
            values = figure["values"]
            assert values and all(v is None or math.isfinite(v) for v in values)
            if None not in values:
                assert figure["low"] == min(values) and figure["high"] == max(values)
                assert figure["mean"] == pytest.approx(sum(values) / len(values))
        if "recipe" in arm:
            assert recipes.from_dict(arm["recipe"]) and "/" not in arm["recipe"]["data"]
            assert len(arm["seeds"]) == len(arm["curves"]) == len(arm["epochs"]) and arm["minutes"] > 0
            for epochs, curve in zip(arm["epochs"], arm["curves"], strict=True):
                assert {len(c) for c in curve.values()} == {epochs}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_verdicts_follow_from_the_figures(path):
    """A claim held if the lower figure is the lower one in every seed; one of fewer than three seeds says so."""
    r = json.loads(path.read_text())
    for c in r["claims"]:
        said = Claim(c["what"], tuple(c["lower"]), tuple(c["higher"]))
        assert c["held"] == said.held and c["words"] == str(said) and str(said) in r["verdict"]
        single = re.search(r"\(one (run|measurement)\b", c["what"])
        assert len(c["lower"]) >= 3 or single, c["what"]
    if any(name.startswith("features_") for arm in r["arms"].values() for name in arm["figures"]):
        assert " --features " in r["command"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_measured_figures_are_measured(path):
    """No figure of the report may stand among the measured ones, and the curves must lead to what was measured."""
    r = json.loads(path.read_text())
    printed = {float(n) for value in r["reported"].values() for n in re.findall(r"\d+\.\d+", str(value))}
    for arm in r["arms"].values():
        assert not printed & {v for figure in arm["figures"].values() for v in figure["values"]}
        if "recipe" in arm:
            task = recipes.from_dict(arm["recipe"]).task()
            if task.figure in arm["figures"]:
                for curve, tested in zip(arm["curves"], arm["figures"][task.figure]["values"], strict=True):
                    best = (max if task.higher else min)(curve[f"val_{task.figure}"])
                    near = {"abs": 3} if task.figure == "psnr" else {"rel": 0.25}    # validation and test are alike, and small
                    assert best == pytest.approx(tested, **near)


def check_bench(r: dict) -> None:
    """What `python -m minicolor.bench --json FILE all` writes: dated, versions, each row a time, a rate and a share."""
    assert r["date"] >= "2026" and r["device"] and {"torch", "triton", "processor", "gpu"} <= set(r["environment"])
    assert r["device"] == "cpu" or {"driver", "cuda", "cudnn"} <= set(r["environment"])
    assert r["copy_gb_per_s"] > 0 and all(v > 0 for v in r["matrix_tflop_per_s"].values())
    rows = [row for bench in ("lab", "degrade", "augment", "patchgan", "norm") for row in r[bench]]
    assert rows
    for row in rows:
        rate, share = ("gb_per_s", "share_of_copy") if "gb_per_s" in row else ("tflop_per_s", "share_of_matrix_rate")
        assert row["ms"] > 0 and row[rate] > 0 and row[share] > 0 and set(row["times_as_long"]) == set(row["ms_of_others"])
        for name, ms in row["ms_of_others"].items():
            assert row["times_as_long"][name] == (None if ms is None else pytest.approx(ms / row["ms"]))


@pytest.mark.parametrize("path", BENCHES, ids=lambda p: p.stem)
def test_bench_is_complete(path):
    check_bench(json.loads(path.read_text()))


@pytest.mark.parametrize("path", sorted(RESULTS.glob("quick-*.json")), ids=lambda p: p.stem)
def test_the_table_of_small_runs_has_every_recipe_and_its_verdicts_follow(path):
    """What `python -m minicolor.train --all` writes."""
    r = json.loads(path.read_text())
    assert {row["recipe"] for row in r["rows"]} == set(recipes.names()) and {"torch", "processor"} <= set(r["environment"])
    for row in r["rows"]:
        quick = recipes.load(row["recipe"]).QUICK
        task = quick.task()
        assert (row["experiment"], row["figure"], row["size"]) == (quick.experiment, task.figure, quick.size)
        assert row["better"] is task.better(row["value"], row["to_beat"]) and row["minutes"] > 0


@pytest.mark.parametrize("path", sorted(RESULTS.glob("ambiguous-*.json")), ids=lambda p: p.stem)
def test_chroma_of_ambiguous_objects_is_measured_beside_the_truth(path):
    """What `python -m minicolor.ambiguous --json` writes, with the commands of its runs."""
    r = json.loads(path.read_text())
    assert len(r["verdict"]) > 60 and len(r["commands"]) == len(r["rows"]) > 1 and r["scenes"] >= 100
    for row in r["rows"]:
        assert 0 < row["median"] < row["truth"] and row["chroma"] > 0 and row["pixels"] > 1000


@pytest.mark.parametrize("path", sorted(RESULTS.glob("conventions-*.json")), ids=lambda p: p.stem)
def test_both_conventions_are_of_the_same_pictures(path):
    """What `python -m minicolor.evaluate` writes of a run of report B, with its commands: a peak of 4095 and one of 1."""
    r = json.loads(path.read_text())
    figures = r["figures"]
    assert len(r["verdict"]) > 60 and r["pictures"] >= 100 and {"torch", "processor"} <= set(r["environment"])
    assert recipes.load(r["recipe"]).RECIPE.experiment.startswith("B") and r["experiment"] == "B5"
    assert {row["n"] for row in figures.values()} == {r["pictures"]}
    assert figures["psnr_as_reported"]["mean"] - figures["psnr"]["mean"] == pytest.approx(20 * math.log10(4095), abs=1e-3)
    assert figures["rmse_as_reported"]["mean"] == pytest.approx(figures["rmse"]["mean"] / 4095, rel=0.15)   # a mean of roots
    assert figures["ssim_as_reported"]["mean"] > 0.9999 and figures["ssim"]["mean"] < 0.95
    for row in figures.values():
        assert row["low"] < row["mean"] < row["high"] and row["mean"] != row["reported"]


@pytest.mark.parametrize("path", sorted(RESULTS.glob("plates-*.json")), ids=lambda p: p.stem)
def test_the_true_color_of_old_photographs_is_measured(path):
    """What `python -m minicolor.plates --json` writes, with its commands: left grey has no color, the plate itself no error."""
    r = json.loads(path.read_text())
    assert len(r["verdict"]) > 60 and len(r["commands"]) > 1 and r["n"] >= 20 and {"torch", "processor"} <= set(r["environment"])
    grey, plate = r["summaries"]["left grey"], r["summaries"]["the plate"]
    assert grey["colorfulness"]["mean"] == pytest.approx(0, abs=1e-3) and plate["ab_rmse"]["mean"] == pytest.approx(0, abs=1e-3)
    runs = r["summaries"].keys() - {"left grey", "mean color", "true color", "the plate"}
    assert runs and all(s["n"] == r["n"] and s["low"] <= s["mean"] <= s["high"]
                        for name in runs for s in r["summaries"][name].values())
