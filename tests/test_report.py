"""What a run leaves to look at shows what it should: strips, curves, one page that needs nothing from outside."""

import io
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from minicolor import report
from minicolor.errors import BadInput

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
    report.strip(tmp_path / "s" / "strip.png", truth, colored)
    pixels = np.asarray(Image.open(tmp_path / "s" / "strip.png")).astype(int)
    assert pixels.shape == (3 * 128 + 2 * report.GAP, 2 * 128 + report.GAP, 3)    # 64 pixels are shown twice as large
    red, blue = pixels[10, 10], pixels[10, 200]
    assert np.ptp(red) <= 1 and np.ptp(blue) <= 1 and red[0] > blue[0]            # grey; red is lighter than blue
    assert (pixels[200, 10] == 64).all()
    assert tuple(pixels[300, 10]) == (255, 0, 0) and tuple(pixels[300, 200]) == (0, 0, 255)


def test_curves_show_both_answers_to_beat():
    image = Image.open(io.BytesIO(report.curves(HISTORY, BASELINES)))
    assert image.size[0] > 800 and len(np.unique(np.asarray(image.convert("L")))) > 20


@pytest.fixture
def page(tmp_path):
    report.strip(tmp_path / "strip.png", torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    report.page(tmp_path / "report.html", RESULTS, {"lr": "Adam's step size"}, tmp_path / "strip.png")
    return tmp_path / "report.html"


def test_the_page_holds_everything_inside(page):
    text = page.read_text()
    assert not re.findall(r"(?:src|href)='(?!data:)[^']*'", text) and "http" not in text
    assert "a &lt;b&gt;report" in text or "<b>report" not in text  # what comes from outside is escaped
    assert "drawn &amp; scenes" in text and "50%" in text and "Adam" in text


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium on this machine to show the page in")
    with sync_api.sync_playwright() as p:
        one = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield one
        one.close()


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


def test_log_is_rewritten_whole(tmp_path):
    log = report.Log(tmp_path)
    log.epoch(HISTORY[:2])
    log.epoch(HISTORY[:1])                                                       # as after a resume from epoch 1
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2


def test_tensorboard_missing_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadInput, match="pip install"):
        report.Log(tmp_path, tensorboard=True)
