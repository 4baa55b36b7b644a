"""The book: lessons run as notebooks, failures keep their page, nothing is loaded from elsewhere, every page opens."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from booked import ALBUM, CHECKS, EXERCISE, ROOT, result, run, two_lessons

from lessons.book import notebook, results


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A book of two lessons, run: -> what the command said, the lessons' folder, the book."""
    room = tmp_path_factory.mktemp("tiny")
    folder, out = room / "lessons", room / "book"
    two_lessons(folder)
    (folder / "00_first" / "exercise.py").write_text(EXERCISE, encoding="utf-8")
    (folder / "00_first" / "checks.py").write_text(CHECKS, encoding="utf-8")
    (folder / "family_album.md").write_text(ALBUM, encoding="utf-8")
    (folder / "results").mkdir()
    others = {"A1": result("A1"), "A10": result("A10", 1), "bench-x": {"device": "a GPU", "rows": [{"what": "MSE", "ms": 2.5}]},
              "A3_cpu": result("A3", 1) | {"scale": "long"}}
    for name, r in others.items():
        (folder / "results" / f"{name}.json").write_text(json.dumps(r), encoding="utf-8")
    flags = f"--quick --out {room / 'runs'}"
    return run("--lessons", folder, "--out", out, "--flags", flags), folder, out, flags


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All lessons that there are, none of them run."""
    out = tmp_path_factory.mktemp("whole") / "book"
    done = run("--no-run", "--out", out)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return out


def test_a_lesson_that_fails_is_said_and_shown_and_the_others_are_there(tiny):
    done, _, out, _ = tiny
    assert done.returncode == 1
    assert done.stderr == "error: 01_fails: the cell that ends in `claim(2)` failed: AssertionError: x should be more than 3\n"
    page = (out / "01_fails.html").read_text(encoding="utf-8")
    assert "This lesson failed" in page and "Traceback" in page and "before" in page and "never reached" not in page
    assert "12 s" not in page and re.search(r"00_first: done, \d+ s", done.stdout)


def test_an_executed_notebook(tiny):
    cells = json.loads((tiny[2] / "notebooks" / "00_first.ipynb").read_text(encoding="utf-8"))["cells"]
    kinds = [c["cell_type"] for c in cells]
    assert kinds == ["markdown", "code", "markdown", "code", "markdown"]
    head = "".join(cells[0]["source"])
    assert head.startswith("# Lesson 00. A figure, and 2 \\* 3 \\< 7\n") and "*Reproduces report A, A1.*" in head
    assert "**Question** What does" in head and "lesson.py --quick   # a second\n```" in head and '"""' not in head
    printed = "".join("".join(o.get("text", "")) for o in cells[1]["outputs"])
    assert printed == f"quick: True in {ROOT}\n"        # the flags came through the variable, and it runs in the checkout
    assert cells[3]["outputs"][0]["data"]["image/png"] and "".join(cells[2]["source"]) == "## 1. Look: a \\* in the heading"


def test_a_lessons_page(tiny):
    page = (tiny[2] / "00_first.html").read_text(encoding="utf-8")
    assert "Twice x." in page and "grade.py" in page and "doubling" in page and "About 15 minutes" in page
    assert "wrong answer" not in page
    for path in ("source/minicolor/ops/lab_py.html", "source/kernels/lab_cu.html", "source/minicolor/ops/srgb_py.html"):
        assert f'href="{path}"' in page and (tiny[2] / path).is_file()
    assert "nowhere_py" not in page
    album = (tiny[2] / "family_album.html").read_text(encoding="utf-8")
    assert 'href="00_first.html"' in album and "https://example.org" in album and re.search(r"_downloads/\w+/A1.json", album)
    assert "setup.py</span></code>" in album and 'href="../setup.py"' not in album


def test_what_did_not_change_is_not_run_again(tiny, tmp_path):
    _, folder, out, flags = tiny
    sources = notebook.library(ROOT)
    first, fails = notebook.find(folder)
    have = notebook.kept(first, out / "notebooks" / "00_first.ipynb")
    assert notebook.Runner(ROOT, flags, 0, sources).fresh(have)
    assert not notebook.Runner(ROOT, "--small", 0, sources).fresh(have)
    assert not notebook.Runner(ROOT, flags, 0, "another library").fresh(have)
    assert not notebook.Runner(ROOT, flags, 0, sources).fresh(notebook.kept(fails, out / "notebooks" / "01_fails.ipynb"))
    shutil.copytree(folder / "00_first", tmp_path / "00_first")
    with (tmp_path / "00_first" / "lesson.py").open("a") as f:
        f.write("\n# one more line\n")
    assert notebook.kept(notebook.find(tmp_path)[0], out / "notebooks" / "00_first.ipynb") is None
    assert notebook.kept(first, tmp_path / "nowhere.ipynb") is None


