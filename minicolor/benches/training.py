"""Our training step against the plain loop (benches/reference.py), in the same run: `python -m minicolor.bench train`.

Both start from the same pictures: the loop from files on disk, as such code does, ours from a pack of them. Counted is what comes
once for each batch: augmenting, the updates, and reading as far as these wait for it. The loop's workers begin before the clock
and have read up to two batches each by then, which may be all that a short block takes: its reading is counted in part only, in
its favor. Not counted: packing, recording the step, the start of an epoch, validation, checkpoints.

The two take turns, block by block, so that a machine that slows down slows both; the loop's workers begin and end with its
block. Medians, and the ratio pair by pair. Memory is looked at before, of one after the other.
"""

import dataclasses
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from minicolor import fast, recipe
from minicolor.benches import clock, reference
from minicolor.data.augment import augment
from minicolor.data.loader import Loader
from minicolor.data.pack import Pack
from minicolor.distribute import distribute
from minicolor.kernels import backend
from minicolor.precision import autocast, choose, memory_format

FILES = 64                                                           # JPEGs: drawn scenes
TIMES = 16                                                           # in an epoch each so often, or 64 would be one batch


def bench(names: list[str], batch_sizes: list[int] | None, device: str, **given) -> dict:
    """run() of each recipe at each batch size (None: 4 on a CPU, 1, 16 and 64 on a GPU), printed as well."""
    rows = []
    for name in names:
        for batch_size in batch_sizes or ((1, 16, 64) if device.startswith("cuda") else (4,)):
            rows.append(run(name, batch_size=batch_size, device=device, **given))
            print(text(rows[-1]), flush=True)
    return {"train": rows}


def pictures(size: int, folder: Path) -> tuple[list[Path], Pack]:
    """Drawn scenes as JPEG files, and the pack of them."""
    from PIL import Image

    from minicolor.data.pack import pack
    from minicolor.data.scenes import draw_all

    (folder / "files").mkdir()
    for i, rgb in enumerate(draw_all(0, FILES, size)):
        Image.fromarray(rgb).save(folder / "files" / f"{i:03d}.jpg", quality=95)
    return sorted((folder / "files").iterdir()), pack(folder / "files", folder / "pack", size, progress=False)


def for_ever(one, pack: Pack, device: str, step, update: fast.Update) -> Iterator[None]:
    """fit()'s own round for one batch, again and again."""
    task, load, number = one.task(), Loader(pack, [*range(len(pack))] * TIMES, one.batch_size, device), 0
    while True:
        for i, share, batch in load.shared(number):
            if share.of == one.batch_size:
                drawn = augment(batch, torch.Generator().manual_seed(i), one.flip, one.jitter, one.crop, share)
                fast.set_lr(step, one.lr)
                update(*task.prepare(drawn, i))
                yield
        number += 1


def ours(name: str, size: int, batch_size: int, base: int, device: str, precision: str, is_fast: bool = True):
    """-> the recipe, its step and what updates it, as in fit()."""
    module = recipe.load(name).RECIPE
    wanted = {"flip": True, "base": base, "d_base": base, "width": base, "jitter": 286 / 256, "d_norm": "none", "kernel_size": 0,
              "equalize": False, "patches": "sum"}
    given = {field: value for field, value in wanted.items() if hasattr(module, field)}
    one = dataclasses.replace(module, size=size, batch_size=batch_size, precision=precision, **given)
    step = one.build(autocast(precision, device))
    for network in step.networks.values():
        network.to(device, memory_format=memory_format(precision, device)).train()
    update = fast.hurried(step, device, is_fast)
    distribute(step)
    return one, step, update


