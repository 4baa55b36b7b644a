"""Decode a folder or a tar of pictures once, into one array of bytes that training reads without any decoding.

    pack("photos/", "packs/photos", size=256) -> Pack       pictures[rows[i]] is (256, 256, 3) uint8, names[i] its file

OUT holds `pictures.npy` (np.load opens it) and `manifest.json`; while unfinished, `journal.jsonl` in its place. Stop it
at any moment and run it again: it goes on where it was, and ends in the same bytes as a run that was never stopped.
On a finished pack it returns at once if names, sizes and mtimes are as before, and otherwise does only what changed.
Every picture has its row from the start, so workers need not talk; the row of a bad picture stays black and unused.
"""

import contextlib
import errno
import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minicolor.data import manifest
from minicolor.data.listing import listing, shown, stamp
from minicolor.data.manifest import JOURNAL, MANIFEST, PICTURES
from minicolor.data.packing import run
from minicolor.errors import BadInput

try:
    import fcntl
except ImportError:  # Windows: two runs into one folder at once are not noticed there
    fcntl = None


@dataclass(frozen=True, eq=False)  # eq would compare whole arrays
class Pack:
    """Pictures of one size, with their names in order. `pictures[rows[i]]` is the picture of `names[i]`."""

    pictures: np.ndarray  # (rows, size, size, 3) uint8, read-only; more rows than names where pictures were bad
    rows: tuple[int, ...]
    names: tuple[str, ...]  # sorted, relative to the source, / between folders
    keys: tuple[str, ...]  # sha256 of each file's bytes, hex
    size: int
    hash: str  # of names, keys and size: the same for the same content, whatever the order, the workers or the tar
    skipped: tuple[tuple[str, str], ...]  # (name, reason)
    source: str  # what was packed, for the log
    aspect: tuple[float, float] | None = None  # the lowest and highest width/height that was taken, None: every one

    def __len__(self) -> int:
        return len(self.names)


def in_memory(pictures: np.ndarray, names: Sequence[str], source: str) -> Pack:
    """A Pack of pictures (N, S, S, 3) uint8 that exist already, such as drawn scenes; (N, S, S, 4) where each pixel has a
    fourth number, such as its part of the scene. Keys: sha256 of the names."""
    if pictures.ndim != 4 or pictures.shape[1] != pictures.shape[2] or pictures.shape[3] not in (3, 4) or pictures.dtype != "u1":
        raise BadInput(f"pictures are {pictures.dtype} {pictures.shape}, expected uint8 (N, S, S, 3)")
    if len(names) != len(pictures) or len(set(names)) != len(names):
        raise BadInput(f"{len(names)} names for {len(pictures)} pictures, expected a name of its own for each")
    order = sorted(range(len(names)), key=lambda i: names[i])
    names = tuple(names[i] for i in order)
    keys = tuple(hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest() for name in names)
    pictures = pictures.view()
    pictures.flags.writeable = False
    size = pictures.shape[1]
    return Pack(pictures, tuple(order), names, keys, size, manifest.digest(names, keys, size), (), source)


def is_pack(folder: str | Path) -> bool:
    """Whether open_pack(folder) finds a finished pack (its pixels are not looked at)."""
    try:
        return manifest.read_manifest(Path(folder)) is not None
    except BadInput:
        return False


def open_pack(folder: str | Path) -> Pack:
    """A finished pack. Raises BadInput for anything else, and where the pixels do not fit the manifest."""
    folder = Path(folder)
    found = manifest.read_manifest(folder)
    if found is None:
        if manifest.read_journal(folder):
            raise BadInput(f"the pack {shown(folder)} is unfinished: run python -m minicolor.pack again to finish it")
        raise BadInput(f"{shown(folder)} is no pack, expected a folder written by python -m minicolor.pack")
    good, size = found["pictures"], found["size"]
    rows = tuple(entry["row"] for entry in good)
    try:
        pictures = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as e:
        what = f"{shown(folder / PICTURES)} is missing, broken or cut off ({e})"
        raise BadInput(f"{what}; delete the folder and pack again") from None
    if pictures.dtype != "u1" or pictures.shape[1:] != (size, size, 3) or len(pictures) <= max(rows):
        what = f"{shown(folder / PICTURES)} holds {pictures.dtype} {pictures.shape}"
        raise BadInput(f"{what}, which does not fit its {MANIFEST}; delete the folder and pack again")
    return Pack(pictures, rows, tuple(e["name"] for e in good), tuple(e["sha256"] for e in good), size, found["hash"],
                tuple((e["name"], e["reason"]) for e in found["skipped"]), found["source"],
                tuple(found["aspect"]) if "aspect" in found else None)


