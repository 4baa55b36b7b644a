"""Padding is Keras' "same": which pixels each window sees, written out from TensorFlow's rule, for every size and stride."""

import pytest
import torch
from torch.nn import functional as F

from minicolor.models.same_padding import ConvSame, ConvTransposeSame, same_padding

KERNELS, STRIDES = (2, 3, 4, 5), (1, 2, 3)
CASES = [(k, s) for k in KERNELS for s in STRIDES]


def rule(n: int, k: int, s: int) -> tuple[int, int]:
    """TensorFlow's "Notes on padding", in the other form that it gives: by the remainder."""
    total = max(k - s, 0) if n % s == 0 else max(k - n % s, 0)
    return total // 2, total - total // 2


def windows(n: int, k: int, s: int) -> torch.Tensor:
    """(outputs, taps, n): 1 where output i reads value h with tap a; a tap on the padding reads nothing."""
    before, _ = rule(n, k, s)
    reads = torch.zeros((n + s - 1) // s, k, n, dtype=torch.float64)
    for i in range(reads.shape[0]):
        for a in range(k):
            h = i * s + a - before
            if 0 <= h < n:
                reads[i, a, h] = 1
    return reads


def sizes():
    return [(h, 1 + (5 * h) % 14) for h in range(1, 15)]             # height and width apart, so that they cannot be mixed up


@pytest.mark.parametrize("n, k, s, zeros", [(160, 3, 2, (0, 1)), (10, 3, 2, (0, 1)), (5, 3, 2, (1, 1)), (160, 2, 1, (0, 1)),
                                            (7, 3, 1, (1, 1)), (8, 5, 2, (1, 2)), (8, 2, 2, (0, 0)), (6, 2, 3, (0, 0)),
                                            (7, 2, 3, (0, 1))])
def test_known_paddings(n, k, s, zeros):
    assert same_padding(n, k, s) == zeros


def test_both_forms_of_the_rule_agree():
    for k in range(1, 8):
        for s in range(1, 6):
            for n in range(1, 60):
                assert same_padding(n, k, s) == rule(n, k, s), (n, k, s)


@pytest.mark.parametrize("k, s", CASES)
def test_conv_reads_the_pixels_that_the_rule_names(k, s):
    torch.manual_seed(0)
    layer = ConvSame(2, 3, k, s).double()
    for h, w in sizes():
        x = torch.randn(2, 2, h, w, dtype=torch.float64)
        expected = torch.einsum("nchw,iah,jbw,ocab->noij", x, windows(h, k, s), windows(w, k, s), layer.weight)
        out = layer(x)
        assert out.shape[2:] == ((h + s - 1) // s, (w + s - 1) // s)
        torch.testing.assert_close(out, expected + layer.bias[:, None, None], atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("k, s", CASES)
def test_the_transposed_one_writes_where_the_other_reads(k, s):
    """Keras' output is stride times the input; what ConvSame of that size reads with a tap is written to with it."""
    torch.manual_seed(0)
    layer = ConvTransposeSame(3, 2, k, s).double()
    for h, w in [(h, 1 + (5 * h) % 7) for h in range(1, 8)]:
        y = torch.randn(2, 3, h, w, dtype=torch.float64)
        reads = windows(s * h, k, s), windows(s * w, k, s)
        expected = torch.einsum("ncij,iah,jbw,coab->nohw", y, *reads, layer.weight)
        out = layer(y)
        assert out.shape == (2, 2, s * h, s * w)
        torch.testing.assert_close(out, expected + layer.bias[:, None, None], atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("k, s", CASES)
def test_the_transposed_one_is_the_gradient_of_the_other(k, s):
    """By PyTorch's autograd, which knows nothing of the rule."""
    torch.manual_seed(0)
    conv, back = ConvSame(2, 3, k, s).double(), ConvTransposeSame(3, 2, k, s).double()
    back.weight.data, back.bias.data = conv.weight.data, torch.zeros(2, dtype=torch.float64)
    x = torch.randn(1, 2, 4 * s, 3 * s, dtype=torch.float64, requires_grad=True)
    y = torch.randn(1, 3, 4, 3, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(conv(x), x, y)
    torch.testing.assert_close(back(y), gradient, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("k", KERNELS)
@pytest.mark.filterwarnings("ignore:Using padding='same'")           # PyTorch says that it makes a copy for even kernels
def test_at_stride_1_it_is_pytorchs_own_same(k):
    layer, x = ConvSame(2, 3, k), torch.randn(1, 2, 7, 9)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias, padding="same"), atol=1e-6, rtol=1e-5)


def test_it_is_not_pytorchs_padding_1():
    """The mistake that this file is there for: the same sizes, other pixels."""
    conv, back, x = ConvSame(1, 1, 3, 2), ConvTransposeSame(1, 1, 3, 2), torch.randn(1, 1, 8, 8)
    usual = F.conv2d(x, conv.weight, conv.bias, 2, 1)
    usual_back = F.conv_transpose2d(x, back.weight, back.bias, 2, 1, 1)
    assert conv(x).shape == usual.shape and (conv(x) - usual).abs().max() > 0.1
    assert back(x).shape == usual_back.shape and (back(x) - usual_back).abs().max() > 0.1


def test_channels_last_is_the_same():
    for layer, x in ((ConvSame(4, 3, 3, 2), torch.randn(2, 4, 6, 8)), (ConvTransposeSame(4, 3, 3, 2), torch.randn(2, 4, 3, 5))):
        plain = layer(x)
        layer.to(memory_format=torch.channels_last)
        torch.testing.assert_close(layer(x.contiguous(memory_format=torch.channels_last)), plain, atol=1e-6, rtol=1e-5)
