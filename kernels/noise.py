"""Random numbers inside of kernels, a function of (seed, id, y, x).     twin: minicolor/ops/noise.py, which says why and whence

Why here: a picture's noise then exists in registers only. Drawn by PyTorch it is written, 4 bytes a pixel, and read again by the
addition. Counted in the machine code for sm_90, a pixel's share of a draw is 11 instructions for Philox and 15 for Box and
Muller, one of them special: half a square root. The log, sin and cos of CUDA's library are longer, since they also provide for
arguments that cannot come up here. Two functions to be called from kernels, no kernel.
"""

from minicolor.kernels.backend import constant, tl, triton
from minicolor.ops.noise import KEY_STEPS, MULTIPLIERS

M0, M1 = constant(MULTIPLIERS[0]), constant(MULTIPLIERS[1])
STEP0, STEP1 = constant(KEY_STEPS[0]), constant(KEY_STEPS[1])


@triton.jit
def philox(c0, c1, c2, c3, k0, k1):
    """Counter and key, uint32 -> four words. A 64-bit product is one instruction, and both of its halves are used."""
    for _ in tl.static_range(10):
        low, high = c0.to(tl.uint64) * M0, c2.to(tl.uint64) * M1
        c0, c2 = (high >> 32).to(tl.uint32) ^ c1 ^ k0, (low >> 32).to(tl.uint32) ^ c3 ^ k1
        c1, c3 = high.to(tl.uint32), low.to(tl.uint32)
        k0, k1 = k0 + STEP0, k1 + STEP1
    return c0, c1, c2, c3


@triton.jit
def box_muller(a, b):
    """Two words, uint32 -> two standard normal numbers, float32. The twin's within 1e-6 of the radius, if that is not tiny."""
    # -2 ln(v / 2^32) for the radius: v = m 2^e with m in [2/3, 4/3), where 8 fitted terms are right to 4e-7
    v = a.to(tl.float32) + 0.5                                           # never log(0)
    bits = v.to(tl.int32, bitcast=True)
    e = (bits - 0x3F2AAAAB) & ~0x7FFFFF                                  # exponent of v over 2/3, still in its place in a float
    f = (bits - e).to(tl.float32, bitcast=True) - 1                      # m - 1
    p = -0.395900251 + f * (0.326812393 + f * (-0.342226616 + f * 0.315487518))
    p = -1.99999967 + f * (0.999997529 + f * (-0.666759795 + f * (0.500240732 + f * p)))
    radius = tl.sqrt(f * p + 1.65259167e-7 * ((32 << 23) - e).to(tl.float32))    # 2 ln 2 / 2^23
    # sin and cos of half the angle, which lies within a quarter turn of 0: 5 fitted terms are right to 5e-8; then double it
    t = b.to(tl.int32, bitcast=True).to(tl.float32) * (1 / 2147483648)   # -1 .. 1 is an angle of -pi .. pi
    q = t * t
    sin = t * (1.57079632 + q * (-0.645963760 + q * (0.0796899183 + q * (-0.00467414384 + q * 0.000151671704))))
    cos = 0.999999953 + q * (-1.23369820 + q * (0.253650674 + q * (-0.0208105152 + q * 0.000858134467)))
    twice = sin + sin
    return radius * (1 - twice * sin), radius * (twice * cos)
