"""What the kernels of kernels/lab.py compute at one pixel: sRGB's curve, CIE's cube root, the two 3x3 matrices, and slopes.

Plain formulas of minicolor/ops/srgb.py and minicolor/ops/lab.py; their numbers are imported, not repeated. Every `where`
asks "above the knee?", so that NaN, which is above nothing, takes the line and stays NaN. A maximum() holds the power's
argument above the knee: the branch that is not taken computes too, and a logarithm of 0 is no number.
"""

import torch
from torch import Tensor

from minicolor.kernels.backend import INTERPRETED, constant, expect, tl, triton
from minicolor.ops.lab import DELTA, FROM_RELATIVE, TO_RELATIVE
from minicolor.ops.srgb import KNEE, LINEAR_KNEE
from minicolor.ops.units import AB_SCALE

PLAIN = constant(INTERPRETED)
XR, XG, XB, YR, YG, YB, ZR, ZG, ZB = (constant(m) for row in TO_RELATIVE for m in row)
RX, RY, RZ, GX, GY, GZ, BX, BY, BZ = (constant(m) for row in FROM_RELATIVE for m in row)
BEND, LINEAR_BEND = constant(KNEE), constant(LINEAR_KNEE)
ROOT_BEND, CUBE_BEND = constant(DELTA**3), constant(DELTA)
LINE, FOOT = constant(3 * DELTA**2), constant(4 / 29)   # CIE's line: t = LINE * (f - FOOT)
L_OF_F, A_OF_F, B_OF_F = constant(116 / 50), constant(500 / AB_SCALE), constant(200 / AB_SCALE)
F_OF_L, F_OF_A, F_OF_B = constant(50 / 116), constant(AB_SCALE / 500), constant(AB_SCALE / 200)


@triton.jit
def read(pointer, mask):
    """A tile in the type to compute in: float64 as it is, everything smaller as float32."""
    x = tl.load(pointer, mask=mask, other=0.0)
    return x if x.dtype == tl.float64 else x.to(tl.float32)


