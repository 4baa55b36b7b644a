"""The studio in a browser: a photograph is dropped, colored, compared and downloaded; what cannot be is said on the page."""

import base64
import io
from contextlib import contextmanager

import numpy as np
import pytest
from developed import make_runs, photograph, studio
from PIL import Image

pytest.importorskip("starlette", reason="starlette is not installed: pip install -e '.[test]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install -e '.[test]'")
PHONE = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    with studio(make_runs(tmp_path_factory.mktemp("runs")), "--largest", 2, "--pixels", 1) as program:
        yield program


@contextmanager
def tab(browser, address, **how):
    """A page of a person of their own; all comes from the program, and nothing goes wrong or against the page's policy."""
    context = browser.new_context(accept_downloads=True, **how)
    page, asked, errors = context.new_page(), [], []
    page.on("request", lambda r: asked.append(r.url))
    page.on("pageerror", lambda e: errors.append(e))
    page.on("console", lambda m: errors.append(m.text) if "Content Security Policy" in m.text else None)
    page.goto(address)
    yield page
    context.close()
    assert [u for u in asked if not u.startswith((address, "data:", f"blob:{address}"))] == [] and errors == []


def drop(page, data: bytes, name: str, how: str = "drop"):
    """Drop or paste a file, as a browser tells a page of it."""
    page.evaluate("""([data, name, how]) => {
        const files = new DataTransfer();
        files.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name));
        const event = how === "paste" ? new ClipboardEvent("paste", {clipboardData: files})
                                      : new DragEvent("drop", {dataTransfer: files, cancelable: true});
        dispatchEvent(event);
    }""", [base64.b64encode(data).decode(), name, how])


def until(page, true: str):
    """Wait for it. Not playwright's own way, whose eval() the page's policy forbids."""
    for _ in range(600):
        if page.evaluate(true):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"has not come about in half a minute: {true}")


def done(page, result: int = 1):
    until(page, f"document.getElementById('after').src.endsWith('?{result}')")
    until(page, "document.getElementById('restore').textContent === 'Restored'")


def message(page) -> str:
    page.wait_for_selector("#error:not([hidden])")
    return page.locator("#error").inner_text()


def screen(page, selector="#pair") -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")).astype(int)


def saved(page, name: str) -> Image.Image:
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    im = Image.open(download.value.path())
    im.load()
    return download.value.suggested_filename, im


def chroma(picture: np.ndarray) -> np.ndarray:
    return np.ptp(picture, axis=-1)


def line(page) -> float:
    """Where the slider stands, in per cent of the picture's width."""
    box, at = (page.locator(s).bounding_box() for s in ("#pair", "#line"))
    return 100 * (at["x"] + at["width"] / 2 - box["x"]) / box["width"]


def test_drop_color_slide_download(one, browser):
    with tab(browser, one.address) as page:
        drop(page, photograph(300, 400), "祖母 1912.png")
        done(page)
        assert page.locator("#name").inner_text() == "祖母 1912.png: 400 × 300 pixels"
        seen, width = screen(page), page.locator("#pair").bounding_box()["width"]
        left, right = (chroma(seen[100:-100, slice(*(int(f * width) for f in part))]) for part in ((0.1, 0.4), (0.6, 0.9)))
        assert left.max() == 0 and np.median(right) > 5                        # grey before, color after

        box = page.locator("#pair").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 200)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 100, steps=5)
        page.mouse.up()
        assert abs(line(page) - 20) < 0.6
        page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 100)         # let go: it stays
        assert abs(line(page) - 20) < 0.6 and np.median(chroma(screen(page)[100:-100, int(0.3 * width):int(0.6 * width)])) > 5
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert abs(line(page) - 22) < 0.6
        page.keyboard.press("End")
        assert chroma(screen(page)[100:-100, 50:-50]).mean() < 1               # all before, but for the line's round knob
        for _ in range(30):
            page.keyboard.press("ArrowLeft")

        for button, form, suffix in (("Download JPEG", "JPEG", "jpg"), ("PNG", "PNG", "png"), ("TIFF", "TIFF", "tif"),
                                     ("WebP", "WEBP", "webp")):
            name, im = saved(page, button)
            assert name == f"祖母 1912-restored.{suffix}" and im.format == form and im.size == (400, 300)
            assert np.median(chroma(np.asarray(im.convert("RGB")).astype(int))) > 5


