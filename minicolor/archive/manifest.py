"""`manifest.jsonl` in OUT: one line for each photograph that had its turn, so that a stopped run goes on.

    {"input", "output", "bytes", "mtime_ns", "settings", "finished", "error"}  and more if there is a result:
    "size", "part", "seconds", "notes"

input, output: names below the two folders; bytes, mtime_ns: of the input; finished: when, UTC; error: null, or why there is no
result; size: [width, height] of the result; part: of the photograph that is in it, [top, bottom, left, right] as shares of 1;
seconds: of each stage. A file that never became a job has null for output, bytes and mtime_ns.

A line is on the disk before its picture gets its name. Where a picture of that name is replaced, a line with the error BEGUN
comes first and the true one after the new picture, so that the old one stays until the new one is safe. So a picture that is
there, and whose last line but for other errors says that it was made from this input with these settings, is done, whenever the
power failed; after BEGUN it is the old or the new one, and is made again.

Of several processes each writes a file of its own, `manifest-3.jsonl`, and all of them are read.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

from minicolor.data.listing import shown
from minicolor.data.manifest import sync_folder
from minicolor.errors import BadInput

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PATTERN = "manifest*.jsonl"
BEGUN = "an older result is being replaced"
KEYS = {"input", "output", "bytes", "mtime_ns", "settings", "finished", "error"}


def name(rank: int, world: int) -> str:
    """The file that this process writes: alone manifest.jsonl, as one of several manifest-0.jsonl and so on."""
    return "manifest.jsonl" if world == 1 else f"manifest-{rank}.jsonl"


def read(out: Path) -> list[dict]:
    """The lines of all manifests in OUT, oldest first. BadInput for a file of such a name that is none."""
    entries = []
    for path in out.glob(PATTERN):
        *lines, _ = path.read_bytes().split(b"\n")              # behind the last newline: nothing, or a line that a kill tore
        try:
            found = [json.loads(line) for line in lines]
            if not all(entry.keys() >= KEYS for entry in found):
                raise ValueError
        except (ValueError, AttributeError):
            raise BadInput(f"{shown(path)} is no manifest of minicolor.colorize; move it away, or name another OUT") from None
        entries += found
    return sorted(entries, key=lambda entry: entry["finished"])


@contextlib.contextmanager
def writing(out: Path, rank: int = 0, world: int = 1) -> Iterator[tuple[Callable[[dict], None], Path]]:
    """-> append(entry), which returns when the line is on the disk, and a hidden folder in OUT for pictures in the making.

    What a killed run left in such folders is removed. BadInput while another run, of as many processes or not, writes into OUT.
    """
    mine, staging = out / name(rank, world), _staging(out / name(rank, world))
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(mine, "ab+"))
        _lock(file, out, "LOCK_EX")
        for other in set(out.glob(PATTERN)) - {out / name(r, world) for r in range(world)}:
            with open(other, "rb+") as held:
                _lock(held, out, "LOCK_SH")                     # shared: the other processes of this run look, too
                shutil.rmtree(_staging(other), ignore_errors=True)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        stack.callback(shutil.rmtree, staging, ignore_errors=True)
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)             # else the next line would continue a torn one
        sync_folder(out)

        def append(entry: dict) -> None:
            entry["finished"] = datetime.now(timezone.utc).isoformat(timespec="microseconds")   # always as long: sorts as text
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

        yield append, staging


def _staging(manifest: Path) -> Path:
    return manifest.with_name(f".{manifest.stem}.part")


def _lock(file, out: Path, how: str) -> None:
    """The system lets go of it when the process ends, however it ends."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, getattr(fcntl, how) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadInput(f"another run is writing into {shown(out)}: wait for it or end it") from None
    except OSError:
        pass                                                    # some network file systems have no locks
