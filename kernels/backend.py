"""Which code computes an operation: PyTorch's own, readable and everywhere, or a kernel of this folder.

    auto     the kernel on NVIDIA GPUs of compute capability 8.0 and later, where Triton is installed; else PyTorch
    torch    PyTorch, always: the twin in minicolor/ops that every kernel is tested against
    triton   the kernel, or a sentence that says why it cannot run; never a silent way around

Without a GPU, TRITON_INTERPRET=1 in the environment (before minicolor is imported) lets "triton" run kernels on the CPU: slow,
and just right for learning and tests. Kernel files take `triton` and `tl` from here, so that they can be imported without Triton.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from minicolor.errors import BadInput

NAMES = ("auto", "torch", "triton")

try:
    import triton
    import triton.language as tl

    HAVE_TRITON = True
except ImportError:
    HAVE_TRITON = False

    class _Absent:
        """What lets a kernel be read and decorated, though not run, where there is no Triton."""

        constexpr = staticmethod(lambda value: value)

        @staticmethod
        def jit(function=None, **options):
            return function or (lambda function: function)

    triton = tl = _Absent()

INTERPRETED = HAVE_TRITON and os.environ.get("TRITON_INTERPRET", "0") == "1"  # Triton decides when it decorates: at import
_wanted = "auto"
_fast = True


def constant(value: float) -> object:
    """A number outside of kernels that they may read: Triton wants it marked, its interpreter (3.9) wants it plain."""
    return value if INTERPRETED else tl.constexpr(value)


def set_backend(name: str) -> None:
    """For everything that follows in this process: "auto", "torch" or "triton"; BadInput where that cannot run at all."""
    global _wanted
    if name not in NAMES:
        raise BadInput(f"--backend {name}: expected {', '.join(NAMES)}")
    if name == "triton" and not INTERPRETED:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if reason := why_not(device):
            raise BadInput(f"--backend triton: {reason}")
    _wanted = name


@contextlib.contextmanager
def using(name: str) -> Iterator[None]:
    """set_backend() for the lines inside."""
    before = _wanted
    set_backend(name)
    try:
        yield
    finally:
        set_backend(before)


def choose(x: Tensor, backend: str | None = None) -> str:
    """"torch" or "triton": what computes an operation on x. backend: this call's own wish, else set_backend()'s."""
    name = wanted(backend)
    if name == "auto":
        return "triton" if x.is_cuda and not INTERPRETED and why_not(x.device) is None else "torch"
    if name == "triton" and (reason := why_not(x.device)):
        raise BadInput(f"backend triton: {reason}")
    return name


def wanted(backend: str | None = None) -> str:
    """This call's own wish, else set_backend()'s: "auto", "torch" or "triton"."""
    name = _wanted if backend is None else backend
    if name not in NAMES:
        raise BadInput(f"backend {name!r}: expected {', '.join(NAMES)}")
    return name


def set_fast(fast: bool) -> None:
    """For everything that follows in this process: whether "auto" may round differently to be faster (conv4x4_winograd.py)."""
    global _fast
    _fast = fast


def fast() -> bool:
    return _fast


def hurried(backend: str | None = None) -> bool:
    """Whether "auto" should not compile for this: without gradients it is no training, and a photograph is soon colored."""
    return wanted(backend) == "auto" and not torch.is_grad_enabled()


def why_not(device: torch.device) -> str | None:
    """Why Triton kernels cannot run on tensors of this device, or None where they can."""
    if not HAVE_TRITON:
        return 'Triton is not installed (pip install triton)'
    if device.type == "cpu" and INTERPRETED:
        return None
    if device.type != "cuda":
        return f"kernels need an NVIDIA GPU, not the device {device.type} (or TRITON_INTERPRET=1, slowly, on the CPU)"
    if torch.version.hip or torch.cuda.get_device_capability(device) < (8, 0):
        return f"kernels need compute capability 8.0 or later, and this is {torch.cuda.get_device_name(device)}"
    return None


_faster: dict[tuple, object] = {}


def faster(key: tuple, ways: dict, device: torch.device) -> object:
    """Of several ways {name: function} to compute the same, the name of the fastest on this GPU.

    Timed at the first use of `key`, then known: for operations where PyTorch's own libraries are good too. While a CUDA graph
    is being captured nothing can be timed, so a key not met before gets the first way.
    """
    if key not in _faster:
        if torch.cuda.is_current_stream_capturing():
            return next(iter(ways))
        with torch.cuda.device(device):
            _faster[key] = min(ways, key=lambda name: _milliseconds(ways[name]))
    return _faster[key]


def choices() -> dict[str, str]:
    """What faster() decided so far, in words, for who wants to see it."""
    return {" ".join(map(str, key)): str(name) for key, name in _faster.items()}


def _milliseconds(way: Callable[[], object], runs: int = 10) -> float:
    """Runs in a row, after some to warm up: the first compiles, and the queue must be full, or launching would be timed.

    Infinite for what needs more of a card than it has.
    """
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    try:
        way()
    except triton.runtime.errors.OutOfResources:
        return math.inf
    torch.cuda.synchronize()
    for i in range(runs + 3):
        if i == 3:
            begin.record()
        way()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / runs


def expect(fine: bool, argument: str, expected: str, got: object) -> None:
    """BadInput in the words that all kernels use: `argument rgb: expected uint8, not torch.float32`."""
    if not fine:
        raise BadInput(f"argument {argument}: expected {expected}, not {got}")
