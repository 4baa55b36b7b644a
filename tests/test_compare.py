"""Arms and seeds: every arm of a seed holds out the same pictures, chains start from their own seed, figures are evaluate's."""

import json
from dataclasses import replace

import numpy as np
import pytest

from minicolor.compare import Arm, Table, compare, span
from minicolor.evaluation.answers import Answers
from minicolor.metrics.ciede2000 import ciede2000
from minicolor.recipes import cae

TINY = replace(cae.QUICK, pictures=20, size=32, epochs=1, batch_size=8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("arms")
    return out, compare({"a": TINY, "b": replace(TINY, lr=1e-4), "on": replace(TINY, init=str(out / "a-{seed}"))}, (3, 4), out)


def test_arms_of_one_seed_hold_out_the_same_pictures(trained):
    out, table = trained
    splits = {p.parent.name: json.loads(p.read_text()) for p in out.glob("*/split.json")}
    assert len(splits) == 6
    for seed in "34":
        assert splits[f"a-{seed}"] == splits[f"b-{seed}"] == splits[f"on-{seed}"]
    assert splits["a-3"] != splits["a-4"]
    assert [run["recipe"]["seed"] for run in table["b"].runs] == [3, 4]


def test_a_chain_starts_from_its_own_seed(trained):
    out, table = trained
    assert [run["recipe"]["init"] for run in table["on"].runs] == [str(out / "a-3"), str(out / "a-4")]
    first = table["on"].curve("mse")[:, 0], table["a"].curve("mse")[:, 0]
    assert (first[0] < first[1]).all(), "who starts from a trained network begins lower"


def test_close_figures_are_means_over_the_test_pictures(trained):
    """CIEDE2000 of every answer, taken here one picture at a time."""
    out, table = trained
    for i, seed in enumerate((3, 4)):
        answers = Answers(out / f"a-{seed}")
        each = [ciede2000(made[None], truth[None]).item() for batch in answers
                for made, truth in zip(batch.shown[1], batch.shown[2], strict=True)]
        assert table["a"]["ciede2000"][i] == pytest.approx(np.mean(each), rel=1e-5)
        assert table["a"]["untouched_ab_rmse"][i] == pytest.approx(table["a"]["grey_ab_rmse"][i], rel=1e-4)


def test_a_table_says_mean_and_range():
    arm = Arm(TINY, [{}, {}], [], [{"psnr": 20.0}, {"psnr": 22.0}])
    text = Table(one=arm).text("psnr", "ssim")
    assert "21 (20 to 22)" in text and "ssim" in text and span(np.array([3.0])) == "3"