def test_the_stages_are_switched(one, browser):
    with tab(browser, one.address) as page:
        drop(page, photograph(60, 80), "a.png")
        done(page)
        restore = page.locator("#restore")
        assert restore.inner_text() == "Restored"
        page.get_by_role("switch", name="Double the size").check()
        assert restore.inner_text() == "Restore again"
        restore.click()
        done(page, 2)
        assert "160 × 120 pixels" in page.locator("#told").inner_text() and saved(page, "PNG")[1].size == (160, 120)
        page.get_by_role("switch", name="Double the size").focus()
        page.keyboard.press("Space")                                           # off again, by keyboard
        page.get_by_label("Strength of the colors").fill("0")
        assert page.locator("#shown-saturation").inner_text() == "0%"
        page.keyboard.press("Enter")
        done(page, 3)
        assert chroma(np.asarray(saved(page, "PNG")[1]).astype(int)).max() <= 1
        page.get_by_label("Colors guessed at").select_option("128")
        page.get_by_role("switch", name="Color").uncheck()
        assert page.get_by_label("Strength of the colors").is_hidden()
        page.get_by_role("switch", name="Denoise").uncheck()
        restore.click()
        assert "Every stage is switched off" in message(page)
        page.get_by_role("switch", name="Crop to the picture").check()
        restore.click()
        done(page, 4)
        assert page.locator("#error").is_hidden()


@pytest.mark.parametrize("how", ["drop", "paste", "choose"])
def test_too_large_or_not_a_picture_is_said_on_the_page(one, browser, how):
    bad = [(bytes(2_600_000), "scan.tif", "3 MB are too large; up to 2 MB"), (b"<html>", "photo.jpg", "is not a picture"),
           (photograph()[:300], "half.png", "damaged or cut off"), (b"", "empty.jpg", "is empty"),
           (photograph(1001, 1000), "poster.png", "1000 x 1001 pixels")]
    with tab(browser, one.address) as page:
        for data, name, says in bad:
            if how == "choose":
                page.locator("#file").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": data})
            else:
                drop(page, data, name, how)
            until(page, f"document.getElementById('error').textContent.includes({says!r})")
            assert message(page).startswith(name) and page.locator("#start").is_visible()
        drop(page, photograph(), "good.png", "drop" if how == "choose" else how)
        done(page)
        assert page.locator("#error").is_hidden() and page.locator("#start").is_hidden()
        drop(page, b"junk", "junk.jpg")                                        # what was there stays there
        assert "junk.jpg" in message(page) and page.locator("#name").inner_text().startswith("good.png")
        assert saved(page, "PNG")[0] == "good-restored.png"


def test_on_a_phone_by_touch(one, browser):
    with tab(browser, one.address, **PHONE) as page:
        page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": photograph(200, 150)})
        done(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390    # nothing sticks out
        box = page.locator("#pair").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + 50)
        assert abs(line(page) - 80) < 1
        page.get_by_role("button", name="Look closer").tap()
        assert page.locator("#pair").bounding_box()["width"] >= 1.99 * box["width"]
        near = page.locator("#frame").bounding_box()
        page.touchscreen.tap(near["x"] + 5, near["y"] + 5)                     # far from the line: this is for moving about
        assert abs(line(page) - 80) < 1
        page.get_by_role("button", name="Whole picture").tap()
        assert abs(page.locator("#pair").bounding_box()["width"] - box["width"]) < 1
        assert saved(page, "Download JPEG")[1].size == (150, 200)


def test_two_tabs_do_not_meet_and_leaving_forgets(one, browser):
    with tab(browser, one.address) as first, tab(browser, one.address) as second:
        drop(first, photograph(seed=1), "first.png")
        drop(second, photograph(seed=2), "second.png")
        done(first)
        done(second)
        pictures = [np.asarray(saved(page, "PNG")[1]) for page in (first, second)]
        assert saved(first, "PNG")[0] == "first-restored.png" and not np.array_equal(*pictures)
        ids = [page.evaluate("document.getElementById('before').src").split("/")[4] for page in (first, second)]
        drop(first, photograph(seed=3), "third.png")                           # another one: the one before is forgotten
        until(first, "document.getElementById('name').textContent.startsWith('third')")
        assert gone(one, ids[0]) and one.get(f"/photo/{ids[1]}")[0] == 200
        second.goto("about:blank")
        assert gone(one, ids[1])


def gone(one, id: str) -> bool:
    return any(one.get(f"/photo/{id}")[0] == 404 for _ in range(50))


def test_a_program_that_has_ended_is_said_on_the_page(tmp_path, browser):
    with studio(make_runs(tmp_path)) as program, tab(browser, program.address) as page:
        drop(page, photograph(), "a.png")
        done(page)
        program.end()
        page.get_by_role("button", name="PNG", exact=True).click()
        assert "does not answer" in message(page)
