"""Run checks on a function, in this very process: the child does it with a student's, the tests with known answers."""

import inspect
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.errors import Flaky

from lessons.grading.sheet import Check
from lessons.grading.untouched import Untouched, fresh
from minicolor.errors import out_of_memory

LINES, WIDE = 6, 160          # of what is quoted in a message
TESTING = ("torch/testing/", "numpy/testing/", "numpy/_core/", "unittest/")   # their messages name the value that was expected

# What checks inherit: other inputs under every seed; no shrinking, which would drive a slow answer over its time limit
settings.register_profile("grading", database=None, deadline=None, derandomize=False, report_multiple_bugs=False,
                          phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Outcome:
    passed: bool
    message: str = ""


def run(checks: Sequence[Check], answer: Callable, seed: int = 0, file: str = "", memory: float = 0) -> Iterator[Outcome]:
    """One Outcome per check, in order. seed: of all that is drawn. file, memory (MiB): a student's, to be named in messages."""
    for check in checks:
        yield once(check, answer, seed, file, memory)


def once(check: Check, answer: Callable, seed: int = 0, file: str = "", memory: float = 0) -> Outcome:
    """One check. An answer that replaces functions of torch or numpy while it runs has failed, and they are put back."""
    fresh(seed)
    untouched = Untouched()
    function = seeded(seed)(check.function) if hasattr(check.function, "hypothesis") else check.function
    try:
        function(answer)
        outcome = Outcome(True)
    except KeyboardInterrupt:
        raise
    except BaseException as e:                               # SystemExit too: exit() must not end the grading
        outcome = Outcome(False, check.hint if check.hidden else explain(e, check, file, memory))
    changed = untouched.restore()
    return Outcome(False, f"it replaces {changed}") if changed else outcome


def explain(e: BaseException, check: Check, file: str, memory: float) -> str:
    """What went wrong, in one line or a few: never what the right answer would have been."""
    frames = traceback.extract_tb(e.__traceback__)
    its_own = bool(frames) and frames[-1].filename == file
    if isinstance(e, NotImplementedError):
        return "not written yet: it raises NotImplementedError"
    if isinstance(e, Exception) and out_of_memory(e):
        return f"it needed more memory than {memory:g} MiB" if memory else "it needed more memory than there is"
    if isinstance(e, Flaky):
        return f"it gave two different answers to the same question\n{check.hint}"
    if isinstance(e, AssertionError) and not its_own:
        return "\n".join([check.hint, *own_words(e, frames), *example(e, check)])
    if where := line_of(e, file):
        return "\n".join([where, *example(e, check)])
    return "\n".join([f"the check could not use it: {words(e)}", check.hint, *example(e, check)])


def line_of(e: BaseException, file: str) -> str:
    """The innermost line of the student's file that an exception came through, or ""."""
    own = [f for f in traceback.extract_tb(e.__traceback__) if f.filename == file]
    return f"line {own[-1].lineno}, {cut(own[-1].line or '')}: {words(e)}" if own else ""


def words(e: BaseException) -> str:
    try:
        return cut(f"{type(e).__name__}: {e}" if str(e) else type(e).__name__)
    except Exception:                                        # a student's own class, whose __str__ fails
        return type(e).__name__


def own_words(e: AssertionError, frames: traceback.StackSummary) -> list[str]:
    """The message of a check's own assert. Of torch.testing's and numpy.testing's only what is said of shape and type."""
    text = str(e)
    if frames and any(part in frames[-1].filename.replace("\\", "/") for part in TESTING):
        text = "\n".join(line for line in text.splitlines() if line.startswith("The values for attribute"))
    return [cut(line) for line in text.splitlines() if line.strip()][:LINES]


def example(e: BaseException, check: Check) -> list[str]:
    """The generated input that it failed on, as hypothesis wrote it down, without the answer itself."""
    first = next(iter(inspect.signature(check.function).parameters), "")
    arguments: list[str] = []
    for note in getattr(e, "__notes__", []):
        head, _, rest = note.partition("(\n")
        if "example" not in head and "test case" not in head:
            continue
        for line in (line.partition("  # ")[0] for line in rest.splitlines()):
            if line.startswith("    ") and line[4:5].strip():             # a new argument; its further lines are indented deeper
                arguments.append(line)
            elif line.startswith("     ") and arguments:
                arguments[-1] += line
    shown = [cut(a).rstrip(",") for a in arguments if not a.strip().startswith(f"{first}=")]
    return [f"for example with {', '.join(shown[:LINES])}"] if shown else []


def cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDE else f"{line[:WIDE]} ..."
