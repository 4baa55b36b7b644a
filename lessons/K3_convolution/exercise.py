"""Exercise K3. A convolution as a matrix product.                45 minutes; then: python lessons/grade.py K3"""


def kernel(tl, x_ptr, w_ptr, y_ptr, H, W, C, O, BM, BN, BK):
    """4x4 convolution, stride 2, padding 1: one tile of the output. Written as under @triton.jit, but that tl is handed in.

    x_ptr   (H, W, C)        one picture, float32, the channels of a pixel side by side
    w_ptr   (16, C, O)       the weights; tap t belongs to row t // 4 and column t % 4 of the 4x4 window
    y_ptr   (HO, WO, O)      to be written; HO = H // 2, WO = W // 2
    program tl.program_id(0) makes BM output pixels (counted row by row: 0 .. HO WO - 1), tl.program_id(1) BN output channels.
            Just enough programs; in the last tile some rows may be no pixels. BM, BN, BK are 16, C a multiple of BK, O of BN.

    y[yo, xo, o] = sum over t and c of  x[yi, xi, c] * w[t, c, o].    Output pixel (yo, xo) begins its window one pixel above and
    left of (2 yo, 2 xo), and tap t is t // 4 rows and t % 4 columns from there. Where yi or xi lies outside, x counts as 0.

    Keep a tile of sums (tl.zeros((BM, BN), tl.float32)); for each tap and each BK channels load a (BM, BK) tile of x and a
    (BK, BN) tile of w, and add their product: tl.dot(a, b, sums). So a loaded number serves a whole row or column of the tile:
    that is what the bytes are counted for: one window and one set of weights for a tile, and the padding not at all.

    Example: with x and w all 1 and C = 16, an inner output value is 256, a corner's 9 * 16 = 144.
    """
    raise NotImplementedError
