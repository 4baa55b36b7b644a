"""sRGB <-> L and ab in network units, each way in one pass over memory.     twin: minicolor/ops/lab_units.py

    lab_device.py   what is computed at one pixel
    lab_bytes.py    kernels from and to uint8           lab_floats.py   kernels from and to floats, with slopes
    lab.cu          lab_bytes.py in CUDA C++            this file       the functions to call, and what they refuse

Why fuse: PyTorch runs some 40 operations one after the other, and each reads and writes the whole picture. Per pixel of float32:

                                 operations, bytes in PyTorch   bytes here   instructions   special functions
    uint8 -> L, ab                    41      643                15             68             6
    uint8 -> L, rgb                   42      675                19             52             2
    float -> L, ab                    39      604                24             76            12
      and its slope                   54      856                36            112            15
    L, ab -> float                    40      628                24             78             6
      and its slope                   52      800                36            118             6
    L, ab -> uint8                    44      697                15             79             6

All counted, none measured: PyTorch's tensors in and out of every operation; the kernels' machine code for sm_90. What an H200
has while memory (4.3 TB/s) brings a pixel of 15 bytes: 100 instructions and 12 special functions; of 24 bytes: 160 and 20; of
36: 240 and 30 (132 SMs, 128 and 16 a clock each, 1.7 GHz). So all of these should run at the speed of memory, with at
least a fifth to spare. That is why bytes are decoded by a table of 256 entries: six special functions more and
"uint8 -> L, ab" would have 12, all that there are. It is also why power() in lab_device.py is written in PTX.
"""

import torch
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.kernels import lab_cuda
from minicolor.kernels.backend import choose, expect
from minicolor.kernels.lab_bytes import bytes_to_units, units_to_bytes
from minicolor.kernels.lab_floats import FloatsToUnits, UnitsToFloats
from minicolor.ops import lab_units as twin

FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
ONLY_BYTES = "backend cuda: lab.cu has uint8 rgb to float32 L and ab, and these back to uint8; for the rest triton or torch"


def rgb_to_units(
    rgb: Tensor, target: str = "ab", dtype: torch.dtype | None = None, backend: str | None = None
) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W) sRGB, float in [0, 1] or uint8 -> L (N, 1, H, W) in [-1, 1] and the target, in network units.

    target "ab": (N, 2, H, W) within [-1, 1]; "rgb": (N, 3, H, W) in [-1, 1]. dtype of both: rgb's own, float32 for uint8.
    Differentiable in a float rgb, to any order. uint8 is read as v / 255, fastest where memory is (N, H, W, 3).
    backend: auto, torch, triton, or cuda (uint8 to float32 ab alone). BadInput for other shapes, dtypes and targets.
    """
    expect(rgb.ndim == 4 and rgb.shape[1] == 3, "rgb", "(N, 3, H, W)", tuple(rgb.shape))
    expect(rgb.dtype in (torch.uint8, *FLOATS), "rgb", "uint8 or a floating dtype", rgb.dtype)
    expect(target in twin.TARGETS, "target", " or ".join(twin.TARGETS), target)
    expect(dtype in (None, *FLOATS), "dtype", "a floating dtype", dtype)
    as_bytes = rgb.dtype == torch.uint8
    if backend == "cuda":
        if not as_bytes or target != "ab" or dtype not in (None, torch.float32):
            raise BadInput(ONLY_BYTES)
        return lab_cuda.bytes_to_units(rgb)
    if choose(rgb, backend) == "torch":
        return twin.rgb_to_units(rgb, target, dtype)
    if as_bytes:
        return bytes_to_units(rgb, target, dtype or torch.float32)
    return FloatsToUnits.apply(rgb.contiguous(), target, dtype or rgb.dtype)


def units_to_rgb(l: Tensor, ab: Tensor, backend: str | None = None) -> Tensor:
    """L (N, 1, H, W) and ab (N, 2, H, W) in network units -> sRGB (N, 3, H, W), clipped to [0, 1], in their dtype.

    Differentiable in both, to any order; where a color is clipped the slope is 0, as torch.clamp's. At the very edge of
    the gamut rounding decides which of the two slopes it is. BadInput where shapes, dtypes or devices do not fit.
    """
    _check(l, ab)
    if backend == "cuda":
        raise BadInput(ONLY_BYTES)
    if choose(l, backend) == "torch":
        return twin.units_to_rgb(l, ab)
    return UnitsToFloats.apply(l.contiguous(), ab.contiguous())


def units_to_rgb_u8(l: Tensor, ab: Tensor, backend: str | None = None) -> Tensor:
    """The same as uint8 (N, 3, H, W), rounded to the nearest, without slopes; in memory (N, H, W, 3), ready for a file."""
    _check(l, ab)
    if backend == "cuda":
        if l.dtype != torch.float32:
            raise BadInput(ONLY_BYTES)
        return lab_cuda.units_to_bytes(l.detach().contiguous(), ab.detach().contiguous())
    if choose(l, backend) == "torch":
        return twin.units_to_rgb_u8(l, ab)
    return units_to_bytes(l.detach().contiguous(), ab.detach().contiguous())


def _check(l: Tensor, ab: Tensor) -> None:
    expect(l.ndim == 4 and l.shape[1] == 1, "l", "(N, 1, H, W)", tuple(l.shape))
    expect(l.dtype in FLOATS, "l", "a floating dtype", l.dtype)
    shape = (len(l), 2, *l.shape[2:])
    expect(tuple(ab.shape) == shape, "ab", f"{shape} beside this l", tuple(ab.shape))
    expect(ab.dtype == l.dtype, "ab", f"{l.dtype} as l", ab.dtype)
    expect(ab.device == l.device, "ab", f"the device of l, {l.device}", ab.device)
