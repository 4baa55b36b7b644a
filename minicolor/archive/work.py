"""The work on a folder: what is done stays, what cannot be read is listed, what a kill interrupts is made again.

    listing -> this process's share -> minus what the manifest knows as done -> one by one: read, restore, write, note

Each picture is written into a hidden folder, its line into the manifest, then it gets its name. So at every moment a name in
OUT belongs to a whole picture, an older result until the new one takes its place, and the pictures that two runs leave, however
often the first was killed, are those of one.
"""

import errno
import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

import minicolor
from minicolor.archive import manifest, page
from minicolor.archive.jobs import Job, share
from minicolor.data import photos
from minicolor.data.listing import shown
from minicolor.data.manifest import sync_folder
from minicolor.errors import BadInput, out_of_memory

# One name cannot be had: it is too long, not allowed there, or its folder's name belongs to a file. Any other OSError, such
# as a full disk, would meet the next picture as well.
ONE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EEXIST, errno.EISDIR)


def world() -> tuple[int, int]:
    """(rank, how many processes) as torchrun tells it; (0, 1) without."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def settings(runs: dict[str, str | None], **others) -> dict:
    """All that decides what a result looks like. Of a run counts what is in its checkpoint, not only its name."""
    return {"version": minicolor.__version__, **{flag: run and _weights(flag, run) for flag, run in runs.items()}, **others}


def _weights(flag: str, run: str) -> str:
    path = Path(run) / "best.pt" if Path(run).is_dir() else Path(run)
    try:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as e:
        raise BadInput(f"--{flag} {run}: {path} cannot be read ({(e.strerror or str(e)).lower()}); expected a folder that "
                       "`python -m minicolor.train` wrote, or a checkpoint") from None
    return f"{Path(run).resolve().name} {content[:12]}"


def undone(jobs: Sequence[Job], entries: Sequence[dict], now: dict, overwrite: bool) -> tuple[list[Job], list[Job]]:
    """-> what there is to do, and what stays though no manifest knows it.

    entries: as manifest.read() gives them; now: the settings. Without `overwrite` BadInput where results of other settings are
    in the way. With it they are replaced, and so is what no manifest knows; what is done is done all the same.
    """
    made = {entry["output"]: entry for entry in entries if entry["error"] in (None, manifest.BEGUN)}
    todo, unknown, others = [], [], []
    for job in jobs:
        entry = made.get(job.output)
        if not os.path.lexists(job.target):
            todo.append(job)
        elif entry is None:
            (todo if overwrite else unknown).append(job)
        elif entry["settings"] != now:
            (todo if overwrite else others).append(job)
        elif entry["error"] or (entry["bytes"], entry["mtime_ns"]) != (job.bytes, job.mtime_ns):
            todo.append(job)
    if others:
        then = made[others[0].output]["settings"]
        changed = [f"{key} {then.get(key)}, now {now.get(key)}" for key in {**then, **now} if then.get(key) != now.get(key)]
        raise BadInput(f"{len(others)} results, {shown(others[0].target)} first, were made with other settings "
                       f"({'; '.join(changed)}): --overwrite replaces them, another OUT keeps them")
    return todo, unknown


def work(jobs: Sequence[Job], out: Path, now: dict, load: Callable, overwrite: bool = False, quality: int = 95,
         bad: Sequence[tuple[str, str]] = ()) -> list[str]:
    """Make what of `jobs` is this process's share and not done yet; returns a sentence for each that could not be made.

    now: the settings; load() -> the pipeline, called only if there is something to do; bad: (name, sentence) of what never became
    a job, which the first process notes. Raises BadInput where another run writes into `out` or results of other settings are in
    the way; OSError, such as a full disk, ends the work.
    """
    rank, count = world()
    mine, failed = share(jobs, rank, count), []
    todo, unknown = undone(mine, manifest.read(out), now, overwrite)
    pipeline = load() if todo else None                         # a wrong flag is refused before anything is written
    out.mkdir(parents=True, exist_ok=True)
    with manifest.writing(out, rank, count) as (append, staging):
        entries = manifest.read(out)                            # again: another run may have ended while the models were loaded
        todo, more = undone(todo, entries, now, overwrite)
        if before := len(mine) - len(todo):
            others = len(unknown) + len(more)
            print(f"{before} of {len(mine)} exist already and stay as they are"
                  + (f", {others} of them made by something else (--overwrite replaces those)" if others else ""))
        noted = {entry["input"]: entry["error"] for entry in entries}
        for name, sentence in bad if rank == 0 else ():
            if noted.get(name) != sentence:
                append({"input": name, "output": None, "bytes": None, "mtime_ns": None, "settings": now, "error": sentence})
        for job in tqdm(todo, unit=" photos", disable=count > 1 or not sys.stderr.isatty()):
            entry = {"input": job.input, "output": job.output, "bytes": job.bytes, "mtime_ns": job.mtime_ns, "settings": now,
                     "error": None}
            try:
                staged = staging / f"picture{job.target.suffix}"
                about = one(job.photo, staged, pipeline, quality, job.target)
                job.target.parent.mkdir(parents=True, exist_ok=True)
                older = os.path.lexists(job.target)
                append({**entry, "error": manifest.BEGUN} if older else {**entry, **about})
                os.replace(staged, job.target)
                sync_folder(job.target.parent)
                if older:
                    append({**entry, **about})
            except (BadInput, MemoryError, RuntimeError, OSError) as e:
                failed.append(_reason(job, e))                  # go on: one bad file must not stop a night's work
                append({**entry, "error": failed[-1]})
                continue
            for note in about["notes"]:
                tqdm.write(f"{shown(job.photo)}: {note}")
    part = f" (process {rank} of {count})" if count > 1 else ""
    print(f"{len(todo) - len(failed)} done -> {shown(out)}{part}")
    return failed


def write_page(jobs: Sequence[Job], out: Path, bad: Sequence[str]) -> bool:
    """The before/after page of what the manifests know, once every one of `jobs` had its turn: of several processes the last
    one writes it. bad: sentences on what never became a job. -> whether it was written."""
    entries = [entry for entry in manifest.read(out) if entry["error"] != manifest.BEGUN]
    made = {entry["output"]: entry for entry in entries if entry["error"] is None}
    last = {entry["output"]: entry for entry in entries}
    if not all(job.output in last or os.path.lexists(job.target) for job in jobs):
        return False
    there = [(job, made[job.output]) for job in jobs if job.output in made and job.target.exists()]
    failed = [last[job.output]["error"] for job in jobs if job.output in last and last[job.output]["error"]]
    pairs = [page.Pair(job.input, job.photo, job.target, entry["part"], entry["notes"]) for job, entry in there]
    page.write(out / page.NAME, pairs, [*bad, *failed])
    return True


def one(photo: Path, target: Path, pipeline, quality: int, name: Path) -> dict:
    """Read, restore and write one photograph; returns what the manifest keeps of it. name: what to call `target` in an error."""
    start = time.perf_counter()
    picture = photos.read(photo, deep=True)
    read, sides = time.perf_counter() - start, np.repeat(picture.rgb.shape[:2], 2)
    try:
        restored = pipeline(picture, reuse=True)
    except BadInput as e:                                       # the stages do not know whose pixels they see
        raise BadInput(f"{shown(photo)}: {e}") from e
    picture = replace(picture, rgb=restored.rgb)                # what was read is no longer needed, and may be 600 MB
    start = time.perf_counter()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        left = photos.write(target, picture.rgb, picture.exif, quality, picture.about)
    except BadInput as e:
        raise BadInput(str(e).replace(str(target), shown(name))) from e
    except OSError as e:
        raise OSError(e.errno, e.strerror, str(name)) from e
    seconds = {"read": read, **restored.seconds, "write": time.perf_counter() - start}
    height, width = restored.rgb.shape[:2]
    return {"size": [width, height], "part": (np.array(restored.box) / sides).tolist(),
            "seconds": {stage: round(s, 3) for stage, s in seconds.items()}, "notes": [*restored.notes, *left]}


def _reason(job: Job, error: Exception) -> str:
    """One sentence, if the error is about this photograph alone; else it is raised again."""
    if isinstance(error, BadInput):
        return str(error)
    if isinstance(error, OSError) and error.errno in ONE_NAME:
        return f"{shown(job.target)}: cannot be written ({error.strerror.lower()})"
    if out_of_memory(error):
        return f"{shown(job.photo)}: not enough memory for its size"
    raise error
