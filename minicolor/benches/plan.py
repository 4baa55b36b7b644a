"""What an epoch costs on so many GPUs, in time, disk and network: `python -m minicolor.bench plan FILE...`, lessons/scale.md.

n pictures of b bytes each, on G GPUs in M machines; a GPU alone makes r pictures/s in batches of k. Seconds of an epoch:

    computation   n / (G r)                   r: measured by `bench train`, or assumed
    exchanges     u e d                       u = n / (k G) updates, e small exchanges in each (BatchNorm), d seconds each
    network       u 2 (G - 1) / G g / N       g bytes of gradients in an update; so much of them sends each GPU of a ring
    disk          n b / (M D)                 D bytes/s of a machine
    copy          n b / (G C)                 C bytes/s onto a GPU
    loader        n / (G l)                   l pictures/s of a process's reading thread, measured by `bench data`

The last three are 0 where the pictures live on the GPU: data/loader.py puts them there if they fill no more than half of it.
BatchNorm's exchanges hold the computation up, the others go on beside it. So an epoch takes at least the largest of
(computation + exchanges), network, disk, copy, loader, and at most the sum of all: what comes true is in between.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import torch

from minicolor.benches import plan_page
from minicolor.benches.training import ours
from minicolor.errors import BadInput

SIZE = 256
BYTES = 3 * SIZE * SIZE                                              # of a picture in a pack
FILE = 100e9                                                         # a shard should be no larger than this
PICTURES = {"CelebA": 200_000, "ImageNet's size": 1_300_000, "a crawl": 100_000_000}
GPUS = (1, 8, 256)
BATCHES = (1, 16, 64)                                                # for which the limits are solved
NEEDED = {"train": "train", "loading": "data", "packing": "data", "names": "data"}      # key of the file -> what writes it


@dataclasses.dataclass(frozen=True)
class Machine:
    """What the plan ASSUMES of hardware that nobody has measured; bytes, and bytes a second in one direction."""

    gpus: int = 8                    # in a machine
    memory: float = 80e9             # of a GPU
    ram: float = 1e12                # of a machine
    disk: float = 3e9                # of a machine: whole pictures in any order
    copy: float = 25e9               # onto a GPU
    inside: float = 200e9            # from GPU to GPU of a machine
    network: float = 12.5e9          # from machine to machine: 100 Gbit/s
    delay: float = 30e-6             # seconds of one small exchange


@dataclasses.dataclass(frozen=True)
class Traffic:
    """What an update sends, whatever the batch."""

    parameters: dict[str, int]       # of each network
    gradients: int                   # bytes
    exchanges: int                   # small ones, of BatchNorm's sums


def bench(files: Sequence[str], machine: Machine, rates: Sequence[int], batch_size: int, page: str | None) -> dict:
    """run() on what the files hold, printed as well, and written into the page where one is named."""
    result = run(read(files), machine, rates, batch_size)
    text = plan_page.text(result)
    print(text)
    if page:
        plan_page.write(Path(page), text)
    return {"plan": result}


def read(files: Sequence[str | Path]) -> dict:
    """What `bench train`, `data` and `scale` wrote, together: lists, in the order of the files.

    BadInput: a file that is something else, or nothing of what the plan needs.
    """
    found: dict[str, list] = {key: [] for key in (*NEEDED, "processes")}
    for file in files:
        try:
            values = json.loads(Path(file).read_text("utf-8"))
            on = {"cpu": values["environment"]["processor"]}
            for key in found.keys() & values.keys():
                for value in values[key] if isinstance(values[key], list) else [values[key]]:
                    found[key].append(value | {"on": on.get(value.get("device", "cpu"), values["environment"]["gpu"])})
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise BadInput(f"{file} is not what python -m minicolor.bench --json writes ({type(e).__name__}: {e})") from None
    for key, by in NEEDED.items():
        if not found[key]:
            raise BadInput(f"no {key} in {', '.join(map(str, files))}: python -m minicolor.bench {by} --json FILE writes it")
    return found


@cache
def traffic(recipe: str = "pix2pix") -> Traffic:
    """Counted: parameters on the recipe's own networks, updates and exchanges on a step of narrow ones."""
    full = ours(recipe, SIZE, 1, 64, "cpu", "float32")[1]
    parameters = {name: sum(p.numel() for p in network.parameters()) for name, network in full.networks.items()}
    one, step, _ = ours(recipe, SIZE, 2, 1, "cpu", "float32")
    updates, exchanges = dict.fromkeys(parameters, 0), [0]

    def count(times: int):
        def hook(*_) -> None:
            exchanges[0] += times
        return hook

    for name, network in step.networks.items():
        step.optimizers[name].register_step_post_hook(lambda *_, name=name: updates.update({name: updates[name] + 1}))
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):              # models/sync_norm.py: two forward, one backward
                layer.register_forward_hook(count(2))
                layer.register_full_backward_hook(count(1))
    step.step(*one.task().prepare(torch.zeros(2, 3, SIZE, SIZE, dtype=torch.uint8)))
    return Traffic(parameters, sum(4 * parameters[name] * times for name, times in updates.items()), exchanges[0])


