"""The bench of the metrics compares the same answers, refuses other ones, names what is missing, and its table is its file."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from minicolor import bench
from minicolor.benches import clock, fid, metrics
from minicolor.errors import BadInput

WHAT = ["MSE", "MAE", "RMSE", "PSNR", "SSIM", "UQI", "FSIM", "FSIMc", "VIF", "CIEDE2000", "ab-RMSE", "colorfulness"]


def check_metrics(r: dict) -> None:
    """What `python -m minicolor.bench metrics --json FILE` writes: dated, versions, each row a time and the others'."""
    assert r["date"] >= "2026" and {"torch", "processor", "threads"} <= set(r["environment"])
    assert set(r["versions"]) == set(metrics.LIBRARIES)
    assert set(WHAT) | {"FID statistics", "FID distance"} == {row["what"] for row in r["metrics"]}
    for row in r["metrics"]:
        assert row["ms"] > 0 and set(row["ms_of_others"]) == set(row["difference"]) == set(row["times_as_long"])
        assert row["same"] is (row["what"] != "UQI")
        others = [ms for ms in row["ms_of_others"].values() if ms]
        assert row["fastest_other"] == (pytest.approx(min(others) / row["ms"]) if others else None)
        assert ("share_of_network" in row) is (row["what"] == "FID statistics")


@pytest.fixture
def short(monkeypatch):
    """Small pictures, few calls."""
    for module in (metrics, fid):
        monkeypatch.setattr(module, "race", partial(clock.race, seconds=0.01))
    monkeypatch.setattr(metrics, "SIZES", ((2, 64),))
    for name, value in (("PICTURES", 2), ("FEATURES", 40), ("POINTS", 60)):
        monkeypatch.setattr(fid, name, value)


def test_all_metrics_in_one_command(short, tmp_path, capsys):
    bench.main(["metrics", "--json", str(tmp_path / "b.json")])
    said, r = capsys.readouterr().out, json.loads((tmp_path / "b.json").read_text())
    check_metrics(r)
    assert metrics.HEAD in said and all(metrics.line(row) in said for row in r["metrics"])
    assert [row["what"] for row in r["metrics"]] == WHAT + ["FID statistics", "FID distance"]
    for name, version in r["versions"].items():
        assert any(name in row["ms_of_others"] for row in r["metrics"]) is (version is not None), name
    assert 0.2 < r["metrics"][-2]["share_of_network"] < 1.5          # three calls on a busy machine


def test_a_library_that_is_missing_is_named_and_the_others_go_on(short, capsys, monkeypatch):
    monkeypatch.setattr(metrics, "libraries", lambda: dict.fromkeys(metrics.LIBRARIES))
    assert set(metrics.versions().values()) == {None}
    rows = metrics.run()
    assert [row["what"] for row in rows] == WHAT and all(row["ms"] > 0 for row in rows)
    assert all(row["fastest_other"] is None for row in rows[:-1]) and "nobody else has it" in capsys.readouterr().out
    assert metrics._import("minicolor_has_no_such_module") is None


def test_a_time_of_another_answer_is_refused():
    ways = {"minicolor": lambda: np.array([1.0, 2.0]), "theirs": lambda: np.array([1.0, 2.1])}
    with pytest.raises(BadInput, match="theirs and ours differ by 0.1, more than 0.01"):
        metrics.measure("X", ways, 0.01, "2", lambda ways: pytest.fail("timed all the same"))
    with pytest.raises(BadInput, match="theirs and ours differ by nan"):
        metrics.measure("X", ways | {"theirs": lambda: [float("nan")] * 2}, 0.01, "2", lambda ways: pytest.fail("timed"))
    times = {"minicolor": 2.0, "theirs": 3.0, "slow": 9.0}
    fine = metrics.measure("X", ways | {"theirs": lambda: 1.5, "slow": lambda: [1, 2]}, 0.01, "2", lambda ways: times)
    assert fine["difference"] == {"theirs": 0, "slow": 0} and fine["fastest_other"] == 1.5      # a figure for all: their mean
    other = metrics.measure("X", ways, None, "2", lambda ways: {"minicolor": 2.0, "theirs": None})
    assert other["difference"]["theirs"] == pytest.approx(0.1) and other["fastest_other"] is None and not other["same"]
    assert metrics.line(other) == "| X, by other definitions | 2 | 2.00 | theirs cannot run here |  |"
    assert metrics.line(fine) == "| X | 2 | 2.00 | theirs 3.00 (0e+00), slow 9.00 (0e+00) | 1.50 |"


RESULTS = Path(__file__).parents[1] / "lessons" / "results"


@pytest.mark.parametrize("path", sorted(RESULTS.glob("metrics-*.json")), ids=lambda p: p.stem)
def test_what_was_committed_is_complete(path):
    check_metrics(json.loads(path.read_text()))
