"""python lessons/grade.py: the same points by every way in, reports for people and programs, one sentence for what is wrong."""

import json
import re
import subprocess
import sys

import pytest
from graded import CHECKS, RIGHT, ROOT, door, door_json, environment, tiny

HALF = "def double(x):\n    print('called with', x)\n    return 2 * x if x != 0.5 else 0.99\n"
HIDDEN = '''
def large(f):
    assert f(10**9) == 2 * 10**9, "the secret input"

def below_zero(f):
    assert f(-1) == -2, "another secret"

CHECKS = [(4, large, "try larger numbers"), (1, below_zero, "try numbers below zero")]
'''


@pytest.fixture
def answer(tmp_path):
    tiny(tmp_path)
    file = tmp_path / "anna's answer.py"
    file.write_text(HALF, encoding="utf-8")
    return file


def test_the_report_for_people(tmp_path, answer):
    lines = door(tmp_path, "04", answer, "--seed", 5).splitlines()
    assert lines[0].split() == ["04_tiny", *str(answer).split()]
    assert lines[1:4] == ["  right  5/5  double of zero", "  right  3/3  double of others", "  wrong  0/2  double of halves"]
    assert [line.strip() for line in lines[4:]] == [
        "not only integers", "it printed | called with 0.5", "8 of 10 points. The same inputs again: --seed 5"]


def test_the_report_for_programs(tmp_path, answer):
    report = door_json(tmp_path, "04", answer, "--seed", 5)
    assert {k: v for k, v in report.items() if k != "checks"} == {
        "lesson": "04_tiny", "file": str(answer), "points": 8, "of": 10, "seed": 5, "refused": ""}
    assert report["checks"][2] == {
        "name": "double of halves", "points": 0, "of": 2, "passed": False, "message": "not only integers"}


@pytest.mark.parametrize("number", ["04", "4", "04_tiny"])
def test_a_lesson_is_found_by_its_number(tmp_path, number):
    tiny(tmp_path)
    report = door_json(tmp_path, number)
    assert report["file"].endswith("exercise.py")
    assert report["points"] == 0


def test_python_m_is_the_same_door(tmp_path, answer):
    words = ["-m", "lessons.grade", "04", str(answer), "--seed", "5"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, timeout=120, encoding="utf-8",
                          env=environment(MINICOLOR_LESSONS=str(tmp_path / "lessons")))
    assert done.stdout == door(tmp_path, *words[2:]), done.stderr


def test_a_seed_repeats_the_inputs_and_without_one_they_differ(tmp_path):
    tiny(tmp_path)
    file = tmp_path / "wrong.py"
    file.write_text("def double(x):\n    return 2 * x + (x > 1000)\n", encoding="utf-8")

    def told(*words) -> str:
        return re.search(r"x=\d+", door(tmp_path, "04", file, *words))[0]

    assert told("--seed", 1) == told("--seed", 1)
    assert len({told("--seed", n) for n in (1, 2, 3)}) > 1
    assert len({door_json(tmp_path, "04", file)["seed"] for _ in range(3)}) > 1


@pytest.mark.parametrize("name", ["04.py", "04_tiny.py"])
def test_hidden_checks_count_and_give_nothing_but_their_hints(tmp_path, answer, name):
    (hidden := tmp_path / "hidden").mkdir()
    (hidden / name).write_text(HIDDEN, encoding="utf-8")
    answer.write_text("def double(x):\n    print(x)\n    assert x < 10**8, x\n    return abs(2 * x)\n", encoding="utf-8")
    text = door(tmp_path, "04", answer, "--hidden", hidden)
    assert "  wrong  0/4  hidden check 1\n             try larger numbers\n  wrong  0/1  hidden check 2\n" in text
    assert "secret" not in text
    assert "1000000000" not in text
    assert "it printed" not in text
    assert "10 of 15 points" in text


