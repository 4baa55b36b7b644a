"""A folder of photographs as jobs: each with the place of its result in the same tree below OUT.

Links are followed, but not round in circles. Names need not be text: bytes that are no UTF-8 pass through.
"""

import contextlib
import functools
import hashlib
import os
import unicodedata
from collections.abc import Callable
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
    no photograph, where `out` is a file, or where it is `source` itself: results must not stand among the photographs. Nor may a
    single one, if `source` is inside `out` or a link leads there: it could replace a photograph, or be taken for one next time.
    """
    if out.exists() and not out.is_dir():
        raise BadInput(f"{shown(out)}: a folder was given to color, so OUT must be a folder, and this is a file")
    if out.is_dir() and same(source, out):
        raise BadInput(f"{shown(out)}: the results would replace the photographs themselves; name another OUT")
    with listing(source, out) as found:
        files, bad = found.files, [(name, reason) for name, reason in found.skipped if not reason.startswith((HIDDEN, MACOS))]
    todo: dict[str, Job] = {}
    obstacle = _obstacles(source, out, [source / file.name for file in files])
    for file in files:
        output = renamed(file.name, form)
        job = Job(source / file.name, out / output, file.name, output, file.bytes, file.mtime_ns)
        if other := todo.get(key(output)):
            alike = "" if other.output == output else f", or {shown(other.output)}, which is the same name on some systems"
            bad.append((file.name, f"would become {shown(output)}, as {shown(other.input)} does{alike}; rename one of them"))
        elif reason := obstacle(job):
            bad.append((file.name, reason))
        else:
            todo[key(output)] = job
    return list(todo.values()), bad


def key(output: str) -> str:
    """Equal for names that some file system takes for one: A.JPG and a.jpg, an accent within its letter or behind it."""
    return unicodedata.normalize("NFC", output).casefold()


def _obstacles(source: Path, out: Path, photographs: list[Path]) -> Callable[[Job], str | None]:
    """-> a function that says why a job's result may not get its name, or None."""
    known = {identity: photo for photo in photographs if (identity := _identity(photo))}
    top = Path(os.path.realpath(source))
    outside = not Path(os.path.realpath(out)).is_relative_to(top)     # an OUT inside is left out of the listing as a whole
    among = functools.cache(lambda folder: outside and Path(os.path.realpath(folder)).is_relative_to(top))

    def obstacle(job: Job) -> str | None:
        if same(job.photo, job.target):
            return "the result would replace the photograph itself"
        if photo := known.get(_identity(job.target)):
            return f"the result would replace another photograph, {shown(photo)}; name another OUT"
        if among(job.target.parent):
            return f"the result would stand among the photographs, as {shown(job.target)}; name another OUT"
        if os.path.isdir(job.target):
            return f"a folder has the name of the result, {shown(job.target)}"
        return None

    return obstacle


def _identity(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


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
    """All shares together are the list, and no job is in two. By the name alone, not by its place in the list: a file that only
    one process sees, because it came or went just now, then moves no other."""
    return [job for job in todo if _number(job) % world == rank]


def _number(job: Job) -> int:
    return int.from_bytes(hashlib.sha256(key(job.output).encode("utf-8", "surrogatepass")).digest()[:8], "big")
