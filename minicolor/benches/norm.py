"""BatchNorm and LeakyReLU in training, forward and backward: our kernels against cuDNN's norm with LeakyReLU, and compiled."""

import torch

from minicolor.benches.clock import compiled, race, rotation, row
from minicolor.kernels.norm_act import norm_act
from minicolor.ops.norm_act import norm_act as plain


def run(device: str) -> list[dict]:
    """A PatchGAN's three norms at batch 64 and 256x256, channels last, bfloat16; a small float32 one on a CPU."""
    gpu = device.startswith("cuda")
    layers = [(64, 128, 64), (64, 256, 32), (64, 512, 31)] if gpu else [(4, 64, 32)]
    dtype = torch.bfloat16 if gpu else torch.float32
    return [_layer(n, c, side, dtype, device) for n, c, side in layers]


def _layer(n: int, c: int, side: int, dtype: torch.dtype, device: str) -> dict:
    gpu = device.startswith("cuda")
    xs = [torch.randn(n, c, side, side, device=device).to(dtype, memory_format=torch.channels_last).requires_grad_()
          for _ in range(rotation(n * c * side * side * dtype.itemsize, device))]
    weight, bias = (torch.randn(c, device=device, requires_grad=True) for _ in range(2))
    mean, var, g = torch.zeros(c, device=device), torch.ones(c, device=device), torch.randn_like(xs[0])
    turn = iter(range(1 << 62))

    def both(function, **more):
        x = xs[next(turn) % len(xs)]
        y = function(x, weight, bias, mean, var, slope=0.2, **more)
        return torch.autograd.grad(y, (x, weight, bias), g)

    ways = {"PyTorch": lambda: both(plain)}
    if gpu:
        fast = compiled(plain)
        ways |= {"torch.compile": lambda: both(fast), "minicolor": lambda: both(norm_act, backend="triton")}
    times = race(ways, device)
    # forward: x twice (statistics first), y once; backward: x and dy twice, dx once
    moved = 8 * xs[0].numel() * xs[0].element_size()
    what = f"BatchNorm + LeakyReLU, forward and backward, {str(dtype)[6:]}"
    return row(what, f"{n} x {c} x {side}x{side}", "minicolor" if gpu else "PyTorch", times, device, bytes=moved)
