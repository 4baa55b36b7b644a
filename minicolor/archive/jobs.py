"""A folder of photographs as jobs: each with the place of its result in the same tree below OUT.

Links are followed, but not round in circles. Names need not be text: bytes that are no UTF-8 pass through.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from minicolor.data.listing import HIDDEN, MACOS, listing, shown
from minicolor.errors import BadInput

FORMATS = {"jpg": (".jpg", ".jpeg"), "png": (".png",), "webp": (".webp",), "tif": (".tif", ".tiff")}
WRITABLE = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)


@dataclass(frozen=True)
class Job:
    """input and output: names below the folder and below OUT, with / on every system; bytes, mtime_ns: which version it is."""

    photo: Path
    target: Path
    input: str
    output: str
    bytes: int
    mtime_ns: int


def jobs(source: Path, out: Path, form: str | None = None) -> tuple[list[Job], list[tuple[str, str]]]:
    """Every photograph below `source`, sorted by name, and (name, reason) of what can be no job.

    form: a key of FORMATS, None to keep each file's own. `out` is left out where it lies inside. Raises BadInput where there is
    no photograph, where `out` is a file, or where it is `source` itself: results must not stand among the photographs.
    """
    if out.exists() and not out.is_dir():
        raise BadInput(f"{shown(out)}: a folder was given to color, so OUT must be a folder, and this is a file")
    if out.is_dir() and same(source, out):
        raise BadInput(f"{shown(out)}: the results would replace the photographs themselves; name another OUT")
    with listing(source, out) as found:
        files, bad = found.files, [(name, reason) for name, reason in found.skipped if not reason.startswith((HIDDEN, MACOS))]
    todo: dict[str, Job] = {}
    for file in files:
        output = renamed(file.name, form)
        job = Job(source / file.name, out / output, file.name, output, file.bytes, file.mtime_ns)
        if output in todo:
            bad.append((file.name, f"would become {shown(output)}, as {shown(todo[output].input)} does; rename one of them"))
        elif same(job.photo, job.target):
            bad.append((file.name, "the result would replace the photograph itself"))
        else:
            todo[output] = job
    return list(todo.values()), bad


def renamed(name: str, form: str | None = None) -> str:
    """A GIF or BMP comes out as PNG, any file as `form`; its whole old name is kept then, so that a.gif and a.png do not meet."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in (WRITABLE if form is None else FORMATS[form]):
        return name
    return name + (".png" if form is None else FORMATS[form][0])


def same(a: Path, b: Path) -> bool:
    """Whether both are there and are one file, whatever its names: a link's end, A.JPG and a.jpg where case does not count."""
    with contextlib.suppress(OSError):
        return os.path.samefile(a, b)
    return False


def share(todo: list[Job], rank: int, world: int) -> list[Job]:
    """Of a sorted list every world-th from the rank-th on: all shares together are the list, and no job is in two."""
    return todo[rank::world]
