"""How long does a photograph take from file to file, how much memory, and how much of the time is the networks'?

    file -> photos.read -> Pipeline -> photos.write -> file              a JPEG of 8 bits, and the largest also as TIFF of 16

Each picture in a process of its own, networks loaded before the clock starts. Memory is private: RssAnon of /proc/PID/status (so
Linux only), read from outside every hundredth of a second; the libraries' code is not in it, what importing them allocates is.
Without a run to color with, an untrained network of the recipe pix2pix_lab at its full size: as slow as a trained one.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from minicolor.errors import BadInput

HEAD = "| picture | s | pictures/s | networks' share | peak MiB | " + "reading, stages, writing, s |\n" + "| --- " * 6 + "|"
SMALL = 12             # megapixels: up to these, the median of three


def run(megapixels: Sequence[int] = (1, 12, 100), device: str = "cpu", **stages: str | None) -> list[dict]:
    """One line for each size, and one for the largest with 16 bits. stages: run, denoise, enlarge, as of Pipeline."""
    if not Path("/proc/self/status").exists():
        raise BadInput("private memory is read from /proc, which this system does not have; run this on Linux")
    lines = []
    with tempfile.TemporaryDirectory() as room:
        chosen = {name: run and str(run) for name, run in stages.items()}
        if not any(chosen.values()):
            chosen["run"] = _untrained(Path(room) / "untrained")
        for size, deep in [*((size, False) for size in megapixels), (max(megapixels), True)]:
            path = _drawn(Path(room), size, deep)
            measured = _measured(path, chosen, device, rounds=3 if size <= SMALL else 1)
            lines.append({"megapixels": size, "bits": 16 if deep else 8} | measured)
            print(table([lines[-1]]), flush=True)
    return lines


def table(lines: list[dict]) -> str:
    """The rows below HEAD, in Markdown."""
    return "\n".join(f"| {r['megapixels']} MP, {r['bits']} bits | {r['seconds']:.2f} | {r['pictures_per_second']:.3f} "
                     f"| {r['share_of_networks']:.0%} | {r['peak_mib']:.0f} | "
                     + ", ".join(f"{name} {seconds:.2f}" for name, seconds in r["parts"].items()) + " |" for r in lines)


def _measured(path: Path, stages: dict, device: str, rounds: int) -> dict:
    """Run _child() in a process of its own and watch its memory."""
    command = [sys.executable, "-m", "minicolor.benches.colorize", json.dumps([str(path), stages, device, rounds])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        peak, status = 0, Path(f"/proc/{child.pid}/status")
        while child.poll() is None:
            found = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("RssAnon")]
            peak = max(peak, *map(int, found), 0)
            time.sleep(0.01)
        said, complaint = child.communicate()
    if child.returncode:
        raise BadInput((complaint.strip().splitlines() or ["the process was killed, perhaps for its memory"])[-1])
    return json.loads(said) | {"peak_mib": peak / 1024}


def _child(path: str, stages: dict, device: str, rounds: int) -> dict:
    """Medians of `rounds`: seconds from file to file, of its parts, and the networks' share."""
    from minicolor.data import photos
    from minicolor.restoring.pipeline import Pipeline

    pipeline, times, out = Pipeline(**stages, device=device), [], Path(path).with_name("out" + Path(path).suffix)
    with _in_networks(pipeline) as spent:
        for _ in range(rounds):
            spent[0] = 0.0
            began = time.perf_counter()
            photo = photos.read(path, deep=True)
            read = time.perf_counter()
            restored = pipeline(photo, reuse=True)
            writes = time.perf_counter()
            photos.write(out, restored.rgb, photo.exif, about=photo.about)
            ended = time.perf_counter()
            del photo
            parts = {"read": read - began, **restored.seconds, "write": ended - writes}
            times.append({"seconds": ended - began, "share_of_networks": spent[0] / (ended - began), "parts": parts})
    middle = statistics.median_low(t["seconds"] for t in times)
    one = next(t for t in times if t["seconds"] == middle)
    return one | {"pictures_per_second": 1 / middle, "rounds": rounds}


@contextlib.contextmanager
def _in_networks(pipeline) -> Iterator[list[float]]:
    """Inside, the one number of the list grows by the seconds that the pipeline's networks take."""
    import torch

    spent, began = [0.0], [0.0]

    def before(*_):
        began[0] = time.perf_counter()

    def after(*_):
        if torch.cuda.is_available():
            torch.cuda.synchronize()                         # a GPU has only been told what to do so far
        spent[0] += time.perf_counter() - began[0]

    tools = [tool for tool in (pipeline.denoiser, pipeline.colorizer, pipeline.enlarger) if tool]
    hooks = [hook for tool in tools for hook in (tool.step.network.register_forward_pre_hook(before),
                                                 tool.step.network.register_forward_hook(after))]
    try:
        yield spent
    finally:
        for hook in hooks:
            hook.remove()


def _untrained(folder: Path) -> str:
    from minicolor import checkpoint
    from minicolor.recipe import to_dict
    from minicolor.recipes.pix2pix_lab import RECIPE

    networks = {name: net.state_dict() for name, net in RECIPE.build(contextlib.nullcontext).networks.items()}
    folder.mkdir()
    checkpoint.save(folder / "best.pt", {"recipe": to_dict(RECIPE), "networks": networks})
    return str(folder)


def _drawn(folder: Path, megapixels: int, deep: bool) -> Path:
    """Smooth grey fields with grain, 5 : 4: about as hard to pack as a scan of a print. TIFF if deep, else JPEG."""
    from minicolor.data import photos

    height = round((megapixels * 1e6 / 1.25) ** 0.5)
    width, rng = round(1.25 * height), np.random.default_rng(0)
    fields = Image.fromarray(rng.integers(30, 226, (12, 15), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    grain = rng.integers(0, 12, (500, 500), dtype=np.uint8)
    grey = np.asarray(fields) + np.tile(grain, (-(-height // 500), -(-width // 500)))[:height, :width]
    path = folder / f"{megapixels}.{'tif' if deep else 'jpg'}"
    if deep:
        photos.write(path, np.repeat(grey[..., None], 3, axis=2).astype(np.uint16) * 257)
    else:
        Image.fromarray(grey).convert("RGB").save(path, quality=90)
    return path


if __name__ == "__main__":
    print(json.dumps(_child(*json.loads(sys.argv[1]))))
