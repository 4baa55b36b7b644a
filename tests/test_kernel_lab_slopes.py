"""The kernels' slopes are those of the twin by autograd and of difference quotients, and have slopes of their own."""

import pytest
import torch

pytest.importorskip("triton")

from test_kernel_lab import CLOSE, DEVICE, TARGETS, as_dtype, noise, units

from minicolor.kernels.lab import rgb_to_units, units_to_rgb
from minicolor.ops import lab_units as twin


def slopes(function, inputs, outer_seed: int = 1):
    """Of a weighted sum of everything that function returns: unequal weights show mixed-up planes."""
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    outputs = function(*leaves)
    generator = torch.Generator().manual_seed(outer_seed)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    weights = [torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o) for o in outputs]
    return torch.autograd.grad(sum((o * w).sum() for o, w in zip(outputs, weights)), leaves)


@TARGETS
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 8, 64), (2, 7, 73), (1, 27, 19)])
def test_slopes_are_those_of_the_twin(shape, target):
    rgb = torch.rand(shape[0], 3, *shape[1:], generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rgb[0, :, 0, 0] = torch.tensor([0.0, 0.02, 0.04044])                    # dark: all lines and no curve
    for dtype, rtol in ((torch.float64, 1e-10), (torch.float32, 1e-4)):     # 1e-4: float32 powers, summed with cancellation
        x = rgb.to(DEVICE, dtype)
        ours = slopes(lambda z: rgb_to_units(z, target, backend="triton"), [x])
        torch.testing.assert_close(ours, slopes(lambda z: twin.rgb_to_units(z, target), [x]), rtol=rtol, atol=rtol)
        pair = units(*shape, dtype, seed=3)
        ours = slopes(lambda a, b: units_to_rgb(a, b, backend="triton"), pair)
        torch.testing.assert_close(ours, slopes(twin.units_to_rgb, pair), rtol=rtol, atol=rtol)
        clipped = slopes(lambda a, b: units_to_rgb(a, b, backend="triton"), [torch.ones_like(pair[0]), pair[1] * 0 + 0.9])
        torch.testing.assert_close(clipped, slopes(twin.units_to_rgb, [torch.ones_like(pair[0]), pair[1] * 0 + 0.9]),
                                   rtol=rtol, atol=rtol)


def test_black_can_be_left():
    """L = -1 is exactly at the edge of the gamut, and a picture has many such pixels: torch.clamp has a slope there."""
    pair = [torch.full((1, 1, 1, 8), -1.0, device=DEVICE), torch.zeros(1, 2, 1, 8, device=DEVICE)]
    ours = slopes(lambda a, b: units_to_rgb(a, b, backend="triton"), pair)
    torch.testing.assert_close(ours, slopes(twin.units_to_rgb, pair), rtol=1e-4, atol=1e-4)
    assert (ours[0] != 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_slopes_in_half_precision(dtype):
    """Rounded once, so as near as the dtype can be to the float32 ones of the same values."""
    rgb, pair = as_dtype(noise(1, 4, 8), dtype), units(1, 4, 8, dtype)
    for function, reference, inputs in ((lambda z: rgb_to_units(z, backend="triton"), twin.rgb_to_units, [rgb]),
                                       (lambda a, b: units_to_rgb(a, b, backend="triton"), twin.units_to_rgb, pair)):
        rtol = 4 * CLOSE[dtype]
        ours = slopes(function, inputs)
        assert all(o.dtype == dtype for o in ours)
        torch.testing.assert_close(ours, slopes(reference, inputs), rtol=rtol, atol=rtol)


@TARGETS
def test_gradcheck_and_the_slope_of_the_slope(target):
    """Values away from knees and edges, where a difference quotient would see two slopes."""
    rgb = torch.tensor([[0.002, 0.02, 0.03], [0.05, 0.1, 0.07], [0.9, 0.2, 0.6]], dtype=torch.float64).T[None, :, None]
    rgb = rgb.to(DEVICE)
    l, ab = (x.requires_grad_() for x in twin.rgb_to_units(rgb))
    rgb.requires_grad_()
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda x: rgb_to_units(x, target, backend="triton"), rgb, eps=1e-7, atol=1e-3, rtol=1e-3)
        assert check(lambda a, b: units_to_rgb(a, b, backend="triton"), (l, ab), eps=1e-7, atol=1e-3, rtol=1e-3)


def test_one_slope_of_the_two_is_enough():
    l, ab = units(1, 2, 4)
    for needs in ((True, False), (False, True)):
        a, b = (x.clone().requires_grad_(need) for x, need in zip((l, ab), needs))
        leaf = a if needs[0] else b
        for create_graph in (False, True):
            ours, theirs = (torch.autograd.grad(f(a, b).square().sum(), leaf, create_graph=create_graph)[0]
                            for f in (lambda *x: units_to_rgb(*x, backend="triton"), twin.units_to_rgb))
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