@pytest.mark.parametrize("words, sentence", [
    (["99"], "no lesson '99'; exercises: 04"),
    (["../04"], "no lesson '../04'; exercises: 04"),
    (["04", "nobody.py"], "nobody.py: no such file"),
    (["04", "tests"], "tests: a folder, not a file"),
    (["04", "--hidden", "nowhere"], "--hidden nowhere: no such folder"),
    (["04", "--hidden", "tests"], "--hidden tests: holds neither 04_tiny.py nor 04.py"),
    (["04", "--class", "nowhere"], "--class nowhere: no such folder"),
    (["04", "a.py", "--class", "tests"], "a.py: a file has no place beside --class"),
    (["04", "--csv", "x.csv"], "--csv goes with --class FOLDER"),
    (["04", "--class", "tests", "--jobs", "0"], "--jobs 0: expected at least 1"),
    (["04", "--jobs", "2"], "--jobs goes with --class FOLDER"),
    (["04", "--answers", "--json"], "--json has no place beside --answers"),
    (["04", "--answers", "--class", "tests"], "--class has no place beside --answers"),
    (["04", "--answers", "--prints"], "--prints has no place beside --answers"),
    (["04", "--prints", "--class", "tests"], "--prints has no place beside --class"),
    (["04", "--prints", "--json"], "--prints has no place beside --json"),
    (["04", "--seed", "-1"], "--seed -1: expected 0 or more"),
    (["04", "--seed", "x"], "argument --seed: invalid int value: 'x'; --help shows what there is"),
    ([], "the following arguments are required: lesson; --help shows what there is"),
])
def test_what_is_wrong_with_the_call_is_one_sentence(tmp_path, words, sentence):
    tiny(tmp_path)
    assert door(tmp_path, *words, code=2) == f"error: {sentence}\n"


@pytest.mark.parametrize("checks, sentence", [
    ("CHECKS = []", "expected CHECKS = [(points, check, hint), ...]"),
    ("NAME = 'f'\nCHECKS = [(1, print)]", "CHECKS, number 1: expected (points, check, hint)"),
    ("NAME = 'f'\nCHECKS = [(0, print, 'h')]", "CHECKS, number 1: expected points above 0, a function, and a hint in words"),
    ("CHECKS = [(1, print, 'h')]", "expected NAME, the function that a student writes"),
    ("1 / 0", "ZeroDivisionError: division by zero"),
    ("def f(:", "SyntaxError: "),
])
def test_checks_that_are_none_are_the_callers_matter(tmp_path, checks, sentence):
    lesson = tiny(tmp_path, checks)
    assert door(tmp_path, "04", code=2).startswith(f"error: {lesson / 'checks.py'}: {sentence}")


def test_answers_shows_what_the_known_ones_get(tmp_path):
    tiny(tmp_path, CHECKS + "KEY = 'operator:add'\nWRONG = {'whole numbers only': lambda x: 2 * int(x)}\n"
                            "def adapt(add):\n    return lambda x: add(x, x)\n")
    assert door(tmp_path, "04", "--answers").splitlines() == [
        "   10  the library's own", "    8  whole numbers only   fails: double of halves"]


def test_without_assertions_nothing_is_graded_in_this_process(tmp_path):
    tiny(tmp_path)
    assert door(tmp_path, "04", "--answers", code=2, PYTHONOPTIMIZE="1").startswith("error: --answers: python -O")
    assert door(tmp_path, "04", PYTHONOPTIMIZE="1").splitlines()[-1].startswith("0 of 10 points")


def test_it_works_where_there_is_no_triton(tmp_path):
    """The kernel exercises too, if there are any: a folder stands before the packages in which triton cannot be imported."""
    (tmp_path / "triton.py").write_text("raise ImportError('there is none')\n", encoding="utf-8")
    lessons = [p.parent.name for p in sorted(ROOT.glob("lessons/K*_*/checks.py"))][:1] or ["04"]

    def told(*words: str) -> str:
        done = subprocess.run([sys.executable, "lessons/grade.py", lessons[0], *words], cwd=ROOT, capture_output=True,
                              env=environment(PYTHONPATH=str(tmp_path)), encoding="utf-8", timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert {c["message"] for c in json.loads(told("--json"))["checks"]} == {"not written yet: it raises NotImplementedError"}
    assert told("--answers").startswith("   10  the library's own\n")


def test_every_name_of_a_right_file_is_graded_alike(tmp_path):
    tiny(tmp_path)
    for name in ("a b.py", "ünï.py", "=1.py", "no suffix"):
        (tmp_path / name).write_text(RIGHT, encoding="utf-8")
        assert door_json(tmp_path, "04", tmp_path / name)["points"] == 10
