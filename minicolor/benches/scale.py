"""What an epoch costs as the pictures become more, and the processes: `python -m minicolor.bench scale`.

Pictures: noise in a file, read through the memory map in a shuffled order; once by the loader alone, once with training. Seconds
for a picture should not depend on how many there are, nor should private memory (what this process alone holds: Linux).
Processes: one batch shared by 1, 2, ... of them on this machine, pictures/s; on one machine of few cores they share those, too.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from minicolor import parallel
from minicolor.benches.loading import noise
from minicolor.benches.memory import private_mib
from minicolor.benches.training import for_ever, ours
from minicolor.data.loader import Loader

SIZE, BASE, BATCH = 64, 16, 16


def bench(counts: list[int], numbers: list[int], device: str) -> dict:
    """Both tables, printed as well."""
    if device.startswith("cuda") and max(numbers) > (gpus := torch.cuda.device_count()):
        print(f"this machine has {gpus} GPU{'s' * (gpus > 1)}: no more processes than that")
        numbers = [n for n in numbers if n <= gpus]
    rows, shared = pictures(counts, device), processes(numbers, device)
    print(text(rows, shared))
    return {"pictures": rows, "processes": shared}


def pictures(counts: Sequence[int], device: str) -> list[dict]:
    """One row for each number of pictures; each in a process of its own, for the memory of one must not count for the next."""
    rows = []
    for count in counts:
        command = [sys.executable, "-m", "minicolor.benches.scale", "pictures", str(count), device]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))
    return rows


def processes(numbers: Sequence[int], device: str, updates: int = 20) -> list[dict]:
    """One row for each number of processes, each with a share of the same batch."""
    rows = []
    for n in numbers:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), "-m",
                   "minicolor.benches.scale", "processes", str(updates), device]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{"))))
    return rows


def text(rows: list[dict], shared: list[dict]) -> str:
    """Both tables, for a terminal."""
    lines = [f"{'pictures':>9s} {'loader/s':>10s} {'training/s':>11s} {'s an epoch':>11s} {'private MiB':>12s}"]
    lines += [f"{r['pictures']:9d} {r['loader_per_s']:10.0f} {r['training_per_s']:11.1f} {r['seconds']:11.1f} "
              f"{r['private_mib']:12.1f}" for r in rows]
    lines += [f"{r['processes']} process(es) of {r['threads_each']} threads: {r['images_per_second']:.1f} images/s"
              for r in shared]
    return "\n".join(lines)


def _epoch(count: int, device: str) -> dict:
    wait = torch.cuda.synchronize if device.startswith("cuda") else nullcontext
    with tempfile.TemporaryDirectory() as folder:
        pack = noise(Path(folder) / "pictures.npy", count, SIZE)
        loader, peak = Loader(pack, range(count), BATCH, device), 0.0
        for number in (0, 1):                                        # the first epoch fills the system's cache
            began = time.perf_counter()
            for _ in loader.epoch(number):
                pass
            wait()
            alone = time.perf_counter() - began
        one, step, update = ours("pix2pix", SIZE, BATCH, BASE, device, "auto")
        rounds = for_ever(one, pack, device, step, update)
        next(rounds)
        wait()
        began = time.perf_counter()
        for i in range(count // BATCH - 1):
            next(rounds)
            peak = peak if i % 20 else max(peak, private_mib())
        wait()
        seconds = (time.perf_counter() - began) * count / (BATCH * max(1, count // BATCH - 1))
    return {"pictures": count, "loader_per_s": count / alone, "training_per_s": count / seconds, "seconds": seconds,
            "private_mib": peak}


def _share(updates: int, device: str) -> dict | None:
    wait = torch.cuda.synchronize if device.startswith("cuda") else nullcontext
    with parallel.together(device) as device, tempfile.TemporaryDirectory() as folder:
        torch.set_num_threads(max(1, torch.get_num_threads() // parallel.world()))
        one, step, update = ours("pix2pix", SIZE, BATCH, BASE, device, "auto")
        task = one.task()
        loader = Loader(noise(Path(folder) / "p.npy", 10 * BATCH, SIZE), range(10 * BATCH), BATCH, device, rank=parallel.rank(),
                        world=parallel.world())
        batches = [(share, task.prepare(batch)) for _, share, batch in loader.shared()]
        for i in range(updates + 3):
            if i == 3:
                parallel.wait()
                wait()
                began = time.perf_counter()
            share, pair = batches[i % len(batches)]
            with parallel.training_on(share):
                step.share = share.count * parallel.world() / share.of
                update(*pair)
        wait()
        parallel.wait()
        return {"processes": parallel.world(), "threads_each": torch.get_num_threads(),
                "images_per_second": updates * BATCH / (time.perf_counter() - began)} if parallel.writes() else None


if __name__ == "__main__":
    what, count, device = sys.argv[1:]
    if row := {"pictures": _epoch, "processes": _share}[what](int(count), device):
        print(json.dumps(row))
