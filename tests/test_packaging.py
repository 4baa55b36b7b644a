"""However it is installed, minicolor brings its kernels as minicolor.kernels and leaves the name kernels to others."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("setup.py", "README.md", "LICENSE", "minicolor", "kernels", "lessons", "tests")
IMPORTED_AS = {"pillow": "PIL", "scikit-image": "skimage", "opencv-python-headless": "cv2", "pytorch-fid": "pytorch_fid",
               "colour-science": "colour", "ipython": "IPython"}
OFFLINE = re.compile("NewConnectionError|NameResolutionError|ConnectTimeout|failure in name resolution|Max retries")

# One process answers for one installation in one folder: it tries names, then is `python -m minicolor.train --list`.
QUESTIONS = """
import json, runpy, sys
import minicolor, minicolor.kernels
try:
    import kernels
    bare = "imported"
except ImportError as e:
    bare = str(e)
print(json.dumps([minicolor.__file__, minicolor.kernels.__file__, minicolor.kernels.__name__, bare]))
sys.argv = ["train", "--list"]
runpy.run_module("minicolor.train", run_name="__main__", alter_sys=True)
"""


def ask(python, cwd: Path, path: Path | None = None) -> tuple[Path, Path, str, str]:
    """-> where minicolor and its kernels come from, what the kernels call themselves, what `import kernels` said."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    env |= {"PYTHONPATH": str(path)} if path else {}
    done = subprocess.run([python, "-c", QUESTIONS], cwd=cwd, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    first, _, listing = done.stdout.partition("\n")
    assert re.search(r"^pix2pix +A6 ", listing, re.M), f"`python -m minicolor.train --list` printed:\n{listing}"
    package, kernels, name, bare = json.loads(first)
    return Path(package).resolve().parent, Path(kernels).resolve().parent, name, bare


def refuses(bare: str) -> bool:
    """What kernels/__init__.py says to `import kernels`, not the interpreter's "No module named"."""
    return "minicolor.kernels" in bare


def pip(*arguments) -> None:
    """pip with the setuptools that is here, or, where there is none (Python 3.12 and later), one that it downloads."""
    if not importlib.util.find_spec("pip"):
        pytest.skip("this environment has no pip to build and install with")
    # asked in another process: looking for a part of setuptools imports it, and it will not follow an imported distutils
    have = "import setuptools\ntry:\n import setuptools.command.bdist_wheel\nexcept ImportError:\n import wheel"
    here = subprocess.run([sys.executable, "-c", have], capture_output=True).returncode == 0
    options = ["--no-build-isolation"] if here else ["--retries", "1", "--timeout", "10"]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "--no-deps", *options]
    done = subprocess.run([str(a) for a in command], capture_output=True, text=True, timeout=600)
    if done.returncode and not here and OFFLINE.search(done.stdout + done.stderr):
        pytest.skip("no setuptools and wheel here to build with, and no network to fetch them")
    assert done.returncode == 0, done.stdout + done.stderr


def copy_checkout(to: Path) -> Path:
    """Builds leave build/ and egg-info behind: not in the checkout."""
    to.mkdir()
    unneeded = shutil.ignore_patterns("__pycache__", "*.egg-info", "results", ".*")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, to / part, ignore=unneeded)
        else:
            shutil.copy(ROOT / part, to / part)
    return to


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("packaging") / "checkout")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    room = tmp_path_factory.mktemp("wheel")
    pip("wheel", copy_checkout(room / "checkout"), "--wheel-dir", room)
    return next(room.glob("*.whl"))


