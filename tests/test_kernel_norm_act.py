"""The fused norm says what its twin says: value, gradients of both orders and running statistics, in every layout and size."""

from unittest import mock

import compiled
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.kernels import norm_act_tiles
from minicolor.kernels.backend import tl, triton
from minicolor.kernels.norm_act import norm_act
from minicolor.ops.norm_act import norm_act as reference

pytest.importorskip("triton")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
CL = torch.channels_last
# (value, share of the largest value): sums in another order, about 2^-23 * 50; bf16 and fp16: two ulps, 2^-7 and 2^-10 and some
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3, torch.float64: 1e-7}  # float32 momentum, below


def small(tile: int = 64, programs: int = 3):
    """Small tiles and few programs, so that small pictures have many tiles, several in a program, and the last one not full."""
    return mock.patch.multiple(norm_act_tiles, TILE=tile, PROGRAMS=programs)


def close(ours, theirs, dtype, name=""):
    tolerance = TOLERANCE[dtype] * max(1.0, theirs.abs().max().item())
    torch.testing.assert_close(ours.double(), theirs.double(), atol=tolerance, rtol=0, msg=lambda m: f"{name}: {m}")


def both(x, kind="batch", training=True, slope=0.2, affine=True, running=True, momentum=0.1):
    """Value, gradients and running statistics: of the kernel, and of the twin in float64."""
    found, c = [], x.shape[1]
    for function, dtype in ((norm_act, None), (reference, torch.float64)):
        torch.manual_seed(1)
        table = torch.float64 if x.dtype == torch.float64 else torch.float32
        weight, bias, mean, var, dy = (torch.randn(n) for n in ((c,), (c,), (c,), (c,), x.shape))
        dy = dy.to(x.dtype)
        var = var.abs() + 0.5
        weight, bias, mean, var = (t.to(DEVICE, dtype or table) for t in (weight, bias, mean, var))
        z = x.detach().to(dtype or x.dtype).requires_grad_()
        inputs = {"x": z, **({"weight": weight.requires_grad_(), "bias": bias.requires_grad_()} if affine else {})}
        stats = {"running_mean": mean, "running_var": var} if kind == "batch" and (running or not training) else {}
        more = {"backend": "triton"} if function is norm_act else {}
        y = function(**inputs, **stats, kind=kind, training=training, slope=slope, momentum=momentum, **more)
        grads = torch.autograd.grad(y, list(inputs.values()), dy.to(DEVICE, y.dtype))
        found.append({"y": y.detach(), **{f"d{k}": g for k, g in zip(inputs, grads)}, **stats})
    return found


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(1, 3), c=st.sampled_from([1, 2, 3, 5, 8, 20]), h=st.integers(1, 7), w=st.integers(2, 7),
    kind=st.sampled_from(["batch", "instance"]), training=st.booleans(), slope=st.sampled_from([None, 0.0, 0.2, 1.0]),
    last=st.booleans(), affine=st.booleans(), running=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16, torch.float64]), programs=st.sampled_from([1, 4, 1000]),
)  # fmt: skip
@example(1, 1, 1, 2, "batch", True, 0.2, True, True, torch.float32, 1, True)
@example(1, 4, 4, 4, "batch", True, 0.0, True, True, torch.float32, 1, True)      # exactly one tile
@example(1, 4, 5, 3, "batch", True, 0.0, True, True, torch.float32, 1, False)     # one position less
@example(1, 4, 1, 17, "instance", True, 0.2, True, True, torch.float32, 1, True)  # and one more
@example(1, 1, 8, 8, "batch", True, 0.2, False, True, torch.float32, 1, True)
@example(2, 1, 5, 13, "instance", True, 0.2, False, True, torch.float32, 4, True)
@example(2, 70, 2, 3, "batch", True, 0.2, True, True, torch.bfloat16, 4, True)    # two blocks of channels
def test_says_what_the_twin_says(n, c, h, w, kind, training, slope, last, affine, dtype, programs, running):
    generator = torch.Generator().manual_seed(n * c * h * w)
    x = (torch.randn(n, c, h, w, generator=generator) * 2 + 3).to(DEVICE, dtype)
    x = x.to(memory_format=CL) if last else x
    with small(programs=programs):
        ours, theirs = both(x, kind, training, slope, affine, running)
    assert ours["y"].dtype == ours["dx"].dtype == dtype
    assert ours["y"].stride() == x.stride() and ours["dx"].stride() == x.stride()
    for name, value in theirs.items():
        close(ours[name], value, dtype, name)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("kind", ["batch", "instance"])
