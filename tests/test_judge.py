"""A whole judgment in a browser, by keyboard and by touch, with the program killed in the middle: no answer is missing."""

import csv
import io
import signal
from contextlib import contextmanager

import pytest
from judged import begun, make_run, program

from minicolor.judging.answers import Answers
from minicolor.judging.plan import WRONG

pytest.importorskip("starlette", reason="starlette is not installed: pip install -e '.[test]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install -e '.[test]'")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "small")


@contextmanager
def tab(browser, address, **how):
    """A page of a person of their own; whatever it asks for comes from the program, and nothing goes wrong in it."""
    context = browser.new_context(**how)
    page, asked, errors = context.new_page(), [], []
    page.on("request", lambda r: asked.append(r.url))
    page.on("pageerror", lambda e: errors.append(e))
    yield page
    context.close()
    assert [u for u in asked if not u.startswith((address, "data:"))] == [] and errors == []


def enter(page, address, name):
    page.goto(address)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Show me the first").click()


def ready(page) -> int | None:
    """Wait until a question is there to be answered: its number, or None after the last one."""
    page.wait_for_selector("#play[data-question], #done:not([hidden])")
    if page.locator("#done").is_visible():
        return None
    page.wait_for_timeout(270)                                   # a person needs longer; sooner is taken for a double tap
    return int(page.locator("#play").get_attribute("data-question"))


def test_a_judgment_by_keyboard_and_touch_survives_a_kill(run, browser, tmp_path):
    kept, given, seen = tmp_path / "answers.sqlite", [], []
    phone = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}
    with program(run, "--answers", kept, "--port", 0) as first, tab(browser, first.address, **phone) as page:
        enter(page, first.address, "Ana")
        for i in range(5):
            given.append((ready(page), ("real", "colored")[i % 2]))
            seen.append(page.locator(".shown img").first.get_attribute("src"))
            page.keyboard.press(("ArrowLeft", "ArrowRight")[i % 2])
        given.append((ready(page), "colored"))
        seen.append(page.locator(".shown img").first.get_attribute("src"))
        first.end(signal.SIGKILL)                                # in the middle, with a picture on the screen:
        page.get_by_role("button", name="Colored").tap()         # this answer cannot arrive now
        page.wait_for_selector("#note:not([hidden])")
        assert "does not answer" in page.locator("#note").inner_text()
        assert len(Answers(kept).rows()) == 5

        with program(run, "--answers", kept, "--port", first.port) as second:
            assert second.address == first.address and second.results == first.results
            for i in range(100):                                 # the page goes on by itself, with the answer that waited
                question = ready(page)
                if question is None:
                    break
                assert page.evaluate("document.documentElement.scrollWidth") <= 390
                if question == given[-1][0]:
                    continue
                seen.append(page.locator(".shown img").first.get_attribute("src"))
                choice = ("Real", "Colored")[i % 3 == 0]
                given.append((question, choice.lower()))
                page.get_by_role("button", name=choice).tap()
            assert "Thank you, Ana" in page.locator("#done").inner_text()
            page.goto(second.address + "/results/nothing")
            assert "nothing at this address" in page.content()
            page.goto(second.results + "?everyone=1")                # who answers without looking fails the checks
            assert "Ana" in page.locator("table").nth(1).inner_text()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            page.locator(".grid img").last.scroll_into_view_if_needed()
            answers = list(csv.DictReader(io.StringIO(second.get(second.results + ".csv")[1])))
            assert second.end() == 0 and "the same command goes on" in second.said and second.errors == ""

    answers_file = Answers(kept)
    rows = answers_file.rows()
    ids = [row["id"] for row in answers_file.db.execute("SELECT id FROM question ORDER BY place")]
    assert [(question, row["choice"]) for question, row in zip(ids, rows)] == given and len(rows) == len(ids) == len(answers)
    assert [src.split("/")[-1].split("?")[0] for src in seen] == [row["left"] for row in rows]     # seen is kept
    assert len({row["photo"] for row in rows}) == len(rows) and [row["choice"] for row in rows] == [a["choice"] for a in answers]
    assert sum(row["left_version"] == WRONG for row in rows) == 2 and all(row["seconds"] >= 0.25 for row in rows)


