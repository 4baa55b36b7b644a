"""What a run leaves to look at shows what it should: strips, curves, one page that needs nothing from outside."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from minicolor import report
from minicolor.errors import BadInput
from minicolor.tasks.color import Color
from minicolor.tasks.denoise import Denoise

BASELINES = {"grey_ab_rmse": 25.0, "mean_ab_rmse": 24.0, "true_colorfulness": 80.0}
HISTORY = [{"epoch": e, "d_real": 0.5, "g_l1": 0.2 / e, "val_ab_rmse": 20.0 - e, "minutes": 1.0 * e,
            "images_per_second": 9.0} for e in (1, 2, 3)]
RESULTS = {
    "experiment": "A6", "recipe": {"name": "pix2pix", "size": 64, "source": "a <b>report</b>", "lr": 2e-4},
    "data": "drawn & scenes", "counts": {"train": 8, "val": 1, "test": 1}, "epochs": 3, "best_epoch": 3, "minutes": 3.0,
    "precision": "float32", "device": "cpu", "environment": {"torch": "2"}, "history": HISTORY,
    "test": BASELINES | {"ab_rmse": 12.5, "psnr": 20.0, "colorfulness": 60.0}, "validation_baselines": BASELINES,
}  # fmt: skip


def test_a_strip_has_the_grey_input_the_answer_and_the_truth(tmp_path):
    truth = torch.zeros(2, 3, 64, 64)
    truth[0, 0], truth[1, 2] = 1.0, 1.0                            # a red and a blue picture
    colored = torch.full((2, 3, 64, 64), 0.25)
    task = Color("rgb")
    x, y = task.prepare(truth)
    report.strip(tmp_path / "s" / "strip.png", task.show(truth, x, y, 2 * colored - 1))
    pixels = np.asarray(Image.open(tmp_path / "s" / "strip.png")).astype(int)
    assert pixels.shape == (3 * 128 + 2 * report.GAP, 2 * 128 + report.GAP, 3)    # 64 pixels are shown twice as large
    red, blue = pixels[10, 10], pixels[10, 200]
    assert np.ptp(red) <= 1 and np.ptp(blue) <= 1 and red[0] > blue[0]            # grey; red is lighter than blue
    assert (pixels[200, 10] == 64).all()
    assert tuple(pixels[300, 10]) == (255, 0, 0) and tuple(pixels[300, 200]) == (0, 0, 255)


def test_the_rows_stand_as_given_and_what_is_outside_0_to_1_is_held_there(tmp_path):
    rows = [torch.full((1, 3, 130, 130), value) for value in (0.5, -3.0, 0.2, 7.0)]
    report.strip(tmp_path / "strip.png", rows)
    pixels = np.asarray(Image.open(tmp_path / "strip.png"))
    assert pixels.shape == (4 * 130 + 3 * report.GAP, 130, 3)                     # 130 pixels are shown as they are
    assert [pixels[(130 + report.GAP) * k].tolist() for k in range(4)] == [[[v] * 3] * 130 for v in (128, 0, 51, 255)]
    assert (pixels[130 : 130 + report.GAP] == 255).all()


def test_curves_show_both_answers_to_beat():
    image = Image.open(io.BytesIO(report.curves(HISTORY, Color("ab"), BASELINES)))
    assert image.size[0] > 800 and len(np.unique(np.asarray(image.convert("L")))) > 20


class Drawn(Exception):
    """Stops curves() before the PNG, with the figure in hand."""


@pytest.fixture
def drawn(monkeypatch):
    """curves(...) -> the two axes that it would save."""
    def stop(figure, *_, **__):
        raise Drawn(figure)

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", stop)

    def axes(*arguments):
        with pytest.raises(Drawn) as e:
            report.curves(*arguments)
        return e.value.args[0].axes

    return axes


def test_curves_are_the_tasks_figure_its_answers_to_beat_and_the_losses(drawn):
    left, right = drawn(HISTORY, Color("ab"), BASELINES)
    ours, grey, mean = left.lines
    assert list(ours.get_xdata()) == [1, 2, 3] and list(ours.get_ydata()) == [19.0, 18.0, 17.0]
    assert set(grey.get_ydata()) == {25.0} and set(mean.get_ydata()) == {24.0}
    assert [t.get_text() for t in left.get_legend().texts] == ["this run", "left grey", "mean training color everywhere"]
    assert "ab-RMSE" in left.get_title() and "lower is better" in left.get_title() and left.get_ylim()[0] == 0
    assert {line.get_label() for line in right.lines} == {"d_real", "g_l1"} and right.get_yscale() == "log"


def test_curves_of_a_figure_that_should_rise_and_of_losses_below_zero(drawn):
    history = [{"epoch": e, "critic": 1.0 - e, "val_psnr": 25.0 + e, "minutes": 1.0, "images_per_second": 9.0} for e in (1, 2)]
    left, right = drawn(history, Denoise(0.1), {"noisy_psnr": 24.0})
    assert [list(line.get_ydata()) for line in left.lines] == [[26.0, 27.0], [24.0, 24.0]]
    assert "higher is better" in left.get_title() and left.get_ylim()[0] > 20     # from 0 dB on, no step would be seen
    assert list(right.lines[0].get_ydata()) == [0.0, -1.0] and right.get_yscale() == "symlog"   # a logarithm would hide both


@pytest.fixture
def page(tmp_path):
    report.strip(tmp_path / "strip.png", list(torch.rand(3, 2, 3, 64, 64)))
    report.page(tmp_path / "report.html", RESULTS, Color("ab"), {"lr": "Adam's step size"}, tmp_path / "strip.png")
    return tmp_path / "report.html"


def test_the_page_holds_everything_inside(page):
    text = page.read_text()
    assert not re.findall(r"(?:src|href)='(?!data:)[^']*'", text) and "http" not in text
    assert "a &lt;b&gt;report" in text and "<b>report" not in text  # what comes from outside is escaped
    assert "drawn &amp; scenes" in text and "50%" in text and "Adam" in text


def test_the_page_in_a_browser(page, browser):
    tab = browser.new_page(viewport={"width": 390, "height": 800})               # a phone
    asked, errors = [], []
    tab.on("request", lambda r: asked.append(r.url))
    tab.on("pageerror", lambda e: errors.append(e))
    tab.goto(page.as_uri())
    assert [u for u in asked if not u.startswith(("file:", "data:"))] == [] and errors == []
    assert tab.locator("h1").inner_text().startswith("pix2pix")
    assert "12.50" in tab.locator("table").first.inner_text()
    shown = tab.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 100)")
    assert shown == [True, True]
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390           # nothing hangs over the edge


def test_another_tasks_page_shows_its_own_figures(tmp_path):
    history = [{"epoch": 1, "mse": 0.5, "val_psnr": 30.0, "minutes": 1.0, "images_per_second": 9.0}]
    test, beat = {"psnr": 31.25, "noisy_psnr": 24.5}, {"noisy_psnr": 24.0}
    results = RESULTS | {"history": history, "test": test, "validation_baselines": beat}
    report.strip(tmp_path / "strip.png", list(torch.rand(3, 1, 3, 64, 64)))
    report.page(tmp_path / "report.html", results, Denoise(0.1), {}, tmp_path / "strip.png")
    text = (tmp_path / "report.html").read_text()
    assert "31.25" in text and "24.5" in text and "left noisy" in text and "PSNR" in text and "ab-RMSE" not in text


def test_log_is_rewritten_whole(tmp_path):
    log = report.Log(tmp_path)
    log.epoch(HISTORY[:2])
    log.epoch(HISTORY[:1])                                                       # as after a resume from epoch 1
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2


def test_tensorboard_missing_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadInput, match="pip install"):
        report.Log(tmp_path, tensorboard=True)