@pytest.mark.parametrize("spread", [1e-2, 1.0])
def test_a_large_mean_does_not_swallow_the_spread(kind, last, spread):
    """float32 knows 10000 to 0.001 only: the numbers below are what is left of the spread, and all of that must count."""
    torch.manual_seed(0)
    x = (10000 + spread * torch.randn(2, 3, 9, 11)).to(DEVICE)
    if kind == "instance":
        x[1] -= 20000  # each picture has a pivot of its own
    x = x.to(memory_format=CL) if last else x
    with small():
        ours, theirs = both(x, kind, slope=0.2)
    for name, value in theirs.items():
        scale = 1e-6 * value.abs().max() if "running" in name else 3e-5 * max(1, value.abs().max())
        assert (ours[name] - value).abs().max() < scale, name


def test_an_outlier_first_is_a_bad_pivot_and_still_good_enough():
    """The pivot is the first value: here a hundred thousand away from all others, sqrt(n) standard deviations at most."""
    torch.manual_seed(0)
    x = torch.randn(1, 2, 16, 16)
    x[0, :, 0, 0] = 1e5
    with small():
        ours, theirs = both(x.to(DEVICE).to(memory_format=CL))
    for name, value in theirs.items():
        assert (ours[name] - value).abs().max() < 3e-5 * max(1, value.abs().max()), name


def test_many_parts_are_merged_and_the_bits_stay():
    torch.manual_seed(0)
    x = (torch.randn(1, 4, 10, 112, device=DEVICE) + 5).to(memory_format=CL)  # 70 tiles, and 64 parts are merged in one go
    with small(programs=1000):
        assert norm_act_tiles.cut_up(x, "batch").parts == 70
        ours, theirs = both(x)
        again, _ = both(x)
    for name, value in theirs.items():
        close(ours[name], value, x.dtype, name)
        assert torch.equal(ours[name], again[name]), name


def test_offsets_beyond_int32():
    """A picture of 2^33 values cannot be made here, but where its last program would read can be computed."""
    got = torch.zeros(2, dtype=torch.int64, device=DEVICE)
    positions, chunk, channels = 2**27, 2**17, 64
    _where[(1,)](got, 1023, positions, chunk, 1024, channels, 64, True)
    assert got.tolist() == [1023 * chunk * channels, chunk]
    _where[(1,)](got, 63 + 64 * 1023, positions, chunk, 1024, channels, 1, False)
    assert got.tolist()[1] == chunk and got[0] > 2**31


@triton.jit
def _where(out_ptr, program, positions, chunk, chunks, C: tl.constexpr, BLOCK_C: tl.constexpr, LAST: tl.constexpr):
    _, _, offset, count, _ = norm_act_tiles.place(program, positions, chunk, chunks, C, BLOCK_C, LAST)
    tl.store(out_ptr, offset)
    tl.store(out_ptr + 1, count)


@pytest.mark.parametrize("kind,training,slope,last", [
    ("batch", True, 0.2, True), ("batch", False, 0.0, True), ("batch", True, None, False), ("batch", False, 0.2, False),
    ("instance", True, 0.2, True), ("instance", True, 0.0, False),
])  # fmt: skip
def test_gradients_of_both_orders(kind, training, slope, last):
    torch.manual_seed(3)
    x = torch.randn(2, 2, 2, 2, dtype=torch.float64, device=DEVICE)
    x = x.to(memory_format=CL) if last else x
    weight, bias = (torch.rand(2, dtype=torch.float64, device=DEVICE) + 0.5 for _ in range(2))
    mean, var = (None, None) if training else (torch.rand(2, dtype=torch.float64, device=DEVICE) + 0.5 for _ in range(2))

    def f(x, weight, bias):
        return norm_act(x, weight, bias, mean, var, kind, training, slope=slope, backend="triton")

    z = reference(x, weight, bias, mean, var, kind, training)
    assert z.abs().min() > 1e-3 and (z < 0).any(), "a value at the kink has no derivative to check"
    inputs = [t.requires_grad_() for t in (x, weight, bias)]
    torch.autograd.gradcheck(f, inputs)
    torch.autograd.gradgradcheck(f, inputs, fast_mode=True)


