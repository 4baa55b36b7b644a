"""The page shows each photograph over its result, from disk and alone; the slider obeys pointer, finger and keys."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from minicolor.archive import page
from minicolor.archive.page import NAME, SIDE, Pair, write

RED, BLUE = (200, 30, 30), (30, 30, 200)


def picture(path, size, color):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


@pytest.fixture
def pairs(tmp_path):
    return [Pair("1950/写真.png", picture(tmp_path / "a.png", (300, 200), RED), picture(tmp_path / "b.png", (600, 400), BLUE)),
            Pair("<b>&\udcff", picture(tmp_path / "c.png", (20, 60), RED), picture(tmp_path / "d.png", (20, 60), BLUE),
                 notes=["a <toned> print"])]


def inside(text) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(uri))) for uri in re.findall(r"data:image/jpeg;base64,([^']+)'", text)]


def test_one_file_that_asks_for_nothing(pairs, tmp_path):
    write(tmp_path / NAME, pairs, ["broken.jpg: is <damaged>"])
    text = (tmp_path / NAME).read_text("utf-8")
    assert [im.size for im in inside(text)] == [(600, 400), (600, 400), (20, 60), (20, 60)]    # each pair of one size
    assert not re.search(r"https?:|\bsrc='(?!data:)|\bhref=|@import|url\(", text)
    assert "写真.png" in text and "&lt;b&gt;&amp;\\udcff" in text and "a &lt;toned&gt; print" in text
    assert "1 without a result" in text and "is &lt;damaged&gt;" in text


def test_large_pictures_are_shown_small(tmp_path):
    before, after = picture(tmp_path / "a.jpg", (1500, 3000), RED), picture(tmp_path / "b.png", (3000, 6000), BLUE)
    write(tmp_path / NAME, [Pair("a.jpg", before, after)])
    text = (tmp_path / NAME).read_text()
    assert [im.size for im in inside(text)] == [(SIDE // 2, SIDE)] * 2 and len(text) < 100_000


def test_what_was_cropped_is_cropped_before(tmp_path):
    """The part of the photograph that is in the result lies over it: here the right half of the lower half."""
    scan = np.zeros((400, 600, 3), np.uint8)
    scan[200:, 300:] = np.random.default_rng(0).integers(0, 256, (10, 15, 3), np.uint8).repeat(20, 0).repeat(20, 1)
    Image.fromarray(scan).save(tmp_path / "a.png")
    Image.fromarray(scan[200:, 300:]).save(tmp_path / "b.png")
    write(tmp_path / NAME, [Pair("a", tmp_path / "a.png", tmp_path / "b.png", (0.5, 1, 0.5, 1))])
    before, after = (np.asarray(im, float) for im in inside((tmp_path / NAME).read_text()))
    assert before.shape == after.shape == (200, 300, 3) and np.abs(before - after).mean() < 2


def test_a_picture_that_is_gone_costs_only_itself(pairs, tmp_path):
    pairs[0].before.unlink()
    write(tmp_path / NAME, pairs)
    text = (tmp_path / NAME).read_text()
    assert text.count("<figure") == 1 and "1 without a result" in text and "a.png: cannot be read" in text


def test_a_large_archive_gets_a_page_that_opens(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST", 3)
    write(tmp_path / NAME, pairs * 2)
    text = (tmp_path / NAME).read_text()
    assert text.count("<figure") == 3 and "The first 3 of 4 pictures" in text


# ---- in a browser


def at(pair) -> float:
    """Where the slider's line is, in percent; the range input says the same."""
    line = pair.locator("i").bounding_box()
    box = pair.bounding_box()
    shown = 100 * (line["x"] + line["width"] / 2 - box["x"]) / box["width"]
    assert abs(shown - float(pair.locator("input").input_value())) < 1
    return shown


def color(pair, part) -> np.ndarray:
    shot = Image.open(io.BytesIO(pair.screenshot())).convert("RGB")
    return np.array(shot.getpixel((round(part * shot.width), shot.height // 5)), int)


def opened(browser, path, **how):
    context = browser.new_context(offline=True, **how)             # from disk, and nothing else answers
    tab, wrong = context.new_page(), []
    tab.on("pageerror", lambda e: wrong.append(str(e)))
    tab.on("console", lambda m: wrong.append(m.text))              # what the page's own content policy refuses is said here
    tab.on("request", lambda r: wrong.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    tab.goto(path.as_uri())
    return context, tab, wrong


def test_the_slider_by_pointer_and_keys(pairs, tmp_path, browser):
    write(tmp_path / NAME, pairs)
    context, tab, wrong = opened(browser, tmp_path / NAME, viewport={"width": 900, "height": 700})
    first, second = tab.locator(".pair").all()
    assert abs(at(first) - 50) < 0.5
    for part, truth in (0.2, RED), (0.8, BLUE):                    # left of the line the photograph, right of it the result
        assert np.abs(color(first, part) - truth).max() < 12
    box = first.bounding_box()
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 90, steps=5)
    tab.mouse.up()
    assert abs(at(first) - 90) < 0.5 and np.abs(color(first, 0.8) - RED).max() < 12
    tab.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 50)   # let go: it follows no more
    assert abs(at(first) - 90) < 0.5 and abs(at(second) - 50) < 0.5
    for _ in range(5):
        tab.keyboard.press("ArrowLeft")                            # the one that was touched has the keys
    assert abs(at(first) - 85) < 0.5
    tab.keyboard.press("Home")
    assert abs(at(first)) < 0.5
    tab.keyboard.press("Tab")
    tab.keyboard.press("End")
    assert abs(at(second) - 100) < 0.5 and abs(at(first)) < 0.5
    assert tab.get_by_role("slider").count() == 2 and tab.get_by_role("slider", name="写真").count() == 1
    assert wrong == []
    context.close()


def test_the_slider_by_finger_on_a_phone(pairs, tmp_path, browser):
    write(tmp_path / NAME, pairs)
    context, tab, wrong = opened(browser, tmp_path / NAME, viewport={"width": 390, "height": 760}, has_touch=True, is_mobile=True)
    pair = tab.locator(".pair").first
    box = pair.bounding_box()
    tab.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 40)
    assert abs(at(pair) - 25) < 1
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth") and wrong == []
    assert tab.evaluate("getComputedStyle(document.querySelector('.pair')).touchAction") == "pan-y"      # the page still scrolls
    context.close()
