"""Evaluated by three processes on a folder that all open, a run has the figures of one process: of each picture, and FID."""

import json
import math

import pytest
from evaluated import make_run
from processes import photographs, torchrun

from minicolor import evaluate


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """figures.json by three processes, and by one. There are two batches: one of the three has nothing to do."""
    folder = tmp_path_factory.mktemp("evaluate")
    run, looks = make_run(folder / "run", "pix2pix_lab"), make_run(folder / "classify", "classify")
    shown = photographs(folder / "photographs", 24)
    command = [str(run), "--data", str(shown), "--features", str(looks), "--split", "all", "--pictures", "20", "--device", "cpu",
               "--out"]
    done = torchrun(3, "-m", "minicolor.evaluate", *command, folder / "three", cwd=folder)
    assert done.returncode == 0 and done.stdout.count("look at") == 1, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)                                          # where the pack lies
        evaluate.main([*command, str(folder / "one")])
    return [json.loads((folder / n / "figures.json").read_text())["runs"][0] for n in ("one", "three")]


def test_the_figures_are_those_of_one_process(figures):
    """All saw the same batches, in float32: equal but for the number of threads that summed up a picture, so to 6 digits."""
    one, two = figures
    assert one["pictures"] == two["pictures"] > 16                   # more than a batch: two processes had something to do
    assert one["notes"] == two["notes"] and list(one["figures"]) == list(two["figures"])
    for name, figure in one["figures"].items():
        for what, value in figure.items():
            other = two["figures"][name][what]
            if isinstance(value, float) and name != "fid_proxy":
                assert math.isclose(value, other, rel_tol=1e-6, abs_tol=1e-9), (name, what, value, other)
            elif name != "fid_proxy":
                assert value == other, (name, what)


def test_the_distance_of_sets_is_that_of_one_process(figures):
    """Means and covariances of float32 features are summed in another order, and the root of a matrix goes through them."""
    one, two = (run["figures"]["fid_proxy"] for run in figures)
    assert one["n"] == two["n"] and one["mean"] > 0
    for what in ("mean", "untouched"):
        assert math.isclose(one[what], two[what], rel_tol=1e-4), (one, two)
