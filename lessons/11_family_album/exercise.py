"""Exercise 11. A network on a large picture, in tiles.             35 minutes; then: python lessons/grade.py 11"""

from collections.abc import Callable

from torch import Tensor


def tiled(answer: Callable[[Tensor], Tensor], picture: Tensor, reach: int, side: int) -> Tensor:
    """What answer(picture) would be, computed from small pieces of the picture, none of which is too large for the memory.

    picture (1, 1, H, W) with values in [0, 1], of any H and W from 1 up, seldom multiples of `side`. answer: a network of
    convolutions, (1, 1, h, w) -> (1, 1, h, w) for any h and w. A pixel of its answer depends on input pixels at most `reach`
    away, in each direction; beyond the edges of what it is given it sees zeros.

    Cut H and W into pieces of at most `side`. Give the network each tile with a margin of `reach` pixels of the picture around
    it, so that no tile's edge is seen. Where the picture itself ends there is no margin: there the network must meet the end just
    as it does in the whole picture. Keep of each answer the tile's own pixels.

    -> (1, 1, H, W), equal to answer(picture) but for rounding. answer() must never be given a side above side + 2 * reach.

    Example: H = 10, side 4, reach 2: rows 0-3, 4-7 and 8-9 are made from rows 0-5, 2-9 and 6-9.
    """
    raise NotImplementedError
