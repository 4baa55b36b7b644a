"""Whatever is wrong with a file, its author reads what and where, and never the answer."""

import numpy as np
import pytest
import torch
from graded import RIGHT, graded
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons.grading.run import run
from lessons.grading.sheet import Check


def message(check, answer, hint: str = "look there") -> str:
    outcome, = run([Check(1, check, hint)], answer)
    assert not outcome.passed
    return outcome.message


def test_a_blank_stub_is_not_written_yet(tmp_path):
    report = graded(tmp_path, "def double(x):\n    raise NotImplementedError\n")
    assert report.points == 0
    assert {row.message for row in report.checks} == {"not written yet: it raises NotImplementedError"}


@pytest.mark.parametrize("text, said", [
    ("def double(x)\n    return 2 * x\n", "line 1, def double(x): this is not Python (expected ':')"),
    ("def double(x):\nreturn 2 * x\n", "line 2, return 2 * x: this is not Python ("),
    ("x = 1\nx = (\n", "line 2, x = (: this is not Python ('(' was never closed)"),
    (b"# caf\xe9\n" + RIGHT.encode(), "the file is not UTF-8 text"),
    (b"x = '\x00'\n" + RIGHT.encode(), "this is not Python ("),
    ("", "the file has no double: it has no function at all"),
    ("def triple(x):\n    return 3 * x\n", "the file has no double: it has triple"),
    ("def dubble(x):\n    return 2 * x\n", "the file has no double: did you mean dubble to be it?"),
    ("double = 2\n", "the file has no double: it has no function at all"),
    (RIGHT + "print(dobule(3))\n", "the file does not load: line 3, print(dobule(3)): NameError: name 'dobule' is not defined"),
], ids=["colon", "indent", "bracket", "latin-1", "null", "empty", "other", "typo", "number", "NameError"])
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, said):
    report = graded(tmp_path, text)
    assert report.points == 0
    assert report.refused.startswith(said)
    assert "\n" not in report.refused


def test_the_files_of_other_editors_load(tmp_path):
    """A mark at the beginning, Windows' line ends."""
    assert graded(tmp_path, b"\xef\xbb\xbf" + RIGHT.replace("\n", "\r\n").encode()).points == 10


def test_an_error_in_the_answer_names_its_line_and_the_input(tmp_path):
    text = "def double(x):\n    def inner():\n        return 2 / (x - x)   # never\n    return inner() if x else x\n"
    second = graded(tmp_path, text).checks[1].message.splitlines()
    assert second[0] == "line 3, return 2 / (x - x) # never: ZeroDivisionError: division by zero"
    assert second[1].startswith("for example with x=")


def test_a_wrong_answer_gets_the_hint_the_checks_own_words_and_the_input(tmp_path):
    report = graded(tmp_path, "def double(x):\n    return x\n")
    assert [row.passed for row in report.checks] == [True, False, False]
    lines = report.checks[1].message.splitlines()
    assert lines[:2] == ["multiply", "not twice as much"]
    assert lines[2].startswith("for example with x=")
    assert "f=" not in lines[2]
    assert report.checks[2].message == "not only integers"


@pytest.mark.parametrize("compare", [
    lambda got: torch.testing.assert_close(got, torch.tensor(20.25)),
    lambda got: torch.testing.assert_close(got.expand(3), torch.full((3,), 20.25)),
    lambda got: torch.testing.assert_close(got.item(), 20.25),
    lambda got: np.testing.assert_allclose(got.numpy(), 20.25),
], ids=["tensor", "tensors", "number", "numpy"])
def test_the_value_that_a_comparison_expected_is_not_told(compare):
    said = message(lambda f: compare(f()), lambda: torch.tensor(13.5))
    assert said == "look there"


def test_a_wrong_shape_is_told():
    said = message(lambda f: torch.testing.assert_close(f(), torch.zeros(3)), lambda: torch.zeros(2))
    assert said.splitlines()[0] == "look there"
    assert "'shape' do not match: torch.Size([2]) != torch.Size([3])" in said


def test_what_the_check_cannot_use_is_told():
    said = message(lambda f: f().shape, lambda: None)
    error = "AttributeError: 'NoneType' object has no attribute 'shape'"
    assert said.splitlines() == [f"the check could not use it: {error}", "look there"]


def test_an_answers_own_assertion_is_its_own_error(tmp_path):
    report = graded(tmp_path, "def double(x):\n    assert x < 0, 'hm'\n")
    assert report.checks[0].message == "line 2, assert x < 0, 'hm': AssertionError: hm"


def test_an_answer_that_changes_its_mind_is_told_so():
    state = []

    @settings(database=None)
    @given(st.integers())
    def check(f, x):
        state.append(x)
        assert len(state) > 1

    said = message(check, None)
    assert said.splitlines()[0] == "it gave two different answers to the same question"


def test_long_inputs_are_cut():
    @settings(database=None)
    @given(x=st.just(list(range(5000))))
    def check(f, x):
        raise AssertionError("no " * 500)

    lines = message(check, None).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) < 200
