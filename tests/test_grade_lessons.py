"""Every exercise: the library's own answer full marks, the blank stub none, each known wrong answer less, no check is idle."""

import ast
from functools import cache
from pathlib import Path

import pytest
from graded import ROOT
from hypothesis import settings

from lessons.grading.answers import answers, passed, table
from lessons.grading.refuse import ALLOWED, KERNEL, refuse
from lessons.grading.sheet import Sheet, find, hidden_file, load, read

EXERCISES = [path.parent.name for path in sorted(ROOT.glob("lessons/[0-9K]*_*/checks.py"))]
each = pytest.mark.parametrize("lesson", EXERCISES)


@cache
def sheet(lesson: str) -> Sheet:
    """Read under the grader's own settings of hypothesis; the other tests get theirs back."""
    settings.register_profile("before", settings.default)
    settings.load_profile("grading")
    try:
        return read(ROOT / "lessons" / lesson)
    finally:
        settings.load_profile("before")


@cache
def marks(lesson: str) -> dict[str, list[bool]]:
    """Known wrong answer -> which checks it passes."""
    _, *wrong = answers(sheet(lesson)).items()
    return {name: passed(sheet(lesson), answer, seed=0) for name, answer in wrong}


def stub(lesson: str) -> Path:
    return ROOT / "lessons" / lesson / "exercise.py"


@each
def test_points_add_up_to_ten(lesson):
    assert sum(check.points for check in sheet(lesson).checks) == 10
    assert len({check.title for check in sheet(lesson).checks}) == len(sheet(lesson).checks)


@each
@pytest.mark.parametrize("seed", [0, 1])
def test_the_librarys_own_answer_gets_full_marks(lesson, seed):
    own = passed(sheet(lesson), sheet(lesson).key(), seed)
    assert all(own), [c.title for c, good in zip(sheet(lesson).checks, own, strict=True) if not good]


@each
def test_the_blank_stub_gets_nothing(lesson):
    answer = getattr(load(stub(lesson), f"stub_{lesson}"), sheet(lesson).name)
    assert not any(passed(sheet(lesson), answer, 0))


@each
def test_every_known_wrong_answer_gets_less(lesson):
    assert len(marks(lesson)) >= 3
    full = [name for name, good in marks(lesson).items() if all(good)]
    assert not full, f"full marks for {full}"


@each
def test_every_check_is_failed_by_a_wrong_answer(lesson):
    """One that all of them pass would give its points to anybody."""
    idle = [c.title for n, c in enumerate(sheet(lesson).checks) if all(good[n] for good in marks(lesson).values())]
    assert not idle, f"failed by no wrong answer: {idle}"


@each
def test_a_wrong_answer_gets_some_points(lesson):
    """Partial credit: there is one that is not wrong in everything."""
    assert any(any(good) for good in marks(lesson).values())


@each
def test_the_stub_may_be_handed_in(lesson):
    """It imports nothing that the grader refuses, and has a docstring to work from."""
    tree = ast.parse(stub(lesson).read_text(encoding="utf-8"))
    assert refuse(tree, KERNEL if lesson.startswith("K") else ALLOWED) is None
    top, *_ = [n for n in tree.body if getattr(n, "name", "") == sheet(lesson).name]
    assert ast.get_docstring(top)


@each
def test_a_lesson_is_found_by_its_number_as_people_write_it(lesson):
    number = lesson.split("_")[0]
    assert {find(n).name for n in (number, number.lower(), number.lstrip("0") or "0", lesson)} == {lesson}


def test_the_teachers_example_of_hidden_checks_works(tmp_path):
    page = (ROOT / "lessons" / "teachers.md").read_text(encoding="utf-8")
    code = page.split("```python\n# hidden/04.py\n")[1].split("```")[0]
    (tmp_path / "04.py").write_text(code, encoding="utf-8")
    both = read(find("04"), hidden_file(find("04"), tmp_path))
    assert sum(c.points for c in both.checks) == 13                              # as the page says
    own, *wrong = (passed(both, answer, 0) for answer in answers(both).values())
    assert all(own)
    assert not all(wrong[-1])


def test_the_teachers_table_is_what_the_checks_say():
    page = (ROOT / "lessons" / "teachers.md").read_text(encoding="utf-8")
    assert table() in page, f"python -m lessons.grading.answers prints what belongs there:\n{table()}"
