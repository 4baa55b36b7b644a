"""The house is kept: imports go one way, files are short and documented, README.md lists them, no field is idle."""

import ast
import dataclasses
import importlib
import inspect
import io
import re
import sys
import tokenize
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import pytest
from rooms import ANYTHING, MAY_IMPORT

from minicolor import recipe as recipes

ROOT = Path(__file__).parents[1]
LONGEST, LONGEST_DOOR, NEEDS_DOCSTRING = 250, 150, 8  # lines
NETWORK = {"ftplib", "http", "httpx", "huggingface_hub", "requests", "socket", "torch.hub", "urllib.request", "urllib3"}
BRITISH = "colo" + "ur"
STRING = re.compile(r"""^\w{0,2}(\"{3}|'{3}|"|')(.*)\1$""", re.S)  # its own quotes are not those of a title
LABELS = {"name", "experiment", "source"}  # the fields of a recipe that are there to be printed


def py_files(*folders: str) -> list[Path]:
    found = (p for folder in folders for p in (ROOT / folder).rglob("*.py"))
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(ROOT).parts))


OURS = py_files("minicolor", "kernels")
ALL = [ROOT / "setup.py", *OURS, *py_files("lessons", "tests")]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def shown(path: Path, line: int | None = None) -> str:
    return path.relative_to(ROOT).as_posix() + (f":{line}" if line else "")


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return f"minicolor.{name}" if name.split(".")[0] == "kernels" else name


MODULES = {module_name(p) for p in OURS}


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, dotted name) of every import, those inside functions too; a relative one begins with a dot."""
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            for alias in node.names:  # `from minicolor import fit` imports minicolor.fit
                full = f"{source}.{alias.name}"
                found.append((node.lineno, full if full in MODULES | {"torch.hub", "urllib.request"} else source))
    return found


def is_within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def is_door(path: Path) -> bool:
    """Directly in minicolor/, not in the table, and run with `python -m`."""
    if path.parent != ROOT / "minicolor" or path.stem in MAY_IMPORT:
        return False
    return any(isinstance(n, ast.If) and ast.unparse(n.test) == "__name__ == '__main__'" for n in parsed(path).body)


DOORS = {p.stem: p for p in OURS if is_door(p)}


def none(violations: list[str], rule: str) -> None:
    assert not violations, f"{rule}\n" + "\n".join(violations)


def test_the_walk_sees_the_house():
    """Otherwise every test below would be content with an empty list."""
    assert {"minicolor", "minicolor.fit", "minicolor.ops.lab", "minicolor.kernels"} <= MODULES
    assert {"train", "colorize", "pack", "bench"} <= set(DOORS)


def test_imports_go_one_way():
    wrong = []
    for path in OURS:
        inside = module_name(path).removeprefix("minicolor").removeprefix(".") or "."
        room = inside.split(".")[0] or "."
        if inside not in DOORS and room not in MAY_IMPORT:
            wrong.append(f"{shown(path)}: neither a door nor in MAY_IMPORT of this test: say what it may import")
            continue
        allowed = ANYTHING if inside in DOORS else MAY_IMPORT.get(inside, MAY_IMPORT[room])
        others = " ".join(sorted(allowed)) or "nothing"
        for line, name in imports(path):
            if name.split(".")[0] == "minicolor":
                target = name.removeprefix("minicolor").removeprefix(".") or "."
                if target != "errors" and not is_within(target, allowed):
                    wrong.append(f"{shown(path, line)}: imports {name}; {room} may import {others}")
            elif name.split(".")[0] in ("lessons", "tests"):
                wrong.append(f"{shown(path, line)}: imports {name}")
            elif room == "ops" and name.split(".")[0] not in {"torch", *sys.stdlib_module_names}:
                wrong.append(f"{shown(path, line)}: imports {name}; ops may import torch alone")
    none(wrong, "imports against the direction:")


def test_imports_are_absolute_and_kernels_goes_by_its_full_name():
    every = [(p, line, name) for p in ALL for line, name in imports(p)]
    none([f"{shown(p, line)}: {name}" for p, line, name in every if name.startswith(".")], "relative imports:")
    bare = [f"{shown(p, line)}: {name}" for p, line, name in every if is_within(name, {"kernels"})]
    none(bare, "write minicolor.kernels:")


def test_only_download_opens_connections():
    wrong = [f"{shown(p, line)}: {name}" for p in OURS for line, name in imports(p)
             if is_within(name, NETWORK) and p != ROOT / "minicolor/data/download.py"]
    none(wrong, "imports that open connections belong into minicolor/data/download.py:")


def test_files_are_short_and_doors_thin():
    def limit(path: Path) -> int:
        return LONGEST_DOOR if path in DOORS.values() else LONGEST

    lines = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in ALL}
    none([f"{shown(p)}: {n} lines, at most {limit(p)}" for p, n in lines.items() if n > limit(p)], "too long:")


def test_files_say_what_they_are():
    none([shown(p) for p in ALL if not ast.get_docstring(parsed(p))], "no docstring at the top:")
    none([shown(p) for p in ALL if re.fullmatch("utils?|helpers?", p.stem)], "a name that says nothing:")
    first = {name: ast.get_docstring(parsed(p)) for name, p in DOORS.items()}
    none([name for name, text in first.items() if not text.startswith(f"python -m minicolor.{name}")],
         "a door's docstring begins with how it is run:")


def test_public_names_have_docstrings():
    """But main(), which a door's first line describes, and a recipe's class: its page is the file."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    wrong = []
    for path in OURS:
        for node in (n for n in parsed(path).body if isinstance(n, kinds) and not n.name.startswith("_")):
            exempt = node.name == "main" or (path.parent.name == "recipes" and isinstance(node, ast.ClassDef))
            long = node.end_lineno - node.lineno + 1 > NEEDS_DOCSTRING
            if long and not exempt and not ast.get_docstring(node):
                wrong.append(f"{shown(path, node.lineno)}: {node.name}")
    none(wrong, f"public, longer than {NEEDS_DOCSTRING} lines, and without a docstring:")


