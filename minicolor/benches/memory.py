"""Does private memory grow with the data set? Trains from memory maps of two sizes, each in a process of its own.

Private memory is what the process alone holds (RssAnon of /proc/self/status, so Linux only): pages of the memory map
are the system's cache, shared, and dropped when somebody needs the room.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from minicolor.errors import BadInput


def run(counts: tuple[int, ...] = (1000, 20_000), size: int = 32) -> dict[int, float]:
    """Number of pictures -> the highest private memory in MiB while training one epoch over all of them."""
    if not Path("/proc/self/status").exists():
        raise BadInput("private memory is read from /proc, which this system does not have; run this on Linux")
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            command = [sys.executable, "-m", "minicolor.benches.memory", folder, str(count), str(size)]
            peaks[count] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return peaks


def _child(folder: Path, count: int, size: int) -> float:
    import numpy as np
    import torch

    from minicolor.data.loader import Loader
    from minicolor.data.pack import in_memory
    from minicolor.data.pairs import prepare
    from minicolor.models.patchgan import PatchGAN
    from minicolor.models.unet import UNet
    from minicolor.steps.gan import GANStep

    path = folder / f"{count}.npy"
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (count, size, size, 3))
    rng = np.random.default_rng(0)
    for start in range(0, count, 1000):                                # really written: a sparse file has no pages to map
        array[start : start + 1000] = rng.integers(0, 256, (min(1000, count - start), size, size, 3), np.uint8)
    array.flush()
    del array
    pack = in_memory(np.load(path, mmap_mode="r"), [f"{i:08d}" for i in range(count)], "noise")
    torch.manual_seed(0)
    step = GANStep(UNet(1, 2, base=4, levels=5), PatchGAN(3, base=4))
    peak = 0.0
    for _, batch in Loader(pack, range(count), 50).epoch():            # every page of the map is touched once
        step.step(*prepare(batch.float() / 255, "ab"))
        peak = max(peak, private_mib())
    path.unlink()
    return peak


def private_mib() -> float:
    """What this process alone holds now; 0 where the system does not say."""
    if not Path("/proc/self/status").exists():
        return 0.0
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon"))) / 1024


if __name__ == "__main__":
    print(json.dumps(_child(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
