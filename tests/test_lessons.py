"""Every lesson runs small, offline, from any folder, ends in its own assertion, and has seen that assertion fail."""

import ast
import os
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[1] / "lessons"
FOLDERS = sorted(p.parent for p in LESSONS.glob("*/lesson.py"))
NAMES = [p.name for p in FOLDERS]
ORDER = ["00_start", "01_color_spaces", "02_pictures_as_data", "03_noise", "04_autoencoders", "05_measuring", "06_unet",
         "07_adversarial", "08_pretraining", "09_perceptual_and_wgan", "10_color_and_resolution", "11_family_album", "12_beyond",
         "K1_lab", "K2_degrade", "K3_convolution"]  # fmt: skip
AT_MOST = 600                # seconds: a lesson that hangs; how long they take is measured elsewhere
OFFLINE = """
import socket
def refuse(self, address):
    raise OSError(f"a lesson opens a connection to {address}")
socket.socket.connect = socket.socket.connect_ex = refuse
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, request) -> dict[str, Future]:
    """All the lessons that were asked for, two at a time and one thread each: what two cores do best."""
    place = tmp_path_factory.mktemp("lessons")
    (place / "sitecustomize.py").write_text(OFFLINE, encoding="utf-8")         # Python runs it at every start
    asked = [name for name in NAMES if any(f"[{name}]" in item.nodeid for item in request.session.items)]
    pool = ThreadPoolExecutor(2)
    yield {name: pool.submit(run, name, place) for name in asked}
    pool.shutdown(wait=True, cancel_futures=True)


def run(name: str, place: Path) -> subprocess.CompletedProcess:
    env = {k: v for k, v in os.environ.items() if k not in ("TRITON_INTERPRET", "MINICOLOR_LESSON")}
    env |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{LESSONS.parent}{os.pathsep}{place}",
            "MINICOLOR_CACHE": str(place / "nothing")}
    command = [sys.executable, str(LESSONS / name / "lesson.py"), "--quick", "--out", str(place / name / "out")]
    (place / name).mkdir()
    return subprocess.run(command, cwd=place / name, env=env, capture_output=True, text=True, timeout=AT_MOST)


def test_all_lessons_are_there():
    assert NAMES == ORDER
    for folder in FOLDERS:
        assert {p.name for p in folder.rglob("*.py")} == {"lesson.py", "exercise.py", "checks.py"}, folder.name


@pytest.mark.parametrize("name", NAMES)
def test_quick_ends_in_its_own_assertion(runs, name):
    done = runs[name].result()
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    assert done.stdout.count("spoiled on purpose, the check notices") >= 1, "the claim was never seen to fail"
    assert "figure: " in done.stdout and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_claims_can_fail_and_commands_are_right(name):
    text = (LESSONS / name / "lesson.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)]
    asserting = {f.name for f in functions if any(isinstance(n, ast.Assert) for n in ast.walk(f))}
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    spoiled = {c.args[0].id for c in calls if c.func.id == "must_fail" and isinstance(c.args[0], ast.Name)}
    held = {c.func.id for c in calls} & asserting
    assert spoiled and spoiled <= held, "a claim is called on what was measured, and with must_fail() on what was spoiled"
    doc = ast.get_docstring(tree)
    assert doc.startswith(f"Lesson {name.partition('_')[0]}.") and "Question   " in doc and "Run        " in doc
    assert f"python lessons/{name}/lesson.py --quick" in doc and f'begin("{name}")' in text
    for path in re.findall(r"\b(?:minicolor|kernels|lessons)/[\w/]+\.(?:py|md|cu)\b", text):
        assert (LESSONS.parent / path).is_file(), path
    for flag in re.findall(rf"python lessons/{name}/lesson.py([^#\n]*)", doc):
        assert set(re.findall(r"--[a-z]+", flag)) <= {"--quick", "--small", "--data", "--full", "--seeds", "--features"}, flag


@pytest.mark.parametrize("name", NAMES[:2])
def test_wrong_flags_are_one_sentence(name, tmp_path):
    env = os.environ | {"PYTHONPATH": str(LESSONS.parent)}
    for flags, words in ((["--small"], "--small needs --data"), (["--seeds", "0"], "--seeds 0"), (["--quik"], "--quik"),
                         (["--data", "nowhere"], "no such folder"), (["--quick", "--data", "."], "--quick draws its own")):
        done = subprocess.run([sys.executable, str(LESSONS / name / "lesson.py"), *flags], cwd=tmp_path, env=env, timeout=120,
                              capture_output=True, text=True)
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not list(tmp_path.iterdir())


def test_pictures_that_are_not_there_are_one_sentence(tmp_path):
    """Without a flag a lesson wants the report's own data set: it says which, and where to get it."""
    env = os.environ | {"PYTHONPATH": str(LESSONS.parent), "MINICOLOR_CACHE": str(tmp_path / "nothing")}
    done = subprocess.run([sys.executable, str(LESSONS / "04_autoencoders" / "lesson.py")], cwd=tmp_path, env=env, timeout=120,
                          capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: the data set landscapes is not in"), done.stderr
    assert len(done.stderr.splitlines()) == 1