def test_the_library_changes_with_any_source_that_a_lesson_uses_and_with_its_name(tmp_path):
    seen = {notebook.library(tmp_path)}
    for name in ("minicolor/ops/lab.py", "kernels/lab.cu", "lessons/grading/eager.py", "lessons/grading/late.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
        seen.add(notebook.library(tmp_path))
    (tmp_path / "kernels" / "lab.cu").rename(tmp_path / "kernels" / "other.cu")
    seen.add(notebook.library(tmp_path))
    assert len(seen) == 6
    (tmp_path / "lessons" / "teachers.md").write_text("no source")
    assert notebook.library(tmp_path) in seen


def test_a_limit_of_less_than_a_second_is_a_limit():
    seconds = [notebook.Runner(ROOT, "", minutes, "").seconds for minutes in (0, 0.005, 0.5, 2)]
    assert seconds == [None, 1, 30, 120]


def test_what_stays_in_a_book_and_what_goes(tiny, tmp_path):
    _, folder, out, flags = tiny
    lessons, book = tmp_path / "lessons", tmp_path / "book"
    shutil.copytree(folder, lessons)
    shutil.copytree(out, book)
    shutil.rmtree(lessons / "01_fails")
    (book / "mine.txt").write_text("kept")
    done = run("--lessons", lessons, "--out", book, "--only", "00", "--flags", flags)
    assert done.returncode == 0 and "1 lessons, of which 0 run now" in done.stdout, done.stderr
    assert not done.stderr, "a warning: of a link that leads nowhere, or the like"
    assert not list(book.rglob("01_fails*")) and (book / "mine.txt").read_text() == "kept"
    assert "data:image/png" in (book / "00_first.html").read_text() or list(book.rglob("_images/*.png"))


class Loaded(HTMLParser):
    """What a page loads by itself."""

    def __init__(self, page: Path):
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed", "input") and attrs.get("src"):
            self.found.append(attrs["src"])
        if tag == "link" and not set(attrs.get("rel", "").split()) & {"next", "prev", "search", "index", "canonical"}:
            self.found.append(attrs["href"])


def outside(book: Path) -> list[str]:
    """Whatever pages, scripts' own loads aside, and style sheets load that is not a file of the book."""
    loads = [(page, url) for page in book.rglob("*.html") for url in Loaded(page).found]
    styles = [(css, url) for css in book.rglob("*.css")
              for url in re.findall(r"url\([\"']?([^)\"']+)", css.read_text(encoding="utf-8"))]
    assert len(loads) > 100
    return [f"{page.name}: {url}" for page, url in loads + styles if not url.startswith("data:")
            and not (url and ":" not in url and not url.startswith("/") and (page.parent / url.partition("?")[0]).is_file())]


def test_nothing_is_loaded_from_elsewhere(tiny, whole):
    assert not outside(tiny[2])
    assert not outside(whole)


def test_every_lesson_has_its_page_and_notebook(whole):
    numbers = [s.number for s in notebook.find(ROOT / "lessons")]
    assert numbers == sorted(numbers, key=lambda n: (n[0] == "K", n)) and "04" in numbers
    index = (whole / "index.html").read_text(encoding="utf-8")
    for script in notebook.find(ROOT / "lessons"):
        assert script.title.startswith(f"Lesson {script.number}"), f"{script.name}: its docstring begins otherwise"
        assert script.fields["Question"] and "Read" in script.fields
        assert f'href="{script.name}.html"' in index
        cells = json.loads((whole / "notebooks" / f"{script.name}.ipynb").read_text(encoding="utf-8"))["cells"]
        assert not any(c.get("outputs") for c in cells) and len(cells) > 4


def look_at(browser, book: Path, which: str) -> tuple[list[str], dict[str, tuple]]:
    """Opens pages on a telephone -> whatever is wrong: errors, requests to elsewhere, broken pictures, pages that are too wide;
    and each page's previous and next."""
    wrong, leads = [], {}
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.on("pageerror", lambda e: wrong.append(f"{page.url}: {e}"))
    page.on("console", lambda m: wrong.append(f"{page.url}: {m.text}") if m.type == "error" else None)
    page.on("requestfailed", lambda r: wrong.append(f"{page.url}: not there: {r.url}"))
    page.on("request", lambda r: None if r.url.startswith((book.as_uri(), "data:")) else wrong.append(f"{page.url}: {r.url}"))
    for path in sorted(book.glob(which)):
        page.goto(path.as_uri(), timeout=120_000)
        broken, wide, *leads[path.stem] = page.evaluate("""[
            [...document.images].filter(i => !(i.complete && i.naturalWidth)).map(i => i.src),
            document.documentElement.scrollWidth - window.innerWidth,
            document.querySelector("a.prev-page")?.getAttribute("href"),
            document.querySelector("a.next-page")?.getAttribute("href")]""")
        wrong += [f"{path.name}: broken picture {src}" for src in broken] + [f"{path.name}: {wide} pixels too wide"] * (wide > 0)
    page.close()
    return wrong, leads


def test_every_page_opens_nothing_leaves_the_book_and_next_leads_from_the_index_to_the_end(browser, tiny, whole):
    assert look_at(browser, tiny[2], "[0r]*.html")[0] == []                                    # what ran, and results
    assert look_at(browser, whole, "source/**/lab*.html")[0] == []                             # the library's files, two of many
    wrong, leads = look_at(browser, whole, "*.html")
    assert not wrong
    walk = ["index"]
    while leads[walk[-1]][1]:
        before, walk = walk[-1], [*walk, Path(leads[walk[-1]][1]).stem]
        assert Path(leads[walk[-1]][0]).stem == before and len(walk) < 100
    lessons = [s.name for s in notebook.find(ROOT / "lessons")]
    chapters = ["results", *(f"results_{letter}" for letter in "ABCDE"), "further"]
    assert walk[: 1 + len(lessons) + len(chapters)] == ["index", *lessons, *chapters] and "family_album" in walk
    assert set(leads) - set(walk) == {"search"}


def test_a_click_leads_on_and_every_experiment_is_listed(browser, whole):
    page = browser.new_page(viewport={"width": 1100, "height": 800})                            # a laptop's window
    page.goto((whole / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.locator("a.next-page").click()
    page.wait_for_url(f"**/{notebook.find(ROOT / 'lessons')[0].name}.html")
    page.goto((whole / "results.html").as_uri())
    ids = page.locator("table.overview tbody tr td:first-child").all_inner_texts()
    assert ids == list(results.WHAT) and len(ids) == 36
    page.close()
