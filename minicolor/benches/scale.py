"""What an epoch costs as the pictures become more, and the processes: `python -m minicolor.bench scale`.

Pictures: noise in a file, read through the memory map in a shuffled order; once by the loader alone, once with training. Seconds
for a picture should not depend on how many there are, nor should private memory (what this process alone holds: Linux).
Processes: one batch shared by 1, 2, ... of them on this machine, pictures/s; on one machine of few cores they share those, too.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from minicolor import parallel
from minicolor.benches.memory import private_mib
from minicolor.benches.training import for_ever, ours
from minicolor.data.loader import Loader
from minicolor.data.pack import Pack, in_memory
from minicolor.distribute import distribute
from minicolor.fast import hurried
from minicolor.precision import autocast

SIZE, BASE, BATCH = 64, 16, 16


def noise(path: Path, count: int, size: int = SIZE) -> Pack:
    """A file of so many pictures, really written: a sparse one has no pages to read."""
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (count, size, size, 3))
    rng = np.random.default_rng(0)
    for start in range(0, count, 1000):
        array[start : start + 1000] = rng.integers(0, 256, (min(1000, count - start), size, size, 3), np.uint8)
    array.flush()
    del array
    return in_memory(np.load(path, mmap_mode="r"), [f"{i:09d}" for i in range(count)], "noise")


def pictures(counts: tuple[int, ...], device: str) -> list[dict]:
    """One row for each number of pictures; each in a process of its own, for the memory of one must not count for the next."""
    rows = []
    for count in counts:
        command = [sys.executable, "-m", "minicolor.benches.scale", "pictures", str(count), device]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))
    return rows


def processes(numbers: tuple[int, ...], device: str) -> list[dict]:
    """One row for each number of processes, each with a share of the same batch."""
    rows = []
    for n in numbers:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), "-m",
                   "minicolor.benches.scale", "processes", "0", device]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{"))))
    return rows


def text(rows: list[dict], shared: list[dict]) -> str:
    """Both tables, for a terminal."""
    lines = [f"{'pictures':>9s} {'loader/s':>10s} {'training/s':>11s} {'s an epoch':>11s} {'private MiB':>12s}"]
    lines += [f"{r['pictures']:9d} {r['loader_per_s']:10.0f} {r['training_per_s']:11.1f} {r['seconds']:11.1f} "
              f"{r['private_mib']:12.1f}" for r in rows]
    return "\n".join(lines + [f"{r['processes']} process(es) of {r['threads_each']} threads: {r['images_per_second']:.1f} images/s"
                              for r in shared])


def _epoch(count: int, device: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        pack = noise(Path(folder) / "pictures.npy", count)
        loader, peak = Loader(pack, range(count), BATCH, device), 0.0
        for number in (0, 1):                                        # the first epoch fills the system's cache
            began = time.perf_counter()
            for _ in loader.epoch(number):
                pass
            alone = time.perf_counter() - began
        one, step, update = ours("pix2pix", SIZE, BATCH, BASE, device, "auto")
        rounds = for_ever(one, pack, device, step, update)
        next(rounds)
        began = time.perf_counter()
        for i in range(count // BATCH - 1):
            next(rounds)
            peak = peak if i % 20 else max(peak, private_mib())
        seconds = (time.perf_counter() - began) * count / (BATCH * max(1, count // BATCH - 1))
    return {"pictures": count, "loader_per_s": count / alone, "training_per_s": count / seconds, "seconds": seconds,
            "private_mib": peak}


def _share(device: str, steps: int = 20) -> dict | None:
    with parallel.together(device) as device, tempfile.TemporaryDirectory() as folder:
        torch.set_num_threads(max(1, torch.get_num_threads() // parallel.world()))
        one, step, _ = ours("pix2pix", SIZE, BATCH, 32, device, "auto")
        step = dataclasses.replace(one).build(autocast(one.precision, device))
        for network in step.networks.values():
            network.to(device).train()
        distribute(step)
        update, task = hurried(step, device), one.task()
        loader = Loader(noise(Path(folder) / "p.npy", 10 * BATCH), range(10 * BATCH), BATCH, device, rank=parallel.rank(),
                        world=parallel.world())
        batches = [(share, task.prepare(batch)) for _, share, batch in loader.shared()]
        for i in range(steps + 3):
            if i == 3:
                parallel.wait()
                began = time.perf_counter()
            share, pair = batches[i % len(batches)]
            with parallel.training_on(share):
                step.share = share.count * parallel.world() / share.of
                update(*pair)
        parallel.wait()
        return {"processes": parallel.world(), "threads_each": torch.get_num_threads(),
                "images_per_second": steps * BATCH / (time.perf_counter() - began)} if parallel.writes() else None


if __name__ == "__main__":
    what, count, device = sys.argv[1:]
    if row := _epoch(int(count), device) if what == "pictures" else _share(device):
        print(json.dumps(row))