@pytest.mark.parametrize("kind", ["batch", "instance"])
def test_a_gradient_penalty_goes_through(kind):
    """WGAN-GP differentiates the gradient's norm again: what a once-differentiable backward would get wrong in silence."""
    found = []
    for backend in ("triton", "torch"):
        torch.manual_seed(0)
        x, weight = torch.randn(2, 3, 3, 3, device=DEVICE, requires_grad=True), torch.rand(3, device=DEVICE, requires_grad=True)
        y = norm_act(x * x, weight, kind=kind, slope=0.2, backend=backend)
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean().backward()
        found.append((x.grad, weight.grad))
    for ours, theirs in zip(*found):
        torch.testing.assert_close(ours, theirs, atol=1e-4 * theirs.abs().max().item(), rtol=0)


def test_a_relu_has_no_gradient_at_zero():
    """weight 0 puts every z at 0 exactly: the derivative there is that of the negative side, as in PyTorch."""
    for slope in (0.0, 0.2):
        ours, theirs = [], []
        for function, out in ((lambda *a, **k: norm_act(*a, backend="triton", **k), ours), (reference, theirs)):
            weight = torch.zeros(2, device=DEVICE, requires_grad=True)
            x = torch.arange(8.0, device=DEVICE).view(1, 2, 2, 2)
            out.append(torch.autograd.grad((function(x, weight, slope=slope) * x).sum(), weight)[0])
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
        assert slope or not ours[0].any()


def launches():
    """For tests/compiled.py: 128 channels last and NCHW, and widths that fill no block."""
    _launch(torch.zeros(2, 128, 64, 64, dtype=torch.bfloat16).to(memory_format=CL))
    _launch(torch.zeros(2, 128, 64, 64, dtype=torch.float32).to(memory_format=CL), training=False, slope=0.0)
    _launch(torch.zeros(2, 128, 64, 64, dtype=torch.bfloat16), "instance")
    _launch(torch.zeros(2, 24, 30, 30, dtype=torch.bfloat16).to(memory_format=CL), "instance", slope=None)
    _launch(torch.zeros(2, 3, 30, 30, dtype=torch.float32).to(memory_format=CL), affine=False)


def _launch(x, kind="batch", training=True, slope=0.2, affine=True):
    c = x.shape[1]
    tables = [torch.ones(c, requires_grad=affine) if affine else None for _ in range(2)]
    running = [torch.ones(c) if kind == "batch" else None for _ in range(2)]
    y = norm_act(x.requires_grad_(), *tables, *running, kind=kind, training=training, slope=slope)
    y.backward(torch.empty_like(y))


def test_machine_code():
    """No spills; tiles are loaded and stored 16 bytes wide and never rearranged through shared memory."""
    facts = compiled.facts("test_kernel_norm_act")
    names = {"_statistics", "_merge", "_normalize", "_sums", "_input_gradient"}
    assert {(f["name"], f["sm"]) for f in facts} == {(name, sm) for name in names for sm in compiled.CAPABILITIES}
    assert all(f["spills"] == f["stack"] == 0 for f in facts)
    tensors = {"_statistics": 1, "_normalize": 1, "_sums": 2, "_input_gradient": 2}
    for f in facts:
        if f["name"] == "_merge" or f["signature"]["C"] == "3":
            continue  # tables; and 3 channels make rows of 12 bytes, which no wider load divides
        what = f["name"], f["sm"], f["signature"], f["opcodes"]
        wide = sum(n for op, n in f["opcodes"].items() if op.startswith("LDG") and ".128" in op)
        assert wide >= 2 * tensors[f["name"]], what  # 16 values a thread: at least two wide loads of each tensor
        if f["name"] in ("_normalize", "_input_gradient"):
            assert compiled.widths(f, "STG") == {16} and f["shared"] == 0, what
        else:
            assert f["shared"] <= 1024, what         # one row of sums, not the tile
        if f["signature"]["LAST"] == "True":         # then tables are read 16 bytes wide too, so that nothing narrow is a tile's
            assert compiled.widths(f, "LDG") == {16}, what
