"""What a user did that cannot work, said in one sentence.

Every function raises `BadInput` with a sentence that names the thing and what was expected; every door
(`python -m minicolor.<door>`) runs inside `one_line()`, which prints that sentence and exits with code 2.
"""

import argparse
import contextlib
import errno
import os
import sys


class BadInput(ValueError):
    """One clear sentence for the person at the keyboard. Bugs raise anything but this."""


class Parser(argparse.ArgumentParser):
    """argparse, but a wrong flag is one sentence instead of a page of usage."""

    def error(self, message: str):
        raise BadInput(f"{message}; --help shows what there is")


@contextlib.contextmanager
def one_line():
    """Turn what a user can mend into one line on stderr and exit code 2; leave bugs their traceback."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")    # file names need not be valid text, and printing must not fail
    try:
        yield
    except BadInput as e:
        sys.exit(_say(str(e)))
    except OSError as e:  # a full disk, a read-only folder: the system's own words, and the file they are about
        where = f"{os.fspath(e.filename)}: " if e.filename else ""
        hint = "; nothing written before is lost" if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else ""
        sys.exit(_say(f"{where}{(e.strerror or str(e)).lower()}{hint}"))
    except (MemoryError, RuntimeError) as e:
        if not out_of_memory(e):
            raise
        sys.exit(_say("not enough memory: a smaller --batch-size, --size or number of --pictures needs less"))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def out_of_memory(error: Exception) -> bool:
    """Whether this is numpy's, PyTorch's CPU or its GPU way of saying so (known by name: torch is not imported here)."""
    return (isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
            or "can't allocate memory" in str(error))


def _say(sentence: str) -> int:
    print(f"error: {' '.join(sentence.split())}", file=sys.stderr)
    return 2
