"""The twin is the papers' formula: normalized by hand in float64, with running statistics renewed as they say."""

import pytest
import torch

from minicolor.ops.norm_act import norm_act


def by_hand(x, weight, bias, mean, var, eps, slope):
    """The formula, (C,) or (N, C) statistics."""
    shape = (1, -1, 1, 1) if mean.ndim == 1 else (*mean.shape, 1, 1)
    z = (x - mean.view(shape)) / (var.view(shape) + eps).sqrt() * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)
    return z if slope is None else torch.where(z > 0, z, slope * z)


@pytest.fixture
def given():
    torch.manual_seed(0)
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64) * 2 + 7
    return x, torch.randn(4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)


@pytest.mark.parametrize("slope", [None, 0.0, 0.2, 1.0])
@pytest.mark.parametrize("kind", ["batch", "instance"])
def test_statistics_of_what_is_given(given, kind, slope):
    dims = (0, 2, 3) if kind == "batch" else (2, 3)
    x, weight, bias = given
    expected = by_hand(x, weight, bias, x.mean(dims), x.var(dims, correction=0), 1e-5, slope)
    torch.testing.assert_close(norm_act(x, weight, bias, kind=kind, slope=slope), expected)
    assert slope is None or (expected < 0).any() or slope == 0   # else the activation was not tested


def test_running_statistics_are_used_at_test_and_renewed_in_training(given):
    x, weight, bias = given
    mean, var = torch.randn(4, dtype=torch.float64), torch.rand(4, dtype=torch.float64) + 0.5
    before = mean.clone(), var.clone()
    out = norm_act(x, weight, bias, mean, var, training=False, slope=0.2)
    torch.testing.assert_close(out, by_hand(x, weight, bias, mean, var, 1e-5, 0.2))
    assert torch.equal(mean, before[0]) and torch.equal(var, before[1])
    norm_act(x, weight, bias, mean, var, momentum=0.3)
    torch.testing.assert_close(mean, 0.7 * before[0] + 0.3 * x.mean((0, 2, 3)))
    torch.testing.assert_close(var, 0.7 * before[1] + 0.3 * x.var((0, 2, 3)))        # the unbiased one, as PyTorch keeps it


def test_weight_and_bias_may_be_left_out(given):
    x = given[0]
    one, zero = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for kind in ("batch", "instance"):
        torch.testing.assert_close(norm_act(x, kind=kind), norm_act(x, one, zero, kind=kind))


def test_eps_keeps_a_flat_picture_finite():
    for kind in ("batch", "instance"):
        x = torch.full((2, 3, 4, 4), 5.0, requires_grad=True)
        out = norm_act(x, kind=kind, slope=0.2)
        out.sum().backward()
        assert out.abs().max() < 1e-3 and x.grad.isfinite().all()                    # the mean is 5 to the last bit or two


def test_a_relu_has_no_gradient_at_zero_and_below():
    """weight 0 puts every z at 0 exactly: PyTorch's derivative there is that of the negative side."""
    for slope in (0.0, 0.2):
        weight = torch.zeros(1, requires_grad=True)
        x = torch.tensor([1.0, -1.0, 2.0, 5.0]).view(1, 1, 2, 2)
        norm_act(x, weight, slope=slope).mul(x).sum().backward()
        h = (x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt()
        torch.testing.assert_close(weight.grad, slope * (h * x).sum().view(1))
