"""All kernel benches of one machine, and the table that is made of them."""

import datetime
import importlib
import subprocess
import time

import torch

from minicolor import checkpoint
from minicolor.errors import BadInput
from minicolor.kernels import backend

BENCHES = ("lab", "degrade", "augment", "patchgan", "norm")


def run(names: list[str], device: str) -> dict:
    """{bench: rows} with what it was measured on: date, versions, driver, and the device's measured copy and matrix rates."""
    from minicolor.benches import clock

    gpu, began = device.startswith("cuda"), time.perf_counter()
    if gpu and (reason := backend.why_not(torch.device(device))):
        raise BadInput(f"--device {device}: {reason}")
    result = {"date": datetime.date.today().isoformat(), "device": torch.cuda.get_device_name(device) if gpu else "cpu",
              "environment": checkpoint.environment() | _versions(gpu), "copy_gb_per_s": clock.copy_bandwidth(device),
              "matrix_tflop_per_s": {str(t)[6:]: clock.matrix_rate(device, t) for t in (torch.float32, torch.bfloat16)}}
    print(f"{result['device']}: copies {result['copy_gb_per_s']:.3g} GB/s, multiplies matrices at "
          + ", ".join(f"{v:.2g} TFLOP/s in {k}" for k, v in result["matrix_tflop_per_s"].items()))
    for name in names:
        result[name] = importlib.import_module(f"minicolor.benches.{name}").run(device)
        print(table({name: result[name]}))
        if gpu:
            torch.cuda.empty_cache()                                 # the next bench's pictures need the room
    result |= {"auto_chose": backend.choices(), "seconds": time.perf_counter() - began}
    print(f"{result['seconds']:.0f} s in all")
    return result


def table(result: dict) -> str:
    """Markdown: a line per row of every bench in the result."""
    lines = ["| what | size | ms | rate | share of copy or matrix rate | others take |", "| --- | --- | --- | --- | --- | --- |"]
    for r in (r for name in BENCHES for r in result.get(name, [])):
        rate = f"{r['gb_per_s']:.3g} GB/s" if "gb_per_s" in r else f"{r['tflop_per_s']:.2g} TFLOP/s"
        share = r.get("share_of_copy", r.get("share_of_matrix_rate"))
        others = ", ".join(f"{name} {_times(t)}" for name, t in r["times_as_long"].items())
        lines.append(f"| {r['what']} | {r['size']} | {r['ms']:.3f} | {rate} | {share:.0%} | {others} |")
    return "\n".join(lines)


def _times(ratio: float | None) -> str:
    return "cannot run here" if ratio is None else f"{ratio:.2f} times"


def _versions(gpu: bool) -> dict[str, str]:
    try:
        import triton

        versions = {"triton": triton.__version__}
    except ImportError:
        versions = {"triton": "none"}
    if gpu:
        versions |= {"cuda": torch.version.cuda or "none", "cudnn": str(torch.backends.cudnn.version())}
        try:
            asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
            versions["driver"] = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split("\n")[0]
        except (OSError, subprocess.CalledProcessError):
            versions["driver"] = "unknown"
    return versions