def environment(room: Path) -> Path:
    """The python of a fresh environment that borrows all of ours but minicolor and whatever is called kernels."""
    borrowed = room / "borrowed"
    borrowed.mkdir()
    folders = [Path(p) for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    for folder in (f for f in folders if f.is_dir()):
        for entry in folder.iterdir():
            ours = entry.name.startswith(("minicolor", "__editable__", "kernels")) or entry.suffix == ".pth"
            if not ours and not (borrowed / entry.name).exists():
                (borrowed / entry.name).symlink_to(entry)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", room / "venv"], check=True)
    site = next((room / "venv").rglob("site-packages"))
    (site / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")
    return next(p for p in (room / "venv/bin/python", room / "venv/Scripts/python.exe") if p.exists())


@pytest.fixture(scope="module")
def editable(tmp_path_factory) -> tuple[Path, Path]:
    """-> the python of an environment with an editable installation, and the checkout that it points to."""
    room = tmp_path_factory.mktemp("editable")
    python, source = environment(room), copy_checkout(room / "source")
    pip("--python", python, "install", "--ignore-installed", "--editable", source)
    return python, source


def test_uninstalled(checkout, tmp_path):
    python = environment(tmp_path)
    for cwd, path in ((checkout, None), (tmp_path, checkout)):
        package, kernels, name, bare = ask(python, cwd, path)
        assert (package, kernels) == (checkout / "minicolor", checkout / "kernels")
        assert name == "minicolor.kernels" and refuses(bare)


def test_installed(checkout, wheel, tmp_path):
    python = environment(tmp_path)
    site = next((tmp_path / "venv").rglob("site-packages"))
    pip("--python", python, "install", "--ignore-installed", wheel)
    package, kernels, name, bare = ask(python, tmp_path)
    assert (package, kernels) == (site / "minicolor", site / "minicolor" / "kernels")
    assert name == "minicolor.kernels" and bare == "No module named 'kernels'"
    package, kernels, name, bare = ask(python, checkout)  # where one stands comes before what is installed
    assert (package, kernels) == (checkout / "minicolor", checkout / "kernels")
    assert name == "minicolor.kernels" and refuses(bare)


def test_editable(editable, tmp_path):
    python, source = editable
    for cwd in (tmp_path, source):
        package, kernels, name, bare = ask(python, cwd)
        assert (package, kernels) == (source / "minicolor", source / "kernels")
        assert name == "minicolor.kernels"
        assert refuses(bare) if cwd == source else bare == "No module named 'kernels'"


def test_two_checkouts_keep_their_own_kernels(checkout, editable):
    """One is installed (editable), one stands in the other: its minicolor must not run the installed one's kernels."""
    package, kernels, _, _ = ask(editable[0], checkout)
    assert (package, kernels) == (checkout / "minicolor", checkout / "kernels")


def test_the_wheel_holds_every_module_and_nothing_else(checkout, wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    modules = {p.relative_to(checkout).as_posix() for p in (checkout / "minicolor").rglob("*.py")}
    kernels = [p for ending in ("py", "cu") for p in (checkout / "kernels").rglob(f"*.{ending}")]
    modules |= {f"minicolor/{p.relative_to(checkout).as_posix()}" for p in kernels}
    assert {"minicolor/kernels/__init__.py", "minicolor/kernels/lab.cu", "minicolor/recipes/pix2pix.py"} <= modules
    assert not modules - packed, "not in the wheel"
    extra = sorted(name for name in packed - modules if ".dist-info/" not in name)
    assert not extra, "in the wheel, but not a module of minicolor"
    assert any(re.search(r"\.dist-info/(licenses/)?LICENSE$", name) for name in packed), "the wheel has no license"


def test_what_is_imported_is_required(wheel):
    """At the top of a file only what every installation brings; inside functions also the extras."""
    with zipfile.ZipFile(wheel) as z:
        metadata = z.read(next(n for n in z.namelist() if n.endswith(".dist-info/METADATA"))).decode()
        sources = {n: ast.parse(z.read(n)) for n in z.namelist() if n.endswith(".py")}
    requires = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*(; extra)?", metadata, re.M)
    always = {IMPORTED_AS.get(name, name) for name, extra in requires if not extra}
    extras = {IMPORTED_AS.get(name, name) for name, extra in requires if extra}
    known = always | extras | set(sys.stdlib_module_names) | {"minicolor"}
    assert "torch" in always
    wrong = []
    for path, tree in sources.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                allowed = known - extras if node in tree.body else known
                wrong += [f"{path}:{node.lineno}: {n}" for n in names if n.split(".")[0] not in allowed]
    assert not wrong, "imported but not required by setup.py:\n" + "\n".join(wrong)
