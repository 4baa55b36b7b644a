"""The 4x4 convolutions of pix2pix's networks: LeakyReLU(conv(x) + bias) in one pass, and differentiable to any order.

reference: minicolor/ops/conv4x4.py. Ways to compute, by what limits the layer; each has a file, with its bytes at the top:

    conv4x4_narrow.py   few input channels: pictures. The condition and the picture stay two tensors.     limited by memory
    conv4x4_wide.py     many in, many out, on the matrix units                                            limited by them
    conv4x4_last.py     one output channel: a PatchGAN's scores                                           limited by memory
    conv4x4_winograd.py, conv4x4_product.py     no kernels: for training on a CPU

A convolution is linear in the picture and linear in the weight. So its two gradients are again such maps, and the gradients of
the gradients too: output, input gradient and weight gradient, written as three Functions that call each other, are
closed under differentiation. WGAN-GP's gradient penalty, which differentiates a gradient, comes out right without another line.
"""

import torch
from torch import Tensor
from torch.autograd import Function

from minicolor.kernels import backend as backends
from minicolor.kernels import conv4x4_last, conv4x4_narrow, conv4x4_product, conv4x4_wide, conv4x4_winograd
from minicolor.kernels.backend import expect
from minicolor.ops import conv4x4 as reference

CPU = {"winograd": conv4x4_winograd, "product": conv4x4_product}
FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def conv4x4(x: Tensor | tuple[Tensor, ...], weight: Tensor, bias: Tensor | None = None, stride: int = 2,
            slope: float | None = None, backend: str | None = None) -> Tensor:
    """Convolve with 4x4 weights, padding 1, then add the bias, then LeakyReLU if a slope is given.

    x (N, C, H, W) with sides of at least 2, or a tuple of two whose channels stand side by side; weight (O, C, 4, 4);
    bias (O,) or None; stride 1 or 2; slope >= 0 -> (N, O, H', W') with H' = (H - 2) // stride + 1. Under autocast the
    result has autocast's type, else all must be of one type.
    Raises BadInput for shapes, types or devices that do not fit.
    """
    xs = tuple(x) if isinstance(x, tuple | list) else (x,)
    _check(xs, weight, bias, stride, slope)
    if backends.choose(weight, backend) == "torch" or not xs[0].shape[0] or backends.hurried(backend):
        if way := len(xs) == 1 and _on_a_cpu(xs[0], weight, stride, xs[0].shape[2:], backend):
            return _Output.apply(stride, slope, way, weight, bias, *xs)
        return reference.conv4x4(xs, weight, bias, stride, slope)
    narrow = stride == 2 and weight.shape[1] <= conv4x4_narrow.MOST and len(xs) <= 2
    xs, weight, bias = _cast(xs if narrow or len(xs) == 1 else (torch.cat(xs, dim=1),), weight, bias, keep=narrow)
    return _Output.apply(stride, slope, backends.wanted(backend), weight, bias, *xs)


def conv_transpose4x4(x: Tensor, weight: Tensor, bias: Tensor | None = None, backend: str | None = None) -> Tensor:
    """The transposed convolution with stride 2: x (N, C, H, W), weight (C, O, 4, 4) -> (N, O, 2H, 2W). Errors as above."""
    expect(x.ndim == 4 and weight.ndim == 4 and x.shape[1] == len(weight) and tuple(weight.shape[2:]) == (4, 4), "weight",
           f"({x.shape[1] if x.ndim > 1 else 'C'}, O, 4, 4) for x of {tuple(x.shape)}", tuple(weight.shape))
    expect(min(x.shape[1:]) > 0 and 4 * x.numel() // x.shape[1] < 2**31, "x", "no side of 0 and fewer than 2^29 pixels",
           tuple(x.shape))
    _check_alike((x,), weight, bias, weight.shape[1])
    size, way = (2 * x.shape[2], 2 * x.shape[3]), backends.wanted(backend)
    plain = backends.choose(weight, backend) == "torch" or not x.numel() or backends.hurried(backend)
    if plain and not (way := _on_a_cpu(x, weight, 2, size, backend)):
        return reference.conv_transpose4x4(x, weight, bias)
    (x,), weight, bias = _cast((x,), weight, bias)
    y = _InputGradient.apply(2, size, (0, weight.shape[1]), weight.dtype, way, x, weight)
    return y if bias is None else y + bias.to(y.dtype)[None, :, None, None]


