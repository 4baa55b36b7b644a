"""The convolution kernels built for real GPUs: matrix instructions, wide copies, nothing spilled."""

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed")

import compiled

from minicolor.kernels import conv4x4_last, conv4x4_narrow, conv4x4_wide


def launches():
    """Every kernel with the shapes of a PatchGAN; the wide ones, where nearly all work is, with each tile of the card at hand."""
    import triton

    major, minor = divmod(triton.runtime.driver.active.get_current_target().arch, 10)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        def random(*shape, dtype=dtype):
            return torch.rand(shape, dtype=torch.float32).to(dtype)

        tiles = conv4x4_wide.tiles(dtype, (major, minor))
        for stride in (1, 2):
            x, weight = random(2, 256, 32, 32), random(512, 256, 4, 4)
            for tile in tiles[:1] if dtype == torch.float16 else tiles:
                y = conv4x4_wide.output(x, weight, None, stride, 0.2, tile)
                conv4x4_wide.input_gradient(y, weight, stride, (32, 32), tile)
                conv4x4_wide.weight_gradient(y, x, stride, tile)
        if dtype == torch.float16:
            continue                                                  # to a compiler it is bfloat16 by another name

        grey, ab = random(2, 1, 64, 64, dtype=torch.float32), random(2, 2, 64, 64, dtype=torch.float32)
        first, bias = random(64, 3, 4, 4), random(64, dtype=torch.float32)
        y = conv4x4_narrow.output((grey, ab), first, bias, 0.2)
        conv4x4_narrow.input_gradient(y, first, 1, 2, (64, 64), torch.float32)
        conv4x4_narrow.weight_gradient(y, (grey, ab))

        x, scores = random(2, 512, 31, 31), random(1, 512, 4, 4)
        y = conv4x4_last.output(x, scores, bias[:1], 1, None)
        conv4x4_last.input_gradient(y, scores, 1, (31, 31))
        conv4x4_last.weight_gradient(y, x, 1)


@pytest.fixture(scope="module")
def built():
    return compiled.facts("test_kernel_conv4x4_built")


def test_everything_is_there(built):
    names = {"_output", "_input_gradient", "_weight_gradient", "_parts", "_gather"}
    for sm in compiled.CAPABILITIES:
        mine = [k for k in built if k["sm"] == sm]
        assert {k["name"] for k in mine} == names
        for name, files in (("_output", 2), ("_input_gradient", 3), ("_weight_gradient", 3)):      # wide, narrow, last
            assert len({tuple(k["signature"]) for k in mine if k["name"] == name}) == files


def test_nothing_is_spilled(built):
    assert not [(k["name"], k["sm"], k["signature"]) for k in built if k["spills"] or k["stack"]]


def test_products_are_done_by_the_matrix_units(built):
    """Hopper's own instructions for bf16 on sm_90 (HGMMA), Blackwell's on sm_100, Ampere's on sm_80; nowhere one by one."""
    unit = {80: "HMMA", 90: "HGMMA", 100: "UTCHMMA"}
    for k in (k for k in built if k["name"] != "_gather"):
        found = {op.split(".")[0] for op in k["opcodes"]}
        assert unit[k["sm"]] in found, (k["name"], k["sm"], k["signature"])
        if k["sm"] == 90:
            assert "HMMA" not in found


def test_copies_are_wide(built):
    """At least 8 bytes per thread for pictures, results, sums; narrower are weights, biases, scores, transposed float32.

    And the pictures of a first layer: 48 values per output are gathered one by one, from the cache (conv4x4_narrow.py's header).
    And _gather, 4 bytes: of a last layer's 1152 bytes per pixel it reads 64, neighbors next to each other.
    """
    for k in (k for k in built if k["name"] != "_gather"):
        which = k["name"], k["sm"], k["signature"]
        assert min(compiled.widths(k, "STG")) >= 8, which
        if k["signature"]["IN"] == "bf16" and "C1" not in k["signature"]:
            assert compiled.widths(k, "LDGSTS") <= {16} and compiled.widths(k, "LDG") <= {2, 16}, which
