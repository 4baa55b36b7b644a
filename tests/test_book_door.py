"""python -m lessons.build: what cannot work is one sentence, nothing is lost, and Ctrl-C leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from booked import ROOT, two_lessons

from lessons import build
from lessons.book import notebook, pages


@pytest.mark.parametrize(("arguments", "said"), [
    (("--only", "00,77"), "error: --only 00,77: there is no lesson '77'; there are 00, 01"),
    (("--lessons", "{tmp}"), "error: {tmp}: no lesson there; expected folders like 04_autoencoders with a lesson.py"),
    (("--out", "{tmp}"), "error: --out {tmp}: there is something else there, and a book would overwrite it; choose an empty"),
    (("--flags", "--quack"), "error: unrecognized arguments: --quack; --help shows what there is"),
    (("--jobs", "0"), "error: --jobs: expected at least 1"),
])
def test_bad_input_is_one_sentence(tmp_path_factory, tmp_path, capsys, arguments, said):
    folder = tmp_path_factory.mktemp("two")
    two_lessons(folder)
    (tmp_path / "thesis.txt").write_text("years of work")
    given = ["--lessons", str(folder), "--out", str(tmp_path / "book"), *(a.format(tmp=tmp_path) for a in arguments)]
    with pytest.raises(SystemExit) as stop:
        build.main(given)
    assert stop.value.code == 2 and capsys.readouterr().err.startswith(said.format(tmp=tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"], "nothing was made, nothing was lost"


def test_missing_packages_are_one_sentence(monkeypatch, capsys):
    monkeypatch.setitem(build.NEEDED, "no_such_module", "no-such-package")
    with pytest.raises(SystemExit) as stop:
        build.main(["--no-run"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == 'error: the book needs no-such-package: pip install -e ".[lessons]"\n'


def test_the_script_runs_by_its_path_too(tmp_path):
    done = subprocess.run([sys.executable, str(ROOT / "lessons" / "build.py"), "--jobs", "0"], cwd=tmp_path, capture_output=True,
                          text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: --jobs: expected at least 1"), done.stderr


def test_a_lesson_that_is_no_python_or_has_no_docstring_still_has_a_page(tmp_path):
    for name, text in (("05_bad", "# %%\nthis is no python\n"), ("06_none", "# %%\nx = 1\n"), ("07_empty", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lesson.py").write_text(text)
    for script in notebook.find(tmp_path):
        assert script.title == script.name and notebook.notebook(script).cells[0].source == f"# {script.name}"
    (tmp_path / "05_bad" / "checks.py").write_text("def broken(")
    assert pages.graded(notebook.find(tmp_path)[0]) == {}


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as a terminal does")
def test_control_c_leaves_no_process_behind(tmp_path):
    (tmp_path / "00_slow").mkdir()
    (tmp_path / "00_slow" / "lesson.py").write_text(
        '"""Lesson 00. Slow."""\n\n# %%\nimport os, subprocess\nfrom pathlib import Path\n'
        f'child = subprocess.Popen(["sleep", "300"])\nPath("{tmp_path}/pids").write_text(f"{{os.getpid()}} {{child.pid}}")\n'
        "child.wait()\n")
    command = [sys.executable, "-m", "lessons.build", "--lessons", tmp_path, "--out", tmp_path / "book", "--flags", "--quick"]
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130 and process.stderr.read().strip().endswith("interrupted")
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z", f"process {pid} goes on"
