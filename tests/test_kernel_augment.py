"""The kernel cuts, mirrors and samples as the twin does: bytes to the bit, jitter nearer to the exact value than the twin."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("triton")

import compiled

from minicolor.data.augment import augment as drawn
from minicolor.errors import BadInput
from minicolor.kernels.augment import augment
from minicolor.kernels.backend import using
from minicolor.ops import augment as twin

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def bytes_of(n=2, h=9, w=9, channels=3, seed=0):
    """As the loader hands them out: bytes in the order N, H, W, C, seen as N, C, H, W."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, h, w, channels), dtype=torch.uint8, generator=generator).to(DEVICE).permute(0, 3, 1, 2)


def draws_of(x, crop=0, flip=True, seed=0):
    """The arguments of augment() but for jitter. Corners and places are at the borders as often as between them."""
    generator, n = torch.Generator().manual_seed(seed), len(x)
    room = torch.tensor(x.shape[2:]) - crop
    at = torch.rand(2, n, 2, generator=generator)
    at = torch.where(torch.rand(at.shape, generator=generator) < 0.5, at.round(), at)
    return {"mirrored": torch.rand(n, generator=generator) < 0.5 if flip else None, "crop": crop,
            "corners": (at[0] * room).round().long() if crop else None, "places": at[1]}


def tolerance(side, jitter):
    """How far from the exact value a float32 may fall, values being in [0, 1].

    In x and in y: the place (up to `side`) is rounded, the output's pixel taken away, and the rest scaled: three times half a
    unit of the last place, 2^-24, of at most (1 - 1 / jitter) * side pixels. A pixel further, the value has changed by at most 1,
    and changes in x and y add up. Then 10 for the scale itself and for what is done to the values.
    """
    return (2 * 4 * (1 - 1 / jitter) * side + 10) * 2**-24


def same(x, jitter=1.0, **draws):
    """The kernel's result, after comparing it with the twin's: in float64 where there is something to round."""
    ours = augment(x, jitter=jitter, backend="triton", **draws)
    if jitter == 1:
        assert torch.equal(ours, twin.augment(x, **draws)) and ours.dtype == torch.uint8
        return ours
    assert ours.dtype == torch.float32 and ours.is_contiguous()
    exact = twin.augment(x.double() / 255, jitter=jitter, **draws)
    torch.testing.assert_close(ours.double(), exact, atol=tolerance(max(ours.shape[2:]), jitter), rtol=0)
    return ours


@settings(deadline=None, max_examples=12)
@given(n=st.integers(1, 3), h=st.integers(1, 11), w=st.integers(1, 19), channels=st.sampled_from([1, 3, 4]), cut=st.booleans(),
       flip=st.booleans(), jitter=st.sampled_from([1.0, 1.0001, 286 / 256, 1.5, 2.0]), seed=st.integers(0, 10**6))
@example(n=1, h=1, w=1, channels=3, cut=True, flip=True, jitter=2.0, seed=0)
@example(n=3, h=7, w=5, channels=4, cut=True, flip=True, jitter=2.0, seed=1)
@example(n=3, h=7, w=5, channels=3, cut=False, flip=True, jitter=1.0, seed=2)
def test_matches_the_twin(n, h, w, channels, cut, flip, jitter, seed):
    x = bytes_of(n, h, w, channels, seed)
    before = x.clone()
    same(x, jitter, **draws_of(x, 1 + seed % min(h, w) if cut else 0, flip, seed))
    assert torch.equal(x, before)


@pytest.mark.parametrize("crop", [1, 5])
def test_squares_from_all_four_corners_each_mirrored_or_not(crop):
    """A pixel too far in any direction is another picture's, or nobody's."""
    x = bytes_of(8, 5, 7)
    corners = torch.tensor([(y, x) for y in (0, 5 - crop) for x in (0, 7 - crop)] * 2)
    mirrored = torch.arange(8) < 4
    out = same(x, mirrored=mirrored, crop=crop, corners=corners)
    for picture, (top, left), turned, ours in zip(x, corners.tolist(), mirrored, out):
        square = picture[:, top : top + crop, left : left + crop]
        assert torch.equal(ours, square.flip(-1) if turned else square)
    same(x, 2.0, mirrored=mirrored, crop=crop, corners=corners, places=torch.rand(8, 2))


@pytest.mark.parametrize("h, w", [(8, 64), (9, 65), (16, 63)])
def test_one_program_and_one_pixel_more(h, w):
    """A program makes 8 rows of 64 pixels with jitter, of 256 bytes without: of one channel, 256 pixels."""
    x = bytes_of(1, h, w, 4)
    assert same(x, **draws_of(x))[..., -1].float().std() > 9
    assert same(x, 1.2, **draws_of(x))[:, :, -1].std() > 0.05
    x = bytes_of(1, h, 4 * w + w % 2, 1)
    same(x, **draws_of(x))


