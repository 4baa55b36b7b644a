"""What every metric begins with: batches of one shape, with values that can be what they claim to be; float32 at least."""

from collections.abc import Callable

import torch
from torch import Tensor

from minicolor.errors import BadInput

_SLACK = 1e-3  # rounding of a conversion there and back is no reason to refuse a picture


def check_rgb(*pictures: Tensor) -> None:
    """Refuse what is not float (N, 3, H, W) in [0, 1], or not all of one shape, or no picture at all, in one sentence."""
    for x in pictures:
        if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
            raise BadInput(f"expected float pictures (N, 3, H, W), got {x.dtype} {tuple(x.shape)}")
        if x.shape != pictures[0].shape:
            raise BadInput(f"pictures of one shape expected, got {tuple(pictures[0].shape)} and {tuple(x.shape)}")
        if x.numel() == 0:
            raise BadInput(f"expected at least one picture of at least one pixel, got {tuple(x.shape)}")
        low, high = (v.item() for v in torch.aminmax(x))
        if not (low >= -_SLACK and high <= 1 + _SLACK):
            guess = "; looks like 0..255" if high > 2 else "; looks like -1..1" if low < -_SLACK else ""
            raise BadInput(f"expected values in [0, 1], got {low:.4g} .. {high:.4g}{guess}")


def at_least_float32(*pictures: Tensor) -> list[Tensor]:
    """Half precision is for storing pictures: squares of small differences and long sums want more."""
    return [x.to(torch.promote_types(x.dtype, torch.float32)) for x in pictures]


def in_cache(of: Callable[..., Tensor], *pictures: Tensor) -> Tensor:
    """of(*pictures), a figure per picture. On a CPU one picture at a time: what is gone over often is best kept in its cache."""
    if pictures[0].device.type != "cpu":
        return of(*pictures)
    return torch.cat([of(*one) for one in zip(*(x.split(1) for x in pictures))])


def pixel_mean(of: Callable[[Tensor, Tensor], Tensor], prediction: Tensor, truth: Tensor) -> Tensor:
    """(N,): the mean of of(p, t) over all pixels and channels of a picture, float32 at least.

    On a CPU in pieces: a difference as large as the pictures would take longer to store than all else that is done with it.
    """
    a, b = (x.flatten(1) for x in at_least_float32(prediction, truth))
    piece = 2**19 // len(a) + 1 if a.device.type == "cpu" else a.shape[1]
    return sum(of(p, t).sum(dim=1) for p, t in zip(a.split(piece, dim=1), b.split(piece, dim=1))) / a.shape[1]
