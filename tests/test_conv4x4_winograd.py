"""The CPU's way with fewer multiplications against PyTorch's own convolution: values, both gradients, gradients of gradients."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minicolor.kernels import backend, conv4x4_product, conv4x4_winograd
from minicolor.kernels.conv4x4 import conv4x4, conv_transpose4x4


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


sides = st.one_of(st.integers(1, 20), st.sampled_from([48, 50, 53]))    # the larger, the larger the tiles


@example(n=5, c=2, o=3, height=28, width=28, stride=1, last=True)            # two pictures at a time, and one left over
@example(n=5, c=2, o=3, height=28, width=28, stride=2, last=True)
@given(n=st.integers(1, 3), c=st.integers(1, 5), o=st.integers(1, 5), height=sides, width=sides, stride=st.sampled_from([1, 2]),
       last=st.booleans())
@settings(max_examples=60, deadline=None)
def test_it_is_the_convolution(n, c, o, height, width, stride, last):
    """In float64 the algorithm is exact but for rounding; the oracle is PyTorch's convolution and its gradients."""
    height, width = (2 * height, 2 * width) if stride == 2 else (height + 1, width + 1)
    x, w = noise(n, c, height, width), noise(o, c, 4, 4, seed=1)
    x = x.to(memory_format=torch.channels_last) if last else x
    x.requires_grad_(), w.requires_grad_()
    y = F.conv2d(x, w, None, stride, 1)
    g = noise(*y.shape, seed=2)
    dx, dw = torch.autograd.grad(y, (x, w), g)
    with torch.no_grad():
        for ours, theirs in ((conv4x4_winograd.output(x, w, stride), y),
                             (conv4x4_winograd.input_gradient(g, w, stride, (height, width)), dx),
                             (conv4x4_winograd.weight_gradient(g, x, stride), dw)):
            torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)
        if stride == 2:
            for ours, theirs in ((conv4x4_product.output(x, w), y), (conv4x4_product.weight_gradient(g, x), dw),
                                 (conv4x4_product.input_gradient(g, w, 2, (height, width)), dx)):
                torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("stride, side, most", [(1, 32, 1e-5), (2, 32, 6e-6), (2, 128, 6e-6)])
def test_its_rounding_is_what_the_file_says(stride, side, most):
    """Of the largest value, float32, at the size of the layers that matter most; up to twice what the file says."""
    x, w = noise(4, 256, side, side, dtype=torch.float32), noise(16, 256, 4, 4, seed=1, dtype=torch.float32)
    exact = F.conv2d(x.double(), w.double(), None, stride, 1)
    assert (conv4x4_winograd.output(x, w, stride) - exact).abs().max() < most * exact.abs().max()


@given(m_r=st.sampled_from([(3, 2), (4, 2), (5, 2), (3, 4), (4, 4)]), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_matrices_make_a_filter(m_r, seed):
    """One dimension: m outputs of r taps, against NumPy's correlation."""
    m, r = m_r
    taps, inputs = noise(r, seed=seed), noise(m + r - 1, seed=seed + 1)
    b, g, a = (conv4x4_winograd.matrix(which, m, r, torch.float64) for which in "BGA")
    assert np.allclose(a @ ((g @ taps) * (b @ inputs)), np.correlate(inputs.numpy(), taps.numpy()), atol=1e-12)


@pytest.fixture
def everywhere(monkeypatch):
    """Small layers, and float64, would not be worth it."""
    asked = []
    monkeypatch.setattr(conv4x4_winograd, "helps", lambda *size: asked.append(size) or True)
    return asked


@pytest.mark.parametrize("stride", [1, 2])
def test_the_layer_takes_it_in_training_alone(everywhere, stride, monkeypatch):
    used, real = [], conv4x4_winograd.output
    monkeypatch.setattr(conv4x4_winograd, "output", lambda *a: used.append(1) or real(*a))
    x, w, b = (noise(*s, dtype=torch.float32) for s in ((2, 3, 8, 8), (4, 3, 4, 4), (4,)))
    expected = F.leaky_relu(F.conv2d(x, w, b, stride, 1), 0.2)
    torch.testing.assert_close(conv4x4(x, w, b, stride, 0.2), expected, atol=1e-4, rtol=1e-4)
    assert used
    for way in ("torch", "no_grad", "not fast", "double"):
        used.clear()
        if way == "torch":
            conv4x4(x, w, b, stride, 0.2, backend="torch")
        elif way == "no_grad":
            with torch.no_grad():
                conv4x4(x, w, b, stride, 0.2)
        elif way == "double":
            conv4x4(x.double(), w.double(), b.double(), stride, 0.2)
        else:
            backend.set_fast(False)
            try:
                conv4x4(x, w, b, stride, 0.2)
            finally:
                backend.set_fast(True)
        assert not used, way


@pytest.mark.parametrize("stride", [1, 2, "transposed"])
def test_gradients_of_gradients(everywhere, stride):
    """WGAN-GP differentiates a gradient: the slope of a penalty on it, against PyTorch's own."""
    w = noise(3, 4, 4, 4, seed=1, dtype=torch.float32) / 4
    found = []
    for way in (None, "torch"):
        x = noise(2, 3 if stride == "transposed" else 4, 8, 8, dtype=torch.float32).requires_grad_()
        v = w.clone().requires_grad_()
        y = conv_transpose4x4(x, v, backend=way) if stride == "transposed" else conv4x4(x, v, None, stride, 0.2, backend=way)
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), (x, v)))
    for ours, theirs in zip(*found):
        torch.testing.assert_close(ours, theirs, atol=1e-4 * theirs.abs().max(), rtol=0)
