"""`python -m minicolor.evaluate RUN...` as one types it: tables, files, a page with best, middle and worst, and plain errors."""

import base64
import csv
import io
import json
import re

import numpy as np
import pytest
from evaluated import make_run
from PIL import Image

from minicolor import evaluate
from minicolor.data.scenes import draw
from minicolor.evaluation.page import chosen


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    color = make_run(out / "color", "pix2pix_lab", pictures=200)
    return {"color": color, "other": make_run(out / "other", "pix2pix_lab", pictures=200, lr=1e-4),
            "classify": make_run(out / "classify", "classify")}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_two_runs_side_by_side(runs, tmp_path, capsys):
    evaluate.main([str(runs["color"]), str(runs["other"]), "--features", str(runs["classify"]), "--out", "out"])
    printed = capsys.readouterr().out
    assert "95 % of the mean" in printed and "fid_proxy" in printed and "CIEDE2000" in printed and "look at out" in printed
    assert "FID-" not in printed and "LPIPS" not in printed
    names = {"index.html", "figures.json", "figures.csv", "pictures.csv"}
    assert {p.name for p in (tmp_path / "out").iterdir()} == names
    kept = json.loads((tmp_path / "out" / "figures.json").read_text())["runs"]
    split = json.loads((runs["color"] / "split.json").read_text())
    assert [run["pictures"] for run in kept] == 2 * [len(split["test"])]
    page = (tmp_path / "out" / "index.html").read_text()
    assert "http" not in page and "<script" not in page, "nothing from outside, nothing that runs"


def test_the_page_shows_the_pictures_that_it_names(runs, tmp_path):
    """Best first, worst last, and beside each name the truth of that very picture."""
    evaluate.main([str(runs["color"]), "--out", "out", "--cases", "2", "--split", "all", "--pictures", "21"])
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out" / "pictures.csv").read_text())))
    errors = [float(line["ab_rmse"]) for line in lines]
    assert errors == sorted(errors) and len(errors) == 21
    page = (tmp_path / "out" / "index.html").read_text()
    found = re.findall(r"base64,([^']+)'><figcaption>([^<]+)<br>rank (\d+) of 21: [^<]*? ([\d.]+)</figcaption>", page)
    assert [int(rank) for *_, rank, _ in found] == [1, 2, 10, 11, 20, 21]
    for data, name, rank, error in found:
        assert name == lines[int(rank) - 1]["picture"] and float(error) == pytest.approx(errors[int(rank) - 1], rel=1e-3)
        strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))                # 64 pixels are shown twice as large
        assert strip.shape == (128, 3 * 128 + 2 * 4, 3)
        np.testing.assert_array_equal(strip[::2, -128::2], draw(0, int(name[-6:]), 64).rgb)
        assert (strip[:, :128, 0] == strip[:, :128, 2]).all(), "the first is what the network sees: grey"


def test_the_page_in_a_browser(runs, tmp_path, browser):
    evaluate.main([str(runs["color"]), str(runs["other"]), "--out", "out", "--cases", "2"])
    tab = browser.new_page(viewport={"width": 390, "height": 800})               # a phone
    asked, errors = [], []
    tab.on("request", lambda r: asked.append(r.url))
    tab.on("pageerror", lambda e: errors.append(e))
    tab.goto((tmp_path / "out" / "index.html").as_uri())
    assert [u for u in asked if not u.startswith(("file:", "data:"))] == [] and errors == []
    shown = tab.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 100)")
    assert shown == 12 * [True]
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390           # wide tables scroll by themselves
    assert "PSNR" in tab.locator("table").first.inner_text()
    assert tab.locator("h3").all_inner_texts() == 2 * ["Best", "Middle", "Worst"]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 17, 100])
def test_best_middle_and_worst_never_share_a_picture(n):
    order = np.random.default_rng(0).permutation(n)
    parts = chosen(order, 6)
    places = [i for part in parts.values() for i in part]
    assert len(places) == len(set(places)) and order[0] in parts["best"] and len(places) >= min(n, 3)
    if n >= 3:
        assert parts["worst"][-1] == order[-1] and set(parts) == {"best", "middle", "worst"}
        middle = [list(order).index(i) for i in parts["middle"]]
        assert abs(sum(middle) / len(middle) - (n - 1) / 2) <= 0.5


def test_without_weights_it_says_what_is_left_out(runs, capsys):
    evaluate.main([str(runs["color"]), "--pictures", "3"])
    printed = capsys.readouterr().out
    assert printed.count("is left out") == 2 and "minicolor.data.download weights" in printed
    evaluate.main([str(runs["color"]), "--pictures", "3", "--fid", "none", "--lpips", "none"])
    assert "is left out" not in capsys.readouterr().out


def test_bad_input_is_one_sentence_and_no_figure(runs, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    run = str(runs["color"])
    for arguments, words in (
        (["nowhere"], "nowhere"), ([run, "nowhere"], "nowhere"), ([], "RUN"), ([run, "--split", "half"], "--split half"),
        ([run, "--pictures", "0"], "--pictures 0"), ([run, "--cases", "0"], "--cases 0"), ([run, "--data", "gone"], "gone"),
        ([run, "--out", "file"], "is a file"), ([run, "--fid", "2048"], "inception_fid"), ([run, "--fid", "7"], "--fid 7"),
        ([run, "--lpips", "vgg"], "vgg16"), ([run, "--features", run], "expected one of classify"),
        ([run, "--pictures", "1", "--features", str(runs["classify"])], "at least 2 pictures"),
        ([run, "--device", "abacus"], "abacus"), ([run, "--backend", "abacus"], "abacus"),
    ):  # fmt: skip
        with pytest.raises(SystemExit) as end:
            evaluate.main(arguments)
        said = capsys.readouterr()
        assert end.value.code == 2 and said.err.count("\n") == 1 and words in said.err, (arguments, said.err)
        assert "mean" not in said.out, "no figure before an error"
    assert not (tmp_path / "evaluation").exists()
