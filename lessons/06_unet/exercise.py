"""Exercise 06. Down, up, and side by side: a U-Net.            30 minutes; then: python lessons/grade.py 06"""

from collections.abc import Callable, Sequence

from torch import Tensor

Layer = Callable[[Tensor], Tensor]


def unet(x: Tensor, down: Sequence[Layer], up: Sequence[Layer], last: Layer) -> Tensor:
    """Send a picture through a U-Net whose layers are given. You only decide what goes where.

    x      (N, C, H, W), the picture
    down   n layers, each halves the sides: H/2, H/4, ... What the last of them gives is the deepest.
    up     n layers, each doubles the sides: the first takes the deepest, the last gives H again.
    last   one layer that keeps the sides; what it gives is the answer.

    On the way up, what every layer of `up` but the last gives goes through a ReLU first. Then it is joined to its twin, and the
    two together are what the next layer of `up` takes. The last layer of `up` has no ReLU behind it; what it gives is joined to
    the picture x itself, for `last`.

    The twin of a result is what the way down gave at the same height and width. It is joined as it came from `down`, nothing is
    applied to it. Joined: the channels side by side (dimension 1), what comes from below first, its twin after it.
    The layers of `down` bring their own activations.

    Example, n = 2: with d1 = down[0](x) and d2 = down[1](d1), up[1] takes up[0]'s result of d2, after its ReLU, and d1.
    Each layer is called exactly once. n is at least 1. Sides are multiples of 16, n at most 4.
    """
    raise NotImplementedError
