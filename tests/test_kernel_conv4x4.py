"""The 4x4 convolution kernels say what PyTorch says: output and both gradients, every layer's shape, to any order."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

pytest.importorskip("triton", reason="Triton is not installed")

from minicolor.kernels import backend, conv4x4_last, conv4x4_narrow, conv4x4_wide
from minicolor.kernels.conv4x4 import conv4x4, conv_transpose4x4

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# relative error of the whole result: one rounding of the output, or for float32 the order of the additions
CLOSE = {torch.float32: 1e-6, torch.float64: 1e-14, torch.bfloat16: 6e-3, torch.float16: 6e-4}
if DEVICE == "cuda":
    CLOSE[torch.float32] = 1e-3                                       # tf32 products, as PyTorch's own convolutions there


def numbers(*shape, dtype=torch.float64, seed=0, grad=False) -> torch.Tensor:
    """Pictures off-centre, so that padding that is not zero, or a tap too many, changes the result; the rest of both signs."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x += 0.5 * (len(shape) == 4 and tuple(shape[2:]) != (4, 4))
    return x.to(DEVICE, dtype).requires_grad_(grad)


def error(mine: torch.Tensor, truth: torch.Tensor) -> float:
    assert mine.shape == truth.shape
    return ((mine.double() - truth).norm() / truth.norm().clamp(min=1e-9)).item()


