"""PatchGAN's convolutions, layer by layer and whole, in training: our kernels against cuDNN channels last, and torch.compile.

"minicolor" is the fastest of our kernels, "auto" what training uses: for each direction the fastest of both sides.
"""

import itertools
from functools import partial

import torch
from torch import Tensor

from minicolor.benches.clock import compiled, race, rotation, row
from minicolor.kernels import backend
from minicolor.kernels.conv4x4 import conv4x4
from minicolor.models.conv4x4 import Conv4x4
from minicolor.models.patchgan import PatchGAN

LAYERS = [  # channels in, out, stride, side of the input at 256x256, slope
    ((1, 2), 64, 2, 256, 0.2), ((64,), 128, 2, 128, None), ((128,), 256, 2, 64, None), ((256,), 512, 1, 32, None),
    ((512,), 1, 1, 31, None),
]  # fmt: skip


def run(device: str) -> list[dict]:
    """Batch 64 at 256x256 in bfloat16, and the whole network in float32 too, on a GPU; on a CPU a small whole network."""
    if not device.startswith("cuda"):
        return [_whole(device, 2, 64, 16, torch.float32)]
    rows = [_layer(device, 64, *layer, backward=backward) for layer in LAYERS for backward in (False, True)]
    return [*rows, _whole(device, 64, 256, 64, torch.bfloat16), _whole(device, 64, 256, 64, torch.float32)]


def _layer(device, n, channels, out, stride, side, slope, backward) -> dict:
    first, dtype, small = len(channels) == 2, torch.bfloat16, (side - 2) // stride + 1
    values = n * side * side
    weight = torch.randn(out, sum(channels), 4, 4, device=device).to(memory_format=torch.channels_last).requires_grad_()
    bias = torch.randn(out, device=device, requires_grad=True) if slope is not None or out == 1 else None
    g = torch.randn(n, out, small, small, device=device).to(dtype, memory_format=torch.channels_last)

    def pictures() -> list[Tensor]:
        """float32 planes for the first layer, as prepare() leaves them; inside the network channels last in bfloat16."""
        xs = [torch.randn(n, c, side, side, device=device) for c in channels]
        xs = xs if first else [x.to(dtype, memory_format=torch.channels_last) for x in xs]
        xs[-1].requires_grad_()                                      # a condition needs no gradient; in G's turn the picture does
        return xs

    read = values * sum(channels) * (4 if first else 2)
    inputs = itertools.cycle([pictures() for _ in range(rotation(read, device))])

    def work(which: str) -> Tensor | tuple[Tensor, ...]:
        xs = next(inputs)
        with torch.set_grad_enabled(backward), torch.autocast("cuda", dtype):
            y = conv4x4(tuple(xs), weight, bias, stride, slope, backend=which)
        return torch.autograd.grad(y, [weight, *([] if bias is None else [bias]), xs[-1]], g) if backward else y

    ways = {"cuDNN": partial(work, "torch"), "minicolor": partial(work, "triton")}
    ways |= {"auto": partial(work, "auto")} if backward else {}      # without gradients auto does not compile
    written, gradient = g.numel() * 2, values * channels[-1] * (4 if first else 2)
    # backward: g (and, for the LeakyReLU's slope, y) read, x read again, its gradient written
    moved = read + written + (read + gradient + written * (1 if slope is None else 2) if backward else 0)
    name = f"conv {'+'.join(map(str, channels))} -> {out}, stride {stride}, {'forward and backward' if backward else 'forward'}"
    flops = 2 * 16 * n * out * sum(channels) * small**2 * (3 if backward else 1)
    return row(name, f"{n} x {side}x{side}", "minicolor", race(ways, device, seconds=0.4), device, dtype=dtype,
               **({"bytes": moved} if first or out == 1 else {"flops": flops}))      # by what limits it


def _whole(device: str, n: int, side: int, base: int, dtype: torch.dtype) -> dict:
    gpu = device.startswith("cuda")
    grey = torch.randn(n, 1, side, side, device=device)
    color = torch.randn(n, 2, side, side, device=device, requires_grad=True)
    torch.manual_seed(0)
    network = PatchGAN(3, base).to(device, memory_format=torch.channels_last)
    parameters = [color, *network.parameters()]
    mixed = partial(torch.autocast, "cuda" if gpu else "cpu", dtype=dtype, enabled=dtype != torch.float32)

    def work(which: str, forward=network):
        with backend.using(which), mixed():
            scores = forward(grey, color)
        return torch.autograd.grad(scores.float().square().mean(), parameters)

    ways = {"PyTorch": partial(work, "torch")}
    if gpu:
        ways |= {"torch.compile": partial(work, "torch", compiled(network)), "minicolor": partial(work, "triton"),
                 "auto": partial(work, "auto")}
    flops, s = 0, side
    for layer in (layer for layer in network.modules() if isinstance(layer, Conv4x4)):
        s = (s - 2) // layer.stride[0] + 1
        flops += 6 * 16 * n * layer.in_channels * layer.out_channels * s**2      # three products, two operations each
    return row(f"PatchGAN, forward and backward, {str(dtype)[6:]}", f"{n} x {side}x{side}, base {base}",
               "auto" if gpu else "PyTorch", race(ways, device), device, flops=flops, dtype=dtype)
