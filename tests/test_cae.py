"""The CAE is report A's Table I, row by row: its count, its shapes, its 4x4 squares, against plain functions."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minicolor.models.cae import CAE


def by_the_table(network: CAE, x: torch.Tensor) -> torch.Tensor:
    """Pooling is the largest of four slices; a 2x2/2 transposed convolution is a product per pixel, then a shuffle."""
    (w1, b1, w2, b2), (w3, b3, w4, b4) = network.encoder.parameters(), network.decoder.parameters()

    def pooled(x):
        return torch.stack([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(0)

    def painted(x, weight, bias):
        return F.pixel_shuffle(torch.einsum("nchw,coij->noijhw", x, weight).flatten(1, 3), 2) + bias[:, None, None]

    x = pooled(F.conv2d(x, w1, b1, padding=1).clamp(min=0))
    x = pooled(F.conv2d(x, w2, b2, padding=1).clamp(min=0))
    return painted(painted(x, w3, b3).clamp(min=0), w4, b4)


def test_it_has_the_tables_1_978_parameters():
    rows = [(1, 16, 3), (16, 8, 3), (8, 16, 2), (16, 2, 2)]                   # channels in, out, and the kernel's side
    count = sum(p.numel() for p in CAE().parameters())
    assert count == sum(c * o * k * k + o for c, o, k in rows) == 1_978


def test_shapes_are_the_tables():
    seen, network = [], CAE()
    for layer in [*network.encoder, *network.decoder]:
        if not isinstance(layer, torch.nn.ReLU):
            layer.register_forward_hook(lambda layer, x, y: seen.append((y.shape[-1], x[0].shape[1], y.shape[1])))
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 224, 224)).shape == (1, 2, 224, 224)
    # the table's columns: side (of what comes out), channels in, channels out; but for its first row's 32 in
    assert seen == [(224, 1, 16), (112, 16, 16), (112, 16, 8), (56, 8, 8), (112, 8, 16), (224, 16, 2)]


@pytest.mark.parametrize("height, width", [(4, 4), (8, 12), (32, 20)])
def test_forward_agrees_with_plain_functions(height, width):
    torch.manual_seed(0)
    network = CAE(2, 3)
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.5 if p.ndim == 1 else 1.5 * p[0].numel() ** -0.5)
    x = torch.rand(2, 2, height, width) * 2 - 1
    out, expected = network(x), by_the_table(network, x)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)           # float32 through 4 layers
    slopes = [torch.autograd.grad(y.square().sum(), list(network.parameters())) for y in (out, expected)]
    for mine, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4 * theirs.abs().max().item(), rtol=1e-3)
    assert out.std() > 0.1 and out.min() < 0 < out.max(), "a and b have both signs"


def test_every_square_of_4x4_is_painted_from_one_place():
    """What the report saw as "a filter": two pictures that differ in one square's code differ in that square alone."""
    torch.manual_seed(0)
    network = CAE()
    code = torch.rand(1, 8, 5, 6)
    other = code.clone()
    other[:, :, 2, 3] += 1
    changed = (network.decoder(code) != network.decoder(other)).any(1)[0].nonzero()
    assert changed.amin(0).tolist() == [8, 12] and changed.amax(0).tolist() == [11, 15]


@settings(deadline=None, max_examples=20)
@given(height=st.integers(1, 24), width=st.integers(1, 24), n=st.integers(1, 3))
@example(height=4, width=6, n=1)                                              # a multiple of 2 alone
@example(height=6, width=4, n=1)
@example(height=4, width=8, n=1)
def test_multiples_of_4_work_and_other_sizes_are_refused(height, width, n):
    network, x = CAE(), torch.rand(n, 1, height, width)
    if height % 4 or width % 4:
        with pytest.raises(ValueError, match=f"multiples of 4, not {height}x{width}"):
            network(x)
    else:
        assert network(x).shape == (n, 2, height, width)


def test_every_parameter_learns():
    torch.manual_seed(0)
    network = CAE()
    F.mse_loss(network(torch.rand(2, 1, 16, 16)), torch.rand(2, 2, 16, 16) - 0.5).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name
