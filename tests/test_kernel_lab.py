"""The kernels say what the twin says, for every size, layout and dtype, and compile to wide loads and stores."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

pytest.importorskip("triton")

import compiled

from minicolor.errors import BadInput
from minicolor.kernels import backend
from minicolor.kernels.lab import rgb_to_units, units_to_rgb, units_to_rgb_u8
from minicolor.kernels.lab_bytes import light
from minicolor.ops import lab_units as twin

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"          # on the CPU conftest turns Triton's interpreter on
ENDS = list(itertools.product((0, 1, 10, 11, 22, 23, 24, 127, 254, 255), repeat=3))   # both sides of all knees, and the corners
TARGETS = pytest.mark.parametrize("target", ["ab", "rgb"])
SHAPES = [(1, 1, 1), (1, 1, 8), (2, 8, 64), (2, 7, 73), (1, 27, 19), (2, 16, 64), (3, 4, 6)]   # 512 - 1, 512, 512 + 1, 1024
# in network units: float32 in another order, 500 / 110 times the difference of two values near 1; on a GPU also the
# approximate logarithm and power, 2^-22 each. 1e-5 is 0.001 of Lab.
CLOSE = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 2**-8, torch.float16: 2**-11}
VIEWS = {
    "as it is": lambda x: x,
    "transposed": lambda x: x.transpose(2, 3),
    "every second": lambda x: x[..., ::2, 1::3],
    "expanded": lambda x: x[:1].expand(3, -1, -1, -1),
    "planes": lambda x: x.contiguous(),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "without the first": lambda x: x[1:],
}


def noise(n: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """uint8 pictures as the loader hands them out: (N, 3, H, W) over memory (N, H, W, 3)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, height, width, 3), generator=generator, dtype=torch.uint8).to(DEVICE).permute(0, 3, 1, 2)


def as_dtype(u8: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return u8 if dtype == torch.uint8 else (u8.double() / 255).to(dtype)


def units(n: int, height: int, width: int, dtype=torch.float32, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """L and ab, a good part of them no colors of sRGB."""
    generator = torch.Generator().manual_seed(seed)
    l, ab = (torch.rand(n, c, height, width, generator=generator, dtype=torch.float64) * 2 - 1 for c in (1, 2))
    return l.to(DEVICE, dtype), (0.6 * ab).to(DEVICE, dtype)


def same(ours, theirs, atol: float | None = None) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype and mine.shape == other.shape
        torch.testing.assert_close(mine, other, atol=CLOSE[mine.dtype] if atol is None else atol, rtol=0)


@TARGETS
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_size_and_dtype(shape, dtype, target):
    rgb = as_dtype(noise(*shape), dtype)
    same(rgb_to_units(rgb, target, backend="triton"), twin.rgb_to_units(rgb, target))
    if dtype != torch.uint8 and target == "ab":
        l, ab = units(*shape, dtype)
        same([units_to_rgb(l, ab, backend="triton")], [twin.units_to_rgb(l, ab)])
        nearest(units_to_rgb_u8(l, ab, backend="triton"), l, ab)


def nearest(u8: torch.Tensor, l: torch.Tensor, ab: torch.Tensor) -> None:
    """Each byte is the one nearest to the exact value; near black's steep curve float32 moves a value by up to 0.005."""
    exact = twin.units_to_rgb(l.double(), ab.double()) * 255
    assert u8.dtype == torch.uint8 and (u8.double() - exact).abs().max() <= 0.5 + 0.005
    assert u8.permute(0, 2, 3, 1).is_contiguous()


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 3), height=st.integers(2, 24), width=st.integers(3, 24), seed=st.integers(0, 99),
       view=st.sampled_from(sorted(VIEWS)), dtype=st.sampled_from([torch.uint8, torch.float32]))
@example(n=3, height=5, width=5, seed=0, view="without the first", dtype=torch.uint8)     # 75 bytes: begins at an odd address
@example(n=3, height=2, width=4, seed=0, view="transposed", dtype=torch.uint8)
def test_every_layout(n, height, width, seed, view, dtype):
    rgb = VIEWS[view](as_dtype(noise(n, height, width, seed), dtype))
    same(rgb_to_units(rgb, backend="triton"), twin.rgb_to_units(rgb))
    l, ab = (VIEWS[view](x) for x in units(n, height, width, seed=seed))
    same([units_to_rgb(l, ab, backend="triton")], [twin.units_to_rgb(l, ab)])
    if l.numel():
        nearest(units_to_rgb_u8(l, ab, backend="triton"), l, ab)


