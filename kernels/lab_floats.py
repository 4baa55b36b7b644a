"""Float pictures <-> network units: the kernels of kernels/lab.py that have slopes, and their autograd Functions.

Each kernel takes a run of BLOCK pixels of one picture, so every plane is read and written in a straight line.
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import tl, triton
from minicolor.kernels.lab_device import (
    clip,
    cube,
    cube_slope,
    decode,
    decode_slope,
    encode,
    encode_slope,
    launch,
    place,
    read3,
    read_roots,
    read_units_slope,
    root_slope,
    step_of,
    store_units,
    to_light,
    to_light_slope,
    to_roots_slope,
    to_xyz,
    to_xyz_slope,
)
from minicolor.ops import lab_units as twin


@triton.jit
def _floats_to_units(rgb, l, out, steps, blocks, AB: tl.constexpr, STEP: tl.constexpr, BLOCK: tl.constexpr):
    pixels, at = steps * STEP, tl.arange(0, BLOCK)
    picture, first, left = place(pixels, blocks, BLOCK)
    inside = at < left
    r, g, b = read3(rgb, picture, first, pixels, at, inside)
    x, y, z = to_xyz(decode(r), decode(g), decode(b))
    store_units(l, out, picture, first, pixels, at, inside, x, y, z, r * 2 - 1, g * 2 - 1, b * 2 - 1, AB)


@triton.jit
def _floats_to_units_slope(rgb, dl, dout, drgb, steps, blocks, AB: tl.constexpr, STEP: tl.constexpr, BLOCK: tl.constexpr):
    """The chain rule, from the last line of the kernel above to its first; what the way there needs is computed again."""
    pixels, at = steps * STEP, tl.arange(0, BLOCK)
    picture, first, left = place(pixels, blocks, BLOCK)
    inside = at < left
    r, g, b = read3(rgb, picture, first, pixels, at, inside)
    x, y, z = to_xyz(decode(r), decode(g), decode(b))
    dfx, dfy, dfz, dr, dg, db = read_units_slope(dl, dout, picture, first, pixels, at, inside, AB)
    light_r, light_g, light_b = to_xyz_slope(dfx * root_slope(x), dfy * root_slope(y), dfz * root_slope(z))
    drgb += picture * 3 * pixels + first
    tl.store(drgb + at, dr + light_r * decode_slope(r), mask=inside)
    tl.store(drgb + pixels + at, dg + light_g * decode_slope(g), mask=inside)
    tl.store(drgb + 2 * pixels + at, db + light_b * decode_slope(b), mask=inside)


@triton.jit
def _units_to_floats(l, ab, rgb, steps, blocks, STEP: tl.constexpr, BLOCK: tl.constexpr):
    pixels, at = steps * STEP, tl.arange(0, BLOCK)
    picture, first, left = place(pixels, blocks, BLOCK)
    inside = at < left
    fx, fy, fz = read_roots(l, ab, picture, first, pixels, at, inside)
    r, g, b = to_light(cube(fx), cube(fy), cube(fz))
    rgb += picture * 3 * pixels + first
    tl.store(rgb + at, clip(encode(r)), mask=inside)
    tl.store(rgb + pixels + at, clip(encode(g)), mask=inside)
    tl.store(rgb + 2 * pixels + at, clip(encode(b)), mask=inside)


@triton.jit
def _units_to_floats_slope(l, ab, drgb, dl, dab, steps, blocks, STEP: tl.constexpr, BLOCK: tl.constexpr):
    pixels, at = steps * STEP, tl.arange(0, BLOCK)
    picture, first, left = place(pixels, blocks, BLOCK)
    inside = at < left
    fx, fy, fz = read_roots(l, ab, picture, first, pixels, at, inside)
    r, g, b = to_light(cube(fx), cube(fy), cube(fz))
    dr, dg, db = read3(drgb, picture, first, pixels, at, inside)
    dr, dg, db = dr * encode_slope(r), dg * encode_slope(g), db * encode_slope(b)
    dx, dy, dz = to_light_slope(dr, dg, db)
    d_light, da, db = to_roots_slope(dx * cube_slope(fx), dy * cube_slope(fy), dz * cube_slope(fz))
    tl.store(dl + picture * pixels + first + at, d_light, mask=inside)
    dab += picture * 2 * pixels + first
    tl.store(dab + at, da, mask=inside)
    tl.store(dab + pixels + at, db, mask=inside)


class FloatsToUnits(torch.autograd.Function):
    """rgb (N, 3, H, W), contiguous -> L and target. Its slope is a kernel; the slope of the slope comes from the twin."""

    @staticmethod
    def forward(ctx, rgb: Tensor, target: str, dtype: torch.dtype):
        ctx.save_for_backward(rgb)
        ctx.target, ctx.dtype = target, dtype
        n, _, height, width = rgb.shape
        l = torch.empty(n, 1, height, width, dtype=dtype, device=rgb.device)
        out = torch.empty(n, 2 if target == "ab" else 3, height, width, dtype=dtype, device=rgb.device)
        launch(_floats_to_units, rgb, rgb, l, out, AB=target == "ab", step=step_of(rgb))
        return l, out

    @staticmethod
    def backward(ctx, dl: Tensor, dout: Tensor):
        rgb, = ctx.saved_tensors
        if torch.is_grad_enabled():                          # create_graph: this slope must have one of its own
            outputs = twin.rgb_to_units(rgb, ctx.target, ctx.dtype)
            return *torch.autograd.grad(outputs, rgb, (dl, dout), create_graph=True), None, None
        drgb = torch.empty_like(rgb)
        launch(_floats_to_units_slope, rgb, rgb, dl.contiguous(), dout.contiguous(), drgb,
               AB=ctx.target == "ab", step=step_of(rgb))
        return drgb, None, None


class UnitsToFloats(torch.autograd.Function):
    """L (N, 1, H, W) and ab (N, 2, H, W), contiguous -> rgb; slopes as above."""

    @staticmethod
    def forward(ctx, l: Tensor, ab: Tensor):
        ctx.save_for_backward(l, ab)
        rgb = l.new_empty(len(l), 3, *l.shape[2:])
        launch(_units_to_floats, l, l, ab, rgb, step=step_of(l))
        return rgb

    @staticmethod
    def backward(ctx, drgb: Tensor):
        l, ab = ctx.saved_tensors
        if torch.is_grad_enabled():
            wanted = [x for x in (l, ab) if x.requires_grad]
            slopes = iter(torch.autograd.grad(twin.units_to_rgb(l, ab), wanted, drgb, create_graph=True))
            return tuple(next(slopes) if x.requires_grad else None for x in (l, ab))
        dl, dab = torch.empty_like(l), torch.empty_like(ab)
        launch(_units_to_floats_slope, l, l, ab, drgb.contiguous(), dl, dab, step=step_of(l))
        return dl, dab