@triton.jit
def power(x, p):
    """x ** p = 2 ** (p * log2(x)) for x > 0: two instructions of the special-function unit and a product.

    tl.log2 would be right to the last bit with some twenty ordinary instructions. PTX promises 2^-22 for lg2.approx
    (absolute in 0.5 .. 2, else relative) and 2^-22 for ex2.approx: together less than 0.001 units of L, a and b.
    """
    if PLAIN or x.dtype == tl.float64:           # the interpreter knows no PTX, and PTX no such thing in float64
        y = tl.exp2(p * tl.log2(x))
    else:
        log = tl.inline_asm_elementwise("lg2.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1)
        y = tl.inline_asm_elementwise("ex2.approx.ftz.f32 $0, $1;", "=f,f", [p * log], dtype=tl.float32, is_pure=True, pack=1)
    return y


@triton.jit
def decode(v):
    """sRGB -> linear light."""
    curve = power((tl.maximum(v, BEND) + 0.055) * (1 / 1.055), 2.4)
    return tl.where(v > BEND, curve, v * (1 / 12.92))


@triton.jit
def decode_slope(v):
    curve = (2.4 / 1.055) * power((tl.maximum(v, BEND) + 0.055) * (1 / 1.055), 1.4)
    return tl.where(v > BEND, curve, 1 / 12.92)


@triton.jit
def encode(x):
    """Linear light -> sRGB, not clipped."""
    curve = 1.055 * power(tl.maximum(x, LINEAR_BEND), 1 / 2.4) - 0.055
    return tl.where(x > LINEAR_BEND, curve, 12.92 * x)


@triton.jit
def encode_slope(x):
    """Of encode() and then clip(): 0 outside [0, 1], and as in torch.clamp not yet at the ends."""
    curve = (1.055 / 2.4) * power(tl.maximum(x, LINEAR_BEND), 1 / 2.4 - 1)
    slope = tl.where(x > LINEAR_BEND, curve, 12.92)
    return tl.where((x < 0) | (x > 1), 0.0, slope)


@triton.jit
def clip(v):
    """To [0, 1]. Not minimum(maximum()): those turn NaN into a color."""
    return tl.where(v < 0, 0.0, tl.where(v > 1, 1.0, v))


@triton.jit
def root(t):
    """CIE's f: the cube root, near black a line."""
    return tl.where(t > ROOT_BEND, power(tl.maximum(t, ROOT_BEND), 1 / 3), t * (1 / LINE) + FOOT)


@triton.jit
def root_slope(t):
    return tl.where(t > ROOT_BEND, (1 / 3) * power(tl.maximum(t, ROOT_BEND), -2 / 3), 1 / LINE)


@triton.jit
def cube(f):
    """The inverse of root()."""
    return tl.where(f > CUBE_BEND, f * f * f, LINE * (f - FOOT))


@triton.jit
def cube_slope(f):
    return tl.where(f > CUBE_BEND, 3 * f * f, LINE)


@triton.jit
def to_xyz(r, g, b):
    """Linear light -> X, Y, Z, each over white's."""
    return XR * r + XG * g + XB * b, YR * r + YG * g + YB * b, ZR * r + ZG * g + ZB * b


@triton.jit
def to_xyz_slope(dx, dy, dz):
    """The matrix read by columns; d... is the loss's slope by what follows the d, here and in all that follows."""
    return XR * dx + YR * dy + ZR * dz, XG * dx + YG * dy + ZG * dz, XB * dx + YB * dy + ZB * dz


@triton.jit
def to_light(x, y, z):
    """X, Y, Z over white's -> linear light."""
    return RX * x + RY * y + RZ * z, GX * x + GY * y + GZ * z, BX * x + BY * y + BZ * z


@triton.jit
def to_light_slope(dr, dg, db):
    return RX * dr + GX * dg + BX * db, RY * dr + GY * dg + BY * db, RZ * dr + GZ * dg + BZ * db


@triton.jit
def to_roots(lightness, a, b):
    """L, a, b in network units -> f of X, Y, Z. The foot is added last: black (L = -1) is then exactly at it, not beside."""
    y = (lightness + 1) * F_OF_L + FOOT
    return y + a * F_OF_A, y, y - b * F_OF_B


@triton.jit
def to_roots_slope(dfx, dfy, dfz):
    return (dfx + dfy + dfz) * F_OF_L, dfx * F_OF_A, -dfz * F_OF_B


@triton.jit
def place(pixels, blocks, BLOCK: tl.constexpr):
    """-> this program's picture, its first pixel there, and how many are left from that on.

    The first two are 64 bits wide, so every address below is: a batch may hold more than 2^31 values. What stays 32 bits wide
    is a place inside a block, and H * W and its double, which launch() holds below 2^31.
    """
    picture = (tl.program_id(0) // blocks).to(tl.int64)
    first = (tl.program_id(0) % blocks).to(tl.int64) * BLOCK
    return picture, first, pixels - first


@triton.jit
def read3(planes, picture, first, pixels, at, inside):
    planes += picture * 3 * pixels + first
    return read(planes + at, inside), read(planes + pixels + at, inside), read(planes + 2 * pixels + at, inside)


@triton.jit
def store_units(l, out, picture, first, pixels, at, inside, x, y, z, r, g, b, AB: tl.constexpr):
    """L from X, Y, Z over white's; then a and b from them too, or else the r, g, b that are handed in."""
    fy = root(y)
    tl.store(l + picture * pixels + first + at, (fy - FOOT) * L_OF_F - 1, mask=inside)
    if AB:
        out += picture * 2 * pixels + first
        tl.store(out + at, (root(x) - fy) * A_OF_F, mask=inside)
        tl.store(out + pixels + at, (fy - root(z)) * B_OF_F, mask=inside)
    else:
        out += picture * 3 * pixels + first
        tl.store(out + at, r, mask=inside)
        tl.store(out + pixels + at, g, mask=inside)
        tl.store(out + 2 * pixels + at, b, mask=inside)


@triton.jit
def read_units_slope(dl, dout, picture, first, pixels, at, inside, AB: tl.constexpr):
    """store_units() backwards: -> slopes by f of x, y, z, and by r, g, b where these are the target."""
    dfx, dfy, dfz = 0.0, read(dl + picture * pixels + first + at, inside) * L_OF_F, 0.0
    dr, dg, db = 0.0, 0.0, 0.0
    if AB:
        dout += picture * 2 * pixels + first
        dfx, dfz = read(dout + at, inside) * A_OF_F, read(dout + pixels + at, inside) * -B_OF_F
        dfy -= dfx + dfz
    else:
        dr, dg, db = read3(dout, picture, first, pixels, at, inside)
        dr, dg, db = 2 * dr, 2 * dg, 2 * db
    return dfx, dfy, dfz, dr, dg, db


@triton.jit
def read_roots(l, ab, picture, first, pixels, at, inside):
    ab += picture * 2 * pixels + first
    return to_roots(read(l + picture * pixels + first + at, inside), read(ab + at, inside), read(ab + pixels + at, inside))


def launch(kernel, pictures: Tensor, *arguments, step: int, block: int = 512, **constants) -> None:
    """One program for each `block` pixels of each of the pictures (N, C, H, W); none where there is nothing.

    block 512: 128 threads with 4 pixels each, and 4 floats are the 16 bytes that a thread moves at once.
    step: 8 where H * W has that factor, so that every plane begins at a whole vector; else 1, and every pixel goes alone.
    """
    n, _, height, width = pictures.shape
    expect(height * width < 2**30, "pictures", "fewer than 2^30 pixels each", f"{height} x {width}")
    if n * height * width:
        blocks = triton.cdiv(height * width, block)
        with torch.cuda.device_of(pictures):
            kernel[(n * blocks,)](*arguments, height * width // step, blocks, STEP=step, BLOCK=block, **constants)


def step_of(pictures: Tensor) -> int:
    """8 or 1, as launch() wants it."""
    return 1 if pictures.shape[2] * pictures.shape[3] % 8 else 8