def cut(truth: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """As Triton's interpreter stores it: it cuts bfloat16 off where hardware rounds, and of six scores that is .0067."""
    if dtype != torch.bfloat16 or DEVICE == "cuda":
        return truth
    return (truth.float().view(torch.int32) & -65536).view(torch.float32).double()


def compare(channels, out, n, h, w, stride, slope, dtype, bias=True, seed=0):
    """conv4x4 against float64 convolution by PyTorch: the output and all gradients."""
    xs = [numbers(n, c, h, w, dtype=dtype, seed=seed + i, grad=True) for i, c in enumerate(channels)]
    weight = numbers(out, sum(channels), 4, 4, dtype=dtype, seed=seed + 3, grad=True)
    b = numbers(out, dtype=dtype, seed=seed + 4, grad=True) if bias else None
    leaves = [*xs, weight, *([b] if bias else [])]
    mine = conv4x4(tuple(xs), weight, b, stride, slope, backend="triton")
    assert mine.numel() < 200 or slope is None or 0.1 < (mine > 0).float().mean() < 0.9, "both sides of the LeakyReLU"
    exact = [t.detach().double().requires_grad_() for t in leaves]
    exact_b = exact[-1] if bias else None
    truth = F.conv2d(torch.cat(exact[: len(xs)], 1), exact[len(xs)], exact_b, stride, padding=1)
    # the slope by the sign of our output: where rounding puts a value on the other side of 0, both gradients are right
    truth = truth if slope is None else torch.where(mine.detach() > 0, truth, slope * truth)
    assert error(mine, cut(truth.detach(), dtype)) < CLOSE[dtype] and mine.dtype == dtype
    g = numbers(*truth.shape, dtype=dtype, seed=seed + 5)
    for name, a, b in zip("xxwb", torch.autograd.grad(mine, leaves, g), torch.autograd.grad(truth, exact, g.double())):
        # the slope's product is rounded to the type before it is summed: a second rounding
        assert error(a, b) < 2 * CLOSE[dtype] and a.dtype == dtype, name


SIZES = {"n": st.integers(1, 3), "h": st.integers(2, 9), "w": st.integers(2, 9), "seed": st.integers(0, 99)}


@settings(deadline=None, max_examples=12)
@given(c=st.sampled_from([(1,), (3,), (1, 2), (1, 3), (3, 5)]), out=st.sampled_from([1, 2, 16, 65]),
       slope=st.sampled_from([None, 0.0, 0.2]), dtype=st.sampled_from(list(CLOSE)), **SIZES)
@example(c=(1, 2), out=16, slope=0.2, dtype=torch.float32, n=1, h=16, w=16, seed=0)      # 64 outputs: exactly one program
@example(c=(1, 2), out=16, slope=0.2, dtype=torch.float32, n=1, h=26, w=10, seed=0)      # 65
@example(c=(1,), out=1, slope=None, dtype=torch.float32, n=1, h=2, w=2, seed=0)          # one output pixel
def test_few_channels(c, out, slope, dtype, n, h, w, seed):
    compare(c, out, n, h, w, 2, slope, dtype, seed=seed)


@settings(deadline=None, max_examples=12)
@given(c=st.integers(9, 40), out=st.integers(2, 40), stride=st.sampled_from([1, 2]), slope=st.sampled_from([None, 0.0, 0.2]),
       dtype=st.sampled_from(list(CLOSE)), **SIZES)
@example(c=32, out=64, stride=2, slope=0.2, dtype=torch.float32, n=2, h=16, w=16, seed=0)    # every tile exactly full
@example(c=33, out=65, stride=1, slope=0.2, dtype=torch.float32, n=1, h=10, w=16, seed=1)    # and one more of each
def test_many_channels(c, out, stride, slope, dtype, n, h, w, seed):
    compare((c,), out, n, h, w, stride, slope, dtype, seed=seed)


@settings(deadline=None, max_examples=12)
@given(c=st.integers(1, 70), stride=st.sampled_from([1, 2]), slope=st.sampled_from([None, 0.2]),
       dtype=st.sampled_from(list(CLOSE)), **SIZES)
@example(c=64, stride=1, slope=None, dtype=torch.float32, n=1, h=8, w=8, seed=0)    # one block of pixels, one of channels
@example(c=65, stride=1, slope=None, dtype=torch.float32, n=1, h=5, w=13, seed=0)            # 65 pixels
@example(c=9, stride=1, slope=None, dtype=torch.float32, n=1, h=18, w=17, seed=0)            # 272 scores: past one block of 256
@example(c=32, stride=1, slope=None, dtype=torch.bfloat16, n=2, h=4, w=2, seed=2)            # six scores, all cut off by much
def test_one_output(c, stride, slope, dtype, n, h, w, seed):
    compare((c,), 1, n, h, w, stride, slope, dtype, seed=seed)


@settings(deadline=None, max_examples=10)
@given(c=st.integers(1, 20), out=st.sampled_from([1, 2, 3, 12]), n=st.integers(1, 2), h=st.integers(1, 6), w=st.integers(1, 6),
       dtype=st.sampled_from(list(CLOSE)), seed=st.integers(0, 99))
def test_transposed(c, out, n, h, w, dtype, seed):
    x, weight, b = (numbers(*s, dtype=dtype, seed=seed, grad=True) for s in ((n, c, h, w), (c, out, 4, 4), (out,)))
    exact = [t.detach().double().requires_grad_() for t in (x, weight, b)]
    mine, truth = conv_transpose4x4(x, weight, b, backend="triton"), F.conv_transpose2d(*exact, stride=2, padding=1)
    assert mine.shape == (n, out, 2 * h, 2 * w) and error(mine, truth.detach()) < 2 * CLOSE[dtype]   # the bias: a second rounding
    g = numbers(*truth.shape, dtype=dtype, seed=seed + 5)
    for slope, exact_slope in zip(torch.autograd.grad(mine, [x, weight, b], g), torch.autograd.grad(truth, exact, g.double())):
        assert error(slope, exact_slope) < 2 * CLOSE[dtype]


LAYERS = {
    "two pictures": (lambda x1, x2, w, b: conv4x4((x1, x2), w, b, 2, 0.2), ((2, 1, 4, 4), (2, 2, 4, 4), (3, 3, 4, 4), (3,))),
    "wide, stride 2": (lambda x, w, b: conv4x4(x, w, b, 2, 0.2), ((2, 9, 5, 4), (3, 9, 4, 4), (3,))),
    "wide, stride 1": (lambda x, w: conv4x4(x, w, None, 1, 0.2), ((1, 9, 3, 4), (2, 9, 4, 4))),
    "three pictures": (lambda x1, x2, x3, w: conv4x4((x1, x2, x3), w, None, 1),
                       ((1, 1, 2, 3), (1, 1, 2, 3), (1, 2, 2, 3), (2, 4, 4, 4))),
    "one output": (lambda x, w, b: conv4x4(x, w, b, 1), ((2, 9, 4, 3), (1, 9, 4, 4), (1,))),
    "transposed": (lambda x, w, b: conv_transpose4x4(x, w, b), ((1, 9, 2, 3), (9, 2, 4, 4), (2,))),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_gradients_of_gradients(layer):
    """Numerically, in float64; fast_mode compares along random directions rather than value by value."""
    function, shapes = LAYERS[layer]
    inputs = [numbers(*shape, seed=i, grad=True) for i, shape in enumerate(shapes)]
    with backend.using("triton"):
        assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
        assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def test_a_gradient_penalty_is_right():
    """WGAN-GP's: through a critic of all three kinds of layer, the norm of a gradient is differentiated by the weights."""
    shapes = ((12, 3, 4, 4), (12,), (14, 12, 4, 4), (1, 14, 4, 4))
    penalties = []
    for which in ("triton", "torch"):
        weights = [numbers(*s, seed=i, grad=True) for i, s in enumerate(shapes)]
        x = numbers(2, 3, 12, 12, seed=9, grad=True)
        with backend.using(which):
            h = conv4x4((x[:, :1], x[:, 1:]), weights[0], weights[1], 2, 0.2)
            scores = conv4x4(conv4x4(h, weights[2], None, 2, 0.2), weights[3], None, 1)
            slope, = torch.autograd.grad(scores, x, torch.ones_like(scores), create_graph=True)
            penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
            penalties.append((penalty, *torch.autograd.grad(penalty, [weights[0], weights[2], weights[3]])))
    for mine, theirs in zip(*penalties):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("pieces", [1, 2, 64])
def test_the_sum_over_parts_does_not_depend_on_their_number(monkeypatch, pieces):
    """The weight gradients deal pixels out to programs, `pieces` steps to each: many parts, or one."""
    for file in (conv4x4_wide, conv4x4_narrow, conv4x4_last):
        monkeypatch.setattr(file, "shares", lambda m, programs, step, device: step * pieces)
    for c, out, stride, way in ((10, 12, 1, lambda g, x: conv4x4_wide.weight_gradient(g, x, 1, (32, 32, 32, 4, 2))),
                                (2, 5, 2, lambda g, x: conv4x4_narrow.weight_gradient(g, (x,))),
                                (10, 1, 1, lambda g, x: conv4x4_last.weight_gradient(g, x, 1))):
        x = numbers(1, c, 20, 20)
        g = numbers(1, out, (20 - 2) // stride + 1, (20 - 2) // stride + 1, seed=1)
        torch.testing.assert_close(way(g, x), torch.nn.grad.conv2d_weight(x, (out, c, 4, 4), g, stride, 1))


@pytest.mark.parametrize("m, programs", [(1, 1), (100, 4), (16384, 2), (61504, 3000)])
def test_shares_cover_all_pixels(m, programs):
    part = conv4x4_wide.shares(m, programs, 64, torch.device("cpu"))
    assert part % 64 == 0 and (part // 64).bit_count() == 1 and -(-m // part) * part >= m


def test_every_way_of_a_layer_agrees():
    """What "auto" chooses from: every tile, the kernels for special shapes, PyTorch."""
    from minicolor.kernels import conv4x4 as module

    x, weight = numbers(1, 12, 6, 6, dtype=torch.float32), numbers(8, 12, 4, 4, dtype=torch.float32, seed=1)
    seen = []
    module_best = module._best
    try:
        module._best = lambda what, backend, x, ways: seen.append([way() for way in ways.values()]) or ways["torch"]()
        module._output(2, 0.2, "auto", weight, None, (x,))
        module._output(2, 0.2, "auto", weight[:, :2], None, (x[:, :1], x[:, 1:2]))
        module._output(1, None, "auto", weight[:1], None, (x,))
        module._input_gradient(2, (6, 6), (0, 12), torch.float32, "auto", numbers(1, 8, 3, 3, dtype=torch.float32), weight)
        module._input_gradient(2, (6, 6), (3, 2), torch.float32, "auto", numbers(1, 8, 3, 3, dtype=torch.float32), weight)
        module._weight_gradient(2, "auto", numbers(1, 8, 3, 3, dtype=torch.float32), (x,))
        module._weight_gradient(2, "auto", numbers(1, 8, 3, 3, dtype=torch.float32), (x[:, :1], x[:, 1:3]))
    finally:
        module._best = module_best
    assert len(seen) == 7 and all(len(ways) >= 2 for ways in seen)
    for first, *others in seen:
        for other in others:
            torch.testing.assert_close(other, first, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("tile", conv4x4_wide.tiles(torch.bfloat16, (9, 0)), ids=str)
def test_every_tile_that_a_hopper_gets(tile):
    """In bfloat16, with more pixels and channels than fit into one: 196 pixels, 300 channels out, 80 summed."""
    x, weight = numbers(1, 80, 15, 15, dtype=torch.bfloat16), numbers(300, 80, 4, 4, dtype=torch.bfloat16, seed=1)
    y = conv4x4_wide.output(x, weight, None, 1, None, tile)
    truth = F.conv2d(x.double(), weight.double(), None, 1, 1)
    assert error(y, truth) < CLOSE[torch.bfloat16]
    g = numbers(*y.shape, dtype=torch.bfloat16, seed=2)
    dx = conv4x4_wide.input_gradient(g, weight, 1, (15, 15), tile)
    assert error(dx, torch.nn.grad.conv2d_input(x.shape, weight.double(), g.double(), 1, 1)) < CLOSE[torch.bfloat16]
    dw = conv4x4_wide.weight_gradient(g, x, 1, tile)
    assert error(dw, torch.nn.grad.conv2d_weight(x.double(), weight.shape, g.double(), 1, 1)) < CLOSE[torch.bfloat16]


def test_a_single_picture_is_not_copied():
    """torch.cat copies even one tensor: the twin, and cuDNN's side of every comparison, would pay for that."""
    x, weight = numbers(1, 3, 4, 4, grad=True), numbers(2, 3, 4, 4)
    y = conv4x4((x,), weight, None, 2, backend="torch")
    assert [type(f).__name__ for f, _ in y.grad_fn.next_functions if f] == ["AccumulateGrad"]
