"""The kernel damages pictures as the twin does, in all combinations of steps; its random words are the twin's to the bit."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("triton")

import compiled

from minicolor.errors import BadInput
from minicolor.kernels import degrade as kernel_file
from minicolor.kernels.backend import tl, triton, using
from minicolor.kernels.degrade import _launch, degrade
from minicolor.kernels.noise import box_muller, philox
from minicolor.ops import degrade as twin
from minicolor.ops import noise as twin_noise

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TIGHT = {"atol": 2e-6, "rtol": 0}      # values up to 1, float32, up to 62 products summed; measured 2e-7


def bytes_of(n=2, h=9, w=16, seed=0, channels=3):
    """As the loader hands them out: bytes in the order N, H, W, C, seen as N, C, H, W."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, h, w, channels), dtype=torch.uint8, generator=generator).to(DEVICE).permute(0, 3, 1, 2)


def floats_of(n=2, h=9, w=16, seed=0, channels=3, dtype=torch.float32):
    return torch.rand(n, channels, h, w, generator=torch.Generator().manual_seed(seed)).to(DEVICE, dtype)


def same(x, tolerance=TIGHT, **arguments):
    """The kernel's results, after comparing them with the twin's."""
    ours, theirs = degrade(x, backend="triton", **arguments), twin.degrade(x, **arguments)
    torch.testing.assert_close(ours, theirs, **tolerance)
    return ours


@settings(deadline=None, max_examples=12)
@given(n=st.integers(1, 3), h=st.integers(1, 11), w=st.integers(1, 19), radius=st.integers(0, 4), sigma=st.floats(0.3, 4),
       kind=st.sampled_from(["bytes", "float32", "bfloat16", "float16"]), channels=st.sampled_from([1, 3]), halve=st.booleans(),
       noise=st.sampled_from([0.0, 0.1]), grain=st.sampled_from([0.0, 0.2]), seed=st.integers(0, 2**64 - 1))
@example(n=1, h=1, w=1, radius=2, sigma=0.7, kind="bytes", channels=3, halve=True, noise=0.1, grain=0.2, seed=2**64 - 1)
@example(n=1, h=4, w=8, radius=2, sigma=0.7, kind="bytes", channels=3, halve=False, noise=0.1, grain=0.0, seed=1)
@example(n=3, h=5, w=24, radius=4, sigma=2.0, kind="bytes", channels=1, halve=True, noise=0.1, grain=0.2, seed=2**63)
@example(n=2, h=9, w=16, radius=3, sigma=2.0, kind="float32", channels=3, halve=True, noise=0.1, grain=0.2, seed=2**31)
def test_matches_the_twin(n, h, w, radius, sigma, kind, channels, halve, noise, grain, seed):
    size = n, h, w, seed % 99, channels
    x = bytes_of(*size) if kind == "bytes" else floats_of(*size, getattr(torch, kind))
    same(x, kernel_size=2 * radius + 1 if radius else 0, sigma=sigma, halve=halve, noise=noise, grain=grain, seed=seed,
         return_noise=True)


@pytest.mark.parametrize("size, halve, h, w", [(11, True, 5, 24), (17, False, 3, 13), (19, True, 2, 40), (31, False, 1, 24)])
def test_large_blurs_reach_over_several_groups(size, halve, h, w):
    same(bytes_of(1, h, w), kernel_size=size, sigma=size / 5, halve=halve)


@pytest.mark.parametrize("w", [8 * 127, 8 * 128, 8 * 129])
def test_one_program_and_one_more_group(w):
    """A program is 128 groups of 8 pixels; w = 8 * 128 and one strip of rows is exactly one."""
    x = bytes_of(1, 3, w)
    out, added = same(x, kernel_size=3, noise=0.1, return_noise=True)
    assert out[..., -8:].std() > 0.01 and added.std() > 0.09


@pytest.mark.parametrize("view", [
    lambda x: x.mT, lambda x: x[:, :, 1:, 8:], lambda x: x[..., ::2], lambda x: x.flip(-1), lambda x: x[1:],
    lambda x: x[:1].expand(3, -1, -1, -1), lambda x: x.contiguous(), lambda x: x[:, :1],
], ids=["transposed", "cut", "strided", "flipped", "last", "expanded", "planes of bytes", "red alone"])
@pytest.mark.parametrize("make", [bytes_of, floats_of])
def test_any_strides(view, make):
    x = view(make(2, 9, 16))
    before = x.clone()
    same(x, kernel_size=5, noise=0.02)
    assert torch.equal(x, before)


def test_bytes_that_do_not_begin_at_a_word():
    memory = bytes_of(1, 8, 24).permute(0, 2, 3, 1).flatten()
    for skip in (1, 4, 8):
        x = memory[skip : skip + 8 * 16 * 3].view(1, 8, 16, 3).permute(0, 3, 1, 2)
        same(x, kernel_size=5)


