"""A kernel gives the same values in the miniature as under Triton, its bytes are counted, and what is wrong is said."""

import numpy as np
import pytest
import torch
from graded import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from lessons.grading.answers import passed
from lessons.grading.eager import eager
from lessons.grading.machine_code import kernels_of, machine_code
from lessons.grading.miniature import launch
from lessons.grading.sheet import read
from minicolor.kernels.backend import HAVE_TRITON, INTERPRETED, constant, tl, triton
from minicolor.ops.lab import rgb_to_lab
from minicolor.ops.lab_units import rgb_to_units

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"     # on the CPU conftest turns Triton's interpreter on
few = settings(max_examples=25, deadline=None)
GAMMA = constant(2.4)


@triton.jit
def _curve(x):
    return tl.where(x > 0.04045, tl.exp(GAMMA * tl.log(tl.maximum(x, 0.04) / 1.055)), x / 12.92)


@triton.jit
def pointwise(x_ptr, y_ptr, n, scale, BLOCK: tl.constexpr):
    """A helper function, a constant of the file, where, and numbers as arguments."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0.0)
    y = _curve(x)
    y += tl.sqrt(tl.abs(x)) - tl.minimum(tl.sin(x), tl.cos(x)) * scale
    tl.store(y_ptr + i, y, mask=i < n)


@triton.jit
def integers(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    """What C and Python do differently: division of negatives, numbers that wrap around, quotients of integers."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n, other=0)
    h = x.to(tl.uint32) * 0x9E3779B9
    h = (h ^ (h >> 15)) * 0x85EBCA6B
    tl.store(y_ptr + i, x // 7 + x % 5, mask=i < n)
    tl.store(y_ptr + n + i, x * 1000003, mask=i < n)
    tl.store(y_ptr + 2 * n + i, (h >> 4).to(tl.int32), mask=i < n)
    tl.store(y_ptr + 3 * n + i, (x / 3).to(tl.int32), mask=i < n)


@triton.jit
def product(a_ptr, b_ptr, y_ptr, M, K: tl.constexpr, N: tl.constexpr, BM: tl.constexpr):
    """Two axes, a loop, dot, sum, and the type of a pointer's elements."""
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.arange(0, N)
    total = tl.zeros((BM, N), dtype=tl.float32)
    for k in range(0, K, 16):
        c = k + tl.arange(0, 16)
        a = tl.load(a_ptr + m[:, None] * K + c[None, :], mask=(m < M)[:, None], other=0.0)
        b = tl.load(b_ptr + c[:, None] * N + n[None, :])
        total = tl.dot(a, b, total, input_precision="ieee")
    total -= (tl.sum(total, axis=1) / N)[:, None]
    tl.store(y_ptr + m[:, None] * N + n[None, :], total.to(y_ptr.dtype.element_ty), mask=(m < M)[:, None])


def both(kernel, grid, *arguments, **constants):
    """The last tensor among the arguments is the result -> Triton's and the miniature's."""
    results = []
    for way in ("triton", "miniature"):
        mine = [a.clone().to(DEVICE if way == "triton" else "cpu") if isinstance(a, torch.Tensor) else a for a in arguments]
        if way == "triton":
            kernel[grid](*mine, **constants)
        else:
            launch(kernel, grid, *mine, **constants)
        results.append([a for a in mine if isinstance(a, torch.Tensor)][-1].cpu())
    return results


needs_triton = pytest.mark.skipif(not HAVE_TRITON, reason="Triton is not installed")


@needs_triton
@pytest.mark.parametrize("n", [1, 15, 16, 17, 100])
def test_values_are_those_of_triton(n):
    """exp and log of two libraries may differ in the last digit of float32."""
    x = torch.linspace(-2, 2, n)
    torch.testing.assert_close(*both(pointwise, (-(-n // 16),), x, torch.zeros(n), n, 0.7, BLOCK=16), rtol=1e-5, atol=1e-6)


@needs_triton
def test_integers_are_those_of_triton():
    x = torch.cat([torch.arange(-20, 20), torch.tensor([2**31 - 1, -(2**31) + 1, 12345678])]).int()
    theirs, mine = both(integers, (3,), x, torch.zeros(4 * len(x), dtype=torch.int32), len(x), BLOCK=16)
    assert torch.equal(theirs, mine)


@needs_triton
@pytest.mark.parametrize("m", [16, 40])
def test_products_are_those_of_triton(m):
    a, b = torch.randn(m, 32), torch.randn(32, 16)
    theirs, mine = both(product, (-(-m // 16),), a, b, torch.zeros(m, 16), m, K=32, N=16, BM=16)
    torch.testing.assert_close(theirs, mine, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mine, (a @ b) - (a @ b).mean(1, keepdim=True), rtol=1e-5, atol=1e-5)


def doubled(tl, x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    """As a student writes it: tl is handed in. (The annotation is for Triton.)"""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + i, 2 * tl.load(x_ptr + i, mask=i < n, other=0.0), mask=i < n)


@needs_triton
@pytest.mark.skipif(not INTERPRETED, reason="tl cannot be handed in where Triton compiles")
def test_a_function_that_is_handed_tl_runs_under_triton_too():
    x, y = torch.rand(20), torch.zeros(20)
    triton.jit(doubled)[(2,)](tl, x, y, 20, BLOCK=16)
    assert torch.equal(y, 2 * x)


@few
@given(n=st.integers(1, 100), block=st.sampled_from([1, 4, 16]))
def test_bytes_are_counted_once_for_each_lane_inside(n, block):
    x, y = torch.rand(n), np.zeros(n, np.float64)
    traffic = launch(doubled, -(-n // block), x, y, n, BLOCK=block)
    np.testing.assert_array_equal(y, 2 * x.numpy())
    assert (traffic.read, traffic.written, traffic.fetched) == ((4 * n, 0, 0), (0, 8 * n, 0), (4 * n, 0, 0))
    assert traffic.bytes == 12 * n


def test_what_a_program_reads_again_is_read_and_not_fetched():
    def kernel(tl, x_ptr, y_ptr):
        for _ in tl.static_range(3):
            x = tl.load(x_ptr + tl.arange(0, 4) // 2)
        tl.store(y_ptr + tl.program_id(0) * 4 + tl.arange(0, 4), x)

    traffic = launch(kernel, (2,), np.ones(2, np.float32), np.zeros(8, np.float32))
    assert (traffic.read[0], traffic.fetched[0], traffic.written[1]) == (2 * 3 * 16, 2 * 8, 32)


def test_every_program_of_a_grid_runs_once_and_in_no_order():
    seen = []

    def kernel(tl, y_ptr):
        at = (tl.program_id(2) * tl.num_programs(1) + tl.program_id(1)) * tl.num_programs(0) + tl.program_id(0)
        seen.append(int(at))
        tl.store(y_ptr + at, tl.load(y_ptr + at) + 1)

    y = np.zeros(24, np.int32)
    launch(kernel, (2, 3, 4), y)
    assert (y == 1).all() and seen != sorted(seen)


def test_what_a_mask_leaves_out_is_not_a_number():
    def kernel(tl, x_ptr, y_ptr):
        i = tl.arange(0, 4)
        tl.store(y_ptr + i, tl.load(x_ptr + i, mask=i < 3))

    y = torch.zeros(4)
    launch(kernel, (1,), torch.ones(4), y)
    assert y[:3].tolist() == [1, 1, 1] and y[3].isnan()


def wrong(body, *arrays):
    def kernel(tl, *pointers):
        body(tl, *pointers)

    launch(kernel, (1,), *arrays)


X = torch.arange(8.0)


@pytest.mark.parametrize("body, error, words", [
    (lambda tl, x: tl.load(x + tl.arange(0, 16)), IndexError, "tl.load at .* 8, where 8 elements are"),
    (lambda tl, x: tl.store(x + tl.arange(0, 8) - 1, 0.0), IndexError, "tl.store at .* -1, where 8"),
    (lambda tl, x: tl.load(x + tl.arange(0, 16), mask=tl.arange(0, 16) <= 8), IndexError, "tl.load at .* 8"),
    (lambda tl, x: tl.arange(0, 6), ValueError, "1, 2, 4, 8"),
    (lambda tl, x: tl.load(x + tl.arange(0, 8))[1:], TypeError, "None and :"),
    (lambda tl, x: tl.load(x + tl.arange(0, 8))[0], TypeError, "None and :"),
    (lambda tl, x: tl.load(tl.arange(0, 8)), TypeError, "takes a pointer"),
    (lambda tl, x: tl.arange(0, 8) + tl.arange(0, 8).to(tl.uint32), TypeError, "int32 and uint32"),
    (lambda tl, x: tl.dot(tl.zeros((8, 16), tl.float32), tl.zeros((16, 16), tl.float32)), ValueError, "at least 16"),
    (lambda tl, x: tl.pow(x, 2), AttributeError, "tl.pow is not in this miniature; it has .*exp"),
])  # fmt: skip
def test_what_is_wrong_is_said(body, error, words):
    with pytest.raises(error, match=words):
        wrong(body, X.clone())


def test_bytes_that_are_not_counted_are_not_enough():
    """Exercise K1, by a kernel that reaches past load and store: its file would be refused, and its last check fails."""
    sheet = read(ROOT / "lessons" / "K1_lab")

    def kernel(tl, rgb_ptr, l_ptr, n, BLOCK):
        rgb = torch.from_numpy(rgb_ptr._memory._values).reshape(1, 3, 1, -1)
        l_ptr._memory._values[:] = rgb_to_lab(rgb)[0, 0, 0]

    assert passed(sheet, kernel, 0) == [True, True, True, False]
    assert {name for name in vars(a_pointer()) if name[0] != "_"} == {"at", "dtype"}


def a_pointer():
    seen = []
    launch(lambda x_ptr: seen.append(x_ptr), 1, np.zeros(4, np.float32))
    return seen[0]


def test_an_array_with_gaps_is_refused():
    with pytest.raises(ValueError, match="contiguous"):
        wrong(lambda tl, x: None, torch.zeros(4, 4).T)


def test_an_assignment_makes_a_new_block():
    def kernel(tl, y_ptr):
        a = tl.zeros((4,), tl.float32)
        b = a
        b += 1.5
        tl.store(y_ptr + tl.arange(0, 4), a + 10 * b)

    y = torch.zeros(4)
    launch(kernel, (1,), y)
    assert y.tolist() == [15] * 4


def test_eager_counts_what_the_kernels_header_says():
    """kernels/lab.py: "uint8 -> L, ab" is 41 operations and 643 bytes for a pixel in PyTorch."""
    u8 = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    operations, moved = eager(rgb_to_units, u8)
    assert (operations, moved / (2 * 8 * 8)) == (41, 643)


def test_views_move_nothing():
    x = torch.zeros(4, 6)
    assert eager(lambda: x.T[1:].reshape(5, 4, 1).expand(5, 4, 3)) == (0, 0)
    assert eager(lambda: x + 1) == (1, 2 * x.nbytes)


def test_a_lessons_kernels_are_taken_out_of_it_without_running_it():
    kept = kernels_of("import sys\nsys.exit(1)\nfrom minicolor.ops.lab import DELTA\nA = constant(1)\nB = 2\n"
                      "@triton.jit\ndef kernel(x): pass\ndef other(): pass\n")
    assert " ".join(kept.split()) == "from minicolor.ops.lab import DELTA A = constant(1) @triton.jit def kernel(x): pass"


@needs_triton
def test_tensor_cores_multiply_bfloat16_on_an_h200_that_is_not_here():
    arguments = dict.fromkeys(("x_ptr", "w_ptr", "y_ptr"), "*bf16") | dict.fromkeys(("M", "H", "W", "HO", "WO"), "i32")
    code = machine_code("K3_convolution", "convolve", **arguments, C=64, O=64, S=2, BM=64, BN=64, BK=32)
    assert code["opcodes"]["HGMMA"] > 0 and "FFMA" not in code["opcodes"] and 0 < code["registers"] <= 255
    assert machine_code("K3_convolution", "no_such_kernel").startswith("this Triton cannot: AttributeError")