def run(name: str = "pix2pix", size: int = 256, batch_size: int = 4, base: int = 64, pairs: int = 5, steps: int = 2,
        device: str = "cpu", precision: str = "auto", workers: int = 4, is_fast: bool = True) -> dict:
    """-> images/s of both (medians of blocks of `steps` batches), their ratio, and where our time goes."""
    with tempfile.TemporaryDirectory() as folder:
        files, pack = pictures(size, Path(folder))
        wait = torch.cuda.synchronize if device.startswith("cuda") else nullcontext

        def plainly() -> float:
            """Seconds for a block; the workers have begun, and one batch is through."""
            with backend.using("torch"):
                batches = reference.batches(files * TIMES, size, batch_size, device, workers)
                plain.step(*next(batches))
                wait()
                began = time.perf_counter()
                for _ in range(steps):
                    plain.step(*next(batches))
                wait()
                return time.perf_counter() - began

        def quickly() -> float:
            next(rounds)
            wait()
            began = time.perf_counter()
            for _ in range(steps):
                next(rounds)
            wait()
            return time.perf_counter() - began

        seconds: dict[str, list[float]] = {"plain": [], "ours": []}
        memory: dict[str, float] = {}
        torch.manual_seed(0)
        # the first blocks warm up: memory, oneDNN's and cuDNN's choices, the recording
        with peak(memory, "plain", device):
            plain = reference.LOOPS[name](size, base, device)
            plainly()
        with peak(memory, "ours", device):
            one, step, update = ours(name, size, batch_size, base, device, precision, is_fast)
            rounds = for_ever(one, pack, device, step, update)
            for _ in range(fast.WARM + 1):
                next(rounds)
        for i in range(pairs):
            for who, block in list({"plain": plainly, "ours": quickly}.items())[:: 1 if i % 2 else -1]:
                seconds[who].append(block() / steps)
        operations = flops(plain, size, batch_size, device)
        parts = where(one, step, pack, device)
    ratios = [p / o for p, o in zip(seconds["plain"], seconds["ours"])]
    dtype = torch.bfloat16 if choose(precision, device) == "bf16" else torch.float32
    rate = operations / statistics.median(seconds["ours"]) / 1e12
    return {
        "recipe": name, "size": size, "batch_size": batch_size, "base": base, "device": device, "pairs": pairs,
        "precision": choose(precision, device), "fast": is_fast, "workers": workers,
        "plain_images_per_second": batch_size / statistics.median(seconds["plain"]),
        "our_images_per_second": batch_size / statistics.median(seconds["ours"]),
        "ratio": statistics.median(ratios), "ratio_lowest": min(ratios), "ratio_highest": max(ratios),
        "tflop_per_step": operations / 1e12, "tflop_per_s": rate, "share_of_matrix_rate": rate / clock.matrix_rate(device, dtype),
        "milliseconds_of": parts, "peak_mib": memory,
    }


@contextmanager
def peak(memory: dict[str, float], who: str, device: str) -> Iterator[None]:
    """memory[who]: MiB that the GPU had to give at most for what happens inside, beyond what it had given before.

    That is what PyTorch reserves: in what it says is allocated, the memory of a recorded step is missing. Nothing on a CPU.
    """
    if not device.startswith("cuda"):
        yield
        return
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_reserved()
    yield
    torch.cuda.synchronize()
    memory[who] = (torch.cuda.max_memory_reserved() - before) / 2**20


def text(r: dict) -> str:
    """What run() found, for a terminal."""
    lines = [f"{r['recipe']}, {r['size']}x{r['size']}, batch {r['batch_size']}, {r['device']}, {r['precision']}",
             f"plain loop {r['plain_images_per_second']:9.2f} images/s",
             f"minicolor  {r['our_images_per_second']:9.2f} images/s, {r['tflop_per_s']:.3g} TFLOP/s, "
             f"{r['share_of_matrix_rate']:.0%} of a large matrix product's",
             f"ratio      {r['ratio']:9.2f}  (median of {r['pairs']} pairs; {r['ratio_lowest']:.2f} to {r['ratio_highest']:.2f})",
             "one step, part by part, in ms: " + ", ".join(f"{part} {ms:.1f}" for part, ms in r["milliseconds_of"].items())]
    return "\n  ".join(lines + [f"peak memory, {who}: {mib:.0f} MiB" for who, mib in r["peak_mib"].items()])


def flops(plain, size: int, batch_size: int, device: str) -> int:
    """Multiplications and additions of one plain step's convolutions, both passes, as PyTorch counts them.

    By the definition of convolution: Winograd's way does with fewer, so the share of the matrix rate may be above 100 %.
    """
    x, y = torch.zeros(batch_size, 1, size, size, device=device), torch.zeros(batch_size, 3, size, size, device=device)
    with backend.using("torch"), FlopCounterMode(display=False) as counter:
        plain.step(x, y)
    return counter.get_total_flops()


def where(one, step, pack: Pack, device: str, steps: int = 3) -> dict[str, float]:
    """Milliseconds of one update by part: data, each network's passes forward, the passes backward, the optimizers.

    Each part is waited for, and the step runs kernel by kernel, so their sum is more than an update takes.
    """
    wait = torch.cuda.synchronize if device.startswith("cuda") else nullcontext
    sums: dict[str, float] = {}

    def timed(part: str, what: Callable) -> Callable:
        def call(*args, **kwargs):
            wait()
            began = time.perf_counter()
            try:
                return what(*args, **kwargs)
            finally:
                wait()
                sums[part] = sums.get(part, 0.0) + 1000 * (time.perf_counter() - began) / steps
        return call

    def prepared(i: int) -> tuple:
        return task.prepare(augment(batch, torch.Generator().manual_seed(i), one.flip, one.jitter, one.crop), i)

    task, batch = one.task(), next(Loader(pack, range(len(pack)), one.batch_size, device).epoch())[1]
    data = timed("data", prepared)
    backward = torch.Tensor.backward
    try:
        for name, network in step.networks.items():
            network.forward = timed(f"{name}, forward", network.forward)
            step.optimizers[name].step = timed("optimizers", step.optimizers[name].step)
        torch.Tensor.backward = timed("backward", backward)
        for i in range(steps):
            step.step(*data(i))
    finally:
        torch.Tensor.backward = backward
        for name, network in step.networks.items():
            del network.forward, step.optimizers[name].step
    return sums
