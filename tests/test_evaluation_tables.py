"""The three forms of a table say the same, and a star means what the note under it says."""

import csv
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from minicolor.evaluation import tables
from minicolor.evaluation.measure import Evaluation, Row
from minicolor.evaluation.summary import Summary, summarize
from minicolor.tasks.color import Color
from minicolor.tasks.denoise import Denoise


def an_evaluation(run="runs/a", values=(1.0, 2.0, 4.0), task=None, keys=("k1", "k2", "k3"), names=("a.png", "b,c.png", "d.png"),
                  size=64):
    task = task or Color("ab")
    recipe = SimpleNamespace(name="pix2pix_lab", experiment="C1")
    answers = SimpleNamespace(run=run, recipe=recipe, task=task, keys=list(keys), names=list(names), part="test", device="cpu",
                              pack=SimpleNamespace(size=size, source="drawn scenes, seed 0"))
    answers = type("A", (SimpleNamespace,), {"__len__": lambda self: len(self.keys)})(**vars(answers))
    column = np.array(values, dtype=float)
    rows = [Row(task.figure, "error", "lower", summarize(column), untouched=25.0, true=None, reported=0.0163),
            Row("fid", "FID-2048", "lower", Summary(3, 7.5, None, None, None))]
    return Evaluation(answers, rows, {task.figure: column}, ["a note"])


def test_text_csv_and_json_have_the_same_figures(tmp_path):
    e = an_evaluation()
    tables.write(tmp_path / "out", [e])
    kept = json.loads((tmp_path / "out" / "figures.json").read_text())
    figures = kept["runs"][0]["figures"]
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out" / "figures.csv").read_text())))
    assert [line["figure"] for line in lines] == list(figures) == ["ab_rmse", "fid"]
    for line in lines:
        for column in ("mean", "sd", "low", "high", "n", "untouched", "reported"):
            value = figures[line["figure"]][column]
            assert line[column] == "" if value is None else float(line[column]) == pytest.approx(value, rel=1e-8)
    assert figures["ab_rmse"]["mean"] == pytest.approx(7 / 3) and figures["ab_rmse"]["sd"] == pytest.approx((7 / 3) ** 0.5)
    printed = tables.text(e)
    for word in ("runs/a: pix2pix_lab (C1), 3 pictures of 64x64, test part of drawn scenes, seed 0", "2.333", "0.0163", "a note",
                 "7.5"):
        assert word in printed
    assert {"torch", "processor"} <= set(kept["environment"])


def test_each_picture_has_a_line_best_answers_first(tmp_path):
    tables.write(tmp_path, [an_evaluation(values=(5.0, 1.0, 3.0))])
    lines = list(csv.DictReader(io.StringIO((tmp_path / "pictures.csv").read_text())))
    assert [(line["picture"], float(line["ab_rmse"])) for line in lines] == [("b,c.png", 1.0), ("d.png", 3.0), ("a.png", 5.0)]
    tables.write(tmp_path, [an_evaluation(values=(5.0, 1.0, 3.0), task=Denoise())])
    lines = list(csv.DictReader(io.StringIO((tmp_path / "pictures.csv").read_text())))
    assert [float(line["psnr"]) for line in lines] == [5.0, 3.0, 1.0], "of decibels the most are best"


@pytest.mark.parametrize("value, shown", [(None, ""), (0.999997, "0.999997"), (0.000017, "1.7e-05"), (96.158390, "96.16"),
                                          (1.0, "1"), (0.9994, "0.9994"), (1.056835, "1.057"), (float("nan"), "nan")])
def test_four_digits_but_where_the_fifth_says_something(value, shown):
    assert tables.number(value) == shown


def test_a_star_is_for_the_same_question_on_the_same_pictures():
    many = np.random.default_rng(0).normal(10, 3, 40)
    same = {"keys": [f"k{i}" for i in range(40)], "names": [f"{i}.png" for i in range(40)]}
    first = an_evaluation("runs/a", many, **same)
    cases = {
        "better": (an_evaluation("runs/b", many - 0.5, **same), True),
        "equal": (an_evaluation("runs/c", many, **same), False),
        "other pictures": (an_evaluation("runs/d", many - 5, **(same | {"keys": [f"x{i}" for i in range(40)]})), False),
        "another size": (an_evaluation("runs/e", many - 5, size=128, **same), False),
        "another task": (an_evaluation("runs/f", many - 5, task=Denoise(), **same), False),
        "other units": (an_evaluation("runs/g", many - 5, task=Color("rgb", equalize=True), **same), True),
    }
    apart = ("other pictures", "another size", "another task")
    for name, (other, star) in cases.items():
        head, *lines = tables.comparison([first, other])
        assert head == ("", "a", other.answers.run[-1])
        assert any(line[2].endswith("*") for line in lines) is star, name
        assert tables.about_comparison([first, other]).startswith("not all") is (name in apart)
    noisy, noisier = (an_evaluation(f"runs/{s}", many - s, task=Denoise(s), **same) for s in (0.1, 0.5))
    assert not tables.alike(noisy, noisier) and tables.alike(noisy, an_evaluation(task=Denoise(0.1), **same))


def test_two_folders_of_one_name_are_told_apart():
    one, other = an_evaluation("x/run"), an_evaluation("y/run")
    assert tables.comparison([one, other])[0] == ("", "x/run", "y/run")


def test_a_file_name_that_is_no_text_is_kept(tmp_path):
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    tables.write(tmp_path, [an_evaluation(names=(name, "b", "c"))])
    assert b"caf\xe9.png" in (tmp_path / "pictures.csv").read_bytes()
