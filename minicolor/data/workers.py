"""Decode pictures on every core, each straight into its row of the array on disk.

Workers are plain processes (`python -c ...`), not `multiprocessing`: that would import the caller's main file again in
every worker, which costs two seconds of torch, and runs an unguarded lesson script again from its top; and a fork of a
process in which torch runs threads can hang. Only job lines and entries go through the pipes, never pixels. A worker
ends when its input does, so it also goes when the parent is killed.

Rows are written with write(), not through a memory map: on a full disk write() raises OSError, a map kills the process.
"""

import contextlib
import hashlib
import io
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
from PIL import Image

from minicolor.data.listing import read, shown
from minicolor.data.photos import decode
from minicolor.errors import BadInput

START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from minicolor.data.workers import serve; serve()"


def square(rgb: np.ndarray, size: int) -> np.ndarray:
    """The middle square of a picture (H, W, 3) uint8, resized to (size, size, 3) uint8 with Lanczos antialiasing."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2  # whole pixels: half a pixel would blur a picture that fits
    if side == size:
        return np.ascontiguousarray(rgb[top:top + side, left:left + side])
    box = (left, top, left + side, top + side)
    return np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.LANCZOS, box=box))


def do_chunk(job: dict) -> list[dict]:
    """Pack the files of one job: an entry (see manifest.py) for each. Raises OSError if a row cannot be written.

    job: {"array": path, "start": bytes before row 0, "size", "root": folder or tar, "files": [[name, row, bytes,
    mtime_ns, offset or None], ...]}. A bad picture gives an entry with a reason, and a black row.
    """
    size, entries = job["size"], []
    black = np.zeros((size, size, 3), np.uint8)
    with open(job["array"], "r+b", buffering=0) as array:
        for name, row, length, mtime_ns, offset in job["files"]:
            entry = {"name": name, "row": row, "bytes": length, "mtime_ns": mtime_ns}
            pixels = black
            try:
                data = read(job["root"], name, offset, length)
                rgb = decode(data, shown(name), at_least=size).rgb
                width, height = _original(data, rgb, size)
                pixels = square(rgb, size)
                entry |= {"width": width, "height": height, "sha256": hashlib.sha256(data).hexdigest()}
            except OSError as e:  # rights, a failing disk: that may be mended without any trace in bytes or mtime
                entry |= {"mtime_ns": None, "reason": f"cannot be read: {(e.strerror or str(e)).lower()}"}
            except MemoryError:
                entry |= {"mtime_ns": None, "reason": "too large for the memory of this machine"}
            except BadInput as e:
                entry |= {"reason": str(e).removeprefix(f"{shown(name)}: ")}  # the name is in the entry already
            except Exception as e:  # a decoder that trips over a broken file must not end an hour of packing
                entry |= {"reason": f"{type(e).__name__}: {e}"}
            _write(array, job["start"] + row * black.nbytes, pixels)
            entries.append(entry)
    return entries


def do_chunks(jobs: list[dict], workers: int) -> Iterator[list[dict]]:
    """The entries of each job, as they get done. This process is one of the `workers`, so it works while others start.

    Raises OSError if a row cannot be written (full disk), BadInput if a worker was killed. Close it to end the workers.
    """
    processes, answers, todo, lock = [], queue.SimpleQueue(), iter(jobs), threading.Lock()

    def feed(process: subprocess.Popen) -> None:
        while job := _next(todo, lock):
            try:
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
                answers.put(json.loads(process.stdout.readline()))
            except (OSError, ValueError):  # no answer, or half of one
                answers.put({"died": f"near {shown(job['files'][0][0])}", "code": process.wait()})
                return

    try:
        for _ in range(workers - 1 if sys.executable else 0):
            processes.append(_start())
            threading.Thread(target=feed, args=(processes[-1],), daemon=True).start()
        waiting = len(jobs)
        while waiting:
            job = _next(todo, lock)
            if job:
                waiting -= 1
                yield do_chunk(job)
            while waiting and not (job and answers.empty()):  # without a job of our own, wait for the others
                waiting -= 1
                yield _entries(answers.get())
    finally:
        for process in processes:
            process.kill()  # harmless at any moment: only what is in the journal counts
            process.wait()
            process.stdout.close()
            with contextlib.suppress(OSError):
                process.stdin.close()


def _next(todo: Iterator[dict], lock: threading.Lock) -> dict | None:
    with lock:
        return next(todo, None)


def _start() -> subprocess.Popen:
    """A worker: in a session of its own, because Ctrl-C is for the parent, which then ends its workers."""
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # numpy starts a pool otherwise
    command = [sys.executable, "-c", START, json.dumps(sys.path)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=one_thread, start_new_session=True)


def _entries(answer: dict) -> list[dict]:
    if "errno" in answer:
        raise OSError(answer["errno"], answer["text"], answer["file"])
    if "died" in answer and answer["code"] >= 0:
        raise RuntimeError(f"a worker ended {answer['died']}")  # a bug of ours; its traceback is on stderr already
    if "died" in answer:
        raise BadInput(f"a worker was killed {answer['died']}, perhaps for lack of memory (signal {-answer['code']}): "
                       "run it again to go on, with fewer workers")
    return answer["entries"]


def serve() -> None:
    """The worker's side: one job a line on stdin, one answer a line on stdout, until stdin ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # a stray print must not fall among the answers
    for line in sys.stdin.buffer:
        try:
            answer = {"entries": do_chunk(json.loads(line))}
        except OSError as e:
            answer = {"errno": e.errno, "text": e.strerror, "file": e.filename}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(answer), file=answers, flush=True)


def _original(data: bytes, rgb: np.ndarray, size: int) -> tuple[int, int]:
    """(width, height) of the file as one sees it, upright. A large JPEG may have been decoded at a reduced scale."""
    if min(rgb.shape[:2]) < 2 * size:  # decode() never goes below that, so this one is whole
        return rgb.shape[1], rgb.shape[0]
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
    turned = (rgb.shape[1] > rgb.shape[0]) != (width > height) and width != height
    return (height, width) if turned else (width, height)


def _write(array: io.FileIO, start: int, pixels: np.ndarray) -> None:
    array.seek(start)
    rest = memoryview(pixels).cast("B")
    try:
        while rest:  # on a nearly full disk write() takes what fits; the next call then raises
            rest = rest[array.write(rest):]
    except OSError as e:
        raise OSError(e.errno, e.strerror, array.name) from None