def pack(source: str | Path, out: str | Path, size: int = 256, workers: int | None = None,
         progress: bool = True, aspect: tuple[float, float] | None = None, wanted: Callable[[str], bool] | None = None) -> Pack:
    """Pack every picture of a folder or tar into the folder `out`, cropped to its middle square and resized to `size`.

    aspect: (low, high) leaves out pictures whose width/height, upright and before the crop, is outside; they are listed
    as skipped, as bad pictures are. wanted: of the names in `source`, only those for which it is true (shards.py).
    Goes on with an unfinished pack and updates a finished one, of the same source, size and aspect; anything else in `out`
    is refused and left alone. Raises BadInput for what a user can mend, OSError where the disk fails or is full: before the
    first picture if the file system can reserve space, never as a crash.
    """
    source, out = Path(os.path.abspath(source)), Path(os.path.abspath(out))
    if not 1 <= size <= 8192:
        raise BadInput(f"size {size}, expected 1 to 8192 pixels")
    if aspect is not None and not (len(aspect) == 2 and 0 < aspect[0] <= aspect[1] < math.inf):
        raise BadInput(f"aspect {','.join(map(str, aspect))}, expected the lowest and the highest width/height, such as 0.5,1.5")
    if not source.is_dir() and not source.is_file():
        raise BadInput(f"{shown(source)} is not there, expected a folder or a tar of pictures")
    head = manifest.head(shown(source), size, stamp(source), aspect)
    finished = _check(out, head)
    if finished and head["stamp"] and finished["stamp"] == head["stamp"]:
        return open_pack(out)  # a tar: as it is unchanged, so is everything in it
    with _alone(out), listing(source, out) as found:
        if wanted:
            found.files = [file for file in found.files if wanted(file.name)]
            found.skipped = [(name, reason) for name, reason in found.skipped if wanted(name)]
            if not found.files:
                raise BadInput(f"no picture of {shown(source)} would lie in {shown(out)}: choose fewer shards")
        if finished:
            before = finished["pictures"] + [e for e in finished["skipped"] if "row" in e]
            listed = [(e["name"], e["reason"]) for e in finished["skipped"] if "row" not in e]
        else:
            before, listed = (manifest.read_journal(out) or (head, []))[1], None
        unchanged = {(e["name"], e["bytes"], e["mtime_ns"]) for e in before}
        done = [f for f in found.files if (f.name, f.bytes, f.mtime_ns) in unchanged]
        if not len(done) == len(found.files) == len(before) or listed != found.skipped:
            run(out, head, found, {e["name"]: e for e in before}, {f.name for f in done}, workers, progress)
        (out / JOURNAL).unlink(missing_ok=True)
    return open_pack(out)


def _check(out: Path, head: dict) -> dict | None:
    """The manifest of a finished pack in `out`, None if unfinished or empty. Raises BadInput: not ours to write in."""
    finished = manifest.read_manifest(out)
    journal = None if finished else manifest.read_journal(out)
    old = finished or (journal and journal[0])
    try:
        foreign = not old and [name for name in sorted(os.listdir(out)) if not name.startswith(".")]
    except FileNotFoundError:
        foreign = []
    except OSError as e:
        raise BadInput(f"{shown(out)} cannot be a pack ({(e.strerror or str(e)).lower()}), expected a folder") from None
    if foreign:
        what = f"{shown(out)} holds other files ({shown(foreign[0])})"
        raise BadInput(f"{what}, expected a new or empty folder, or a pack")
    for what in ("source", "size", "aspect"):
        if old and old.get(what) != head.get(what):
            kind = "a" if finished else "an unfinished"
            there, wanted = old.get(what, "any"), head.get(what, "any")
            raise BadInput(f"{shown(out)} already holds {kind} pack of {what} {there}, not {wanted}: "
                           "choose another folder, or delete it first")
    return finished


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Make the folder and hold it against a second run; if there was nothing to pack, it is removed again."""
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as e:
        if e.errno in manifest.NO_SPACE:
            raise
        raise BadInput(f"cannot write to {shown(out)}: {(e.strerror or str(e)).lower()}") from None
    try:
        with contextlib.ExitStack() as stack:
            if fcntl:  # the system lets go of it when this process ends, however it ends
                handle = os.open(out, os.O_RDONLY)
                stack.callback(os.close, handle)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise BadInput(f"another run is packing into {shown(out)}: wait for it or end it") from None
                except OSError:
                    pass  # some network file systems have no locks
            yield
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                out.rmdir()  # only an empty folder goes
        raise
