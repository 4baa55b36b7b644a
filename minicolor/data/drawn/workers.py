"""Draw many scenes on all cores. Run as `python -m minicolor.data.drawn.workers SEED FIRST LAST SIZE [PLANE]` it is one worker.

Why not multiprocessing: a fork of a process that has loaded torch copies locks whose threads do not exist in the
child, and may hang; spawn imports the caller's main file again, which costs seconds where that imports torch, and
fails where it is a lesson without `if __name__ == "__main__"`. A plain subprocess knows neither: it imports numpy,
draws its share and writes the bytes to its standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

WORTH_A_PROCESS = 2.0  # seconds of drawing; starting Python and importing numpy takes 0.2 to 0.5


def cores() -> int:
    """How many this process may use, which in a container is often fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def useful_workers(count: int, size: int) -> int:
    """As many as have cores and at least WORTH_A_PROCESS seconds of work each; 1 for small jobs."""
    seconds = count * (0.003 + 1.5e-7 * size * size)  # measured on one core, 64 to 256 pixels
    return max(1, min(cores(), int(seconds / WORTH_A_PROCESS)))


def fill(out: np.ndarray, one: Callable[[int], np.ndarray], seed: int, workers: int, plane: str = "") -> None:
    """Put scene i into out[i], (count, size, size, 3 or 4) uint8, with this process and workers - 1 others.

    one: draws scene i here; the others draw the same with the same code. A worker that cannot be started, or that dies,
    costs time only: its share is drawn here.
    """
    count = len(out)
    edges = [count * k // workers for k in range(workers + 1)]
    shares = [out[a:b] for a, b in zip(edges[1:], edges[2:])]
    done = [False] * len(shares)
    helpers = [threading.Thread(target=_fetch, args=(share, seed, a, plane, done, k), daemon=True)
               for k, (share, a) in enumerate(zip(shares, edges[1:]))]  # fmt: skip
    for helper in helpers:
        helper.start()
    for i in range(edges[1]):
        out[i] = one(i)
    for helper in helpers:
        helper.join()
    for k, share in enumerate(shares):
        if not done[k]:
            for i in range(len(share)):
                share[i] = one(edges[k + 1] + i)


def _fetch(share: np.ndarray, seed: int, first: int, plane: str, done: list[bool], k: int) -> None:
    """Start one worker and read its pictures straight into their place; done[k] says whether all of them came."""
    root = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    numbers = [str(n) for n in (seed, first, first + len(share), share.shape[1], plane)]
    try:
        with subprocess.Popen(
            [sys.executable, "-m", __name__, *numbers],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        ) as process:  # fmt: skip
            room = memoryview(share).cast("B")
            while len(room) and (got := process.stdout.readinto(room)):
                room = room[got:]
        done[k] = not len(room) and process.returncode == 0
    except OSError:
        pass  # no process to be had here: fill() draws the share itself


def main(arguments: list[str]) -> None:
    from minicolor.data.scenes import painted  # here, because scenes imports this file

    seed, first, last, size = (int(a) for a in arguments[:4])
    for i in range(first, last):
        sys.stdout.buffer.write(painted(seed, i, size, *arguments[4:]))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
