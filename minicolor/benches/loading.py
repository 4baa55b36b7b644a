"""How fast do pictures come, when nobody trains? The loader's ways beside a bare numpy read of the same rows in the same order.

Noise in a file, and the same in four shards; read by turns, whole epochs in a shuffled order, from the system's cache ("numpy,
cold": with the file thrown out of it first, so that the disk is asked). Rates are medians, ratios are taken round by round.
On a GPU a picture has come when it is there.
"""

import dataclasses
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from minicolor.data.loader import Loader
from minicolor.data.pack import Pack, in_memory
from minicolor.data.shards import Shards

BARE, COLD, SHARDS = "numpy", "numpy, cold", 4


def bench(size: int, count: int, device: str) -> dict:
    """run(), printed as well."""
    r = run(size, count, device)
    print(text(r), flush=True)
    return {"loading": r}


def run(size: int = 256, count: int = 2000, device: str = "cpu", batch_size: int = 16, rounds: int = 5) -> dict:
    """-> for each way pictures/s, MB/s, and how many times as fast as numpy alone it is."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "whole.npy"
        seconds = _warm(file, count, size, device, batch_size, rounds)           # after it nothing is mapped any more
        seconds[COLD] = [_cold(file, number, batch_size) for number in range(rounds) if _forgotten(file)]
    rates = {name: count / statistics.median(s) for name, s in seconds.items() if s}
    return {"device": device, "size": size, "pictures": count, "batch_size": batch_size, "rounds": rounds, "ways": {
        name: {"pictures_per_s": rate, "mb_per_s": rate * 3 * size * size / 1e6,
               "ratio": statistics.median(b / s for b, s in zip(seconds[BARE], seconds[name]))} for name, rate in rates.items()}}


def text(r: dict) -> str:
    """What run() found, for a terminal."""
    lines = [f"loading {r['pictures']} pictures at {r['size']}x{r['size']} in batches of {r['batch_size']} to {r['device']}"]
    return "\n".join(lines + [f"  {name:12s} {w['pictures_per_s']:9.0f} pictures/s {w['mb_per_s']:8.0f} MB/s "
                              f"{w['ratio']:6.2f} times numpy" for name, w in r["ways"].items()])


def noise(path: Path, count: int, size: int) -> Pack:
    """A file of so many pictures, really written: a sparse one has no pages to read."""
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (count, size, size, 3))
    rng = np.random.default_rng(0)
    for start in range(0, count, 1000):
        array[start : start + 1000] = rng.integers(0, 256, (min(1000, count - start), size, size, 3), np.uint8)
    array.flush()
    del array
    return in_memory(np.load(path, mmap_mode="r"), [f"{i:09d}" for i in range(count)], "noise")


def _warm(file: Path, count: int, size: int, device: str, batch_size: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each epoch of each way, by turns; one before them to warm up."""
    whole = noise(file, count, size)
    cut = dataclasses.replace(whole, pictures=_shards(whole.pictures, file.parent))
    loaders = {"resident": Loader(whole, range(count), batch_size, device, resident=True),
               "memory map": Loader(whole, range(count), batch_size, device, resident=False),
               "shards": Loader(cut, range(count), batch_size, device, resident=False)}
    ways: dict[str, Callable[[int], None]] = {BARE: lambda number: _bare(whole.pictures, number, batch_size)}
    ways |= {name: lambda number, loader=loader: _epoch(loader, number) for name, loader in loaders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    wait = torch.cuda.synchronize if device.startswith("cuda") else nullcontext
    for number in range(rounds + 1):
        for name, way in list(ways.items())[:: 1 if number % 2 else -1]:
            began = time.perf_counter()
            way(number)
            wait()
            seconds[name] += [time.perf_counter() - began] if number else []
    return seconds


def _cold(file: Path, number: int, batch_size: int) -> float:
    began = time.perf_counter()
    _bare(np.load(file, mmap_mode="r"), number, batch_size)
    return time.perf_counter() - began


def _shards(pictures: np.ndarray, folder: Path) -> Shards:
    files = [folder / f"{i}.npy" for i in range(SHARDS)]
    for file, part in zip(files, np.array_split(pictures, SHARDS)):
        np.save(file, part)
    return Shards([np.load(file, mmap_mode="r") for file in files])


def _epoch(loader: Loader, number: int) -> None:
    for _ in loader.epoch(number):
        pass


def _bare(pictures: np.ndarray, number: int, batch_size: int) -> None:
    """numpy's own copies of the rows, batch by batch."""
    order = np.random.default_rng(number).permutation(len(pictures))
    for start in range(0, len(order), batch_size):
        pictures[order[start : start + batch_size]]


def _forgotten(file: Path) -> bool:
    """Ask the system to throw the file out of its cache; False where that cannot be asked for."""
    if not hasattr(os, "posix_fadvise"):
        return False
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
    return True