@pytest.mark.parametrize("dtype, step", [(torch.bfloat16, 2**-8), (torch.float16, 2**-11)])
def test_half_precision_out(dtype, step):
    """Computed in float32 and rounded once: at most one step of the type where the twin's sum falls on the other side."""
    tolerance = {"atol": step, "rtol": 0}
    noisy, noise = same(bytes_of(), tolerance, kernel_size=5, noise=0.05, return_noise=True, dtype=dtype)
    assert noisy.dtype == noise.dtype == dtype


def test_clips_or_does_not_and_keeps_nan():
    x = floats_of(1, 4, 8, channels=1)
    x[0, 0, 0, 0], x[0, 0, 1, 0], x[0, 0, 2, 0] = float("nan"), 7.0, -7.0
    for clip in (False, True):
        ours, theirs = (f(x, clip=clip, noise=0.3) for f in (lambda x, **k: degrade(x, backend="triton", **k), twin.degrade))
        torch.testing.assert_close(ours, theirs, equal_nan=True, **TIGHT)
        assert ours.isnan().sum() == 1
    assert ours[0, 0, 1, 0] == 1 and ours[0, 0, 2, 0] == 0


@pytest.mark.parametrize("source", [bytes_of, floats_of])
def test_noise_does_not_depend_on_strips_blocks_or_batches(source, monkeypatch):
    x, ids = source(3, 18, 8), torch.tensor([7, -2, 2**33 + 7], device=DEVICE)
    whole = same(x, kernel_size=3, noise=0.1, seed=2**40 + 3, ids=ids)
    for turns in (1, 4):
        out = torch.empty_like(whole)
        _launch(x, 3, 0.7, False, 0.1, 0.0, 2**40 + 3, ids, True, out, out, turns=turns)
        assert torch.equal(out, whole), turns
    for groups in (32, 256):
        monkeypatch.setattr(kernel_file, "GROUPS", groups)
        torch.testing.assert_close(degrade(x, 3, noise=0.1, seed=2**40 + 3, ids=ids, backend="triton"), whole, atol=0, rtol=0)
    monkeypatch.undo()
    for strided in (torch.stack([ids, ids], 1)[:, 0], ids[:1].expand(3)):
        same(x, kernel_size=3, noise=0.1, ids=strided)
    part = degrade(x[1:], 3, noise=0.1, seed=2**40 + 3, ids=ids[1:], backend="triton")
    assert torch.equal(part, whole[1:])


@pytest.mark.parametrize("halve", [False, True])
def test_strips_of_several_turns(halve):
    """The rows that a turn of the loop hands to the next: K - 1 of them, for each K that the loop serves."""
    x = bytes_of(1, 13, 8)
    for size in (0, 3, 9) if halve else (0, 5, 7):
        theirs = twin.degrade(x, size, 1.5, halve)
        out = torch.empty_like(theirs)
        _launch(x, size, 1.5, halve, 0.0, 0.0, 0, None, True, out, out, turns=2)
        torch.testing.assert_close(out, theirs, **TIGHT)


@triton.jit
def _draw(words_ptr, normals_ptr, counters_ptr, k0, k1, N: tl.constexpr):
    i = tl.arange(0, N)
    c0, c1 = tl.load(counters_ptr + i).to(tl.uint32), tl.load(counters_ptr + N + i).to(tl.uint32)
    c2, c3 = tl.load(counters_ptr + 2 * N + i).to(tl.uint32), tl.load(counters_ptr + 3 * N + i).to(tl.uint32)
    w0, w1, w2, w3 = philox(c0, c1, c2, c3, k0.to(tl.uint32), k1.to(tl.uint32))
    tl.store(words_ptr + i, w0.to(tl.int64))
    tl.store(words_ptr + N + i, w1.to(tl.int64))
    tl.store(words_ptr + 2 * N + i, w2.to(tl.int64))
    tl.store(words_ptr + 3 * N + i, w3.to(tl.int64))
    a, b = box_muller(c0, c1)
    tl.store(normals_ptr + i, a)
    tl.store(normals_ptr + N + i, b)


def draw(counters, key):
    words, normals = torch.empty_like(counters), torch.empty(counters.shape, device=DEVICE)
    _draw[(1,)](words, normals, counters, *key, N=counters.shape[1])
    return words, normals[:2]


def test_words_are_the_twins_to_the_bit():
    counters = torch.randint(0, 2**32, (4, 1024), generator=torch.Generator().manual_seed(0)).to(DEVICE)
    counters[:, 0], counters[:, 1] = 0, 2**32 - 1
    for key in ((0xA4093822, 0x299F31D0), (2**32 - 1, 2**32 - 2), (2**32 - 5, 7 + 2**31)):
        words, _ = draw(counters, key)
        assert torch.equal(words, torch.stack(twin_noise.philox(tuple(counters), key)))


