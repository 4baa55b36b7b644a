"""A lesson's checks.py: found by the lesson's number, read, and looked over."""

import importlib
import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from lessons.grading.untouched import leaves_alone
from minicolor.errors import BadInput

LESSONS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Check:
    """`function(answer)` raises AssertionError where the answer is wrong; `hint` says where to look then."""

    points: float
    function: Callable
    hint: str
    hidden: int = 0           # which of the hidden checks; 0 is none

    @property
    def title(self) -> str:
        return f"hidden check {self.hidden}" if self.hidden else self.function.__name__.replace("_", " ")


@dataclass(frozen=True)
class Sheet:
    """What an exercise is graded on. seconds: of each check. memory: MiB, beyond what the process has after its imports."""

    lesson: str
    name: str
    checks: tuple[Check, ...]
    seconds: float
    memory: float
    module: ModuleType
    wrong: Mapping[str, Callable]         # known wrong answers, by what is wrong with them

    def key(self) -> Callable:
        """The library's own answer, with the exercise's signature."""
        where, _, attribute = self.module.KEY.partition(":")
        key = importlib.import_module(where)
        for part in attribute.split("."):
            key = getattr(key, part)
        return self.module.adapt(key) if hasattr(self.module, "adapt") else key

    def asked(self, answer: Callable) -> Callable:
        """An answer as the checks get it. A kernel writes where it is told to; nobody else may write into what he is given."""
        return answer if self.lesson.startswith("K") else leaves_alone(answer)


def find(number: str, lessons: Path = LESSONS) -> Path:
    """"4", "04", "k1" or "04_autoencoders" -> the lesson's folder. BadInput: there is none, or it has no exercise."""
    folders = {p.name: p for p in sorted(lessons.glob("[0-9K]*_*")) if p.is_dir()}
    wanted = number.upper().split("_")[0]
    wanted = f"{int(wanted):02d}" if wanted.isdecimal() else wanted
    found = [p for name, p in folders.items() if name.split("_")[0] == wanted]
    graded = [name.split("_")[0] for name, p in folders.items() if (p / "checks.py").is_file()]
    if not found:
        raise BadInput(f"no lesson {number!r}; exercises: {' '.join(graded) or 'none yet'}")
    if not (found[0] / "checks.py").is_file():
        raise BadInput(f"lesson {found[0].name} has no exercise; exercises: {' '.join(graded) or 'none yet'}")
    return found[0]


def hidden_file(folder: Path, hidden: Path) -> Path:
    """The teacher's own checks of the lesson: hidden/04_autoencoders.py or hidden/04.py. BadInput: neither is there."""
    if not hidden.is_dir():
        raise BadInput(f"--hidden {hidden}: no such folder")
    names = [f"{folder.name}.py", f"{folder.name.split('_')[0]}.py"]
    for name in names:
        if (hidden / name).is_file():
            return hidden / name
    raise BadInput(f"--hidden {hidden}: holds neither {names[0]} nor {names[1]}")


def read(folder: Path, hidden: Path | None = None) -> Sheet:
    """checks.py of a lesson's folder, and a file of hidden checks beside it. BadInput: a file that is not what it should be."""
    module = load(folder / "checks.py", "checks")
    checks, wrong = looked_over(module, folder / "checks.py"), dict(getattr(module, "WRONG", {}))
    if hidden:
        more = load(hidden, "hidden")
        checks, wrong = checks + looked_over(more, hidden, hidden=True), wrong | getattr(more, "WRONG", {})
    limits = getattr(module, "SECONDS", 10), getattr(module, "MEMORY", 1024)
    return Sheet(folder.name, module.NAME, tuple(checks), *limits, module, wrong)


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as e:
        raise BadInput(f"{path}: {type(e).__name__}: {e}") from e
    return module


def looked_over(module: ModuleType, path: Path, hidden: bool = False) -> list[Check]:
    """CHECKS of a module, as Check."""
    rows = getattr(module, "CHECKS", None)
    if not isinstance(rows, list | tuple) or not rows:
        raise BadInput(f"{path}: expected CHECKS = [(points, check, hint), ...]")
    checks = []
    for n, row in enumerate(rows, 1):
        if not isinstance(row, list | tuple) or len(row) != 3:
            raise BadInput(f"{path}: CHECKS, number {n}: expected (points, check, hint)")
        points, function, hint = row
        good = isinstance(points, int | float) and math.isfinite(points) and points > 0
        if not (good and callable(function) and isinstance(hint, str) and hint.strip()):
            raise BadInput(f"{path}: CHECKS, number {n}: expected points above 0, a function, and a hint in words")
        checks.append(Check(points, function, " ".join(hint.split()), n if hidden else 0))
    if not hidden and not isinstance(getattr(module, "NAME", None), str):
        raise BadInput(f"{path}: expected NAME, the function that a student writes")
    return checks
