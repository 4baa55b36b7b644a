"""One run of the packing: a row for each picture, space on the disk, the workers, the journal, and last the manifest.

The order of the steps is what makes a kill harmless: journal, space, (an old manifest goes), pixels, pixels on disk,
their line in the journal, ..., the manifest.
"""

import contextlib
import os
import time
from pathlib import Path

from tqdm import tqdm

from minicolor.data.listing import Listing, shown
from minicolor.data.manifest import JOURNAL, MANIFEST, NO_SPACE, PICTURES, append, write_journal, write_manifest
from minicolor.data.workers import do_chunks
from minicolor.errors import BadInput

CHUNK = 32  # pictures in a job: some 50 ms of work, so that its message costs nothing and the cores end together
ALONE = 64  # fewer pictures are done in this process, before workers would have started
SYNC = 1.0  # seconds between journal lines, because each waits for the disk


def run(out: Path, head: dict, found: Listing, before: dict[str, dict], done: set[str], workers: int | None,
        progress: bool) -> None:
    """Pack all of `found` except the names in `done`, and write the manifest.

    before: the entries (see manifest.py) of an earlier run, by name. Raises OSError (full disk), BadInput if no picture
    at all can be read; `out` then holds none of our files.
    """
    rows = _rows([file.name for file in found.files], before)
    kept = [entry if name in done else {**entry, "mtime_ns": None} for name, entry in before.items() if name in rows]
    write_journal(out, head, kept)  # before the array: it marks the folder as ours
    todo = [[f.name, rows[f.name], f.bytes, f.mtime_ns, f.offset] for f in found.files if f.name not in done]
    entries = [entry for entry in kept if entry["name"] in done]
    with open(out / PICTURES, "r+b" if (out / PICTURES).exists() else "w+b", buffering=0) as array:
        start = _prepare(array, rows, head["size"], out / MANIFEST)
        job = {"array": str(out / PICTURES), "start": start, "size": head["size"], "root": found.root}
        jobs = [{**job, "files": todo[i:i + CHUNK]} for i in range(0, len(todo), CHUNK)]
        fresh = do_chunks(jobs, 1 if len(todo) < ALONE else min(workers or cores(), len(jobs)))
        waiting, last = [], time.monotonic()
        bar = tqdm(total=len(found.files), initial=len(done), unit=" pictures", desc="pack",
                   disable=None if progress else True)  # None: no bar where stderr is not a terminal
        with bar, open(out / JOURNAL, "a", encoding="ascii") as journal, contextlib.closing(fresh):
            try:
                for chunk in fresh:
                    chunk = [_wanted(array, start, head, entry) for entry in chunk]
                    entries += chunk
                    waiting += chunk
                    bar.update(len(chunk))
                    if time.monotonic() - last > SYNC:
                        append(journal, array, waiting)
                        waiting, last = [], time.monotonic()
            finally:  # also on Ctrl-C
                append(journal, array, waiting)
    bad = [entry for entry in entries if "reason" in entry]
    if len(bad) == len(entries):
        for name in PICTURES, MANIFEST, JOURNAL:  # the journal last: without it the folder would not be ours
            (out / name).unlink(missing_ok=True)
        could = "taken" if "aspect" in head else "read"
        raise BadInput(f"none of the {len(bad)} pictures in {head['source']} could be {could}; the first, "
                       f"{shown(bad[0]['name'])}: {bad[0]['reason']}")
    write_manifest(out, head, entries, found.skipped)
    if progress:
        _tell(out, head["size"], found, entries)


def _prepare(array, rows: dict[str, int], size: int, old_manifest: Path) -> int:
    """Space and header for all rows; returns where row 0 starts. Never shortens a pack: someone may have it open."""
    row, held = size * size * 3, os.fstat(array.fileno()).st_size
    start = len(_header(0, size))
    count = max(max(rows.values()) + 1, (held - start) // row)
    _reserve(array, start + count * row, held)
    old_manifest.unlink(missing_ok=True)  # from here on the pixels may be half old, half new
    array.seek(0)
    array.write(_header(count, size))
    for free in set(range(count)) - set(rows.values()):  # a picture that was removed must not stay readable
        array.seek(start + free * row)
        array.write(bytes(row))
    return start


def _wanted(array, start: int, head: dict, entry: dict) -> dict:
    """The entry; for a picture whose width/height was not asked for one with a reason instead, and its row is black again."""
    low, high = head.get("aspect", (0, float("inf")))
    if "reason" in entry or low <= (ratio := entry["width"] / entry["height"]) <= high:
        return entry
    row = head["size"] ** 2 * 3
    array.seek(start + entry["row"] * row)
    array.write(bytes(row))
    # as many digits as it takes to see that it is outside
    text = next(text for digits in range(3, 18) if not low <= float(text := f"{ratio:.{digits}g}") <= high)
    kept = {key: entry[key] for key in ("name", "row", "bytes", "mtime_ns")}
    return {**kept, "reason": f"width/height {text} is outside {low:g} to {high:g}"}


def _rows(names: list[str], before: dict[str, dict]) -> dict[str, int]:
    """A row for each name: the one that it had, else the lowest free one.

    What an interrupted run had finished took its rows in order, so the rest now gets the rows it would have had.
    """
    rows = {name: before[name]["row"] for name in names if name in before}
    taken, row = set(rows.values()), 0
    for name in names:
        if name not in rows:
            while row in taken:
                row += 1
            rows[name], row = row, row + 1
    return rows


def _header(count: int, size: int) -> bytes:
    """The header of a .npy file, always 128 bytes, so that a pack can grow in place."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, {size}, {size}, 3), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode() + b"\n"


def _reserve(array, length: int, held: int) -> None:
    """Take the space now: a full disk is found before the first picture, not after an hour, and what we took goes back.

    Where a file system cannot reserve, the file is sparse and the write() of a row raises when the disk is full.
    """
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(array.fileno(), 0, length)
    except OSError as e:
        if e.errno in NO_SPACE:
            array.truncate(held)
            raise OSError(e.errno, os.strerror(e.errno), array.name) from None
    if os.fstat(array.fileno()).st_size < length:
        array.truncate(length)


def cores() -> int:
    """How many processes may run at once: the cores that this process was given, not all that the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tell(out: Path, size: int, found: Listing, entries: list[dict]) -> None:
    """What a user should know and would not look up: how many are missing, and how many were too small."""
    bad = [(e["name"], e["reason"]) for e in entries if "reason" in e] + found.skipped
    small = sum(min(e["width"], e["height"]) < size for e in entries if "reason" not in e)
    print(f"{len(entries) + len(found.skipped) - len(bad)} pictures of {size}x{size} in {shown(out)}")
    if small:
        print(f"{small} of them were smaller than {size} pixels and had to be enlarged")
    if found.other:
        kinds = ", ".join(f"{n} {suffix}" for suffix, n in found.other.most_common(4))
        print(f"{sum(found.other.values())} other files ignored ({shown(kinds)})")
    for name, reason in sorted(bad)[:3]:
        print(f"skipped {shown(name)}: {reason}")
    if len(bad) > 3:
        print(f"and {len(bad) - 3} more skipped, all listed in {MANIFEST}")
