"""Where and in which numbers to compute: what `--device` and `--precision` mean on this hardware.

bf16 by autocast keeps the weights, the optimizers and the losses in float32 and computes convolutions in bfloat16: on a GPU
or a CPU with matrix instructions for it that is several times faster, on any other CPU it is slower. "auto" knows.
"""

from contextlib import nullcontext
from functools import partial

import torch

from minicolor.errors import BadInput


def choose_device(wanted: str | None = None) -> str:
    """The device asked for; without one cuda where there is a GPU, else cpu. BadInput for what this machine lacks."""
    if wanted is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.split(":")[0] not in ("cpu", "cuda"):
        raise BadInput(f"--device {wanted}: expected cpu or cuda")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise BadInput(f"--device {wanted}: this PyTorch sees no GPU; use --device cpu")
    index = wanted.partition(":")[2]
    if ":" in wanted and not (wanted.startswith("cuda") and index.isdigit() and int(index) < torch.cuda.device_count()):
        raise BadInput(f"--device {wanted}: expected cpu, cuda, or cuda:N with N below {torch.cuda.device_count()}")
    if index:
        torch.cuda.set_device(wanted)                        # so that random state and memory are that card's
    return wanted


def bf16_is_fast(device: str | torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself (Ampere GPUs and later; CPUs with AVX512-BF16 or AMX)."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if torch.device(device).type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def choose(precision: str, device: str | torch.device) -> str:
    """"auto" -> "bf16" where that is fast, else "float32"; anything else as it is."""
    return ("bf16" if bf16_is_fast(device) else "float32") if precision == "auto" else precision


def memory_format(precision: str, device: str | torch.device) -> torch.memory_format:
    """How weights and pictures lie in memory: channels last feeds matrix units (GPUs, bf16 CPUs); others gain nothing by it."""
    matrix_units = torch.device(device).type == "cuda" or choose(precision, device) == "bf16"
    return torch.channels_last if matrix_units else torch.contiguous_format


def autocast(precision: str, device: str | torch.device):
    """-> a context manager factory for the forward passes."""
    if choose(precision, device) == "bf16":
        return partial(torch.autocast, torch.device(device).type, dtype=torch.bfloat16)
    return nullcontext
