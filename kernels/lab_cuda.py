"""kernels/lab.cu from Python: compiled by nvcc on first use, then called as a C library. What backend="cuda" runs."""

import ctypes
import functools
from pathlib import Path

import torch
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.kernels.lab_bytes import light
from minicolor.ops.lab import FROM_RELATIVE, TO_RELATIVE

SOURCE = Path(__file__).with_name("lab.cu")
FLAGS = ["--use_fast_math"]    # log2f and exp2f as one instruction each
Matrix = ctypes.c_float * 9


class _Matrix(ctypes.Structure):
    """C passes a struct by value, and an array only by address."""

    _fields_ = [("m", Matrix)]


def matrix(rows: list[list[float]]) -> _Matrix:
    """A 3x3 matrix as lab.cu wants it."""
    return _Matrix(Matrix(*(value for row in rows for value in row)))


@functools.cache
def library() -> ctypes.CDLL:
    """lab.cu for the GPU that is here; BadInput where it cannot be built. PyTorch keeps what it built in its own cache."""
    from torch.utils.cpp_extension import load

    try:
        path = load("minicolor_lab", [str(SOURCE)], extra_cuda_cflags=FLAGS, is_python_module=False)
    except (OSError, RuntimeError, ImportError) as e:       # no nvcc, no ninja, a compiler that does not fit
        raise BadInput(f"backend cuda: lab.cu cannot be built, which needs nvcc and ninja: {str(e).splitlines()[0]}") from e
    return ctypes.CDLL(path)


def bytes_to_units(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W) uint8 of any strides -> L (N, 1, H, W) and ab (N, 2, H, W), float32, in network units."""
    _expect_gpu(rgb)
    memory = rgb.permute(0, 2, 3, 1).contiguous()
    n, height, width, _ = memory.shape
    l = torch.empty(n, 1, height, width, device=rgb.device)
    ab = torch.empty(n, 2, height, width, device=rgb.device)
    _call("lab_bytes_to_units", n, height * width, [memory, light(rgb.device)], TO_RELATIVE, [l, ab])
    return l, ab


def units_to_bytes(l: Tensor, ab: Tensor) -> Tensor:
    """Contiguous float32 L (N, 1, H, W) and ab (N, 2, H, W) -> (N, 3, H, W) uint8 over memory (N, H, W, 3)."""
    _expect_gpu(l)
    n, _, height, width = l.shape
    rgb = torch.empty(n, height, width, 3, dtype=torch.uint8, device=l.device)
    _call("lab_units_to_bytes", n, height * width, [l, ab], FROM_RELATIVE, [rgb])
    return rgb.permute(0, 3, 1, 2)


def _expect_gpu(x: Tensor) -> None:
    if not x.is_cuda:
        raise BadInput(f"backend cuda: lab.cu needs an NVIDIA GPU, and this tensor is on the device {x.device}")


def _call(name: str, n: int, pixels: int, inputs: list[Tensor], rows: list[list[float]], outputs: list[Tensor]) -> None:
    if not n * pixels:
        return
    tensors = [*inputs, *outputs]
    words = pixels % 8 == 0 and all(t.data_ptr() % 16 == 0 for t in tensors)     # a slice may begin anywhere
    pointers = [[ctypes.c_void_p(t.data_ptr()) for t in some] for some in (inputs, outputs)]
    with torch.cuda.device_of(tensors[0]):
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        failed = getattr(library(), name)(*pointers[0], matrix(rows), *pointers[1], ctypes.c_int64(n), ctypes.c_int64(pixels),
                                          ctypes.c_int(words), stream)
    if failed:
        raise RuntimeError(f"{name}: CUDA error {failed}")