def test_pairs_by_keyboard_and_by_touch_and_coming_back_elsewhere(browser, tmp_path):
    kept, given = tmp_path / "answers.sqlite", []
    begun(kept, photos=10, pairs=True).close()
    with program("--answers", kept, "--port", 0) as one:
        with tab(browser, one.address, viewport={"width": 1280, "height": 800}) as desk:
            enter(desk, one.address, "Code 7")
            for i in range(4):
                ready(desk)
                left, right = (desk.locator(".shown").nth(side).bounding_box() for side in (0, 1))
                assert left["y"] == right["y"] and left["width"] == right["width"] > 500       # side by side
                given.append(("left", "right")[i % 2])
                desk.keyboard.press(("ArrowLeft", "ArrowRight")[i % 2])
            ready(desk)
        phone = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}
        with tab(browser, one.address, **phone) as page:
            page.goto(one.address)
            page.get_by_label("Your name").fill("code 7")                                      # another machine, the same name
            page.get_by_role("button", name="Begin").tap()
            page.wait_for_selector("#begin:not([hidden])")
            assert "Welcome back, Code 7" in page.locator("#begin").inner_text() and "4 of" in page.locator("#where").inner_text()
            page.get_by_role("button", name="Go on").tap()
            while ready(page):
                given.append("right")
                page.locator(".shown").nth(1).tap()
            page.goto(one.results)
            assert "over the real pictures" in page.content()
    assert [row["choice"] for row in Answers(kept).rows()] == given and len(given) == 10


def test_a_held_key_a_double_tap_two_tabs_and_the_way_back_answer_once(browser, tmp_path):
    kept = tmp_path / "answers.sqlite"
    begun(kept).close()
    with program("--answers", kept, "--port", 0) as one, tab(browser, one.address) as page:
        page.route("**/picture/*", lambda route: route.abort(), times=1)
        enter(page, one.address, "Ana")
        page.wait_for_selector("#note:not([hidden])")            # a picture that is lost on the way: said, and fetched again
        ready(page)
        assert page.evaluate("document.querySelector('.shown img').naturalWidth") == 4 and page.locator("#note").is_hidden()
        page.keyboard.down("ArrowLeft")
        for _ in range(5):
            page.keyboard.down("ArrowLeft")                                                    # what a held key sends
        page.keyboard.up("ArrowLeft")
        ready(page)
        assert len(Answers(kept).rows()) == 1
        page.locator("[data-choice=real]").dblclick()
        ready(page)
        assert len(Answers(kept).rows()) == 2
        other = page.context.new_page()
        other.goto(page.url)
        other.get_by_role("button", name="Go on").click()
        same = ready(other)
        assert same == ready(page)
        page.keyboard.press("ArrowLeft")
        other.keyboard.press("ArrowRight")
        ready(other)
        rows = Answers(kept).rows()
        assert len(rows) == 3 and rows[2]["choice"] in ("real", "colored")

        question = ready(other)
        other.go_back()                                          # the start page, or whatever was before; then forward again
        other.go_forward()
        other.get_by_role("button", name="Go on").click()
        assert ready(other) == question and len(Answers(kept).rows()) == 3
        other.reload()
        other.get_by_role("button", name="Go on").click()
        assert ready(other) == question
        other.locator("[data-choice=colored]").focus()
        for _ in range(8):
            other.keyboard.down("Enter")                         # held down on a button: it is clicked over and over
            other.wait_for_timeout(100)
        other.keyboard.up("Enter")
        ready(other)
        assert len(Answers(kept).rows()) == 4
        other.evaluate("""() => {
            const play = document.getElementById("play"), tap = document.querySelector("[data-choice=real]");
            window.tapped = new Promise(done => new MutationObserver(() => play.dataset.question && done(tap.click()))
                .observe(play, {attributes: true})) }""")
        other.keyboard.press("ArrowRight")
        other.evaluate("window.tapped")                          # in the moment in which the next picture came to be there
        ready(other)
        assert len(Answers(kept).rows()) == 5
        other.keyboard.press("ArrowDown")                        # who wants to scroll has not answered
        other.wait_for_timeout(300)
        assert len(Answers(kept).rows()) == 5