def _on_a_cpu(x: Tensor, weight: Tensor, stride: int, size: tuple[int, int], backend: str | None) -> str | None:
    """By a rule and not by a race: rounding differs, and a run on a CPU ends in the same bits each time."""
    if (backends.wanted(backend) != "auto" or not backends.fast() or x.is_cuda or not x.dtype == weight.dtype == torch.float32
            or not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu")):
        return None
    out, channels = weight.shape[:2]
    if conv4x4_winograd.helps(channels, out, stride, *size):
        return "winograd"
    return "product" if stride == 2 and conv4x4_product.helps(channels, out, *size) else None


class _Output(Function):
    @staticmethod
    def forward(ctx, stride, slope, backend, weight, bias, *xs):
        y = _output(stride, slope, backend, weight, bias, xs)
        ctx.settings = stride, slope, backend
        ctx.save_for_backward(weight, *xs, *([] if slope is None else [y]))
        ctx.pictures, ctx.bias = len(xs), bias is not None and bias.dtype
        return y

    @staticmethod
    def backward(ctx, g):
        stride, slope, backend = ctx.settings
        weight, *saved = ctx.saved_tensors
        xs, y = saved[: ctx.pictures], saved[ctx.pictures :]
        if slope is not None:                                         # the sign of y is the sign before the LeakyReLU
            g = torch.ops.aten.leaky_relu_backward(g, y[0], slope, slope > 0)
        needs_weight, needs_bias, *needs_x = ctx.needs_input_grad[3:]
        dxs, first = [], 0
        for x, needed in zip(xs, needs_x):
            part = first, x.shape[1]
            dxs += [_InputGradient.apply(stride, x.shape[2:], part, x.dtype, backend, g, weight) if needed else None]
            first += x.shape[1]
        dw = _WeightGradient.apply(stride, backend, g, *xs) if needs_weight else None
        db = g.sum((0, 2, 3), dtype=conv4x4_wide.sum_type(g)).to(ctx.bias) if needs_bias else None
        return None, None, None, dw, db, *dxs


class _InputGradient(Function):
    """Of the input channels part = (first, how many) alone."""

    @staticmethod
    def forward(ctx, stride, size, part, dtype, backend, g, weight):
        ctx.settings = stride, part, backend
        ctx.save_for_backward(g, weight)
        return _input_gradient(stride, tuple(size), part, dtype, backend, g, weight)

    @staticmethod
    def backward(ctx, h):
        (stride, (first, channels), backend), (g, weight) = ctx.settings, ctx.saved_tensors
        needs_g, needs_weight = ctx.needs_input_grad[5:]
        mine, dg, dw = weight[:, first : first + channels], None, None
        if needs_g:
            dg = _Output.apply(stride, None, backend, mine, None, h.to(weight.dtype))
        if needs_weight:
            dw = _WeightGradient.apply(stride, backend, g, h.to(g.dtype))
            if channels < weight.shape[1]:
                dw = torch.cat([torch.zeros_like(weight[:, :first]), dw, torch.zeros_like(weight[:, first + channels :])], dim=1)
        return None, None, None, None, None, dg, dw


class _WeightGradient(Function):
    @staticmethod
    def forward(ctx, stride, backend, g, *xs):
        ctx.settings = stride, backend
        ctx.save_for_backward(g, *xs)
        return _weight_gradient(stride, backend, g, xs)

    @staticmethod
    def backward(ctx, h):
        (stride, backend), (g, *xs) = ctx.settings, ctx.saved_tensors
        needs_g, *needs_x = ctx.needs_input_grad[2:]
        dg = _Output.apply(stride, None, backend, h, None, *xs) if needs_g else None
        dxs, first = [], 0
        for x, needed in zip(xs, needs_x):
            part = first, x.shape[1]
            dxs += [_InputGradient.apply(stride, x.shape[2:], part, x.dtype, backend, g, h) if needed else None]
            first += x.shape[1]
        return None, None, dg, *dxs


def _output(stride, slope, backend, weight, bias, xs) -> Tensor:
    """The output by whichever way fits and, with backend "auto", is the fastest here; likewise the two below."""
    x = xs[0]
    if backend in CPU:
        y = CPU[backend].output(x, weight, stride)
        y = y if bias is None else y.add_(bias[:, None, None])
        return y if slope is None else torch.nn.functional.leaky_relu_(y, slope)
    ways = {"torch": lambda: reference.conv4x4(tuple(x.to(weight.dtype) for x in xs), weight, _to(bias, weight), stride, slope)}
    if stride == 2 and weight.shape[1] <= conv4x4_narrow.MOST:
        ways["narrow"] = lambda: conv4x4_narrow.output(xs, weight, bias, slope)
    elif len(weight) == 1:
        ways["last"] = lambda: conv4x4_last.output(x, weight, bias, stride, slope)
    else:
        for t in _tiles(weight):
            ways[("wide", *t)] = lambda t=t: conv4x4_wide.output(x, weight, bias, stride, slope, t)
    return _best(("output", stride, slope is None, bias is None, _about(x), weight.shape), backend, weight, ways)


def _input_gradient(stride, size, part, dtype, backend, g, weight) -> Tensor:
    first, channels = part
    mine = weight[:, first : first + channels]
    if backend in CPU:
        return CPU[backend].input_gradient(g, mine, stride, size)
    shape = (len(g), channels, *size)
    ways = {"torch": lambda: torch.nn.grad.conv2d_input(shape, mine, g, stride, padding=1).to(dtype)}
    if stride == 2 and channels <= conv4x4_narrow.MOST:
        ways["narrow"] = lambda: conv4x4_narrow.input_gradient(g, weight, first, channels, size, dtype)
    elif len(weight) == 1:
        ways["last"] = lambda: conv4x4_last.input_gradient(g, mine, stride, size).to(dtype)
    else:
        for t in _tiles(weight):
            ways[("wide", *t)] = lambda t=t: conv4x4_wide.input_gradient(g, mine, stride, size, t).to(dtype)
    return _best(("input gradient", stride, channels, _about(g)), backend, weight, ways)


def _weight_gradient(stride, backend, g, xs) -> Tensor:
    x, channels = xs[0], sum(x.shape[1] for x in xs)
    if backend in CPU:
        return CPU[backend].weight_gradient(g, x, stride)
    shape = (g.shape[1], channels, 4, 4)
    together = (lambda: x.to(g.dtype)) if len(xs) == 1 else (lambda: torch.cat([x.to(g.dtype) for x in xs], dim=1))
    ways = {"torch": lambda: torch.nn.grad.conv2d_weight(together(), shape, g, stride, padding=1)}
    if stride == 2 and channels <= conv4x4_narrow.MOST:
        ways["narrow"] = lambda: conv4x4_narrow.weight_gradient(g, xs)
    elif g.shape[1] == 1:
        ways["last"] = lambda: conv4x4_last.weight_gradient(g, x, stride)
    else:
        for t in _tiles(g):
            ways[("wide", *t)] = lambda t=t: conv4x4_wide.weight_gradient(g, x, stride, t)
    return _best(("weight gradient", stride, channels, _about(g)), backend, g, ways)


def _best(what: tuple, backend: str, x: Tensor, ways: dict) -> Tensor:
    """All ways give the same values. "triton": of the kernels alone, which the interpreter need not race."""
    if backend == "triton":
        ways = {name: way for name, way in ways.items() if name != "torch"}
    if len(ways) == 1 or not x.is_cuda:
        return next(iter(ways.values()))()
    return ways[backends.faster((*what, backend, x.dtype, x.device), ways, x.device)]()


def _about(x: Tensor) -> tuple[int, int]:
    """Channels, and pixels to a factor of two: photographs of a hundred sizes shall not be a hundred races."""
    return x.shape[1], (x.numel() // x.shape[1]).bit_length()


def _tiles(x: Tensor) -> list[tuple]:
    return conv4x4_wide.tiles(x.dtype, torch.cuda.get_device_capability(x.device) if x.is_cuda else (0, 0))


def _to(bias: Tensor | None, weight: Tensor) -> Tensor | None:
    return None if bias is None else bias.to(weight.dtype)


def _cast(xs, weight, bias, keep: bool = False) -> tuple:
    """Autocast's type for those that are multiplied; keep: the kernel converts pictures itself, as it reads them."""
    kind = weight.device.type
    if torch.is_autocast_enabled(kind) and weight.dtype != torch.float64:
        dtype = torch.get_autocast_dtype(kind)
        xs, weight = xs if keep else tuple(x.to(dtype) for x in xs), weight.to(dtype)
    return xs, weight, bias


def _check(xs, weight, bias, stride, slope) -> None:
    expect(xs and all(isinstance(x, Tensor) for x in xs), "x", "a tensor, or several", xs)
    expect(all(x.ndim == 4 and x.shape[0] == xs[0].shape[0] and x.shape[2:] == xs[0].shape[2:] for x in xs), "x",
           "(N, C, H, W), the same N, H and W for all", [tuple(x.shape) for x in xs])
    expect(min(xs[0].shape[2:]) >= 2, "x", "sides of at least 2", tuple(xs[0].shape))
    expect(all(x.shape[1] for x in xs), "x", "at least one channel", [tuple(x.shape) for x in xs])
    expect(xs[0].shape[0] * xs[0].shape[2] * xs[0].shape[3] < 2**31, "x", "fewer than 2^31 pixels", tuple(xs[0].shape))
    channels = sum(x.shape[1] for x in xs)
    expect(weight.ndim == 4 and tuple(weight.shape[1:]) == (channels, 4, 4), "weight", f"(O, {channels}, 4, 4)",
           tuple(weight.shape))
    expect(stride in (1, 2), "stride", "1 or 2", stride)
    number = isinstance(slope, int | float) and 0 <= slope < float("inf")
    expect(slope is None or number, "slope", "None or a finite number of at least 0", slope)
    _check_alike(xs, weight, bias, len(weight))


def _check_alike(xs, weight, bias, out: int) -> None:
    expect(bias is None or bias.shape == (out,), "bias", f"({out},)", bias is not None and tuple(bias.shape))
    mixed = torch.is_autocast_enabled(weight.device.type)
    for name, t in [("weight", weight), *[("x", x) for x in xs], *[("bias", bias)] * (bias is not None)]:
        expect(t.dtype in FLOATS, name, "float32, bfloat16, float16 or float64", t.dtype)
        expect(t.device == weight.device, name, f"the weight's device {weight.device}", t.device)
        expect(mixed or t.dtype == weight.dtype, name, f"the weight's type {weight.dtype}", t.dtype)
