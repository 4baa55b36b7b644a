"""How long does it take? Several ways of the same work, in turn, so that a machine that slows down slows all of them.

On a GPU by CUDA events around each call, without waiting in between: the queue stays full, and the time to launch counts only
where it is longer than the work. Inputs take turns (rotation()), so that no call finds in the second-level cache what an earlier
one left there. Medians.
"""

import statistics
import time
from collections.abc import Callable
from functools import cache

import torch

from minicolor.errors import BadInput

Ways = dict[str, Callable[[], object]]


def race(ways: Ways, device: str, seconds: float = 1.0) -> dict[str, float | None]:
    """Milliseconds of each way, the median of many calls that took about `seconds` for each.

    None for a way that cannot run here (too little memory, a compiler that is missing): said on the way, and the rest goes on.
    """
    gpu, running, times = device.startswith("cuda"), dict(ways), {name: [] for name in ways}
    for name in ways:
        try:
            for _ in range(3):                                       # compiles, chooses algorithms, allocates
                ways[name]()
            if gpu:
                torch.cuda.synchronize()
        except Exception as e:
            print(f"  {name} cannot run here: {type(e).__name__}: {str(e).splitlines()[0][:120] if str(e) else ''}")
            del running[name]
            if gpu:
                torch.cuda.empty_cache()
    began, rounds = time.perf_counter(), 0
    while running and (rounds < 3 or time.perf_counter() - began < seconds * len(running)):
        rounds += 1
        for name, way in running.items():
            times[name] += _calls(way, gpu, 5 if gpu else 1)
    return {name: statistics.median(times[name]) if times[name] else None for name in ways}


def rotation(bytes: int, device: str) -> int:
    """How many inputs of so many bytes must take turns, for all of them together to be four times the second-level cache."""
    if not device.startswith("cuda"):
        return 1
    cache = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 64 << 20)
    return max(1, -(-4 * cache // bytes))


def _calls(way: Callable[[], object], gpu: bool, n: int) -> list[float]:
    if not gpu:
        began = time.perf_counter()
        way()
        return [1000 * (time.perf_counter() - began)]
    events = [torch.cuda.Event(enable_timing=True) for _ in range(n + 1)]
    events[0].record()
    for event in events[1:]:
        way()
        event.record()
    events[-1].synchronize()
    return [a.elapsed_time(b) for a, b in zip(events, events[1:])]


@cache
def copy_bandwidth(device: str) -> float:
    """GB/s of a plain copy, bytes read and bytes written both counted: the most that a kernel limited by memory can reach."""
    a = torch.rand(1 << (28 if device.startswith("cuda") else 25), device=device)
    b = torch.empty_like(a)
    return 2 * a.nbytes / race({"copy": lambda: b.copy_(a)}, device)["copy"] / 1e6


@cache
def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """TFLOP/s of a large matrix product by PyTorch's own library, on random numbers (zeros would run faster).

    float32 with the switch for TF32 that convolutions have (on, unless it was turned off), as that is what it is compared with.
    """
    n, switch = 8192 if device.startswith("cuda") else 1024, torch.backends.cuda.matmul
    a, b = torch.randn(2, n, n, device=device).to(dtype)
    before, switch.fp32_precision = switch.fp32_precision, torch.backends.cudnn.conv.fp32_precision
    try:
        return 2 * n**3 / race({"product": lambda: a @ b}, device)["product"] / 1e9
    finally:
        switch.fp32_precision = before


def row(what: str, size: str, ours: str, times: dict[str, float | None], device: str, bytes: int = 0, flops: int = 0,
        dtype: torch.dtype = torch.float32) -> dict:
    """One line of a result: our time, its rate and share of what the device can do, and how many times the others take.

    bytes: the least that must be read and written; or flops: multiplications and additions that must be done.
    """
    milliseconds = times[ours]
    if milliseconds is None:
        raise BadInput(f"{what}: our own way cannot run on {device}; the reason is printed above")
    others = {name: t for name, t in times.items() if name != ours}
    line = {"what": what, "size": size, "ms": milliseconds, "ms_of_others": others,
            "times_as_long": {name: t and t / milliseconds for name, t in others.items()}}
    if bytes:
        rate = bytes / milliseconds / 1e6
        line |= {"gb_per_s": rate, "share_of_copy": rate / copy_bandwidth(device)}
    if flops:
        rate = flops / milliseconds / 1e9
        line |= {"tflop_per_s": rate, "share_of_matrix_rate": rate / matrix_rate(device, dtype)}
    return line


def compiled(function: Callable) -> Callable:
    """torch.compile of a function, each bench with a fresh memory of what was compiled before."""
    torch._dynamo.reset()
    return torch.compile(function, dynamic=False)
