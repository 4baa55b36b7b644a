"""Generated inputs that checks share, for hypothesis' @given. Every call draws others, so no answer can be learned by heart.

    @given(rgb=pictures())
    def keeps_grey_grey(to_lab, rgb): ...

In a report they look like `picture(2, 3, 5, 8, kind="flat", seed=40)`: call that yourself to see what your function was given.
"""

import torch
from hypothesis import strategies as st
from torch import Tensor

KINDS = ("noise", "flat", "black", "white", "ramp", "edge")


def picture(n: int, channels: int, height: int, width: int, kind: str = "noise", seed: int = 0) -> Tensor:
    """(n, channels, height, width) in [0, 1]: the first of `kind`, the others of the kinds that follow it."""
    source = torch.Generator().manual_seed(seed)
    first = KINDS.index(kind)
    return torch.stack([_one(KINDS[(first + i) % len(KINDS)], (channels, height, width), source) for i in range(n)])


def _one(kind: str, shape: tuple[int, int, int], source: torch.Generator) -> Tensor:
    noise, flat = torch.rand(shape, generator=source), torch.rand((shape[0], 1, 1), generator=source).expand(shape)
    across = torch.linspace(0, 1, shape[2]).expand(shape)
    return {"noise": noise, "flat": flat, "black": torch.zeros(shape), "white": torch.ones(shape), "ramp": across * flat,
            "edge": torch.where(across < 0.5, flat, 1 - flat)}[kind].clone()


def pictures(channels: int = 3, smallest: int = 3, largest: int = 12, most: int = 3) -> st.SearchStrategy[Tensor]:
    """(N, channels, H, W) in [0, 1]: N in 1 .. most, H and W each in smallest .. largest, seldom equal."""
    side = st.integers(smallest, largest)
    return st.builds(picture, st.integers(1, most), st.just(channels), side, side, st.sampled_from(KINDS), st.integers(0, 999))


def greys(**sizes) -> st.SearchStrategy[Tensor]:
    """(N, 1, H, W) in [0, 1]."""
    return pictures(channels=1, **sizes)


def pairs(**sizes) -> st.SearchStrategy[tuple[Tensor, Tensor]]:
    """Two batches of one shape that differ everywhere: the second is the first, mixed half and half with noise."""
    return st.builds(pair, pictures(**sizes), st.integers(0, 999))


def pair(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed + 1000)      # beyond picture()'s: the same seed would draw the same noise
    return x, (x + torch.rand(x.shape, generator=source)) / 2
