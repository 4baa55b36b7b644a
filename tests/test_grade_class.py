"""A whole class: everybody is found and graded, one student's loop stops nobody else, and the CSV file opens harmlessly."""

import csv
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from graded import RIGHT, door, door_json, tiny

from lessons.grading import whole_class
from lessons.grading.watch import Report, Row
from lessons.grading.whole_class import grade_all, handed_in, harmless, table, whatever_happens, write_csv
from minicolor.errors import BadInput

LOOP = "def double(x):\n    while True:\n        pass\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    tiny(tmp_path, seconds=1.5)
    handed = tmp_path / "handed in"
    for name, text in {"anna.py": RIGHT, "=cmd|'x'!A1.py": RIGHT, "bert/exercise.py": "import minicolor\n", "bert/notes.py": "",
                       "zoë, the 2nd/04.py": "def double(x):\n    return int(2 * x)\n", "zoë, the 2nd/exercise.py": LOOP,
                       "nothing/readme.txt": "", "dora/a.py": "", "dora/b.py": "",
                       "bob.ipynb": "{}", "anna.ipynb": "{}", "notes.txt": "", "loop.py": LOOP,
                       ".hidden.py": RIGHT, "__pycache__/anna.py": RIGHT}.items():
        (handed / name).parent.mkdir(parents=True, exist_ok=True)
        (handed / name).write_text(text, encoding="utf-8")
    return handed


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as f:
        return list(csv.reader(f))


def test_everybody_is_found(folder):
    found = handed_in(folder, "04_tiny")
    assert {name: path.relative_to(folder).as_posix() for name, path in found.items()} == {
        "=cmd|'x'!A1": "=cmd|'x'!A1.py", "anna": "anna.py", "bert": "bert/exercise.py", "bob": "bob.ipynb",
        "dora": "dora/exercise.py", "loop": "loop.py", "nothing": "nothing/exercise.py",
        "zoë, the 2nd": "zoë, the 2nd/04.py"}


def test_the_only_file_of_a_folder_is_taken_and_of_several_none(tmp_path):
    (tmp_path / "carl").mkdir()
    (tmp_path / "carl" / "my_try.py").touch()
    assert handed_in(tmp_path, "04_tiny") == {"carl": tmp_path / "carl" / "my_try.py"}
    (tmp_path / "carl" / "other.py").touch()
    assert handed_in(tmp_path, "04_tiny") == {"carl": tmp_path / "carl" / "exercise.py"}      # not there: the report says so


def test_a_folder_without_answers_is_the_callers_matter(tmp_path):
    with pytest.raises(BadInput, match="holds no"):
        handed_in(tmp_path, "04_tiny")


def test_two_entries_of_one_name_are_the_callers_matter(folder):
    (folder / "anna").mkdir()
    with pytest.raises(BadInput, match="anna and anna.py are both anna's"):
        handed_in(folder, "04_tiny")


def test_a_fault_that_nobody_thought_of_is_one_students_row(tmp_path):
    def one(path: Path) -> Report:
        return whatever_happens(path, "04_tiny", 0, lambda: graded(path))

    def graded(path: Path) -> Report:
        if path.stem == "anna":
            raise IndexError("list index\nout of range")
        return Report("04_tiny", str(path), 0, [Row("a check", 10, True)])

    seen, to = [], tmp_path / "grades.csv"
    reports = grade_all({n: Path(f"{n}.py") for n in ("anna", "bert")}, one, 1, lambda r: (seen.append(len(r)), write_csv(to, r)))
    assert seen == [1, 2] and reports["bert"].points == 10
    assert "anna         0     0   it could not be graded: IndexError: list index out of range" in table(reports)
    assert read(to)[1:] == [["anna", "anna.py", "0", "10", "0", "it could not be graded: IndexError: list index out of range"],
                            ["bert", "bert.py", "10", "10", "10", ""]]


def test_checks_that_are_none_end_it_for_everybody():
    def none() -> Report:
        raise BadInput("no checks")

    with pytest.raises(BadInput, match="no checks"):
        whatever_happens(Path("anna.py"), "04", 0, none)


def test_ctrl_c_waits_for_nobody(monkeypatch):
    """Two run, one waits. A killed check is followed by the student's next one, which is killed too; who waits never starts."""
    began, killed, release = [], [], threading.Semaphore(0)
    child = SimpleNamespace(kill=lambda: (killed.append(1), release.release()))
    monkeypatch.setattr(whole_class, "RUNNING", [child])

    def one(path: Path) -> Report:
        began.append(path.stem)
        for _ in range(0 if path.stem == "a" else 3):
            assert release.acquire(timeout=30)
        return Report("04", str(path), 0)

    def stop(reports):
        while "c" not in began:
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_all({n: Path(n) for n in "abcd"}, one, 2, stop)
    assert sorted(began) == ["a", "b", "c"] and len(killed) >= 6


def test_a_table_and_a_csv_file(tmp_path, folder):
    text = door(tmp_path, "04", "--class", folder, "--jobs", 2, "--seed", 3)
    rows = {line.split()[0]: line for line in text.splitlines()[1:] if line and line[0] != " "}
    assert rows["anna"].split()[1:] == ["5", "3", "2", "10"]
    assert rows["loop"].split()[1:] == ["0", "0", "0", "0"]
    assert "refused: line 1 imports minicolor" in rows["bert"]
    assert "8 students, 3.8 of 10 points on average" in text
    assert "  2: double of others (3)" in text

    head, *table = read(folder / "grades_04.csv")
    assert head == ["student", "file", "points", "of", "double of zero", "double of others", "double of halves", "remark"]
    by_name = {row[0]: row[1:] for row in table}
    assert list(by_name) == ["'=cmd|'x'!A1", "anna", "bert", "bob", "dora", "loop", "nothing", "zoë, the 2nd"]
    assert by_name["zoë, the 2nd"] == ["04.py", "10", "10", "5", "3", "2", ""]
    assert by_name["loop"] == ["loop.py", "0", "10", "0", "0", "0", "it took longer than 1.5 seconds"]
    assert by_name["bert"][1] == "0"
    assert by_name["dora"][-1] == by_name["nothing"][-1] == "no such file or directory"
    assert by_name["bob"][-1] == "a notebook: the function has to be in a .py file"


def test_another_csv_file_and_json(tmp_path, folder):
    (folder / "loop.py").unlink()
    report = door_json(tmp_path, "04", "--class", folder, "--csv", tmp_path / "mine.csv")
    assert report["students"]["anna"]["points"] == 10
    assert len(read(tmp_path / "mine.csv")) == 8
    assert not list(folder.glob("*.csv"))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_begins_like_a_formula(cell):
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["anna", "O'Neil", "a=1", ""])
def test_other_cells_stay(cell):
    assert harmless(cell) == cell
