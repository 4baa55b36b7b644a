"""Every committed result says what was run, on what, what came out, what the report says, and what follows from it."""

import json
import math
from pathlib import Path

import pytest

from minicolor import recipe as recipes

FILES = sorted((Path(__file__).parents[1] / "lessons" / "results").glob("*.json"))
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