@pytest.mark.parametrize("view", [
    lambda x: x.mT, lambda x: x[:, :, 1:, 2:], lambda x: x[..., ::2], lambda x: x.flip(-1), lambda x: x[1:], lambda x: x[:, 1:],
    lambda x: x[:1].expand(3, -1, -1, -1), lambda x: x.contiguous(), lambda x: x[:, [2, 0, 1]].permute(0, 1, 3, 2),
], ids=["transposed", "cut", "strided", "flipped", "last", "two planes", "expanded", "planes", "shuffled"])
@pytest.mark.parametrize("jitter", [1.0, 1.3])
def test_any_strides(view, jitter):
    x = view(bytes_of(3, 6, 9))
    same(x, jitter, **draws_of(x))
    same(x, jitter, **draws_of(x, crop=4))


def test_planes_more_than_two_gigabytes_apart():
    """Offsets need 64 bits; in 32 they would be negative, and lead to zeros. The memory is asked for and hardly touched."""
    if DEVICE == "cuda":
        pytest.skip("a GPU has no memory that is asked for and not taken")
    far = 2**30 + 5
    x = torch.empty(2**32 + 100, dtype=torch.uint8).as_strided((1, 3, 4, 4), (0, far, 4, 1), storage_offset=2**31)
    x.copy_(bytes_of(1, 4, 4))
    for jitter in (1.0, 1.5):
        same(x, jitter, **draws_of(x))


@pytest.mark.parametrize("jitter", [1.1, 2.0])
@pytest.mark.parametrize("side", [16, 40])
def test_nearer_to_the_exact_value_than_grid_sample_in_float32(jitter, side):
    """Black and white at random, where a wrong place costs most. grid_sample's coordinates are on [-1, 1] and then scaled."""
    x = bytes_of(2, side, side, 1).bitwise_and(1) * 255
    draws = draws_of(x)
    exact = twin.augment(x.double() / 255, jitter=jitter, **draws)
    ours, theirs = ((f(x, jitter=jitter, **draws) - exact).abs().max() for f in (kernel, twin.augment))
    assert ours < theirs and theirs < 2 * 8 * side * 2**-24


def kernel(x, **arguments):
    return augment(x, backend="triton", **arguments)