def test_color_is_spelled_one_way():
    """British spelling stands only in a title in double quotes, within a docstring, a comment or a text, or names a package."""
    wrong = []
    for path in [*ALL, *ROOT.glob("*.md"), *(ROOT / "lessons").rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            tokens = tokenize.generate_tokens(io.StringIO(text).readline)
            pieces = [(t.start[0], STRING.sub(r"\2", t.string)) for t in tokens]
        else:
            pieces = [(None, text)]
        pieces = [(line, piece) for line, piece in pieces if piece not in (BRITISH, f"{BRITISH}-science")]
        wrong += [shown(path, line) for line, piece in pieces if BRITISH in re.sub(r'"[^"]+"', "", piece.lower())]
    none(wrong, f"{BRITISH} -> color:")


def test_the_readme_tree_is_the_disk():
    """One line per file in a ```text block: `minicolor/ops/lab.py   sRGB <-> CIE Lab`; a lesson's folder is one line, too."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [b for b in re.findall(r"^```text\n(.*?)^```", readme, re.S | re.M) if b.startswith("minicolor/")]
    assert len(blocks) <= 1, "README.md: two ```text blocks begin with minicolor/; only the tree may"
    entries = [line.partition(" ")[::2] for line in "".join(blocks).splitlines()]
    listed = [(p, text.strip()) for p, text in entries if p.endswith((".py", "/")) and not p.endswith("__init__.py")]
    files = [p for p in [ROOT / "setup.py", *OURS, *py_files("lessons")] if p.name != "__init__.py"]
    disk = {shown(p.parent) + "/" if (p.parent / "checks.py").exists() else shown(p): p for p in files}
    paths = [path for path, _ in listed]

    wide = max(map(len, disk)) + 2
    missing = [f"{path:{wide}}{(ast.get_docstring(parsed(p)) or '').partition(chr(10))[0]}"
               for path, p in disk.items() if path not in paths]
    none(missing, "README.md: its ```text block whose first line begins with minicolor/ lacks (or is not there):")
    none(sorted(set(paths) - set(disk)), "README.md lists files that are not there:")
    none(sorted({p for p in paths if paths.count(p) > 1}), "README.md lists twice:")
    none([path for path, text in listed if not text], "README.md does not say what these are:")


@pytest.mark.parametrize("name", recipes.names())
class TestRecipe:
    def test_goes_by_one_name_and_can_be(self, name):
        module = recipes.load(name)
        assert name == module.RECIPE.name == module.QUICK.name
        assert type(module.RECIPE) is type(module.QUICK)
        assert module.RECIPE.check().experiment and module.RECIPE.source
        undocumented = {f.name for f in dataclasses.fields(module.RECIPE)} - set(recipes.comments(module.RECIPE))
        assert not undocumented, "the comment beside a field is its --help"

    def test_quick_builds(self, name):
        step = recipes.load(name).QUICK.check().build(nullcontext)
        assert step.networks and step.optimizers and callable(step.step) and callable(step.generate)

    def test_every_field_does_something(self, name):
        """It is read as recipe.field, or as self.field in the recipe's own classes; in check() or a text is no use."""
        recipe = recipes.load(name).RECIPE
        own = {Path(inspect.getfile(importlib.import_module(c.__module__))) for c in type(recipe).__mro__[:-1]}
        used = set()
        for path in (p for p in OURS if p.parent.name != "benches"):
            tree = parsed(path)
            talk = [n for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) or getattr(n, "name", "") == "check"]
            idle = {id(inner) for n in talk for inner in ast.walk(n)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and id(node) not in idle:
                    holder = getattr(node.value, "id", getattr(node.value, "attr", "")).lower()
                    if holder == "recipe" or (holder == "self" and path in own):
                        used.add(node.attr)
        none(sorted({f.name for f in dataclasses.fields(recipe)} - LABELS - used), "fields that nothing reads:")