@pytest.mark.parametrize("start", [1, 4, 8])
def test_bytes_that_begin_anywhere(start):
    """H * W has the factor 8, but the memory does not begin at one: words would be read across."""
    memory = noise(1, 1, 800).permute(0, 2, 3, 1).reshape(-1)
    rgb = memory[start : start + 2 * 16 * 24 * 3].view(2, 16, 24, 3).permute(0, 3, 1, 2)
    same(rgb_to_units(rgb, backend="triton"), twin.rgb_to_units(rgb))


def test_the_pieces_meet_and_scikit_image_agrees():
    ends = torch.tensor(ENDS, dtype=torch.uint8, device=DEVICE)[None, None].permute(0, 3, 1, 2)
    lab = rgb2lab(np.array(ENDS)[None] / 255)[0]
    for rgb in (ends, ends.float() / 255):
        l, ab = rgb_to_units(rgb, backend="triton")
        same((l, ab), twin.rgb_to_units(rgb))
        np.testing.assert_allclose(l[0, 0, 0].cpu().numpy() * 50 + 50, lab[:, 0], atol=0.01)
        np.testing.assert_allclose(ab[0, :, 0].T.cpu().numpy() * 110, lab[:, 1:], atol=0.01)
        assert torch.equal(units_to_rgb_u8(l, ab, backend="triton"), ends)
        torch.testing.assert_close(units_to_rgb(l, ab, backend="triton"), ends.float() / 255, atol=1e-5, rtol=0)


