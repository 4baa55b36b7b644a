"""Every committed result says what was run, on what, what came out, what the report says, and what follows from it."""

import json
import math
from pathlib import Path

import pytest

from minicolor import recipe as recipes

RESULTS = Path(__file__).parents[1] / "lessons" / "results"
FILES = sorted(p for p in RESULTS.glob("*.json") if not p.stem.startswith("bench-"))
BENCHES = sorted(RESULTS.glob("bench-*.json"))
KEYS = {"experiment", "command", "data", "seed", "epochs", "minutes", "device", "environment", "recipe", "measured",
        "reported", "verdict", "history"}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_result_is_complete(path):
    r = json.loads(path.read_text())
    assert set(r) == KEYS and path.stem.startswith(r["experiment"])
    assert recipes.from_dict(r["recipe"]).experiment == r["experiment"]
    assert set(r["data"]) == {"name", "stands_in_for", "counts"} and "/" not in r["data"]["name"]
    assert {"torch", "processor", "threads"} <= set(r["environment"]) and len(r["history"]) == r["epochs"]
    assert all(math.isfinite(v) for v in r["measured"].values()) and len(r["verdict"]) > 60


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_measured_figures_are_measured(path):
    """No figure of the report may stand among the measured ones, and the history must lead to the measured best."""
    r = json.loads(path.read_text())
    assert not set(r["measured"].values()) & {v for v in r["reported"].values() if isinstance(v, (int, float))}
    best = min(r["history"], key=lambda row: row["val_ab_rmse"])
    assert best["val_ab_rmse"] == pytest.approx(r["measured"]["ab_rmse"], rel=0.25)   # validation and test are alike


def check_bench(r: dict) -> None:
    """What `python -m minicolor.bench --json FILE all` writes: dated, versions, each row a time, a rate and a share."""
    assert r["date"] >= "2026" and r["device"] and {"torch", "triton", "processor", "gpu"} <= set(r["environment"])
    assert r["device"] == "cpu" or {"driver", "cuda", "cudnn"} <= set(r["environment"])
    assert r["copy_gb_per_s"] > 0 and all(v > 0 for v in r["matrix_tflop_per_s"].values())
    rows = [row for bench in ("lab", "degrade", "patchgan", "norm") for row in r[bench]]
    assert rows
    for row in rows:
        rate, share = ("gb_per_s", "share_of_copy") if "gb_per_s" in row else ("tflop_per_s", "share_of_matrix_rate")
        assert row["ms"] > 0 and row[rate] > 0 and row[share] > 0 and set(row["times_as_long"]) == set(row["ms_of_others"])
        for name, ms in row["ms_of_others"].items():
            assert row["times_as_long"][name] == (None if ms is None else pytest.approx(ms / row["ms"]))


@pytest.mark.parametrize("path", BENCHES, ids=lambda p: p.stem)
def test_bench_is_complete(path):
    check_bench(json.loads(path.read_text()))
