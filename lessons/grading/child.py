"""The process in which a student's file runs: python -m lessons.grading.child, started and watched by watch.py.

Its order comes as JSON by standard input. What it says goes line by line, as JSON, to what was its standard output when it
began, and bears the order's key: a line without it is not this program's. What the student's file prints goes elsewhere, and the
beginning of it is reported.
"""

import ast
import contextlib
import difflib
import importlib
import io
import json
import linecache
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings

from lessons.grading.limits import limit_files_and_time, limit_memory
from lessons.grading.refuse import ALLOWED, KERNEL, guarded, imports, refuse
from lessons.grading.run import line_of, once, words
from lessons.grading.sheet import Sheet, read
from lessons.grading.untouched import Untouched
from minicolor.errors import BadInput, out_of_memory

PRINTED = 2000                # characters that are kept


class Refused(Exception):
    """One sentence: why the file gets no points at all."""


class Printed(io.TextIOBase):
    """The beginning of what is printed."""

    text = ""

    def write(self, text: str) -> int:
        self.text += text[: PRINTED - len(self.text)]
        return len(text)


def main() -> None:
    """The order: folder (the lesson's), hidden (a file or None), file (the student's), seed, first (check to begin with), key."""
    order = json.load(sys.stdin)
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout = sys.stderr = printed = Printed()

    def say(**what) -> None:
        print(json.dumps(what | {"key": order["key"]}), file=pipe, flush=True)

    settings.load_profile("grading")
    try:
        sheet = read(Path(order["folder"]), order["hidden"] and Path(order["hidden"]))
    except BadInput as e:
        return say(bad_input=str(e))
    say(sheet=[(c.title, c.points) for c in sheet.checks], seconds=sheet.seconds)
    try:
        answer = loaded(Path(order["file"]), sheet, starting=lambda: say(loading=True))
    except Refused as e:
        return say(refused=str(e))
    for n, check in list(enumerate(sheet.checks))[order["first"]:]:
        printed.text = ""
        say(begin=n)
        outcome = once(check, answer, order["seed"], order["file"], sheet.memory)
        say(end=n, passed=outcome.passed, message=outcome.message, printed="" if check.hidden else printed.text)
    say(done=True)


def loaded(path: Path, sheet: Sheet, starting: Callable[[], None]) -> Callable:
    """Read, refuse, limit, run: -> the student's function. starting: called before the first line of the file runs."""
    source, tree = parsed(path)
    allowed = KERNEL if sheet.lesson.startswith("K") else ALLOWED
    if sentence := refuse(tree, allowed):
        raise Refused(f"refused: {sentence}")
    for name in imports(tree):                               # what a library itself needs is not the student's memory
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if torch := sys.modules.get("torch"):
        torch.set_printoptions(precision=3, threshold=12, edgeitems=1)     # tensors in messages are short
        torch.manual_seed(0)                                 # the first call imports much: not in a check's time
        torch.testing.assert_close(torch.ones(1), torch.ones(1))
    module = types.ModuleType("exercise")
    module.__dict__.update(__file__=str(path), __builtins__=guarded(allowed))
    sys.modules["exercise"] = module                         # dataclasses look for their module there
    linecache.getlines(str(path))                            # for messages: what a line looked like when it was run
    untouched = Untouched()
    starting()
    limit_files_and_time(60 + sheet.seconds * len(sheet.checks))
    limit_memory(sheet.memory)
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except BaseException as e:
        if isinstance(e, Exception) and out_of_memory(e):
            raise Refused(f"the file needed more memory than {sheet.memory:g} MiB while it was loaded") from None
        raise Refused(f"the file does not load: {line_of(e, str(path)) or words(e)}") from None
    if changed := untouched.restore():
        raise Refused(f"refused: it replaces {changed}")
    if not callable(answer := vars(module).get(sheet.name)):
        raise Refused(missing(sheet.name, [n for n, v in vars(module).items() if isinstance(v, types.FunctionType | type)]))
    return sheet.asked(answer)


def parsed(path: Path) -> tuple[str, ast.Module]:
    if path.suffix == ".ipynb":
        raise Refused("a notebook: the function has to be in a .py file")
    try:
        source = path.read_text(encoding="utf-8-sig")
        return source, ast.parse(source, str(path))
    except OSError as e:                                     # of a class, somebody's file may not be there
        raise Refused((e.strerror or str(e)).lower()) from None
    except UnicodeDecodeError:
        raise Refused("the file is not UTF-8 text") from None
    except SyntaxError as e:
        where = f"line {e.lineno}, {(e.text or '').strip()}: " if e.lineno else ""             # null bytes are in no line
        raise Refused(f"{where}this is not Python ({e.msg})") from None
    except (ValueError, RecursionError, MemoryError) as e:   # null bytes again; brackets in brackets in brackets
        raise Refused(f"this is not Python ({words(e)})") from None


def missing(name: str, there: list[str]) -> str:
    near = difflib.get_close_matches(name, there, n=1)
    have = f"did you mean {near[0]} to be it?" if near else f"it has {', '.join(there[:6]) or 'no function at all'}"
    return f"the file has no {name}: {have}"


if __name__ == "__main__":
    main()