def test_a_window_at_the_border_holds_the_borders_pixels():
    """Places 0 and 1, jitter 2: the outermost output pixels lie a quarter of a pixel outside the picture's centers."""
    x = bytes_of(2, 6, 6)
    out = kernel(x, jitter=2.0, places=torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    torch.testing.assert_close(out[0, :, 0, 0], x[0, :, 0, 0] / 255)
    torch.testing.assert_close(out[1, :, -1, -1], x[1, :, -1, -1] / 255)
    weights = torch.tensor([0.75, 0.25])
    torch.testing.assert_close(out[0, :, 0, 1], x[0, :, 0, :2] / 255 @ weights)       # a quarter of the way


def test_white_stays_white():
    """Not a hair more: Lab is made of it next. Weights that add up to 1 + 1e-7 would do."""
    white = torch.full((2, 3, 9, 9), 255, dtype=torch.uint8, device=DEVICE)
    assert (kernel(white, jitter=286 / 256, **draws_of(white)) == 1).all()


@pytest.mark.parametrize("flip, jitter, crop", [(True, 1.0, 0), (True, 286 / 256, 0), (True, 1.0, 5), (False, 1.5, 6)])
def test_what_is_drawn_does_not_depend_on_the_backend(flip, jitter, crop):
    """data/augment.py with the kernel and without: the same generator gives the same pictures, and is left in the same state."""
    x, results, left = bytes_of(5, 8, 8), [], []
    for name in ("torch", "triton"):
        generator = torch.Generator().manual_seed(3)
        with using(name):
            results.append(drawn(x, generator, flip, jitter, crop))
        left.append(generator.get_state())
    bound = 0 if jitter == 1 else tolerance(8, jitter) + 2 * 8 * 8 * 2**-24           # and grid_sample's own, in float32
    torch.testing.assert_close(*results, atol=bound, rtol=0)
    assert torch.equal(*left)
    assert results[1].shape == (5, 3, crop or 8, crop or 8)


def test_lies_in_memory_as_prepare_likes_it():
    """Bytes (N, H, W, C), whatever came in; floats (N, C, H, W): kernels/lab.py copies neither."""
    for x in (bytes_of(), bytes_of().contiguous()):
        assert kernel(x, **draws_of(x, crop=3)).permute(0, 2, 3, 1).is_contiguous()
        assert kernel(x, jitter=1.2, **draws_of(x, crop=3)).is_contiguous()


def test_nothing_to_do_is_no_launch_and_auto_on_a_cpu_is_the_twin(monkeypatch):
    x = bytes_of()
    assert kernel(x) is x and kernel(x, **draws_of(x, flip=False)) is x
    assert kernel(x[:0], **draws_of(x[:0], crop=3)).shape == (0, 3, 3, 3)
    assert kernel(x[:0], jitter=1.5, **draws_of(x[:0])).shape == (0, 3, 9, 9)
    monkeypatch.setattr(twin, "augment", lambda *arguments: "the twin")
    floats = x.float() / 255
    for pictures, backend in ((x.cpu(), "auto"), (x, "torch"), (floats, "auto")):
        assert augment(pictures, **draws_of(x), backend=backend) == "the twin"
    with pytest.raises(BadInput, match="^argument rgb: expected uint8 where the backend is triton, not torch.float32"):
        kernel(floats, **draws_of(x))


@pytest.mark.parametrize("backend", ["torch", "triton"])
@pytest.mark.parametrize("name, wrong", [
    ("rgb", {"rgb": torch.zeros(3, 9, 9, dtype=torch.uint8)}), ("rgb", {"rgb": bytes_of().int()}),
    ("mirrored", {"mirrored": torch.zeros(3, dtype=torch.bool)}), ("mirrored", {"mirrored": torch.zeros(2)}),
    ("crop", {"crop": 10}), ("crop", {"crop": -1}), ("corners", {"corners": None}),
    ("corners", {"corners": torch.tensor([[0, 0], [0, 5]])}), ("corners", {"corners": torch.tensor([[0, 0], [5, 0]])}),
    ("corners", {"corners": torch.tensor([[0, 0], [-1, 0]])}), ("corners", {"corners": torch.zeros(2, 2)}),
    ("jitter", {"jitter": 0.9}), ("jitter", {"jitter": float("nan")}), ("places", {"places": None}),
    ("places", {"places": torch.full((2, 2), 1.1)}), ("places", {"places": torch.full((2, 2), float("nan"))}),
])
def test_refuses_by_name_whatever_the_backend(backend, name, wrong):
    """What it does not refuse it reads: a corner outside would be somebody else's memory."""
    x = bytes_of()
    with pytest.raises(BadInput, match=f"^argument {name}: expected"):
        augment(**{"rgb": x, **draws_of(x, crop=5), "jitter": 1.5, **wrong}, backend=backend)


def launches():
    """For tests/compiled.py: jitter as in pix2pix, crops of 96 as in SRGAN, also with a mask; then what is slow, and 1 x 1."""
    u8 = torch.zeros(2, 256, 256, 4, dtype=torch.uint8).permute(0, 3, 1, 2)
    rgb = torch.zeros(2, 256, 256, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    augment(rgb, **draws_of(rgb), jitter=286 / 256)
    augment(rgb, **draws_of(rgb, crop=96))
    augment(u8, **draws_of(u8, crop=96))
    augment(u8[:, :1, :, :125], **draws_of(u8[..., :125]))
    augment(u8.contiguous(), **draws_of(u8, crop=40), jitter=2)
    augment(u8, **draws_of(u8, crop=1))
    augment(u8, **draws_of(u8, crop=1), jitter=2)


def test_compiles_for_real_gpus():
    built = compiled.facts("test_kernel_augment")
    assert {f["sm"] for f in built} == {80, 90, 100} and {f["name"] for f in built} == {"_move", "_enlarge"} and len(built) == 21
    for f in built:
        how, loads = f["signature"], f["opcodes"].get("LDG.E.U8", 0)
        assert (f["spills"], f["stack"]) == (0, 0), f
        assert f["registers"] <= 64, "32 warps on a multiprocessor, at least"
        if "height" in how:                # 1 x 1: that there is but one row is known, and no more
            continue
        rows, channels = int(how["ROWS"]), int(how["CHANNELS"])
        if f["name"] == "_enlarge":        # a thread has one column: 4 pixels for each that it makes, and its neighbors beside it
            assert loads == rows * channels * 4 and f["shared"] == 0 and compiled.widths(f, "STG") == {4}
        else:                              # 8 bytes of a row, each read once
            assert loads == rows * 8
            if channels > 1:               # the rows of launches(): a number of bytes that the compiler knows to be divisible
                assert compiled.widths(f, "STG") == {8} and f["shared"] == 0


if __name__ == "__main__":
    launches()
