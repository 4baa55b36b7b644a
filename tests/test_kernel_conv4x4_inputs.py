"""The 4x4 convolution kernels take pictures as they come: any strides, autocast, an empty batch; the rest is refused by name."""

import pytest
import torch
from torch.nn import functional as F

pytest.importorskip("triton", reason="Triton is not installed")

from test_kernel_conv4x4 import CLOSE, DEVICE, error, numbers

from minicolor.errors import BadInput
from minicolor.kernels.conv4x4 import conv4x4, conv_transpose4x4
from minicolor.ops import conv4x4 as reference


@pytest.mark.parametrize("view", [
    lambda x: x.transpose(-1, -2), lambda x: x[..., ::2, 1::3], lambda x: x.flip(-1), lambda x: x[:1].expand(3, -1, -1, -1),
    lambda x: x.contiguous(memory_format=torch.channels_last),
], ids=["transposed", "strided", "flipped", "expanded", "channels last"])  # fmt: skip
@pytest.mark.parametrize("channels, out, stride", [(3, 5, 2), (12, 5, 2), (12, 1, 1)])
def test_any_strides(view, channels, out, stride):
    x, weight = view(numbers(2, channels, 9, 12)), numbers(out, channels, 4, 4, seed=1)
    for w in (weight, weight.contiguous(memory_format=torch.channels_last), weight.transpose(2, 3)):
        mine = conv4x4(x, w, None, stride, backend="triton")
        torch.testing.assert_close(mine, F.conv2d(x, w, None, stride, 1))
        leaf = x.detach().requires_grad_()
        g = mine.transpose(2, 3).contiguous().transpose(2, 3)
        dx, = torch.autograd.grad(conv4x4(leaf, w, None, stride, backend="triton"), leaf, g)
        torch.testing.assert_close(dx, torch.nn.grad.conv2d_input(x.shape, w, mine, stride, 1))


def test_autocast_and_an_empty_batch():
    x, weight, b = (numbers(*s, dtype=torch.float32, grad=True) for s in ((2, 12, 6, 6), (8, 12, 4, 4), (8,)))
    with torch.autocast(DEVICE, torch.bfloat16):
        mine, theirs = (conv4x4(x, weight, b, 2, 0.2, backend=which) for which in ("triton", "torch"))
        pair = conv4x4((x[:, :1], x[:, 1:3]), weight[:, :3], b, 2, backend="triton")     # float32 pictures, read as they are
    assert mine.dtype == theirs.dtype == pair.dtype == torch.bfloat16
    assert error(mine, theirs.double()) < 2 * CLOSE[torch.bfloat16]
    grads = [torch.autograd.grad(y.float().square().sum(), [x, weight, b]) for y in (mine, theirs)]
    for a, t in zip(*grads):
        assert a.dtype == torch.float32 and error(a, t.double()) < 0.02                  # rounded to bfloat16 at every step
    empty = conv4x4(torch.zeros(0, 12, 6, 6, device=DEVICE), weight, b, 2, backend="triton")
    assert empty.shape == (0, 8, 3, 3)


def bad(argument: str, *args, **kwargs):
    for which in ("triton", "torch"):
        with pytest.raises(BadInput, match=f"argument {argument}: expected"):
            conv4x4(*args, **kwargs, backend=which)


def test_bad_input_is_named():
    x, weight = numbers(1, 3, 6, 6), numbers(2, 3, 4, 4)
    bad("weight", x, numbers(2, 3, 3, 3))
    bad("weight", x, numbers(2, 4, 4, 4))
    bad("x", x[0], weight)
    bad("x", x[..., :1], weight)
    bad("x", (x, x[..., :4]), weight)
    bad("x", x.float(), weight)
    bad("x", x.to(torch.uint8), weight)
    bad("bias", x, weight, numbers(3))
    bad("stride", x, weight, stride=3)
    bad("slope", x, weight, slope=-0.1)
    bad("slope", x, weight, slope=float("nan"))
    bad("slope", x, weight, slope="a")
    bad("x", (), weight)
    bad("x", None, weight)
    bad("x", x[:, :0], weight[:, :0])
    bad("x", torch.empty(1, 3, 6, 6, dtype=torch.float64, device="meta"), weight)
    with pytest.raises(BadInput, match="argument weight: expected"):
        conv_transpose4x4(x, weight)
    with pytest.raises(BadInput, match="argument x: expected no side of 0"):
        conv_transpose4x4(x[:, :, :0], numbers(3, 2, 4, 4))
    assert reference.conv4x4(x, weight).shape == (1, 2, 3, 3)