def seconds(pictures: float, gpus: int, rate: float, batch: int, t: Traffic, machine: Machine, loader: float) -> dict[str, float]:
    """-> what an epoch costs of each resource, as at the top of this file."""
    machines, updates = math.ceil(gpus / machine.gpus), pictures / (batch * gpus)
    streamed = 0 if resident(pictures, machine) else pictures
    return {"computation": pictures / (gpus * rate), "exchanges": updates * t.exchanges * machine.delay if gpus > 1 else 0.0,
            "network": updates * sent(gpus, t) / (machine.inside if machines == 1 else machine.network),
            "disk": streamed * BYTES / (machines * machine.disk), "copy": streamed * BYTES / (gpus * machine.copy),
            "loader": streamed / (gpus * loader)}


def resident(pictures: float, machine: Machine) -> bool:
    """Whether the pictures live on each GPU."""
    return pictures * BYTES < machine.memory / 2


def sent(gpus: int, t: Traffic) -> float:
    """Bytes that each GPU sends in an update: a ring passes every part of the gradients around once to add, once to tell."""
    return 2 * (gpus - 1) / gpus * t.gradients


def span(parts: Mapping[str, float]) -> tuple[float, float, str]:
    """-> seconds if everything that can goes on at once, seconds if nothing does, and what the first is made of."""
    beside = {name: s for name, s in parts.items() if name not in ("computation", "exchanges")}
    worst = max(beside, key=beside.get)
    held = parts["computation"] + parts["exchanges"]
    least = max(held, beside[worst])
    limit = worst if beside[worst] > held else max("computation", "exchanges", key=parts.get)
    return least, sum(parts.values()), limit


def limits(gpus: int, batch: int, t: Traffic, machine: Machine, loader: float) -> dict[str, float]:
    """Images/s of one GPU beyond which each resource, alone against the computation, is the slower one; infinite: never."""
    machines = math.ceil(gpus / machine.gpus)
    bytes = sent(gpus, t)
    return {"exchanges": batch / (t.exchanges * machine.delay) if gpus > 1 else math.inf,
            "network": batch * (machine.inside if machines == 1 else machine.network) / bytes if bytes else math.inf,
            "disk": machines * machine.disk / (BYTES * gpus), "copy": machine.copy / BYTES, "loader": loader}


def run(measured: Mapping, machine: Machine, rates: Sequence[float], batch_size: int) -> dict:
    """Everything that the page's tables say, as plain values."""
    t, names, packing = traffic(), measured["names"][-1], measured["packing"][-1]
    on_gpu = [x for x in measured["loading"] if x["device"] != "cpu"]
    loading = (on_gpu or measured["loading"])[-1]
    loader = loading["ways"]["memory map"]["pictures_per_s"]
    columns = [{"rate": r["our_images_per_second"], "batch": r["batch_size"], "device": r["device"]}
               for r in _fastest(measured["train"])]
    columns += [{"rate": float(rate), "batch": batch_size, "device": None} for rate in rates]
    epochs, data = [], []
    for name, n in PICTURES.items():
        start = (names["open_seconds"] + names["split_seconds"]) / names["pictures"]
        data.append({"name": name, "pictures": n, "bytes": n * BYTES, "files": math.ceil(n * BYTES / FILE),
                     "file_bytes": n * packing["bytes_of_a_file"], "resident": resident(n, machine),
                     "packing_seconds": n / packing["pack_per_s"], "start_seconds": n * start,
                     "order_seconds": n * names["order_seconds"] / names["pictures"],
                     "names_bytes": n * names["bytes_of_one"], "names_peak_bytes": n * names["peak_bytes_of_one"]})
        for gpus in GPUS:
            machines = math.ceil(gpus / machine.gpus)
            costs = [span(seconds(n, gpus, c["rate"], c["batch"], t, machine, loader)) for c in columns]
            epochs.append({"pictures": n, "gpus": gpus, "machines": machines, "updates": n / (batch_size * gpus),
                           "disk_bytes": 0 if resident(n, machine) else n * BYTES / machines,
                           "network_bytes": n / (batch_size * gpus) * sent(gpus, t),
                           "names_peak_bytes": n * names["peak_bytes_of_one"] * min(gpus, machine.gpus),
                           "least": [c[0] for c in costs], "most": [c[1] for c in costs], "limit": [c[2] for c in costs]})
    solved = [{"gpus": gpus, "batch": batch, **_finite(limits(gpus, batch, t, machine, loader))}
              for gpus in GPUS for batch in BATCHES]
    return {"machine": dataclasses.asdict(machine), "traffic": dataclasses.asdict(t), "batch_size": batch_size,
            "columns": columns, "data": data, "epochs": epochs, "limits": solved,
            "shard": FILE, "resident_pictures": int(machine.memory / 2 / BYTES),
            "named_pictures": int(machine.ram / names["peak_bytes_of_one"] / machine.gpus), "names": names, "loading": loading,
            "packing": packing, "train": measured["train"], "processes": measured["processes"]}


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON knows no infinity."""
    return {name: None if math.isinf(value) else value for name, value in values.items()}


def _fastest(rows: Sequence[Mapping]) -> list[Mapping]:
    """Of pix2pix at the plan's size, the row of each device that makes the most pictures a second."""
    best: dict[str, Mapping] = {}
    for row in (r for r in rows if r["recipe"] == "pix2pix" and r["size"] == SIZE and r["base"] == 64):
        known = best.get(row["device"])
        best[row["device"]] = row if known is None or row["our_images_per_second"] > known["our_images_per_second"] else known
    return list(best.values())