def test_greys_have_no_color_and_black_is_black():
    grey = torch.arange(256, dtype=torch.uint8, device=DEVICE).view(1, 1, 1, 256).expand(1, 3, 1, 256)
    l, ab = rgb_to_units(grey, backend="triton")
    assert ab.abs().max() < 1e-5 and l[0, 0, 0, 0] == -1 and abs(l[0, 0, 0, -1] - 1) < 2e-6 and (l.diff() > 0).all()
    exact = torch.tensor([((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in range(256)])
    assert torch.equal(light(torch.device("cpu")), exact), "the table is not correctly rounded"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@TARGETS
def test_the_dtype_asked_for(dtype, target):
    for rgb in (noise(2, 4, 8), as_dtype(noise(2, 4, 8), torch.float32)):
        ours = rgb_to_units(rgb, target, dtype, backend="triton")
        same(ours, twin.rgb_to_units(rgb, target, dtype))
        assert ours[0].dtype == ours[1].dtype == dtype


@pytest.mark.parametrize("shape", [(0, 4, 8), (2, 0, 5)])
def test_nothing_gives_nothing(shape):
    n, height, width = shape
    for rgb in (noise(*shape), noise(*shape).float()):
        for target, channels in (("ab", 2), ("rgb", 3)):
            l, out = rgb_to_units(rgb, target, backend="triton")
            assert l.shape == (n, 1, height, width) and out.shape == (n, channels, height, width)
    l, ab = units(*shape)
    assert units_to_rgb(l, ab, backend="triton").shape == units_to_rgb_u8(l, ab, backend="triton").shape == (n, 3, height, width)
    rgb = noise(*shape).float().requires_grad_()
    assert torch.autograd.grad(rgb_to_units(rgb, backend="triton")[1].sum(), rgb)[0].shape == rgb.shape


def test_not_a_number_stays_so():
    rgb = torch.full((1, 3, 1, 2), 0.5, device=DEVICE)
    rgb[0, 0, 0, 0] = torch.nan
    l, ab = rgb_to_units(rgb, backend="triton")
    assert l[..., 0].isnan().all() and ab[..., 0].isnan().all() and l[..., 1].isfinite().all() and ab[..., 1].isfinite().all()
    rgb = units_to_rgb(l, ab, backend="triton")
    assert rgb[..., 0].isnan().all() and rgb[..., 1].isfinite().all()


# What is refused, whatever computes


@pytest.mark.parametrize("name", ["torch", "triton"])
def test_bad_input_is_one_sentence(name):
    rgb, (l, ab) = torch.rand(1, 3, 4, 4, device=DEVICE), units(1, 4, 4)
    for call, words in (
        (lambda: rgb_to_units(rgb[0], backend=name), r"argument rgb: expected \(N, 3, H, W\), not \(3, 4, 4\)"),
        (lambda: rgb_to_units(rgb[:, :2], backend=name), r"argument rgb: expected \(N, 3, H, W\)"),
        (lambda: rgb_to_units(rgb.int(), backend=name), "argument rgb: expected uint8 or a floating dtype, not torch.int32"),
        (lambda: rgb_to_units(rgb, "lab", backend=name), "argument target: expected ab or rgb, not lab"),
        (lambda: rgb_to_units(rgb, dtype=torch.int8, backend=name), "argument dtype: expected a floating dtype"),
        (lambda: units_to_rgb(ab, ab, backend=name), r"argument l: expected \(N, 1, H, W\)"),
        (lambda: units_to_rgb(l.int(), ab, backend=name), "argument l: expected a floating dtype"),
        (lambda: units_to_rgb_u8(l, ab[..., 1:], backend=name), r"argument ab: expected \(1, 2, 4, 4\)"),
        (lambda: units_to_rgb_u8(l, ab.double(), backend=name), "argument ab: expected torch.float32"),
        (lambda: units_to_rgb(l, ab.to("meta"), backend=name), "argument ab: expected the device of l"),
        (lambda: units_to_rgb(l, ab, backend="cuda"), "triton or torch"),
        (lambda: rgb_to_units(rgb, backend="numpy"), "backend"),
    ):
        with pytest.raises(BadInput, match=words):
            call()


def test_using_chooses_too():
    with backend.using("triton"):
        x = torch.rand(1, 3, 2, 4, device=DEVICE, requires_grad=True)
        assert "FloatsToUnits" in type(rgb_to_units(x)[0].grad_fn).__name__
    with backend.using("torch"):
        assert "FloatsToUnits" not in type(rgb_to_units(x)[0].grad_fn).__name__


# Machine code, without a GPU


def launches():
    """Every kernel, in every variation: compiled.py builds what these calls launch."""
    wide, narrow = 64, 63                                       # H * W with and without the factor 8
    for side, dtype in ((wide, torch.float32), (wide, torch.bfloat16), (narrow, torch.float32)):
        u8 = torch.zeros(2, side, side, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
        for target in ("ab", "rgb"):
            rgb_to_units(u8, target, dtype)
            rgb = torch.zeros(2, 3, side, side, dtype=dtype, requires_grad=True)
            sum(x.sum() for x in rgb_to_units(rgb, target)).backward()
        l = torch.zeros(2, 1, side, side, dtype=dtype, requires_grad=True)
        ab = torch.zeros(2, 2, side, side, dtype=dtype)
        units_to_rgb(l, ab).sum().backward()
        units_to_rgb_u8(l, ab)


def test_compiled_for_real_gpus():
    """All of it without spills; where H * W has the factor 8 pictures move in 8 or 16 bytes, in few instructions per pixel."""
    built = compiled.facts("test_kernel_lab")
    names = {"_bytes_to_units", "_units_to_bytes", "_floats_to_units", "_floats_to_units_slope", "_units_to_floats",
             "_units_to_floats_slope"}
    per_pixel = {"_bytes_to_units": 75, "_floats_to_units": 85, "_floats_to_units_slope": 120, "_units_to_floats": 85,
                 "_units_to_floats_slope": 130, "_units_to_bytes": 90}       # counts in kernels/lab.py, and some air
    assert {k["sm"] for k in built} == set(compiled.CAPABILITIES)
    for sm in compiled.CAPABILITIES:
        assert {k["name"] for k in built if k["sm"] == sm} == names
    for k in built:
        assert k["spills"] == k["stack"] == 0, k
        if k["signature"]["STEP"] != "8":
            continue                                                         # pixel by pixel, for odd sizes
        pixels = 8 if k["name"] == "_units_to_bytes" else 4                  # of each thread
        loads = {op: n for op, n in k["opcodes"].items() if op.startswith("LDG")}
        table = 3 * pixels if k["name"] == "_bytes_to_units" else 0          # the only narrow loads: linear light, one by one
        assert sum(n for op, n in loads.items() if not {"64", "128"} & set(op.split("."))) == table, k
        assert compiled.widths(k, "LDG") - ({4} if table else set()) <= {8, 16} and compiled.widths(k, "STG") <= {8, 16}
        assert k["shared"] == 0, "a detour through shared memory"
        assert k["instructions"] - k["opcodes"].get("NOP", 0) <= per_pixel[k["name"]] * pixels, k