def test_normals_are_the_twins():
    """Over the whole range of words: radius from 0 to 6.76, all angles. A few float32 eps of the radius for the
    fits and for doubling the angle (measured 6e-7); but 24 bits also mean that close to 2^32, where the radius is
    close to 0, the word is rounded by up to 128."""
    a = torch.cat([torch.arange(512), 2**32 - 1 - 2 ** torch.arange(32), torch.arange(480) * 8_947_848 + 5])
    b = torch.randint(0, 2**32, a.shape, generator=torch.Generator().manual_seed(1))
    b[:8] = torch.tensor([0, 1, 2**30, 2**31 - 1, 2**31, 2**31 + 2**30, 2**32 - 1, 2**29])
    counters = torch.stack([a, b, a, b]).to(DEVICE)
    x, y = draw(counters, (0, 0))[1]
    p, q, *_ = twin_noise.normals(tuple(counters))
    radius = p.hypot(q)
    allowed = 1e-6 * radius + 1e-7 / radius.clamp(min=3e-4)
    assert ((x - p).abs() < allowed).all() and ((y - q).abs() < allowed).all() and radius.max() > 6.7
    assert x.isfinite().all() and y.isfinite().all()


def test_no_pictures_is_no_launch_and_auto_on_a_cpu_is_the_twin():
    noisy, noise = degrade(bytes_of()[:0], 5, halve=True, noise=0.1, return_noise=True, backend="triton")
    assert noisy.shape == noise.shape == (0, 1, 5, 8)
    assert torch.equal(degrade(bytes_of(), 5, noise=0.1, backend="torch"), twin.degrade(bytes_of(), 5, noise=0.1))


@pytest.mark.parametrize("backend", ["torch", "triton"])
def test_refuses_by_name_whatever_the_backend(backend):
    x = floats_of()
    for name, arguments in (("rgb", {"rgb": x.double()}), ("rgb", {"rgb": x.requires_grad_()}), ("noise", {"noise": -1.0}),
                            ("kernel_size", {"kernel_size": 4}), ("sigma", {"kernel_size": 5, "sigma": 0.0}),
                            ("ids", {"ids": torch.zeros(3, dtype=torch.int64)}), ("seed", {"seed": -1})):
        with pytest.raises(BadInput, match=f"^argument {name}: expected"), using(backend):
            degrade(**{"rgb": floats_of(), **arguments})


def launches():
    """For tests/compiled.py. 128 x 128; the number of rows for a thread as with a large batch where steps is given."""
    u8 = torch.zeros(2, 128, 128, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    out = torch.zeros(2, 1, 128, 128)
    degrade(u8)
    _launch(u8, 5, 0.7, False, 0.03, 0.0, 0, None, True, out, out, turns=16)
    degrade(u8, 5, 0.7, halve=True, noise=0.03, grain=0.1, ids=torch.arange(2), return_noise=True)
    degrade(u8, 9, 2.0)
    degrade(u8, 31, 5.0)
    degrade(u8[:, :1].contiguous(), noise=0.03, return_noise=True)
    degrade(u8[..., :125], 5)
    degrade(out.expand(-1, 3, -1, -1).contiguous(), 5, noise=0.03)
    degrade(out.bfloat16(), noise=0.03, dtype=torch.bfloat16)


def test_compiles_for_real_gpus():
    """No spills, no stack, no shared memory: a pixel's neighbors really are in other registers of the same thread."""
    built = compiled.facts("test_kernel_degrade")
    assert {f["sm"] for f in built} == {80, 90, 100} and {f["name"] for f in built} == {"_degrade"} and len(built) == 27
    for f in built:
        how = f["signature"]
        assert (f["spills"], f["stack"]) == (0, 0), f
        assert any(".NAN" in op for op in f["opcodes"]), "clipping keeps NaN; the interpreter would keep it either way"
        if how["SOURCE"] == "strided":     # the slow way: pixel by pixel
            continue
        # Triton 3.6 takes up to 128, 3.9 up to 139
        assert f["shared"] == 0 and f["registers"] <= 168, "three programs of 128 threads on a multiprocessor, at least"
        assert compiled.widths(f, "STG") == {8 if how["CHANNELS"] == "1" and how["SOURCE"] == "planes" else 16}
        if how["K"] in ("1", "5"):     # larger ones need half a word of a neighboring group, and then load just that half
            assert min(compiled.widths(f, "LDG")) >= 8
        if (how["SOURCE"], how["CHANNELS"], how["K"]) == ("bytes", "3", "1"):
            assert sum(n for op, n in f["opcodes"].items() if op.startswith("LDG")) == 2 * 3    # a turn: two rows of 24 bytes


if __name__ == "__main__":
    launches()
