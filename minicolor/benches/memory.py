"""What does a data set take of a process's memory? Its pictures nothing, for they stay in the memory map; their names something.

Private memory is what the process alone holds (RssAnon of /proc/self/status, so Linux only): pages of the memory map
are the system's cache, shared, and dropped when somebody needs the room. Each size has a process of its own.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from minicolor.errors import BadInput

SHARDS = 8                              # of the pack whose names are measured: so many pictures would lie in shards


def bench() -> dict:
    """run() and names(), printed as well."""
    peaks = run()
    print("private memory while training from a memory map")
    for count, mib in peaks.items():
        print(f"  {count:8d} pictures  {mib:8.1f} MiB")
    n = names()
    print(f"names and keys of {n['pictures']} pictures in {n['shards']} shards: {n['bytes_of_one']:.0f} bytes of memory each, "
          f"{n['peak_bytes_of_one']:.0f} while the pack is opened\n  {n['open_seconds']:.1f} s to open it, "
          f"{n['split_seconds']:.1f} s to split it, {n['order_seconds']:.1f} s until an epoch's first batch", flush=True)
    return {"private_memory_mib": {str(count): mib for count, mib in peaks.items()}, "names": n}


def run(counts: tuple[int, ...] = (1000, 50_000), size: int = 32) -> dict[int, float]:
    """Number of pictures -> the highest private memory in MiB while training one epoch over all of them."""
    if not Path("/proc/self/status").exists():
        raise BadInput("private memory is read from /proc, which this system does not have; run this on Linux")
    with tempfile.TemporaryDirectory() as folder:
        return {count: _in_a_process("pictures", folder, count, size) for count in counts}


def names(count: int = 200_000) -> dict:
    """What everything but the pixels of a pack of so many pictures costs a process that trains on it: bytes and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        _in_a_process("make", folder, count, 1)
        return _in_a_process("names", folder, count, 1)


def private_mib() -> float:
    """What this process alone holds now; 0 where the system does not say."""
    return _status("RssAnon")


def _status(field: str) -> float:
    """A line of /proc/self/status in MiB."""
    if not Path("/proc/self/status").exists():
        return 0.0
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field))) / 1024


def _in_a_process(what: str, folder: str, count: int, size: int):
    command = [sys.executable, "-m", "minicolor.benches.memory", what, folder, str(count), str(size)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _pictures(folder: Path, count: int, size: int) -> float:
    import torch

    from minicolor.benches.loading import noise
    from minicolor.data.loader import Loader
    from minicolor.data.pairs import prepare
    from minicolor.models.patchgan import PatchGAN
    from minicolor.models.unet import UNet
    from minicolor.steps.gan import GANStep

    pack = noise(folder / f"{count}.npy", count, size)
    torch.manual_seed(0)
    step = GANStep(UNet(1, 2, base=2, levels=2), PatchGAN(3, base=2))
    peak = 0.0
    for _, batch in Loader(pack, range(count), 100).epoch():            # every page of the map is touched once
        step.step(*prepare(batch.float() / 255, "ab"))
        peak = max(peak, private_mib())
    (folder / f"{count}.npy").unlink()
    return peak


def _make(folder: Path, count: int, size: int) -> None:
    """A pack of black pictures in shards, with names and keys as long as usual."""
    from minicolor.data import manifest
    from minicolor.data.shards import name_of

    for shard in range(SHARDS):
        (at := folder / name_of(shard, SHARDS)).mkdir()
        mine = range(shard, count, SHARDS)
        np.save(at / manifest.PICTURES, np.zeros((len(mine), size, size, 3), np.uint8))
        entries = [{"name": f"photographs/{i:09d}.jpg", "row": row, "bytes": 30_000, "mtime_ns": 1_700_000_000_000_000_000,
                    "width": 640, "height": 480, "sha256": hashlib.sha256(str(i).encode()).hexdigest()}
                   for row, i in enumerate(mine)]
        manifest.write_manifest(at, manifest.head("photographs", size, None), entries, [])


def _names(folder: Path, count: int, size: int) -> dict:
    from minicolor.data.loader import Loader
    from minicolor.data.shards import open_shards
    from minicolor.data.split import split

    private, resident, seconds = private_mib(), _status("VmRSS"), {}
    began = time.perf_counter()
    pack = open_shards(folder)
    seconds["open_seconds"] = time.perf_counter() - began
    parts = split(pack.keys)
    seconds["split_seconds"] = time.perf_counter() - began - seconds["open_seconds"]
    loader = Loader(pack, parts["train"], 16)
    next(iter(loader.epoch()))
    seconds["order_seconds"] = time.perf_counter() - began - sum(seconds.values())
    held, peak = private_mib() - private, _status("VmHWM") - resident
    manifests = sum(file.stat().st_size for file in folder.glob("*/manifest.json"))
    return {"pictures": count, "shards": SHARDS, "bytes_of_one": held * 2**20 / count, "peak_bytes_of_one": peak * 2**20 / count,
            "manifest_bytes_of_one": manifests / count, **seconds}


if __name__ == "__main__":
    what, room, n, side = sys.argv[1:]
    print(json.dumps({"pictures": _pictures, "make": _make, "names": _names}[what](Path(room), int(n), int(side))))
