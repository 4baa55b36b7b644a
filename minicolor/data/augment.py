"""Random flip, crop and jitter, on the batch and on its device: what is drawn, and in which order.

What is then done, and whence it comes: ops/augment.py, and kernels/augment.py for bytes on a GPU.
"""

import torch
from torch import Tensor

from minicolor.kernels import augment as kernel
from minicolor.kernels.backend import expect
from minicolor.parallel import Share


def augment(rgb: Tensor, generator: torch.Generator, flip: bool = True, jitter: float = 1.0, crop: int = 0,
            share: Share | None = None) -> Tensor:
    """(N, C, S, S) -> the same shape. flip: mirror left-right, one in two. jitter >= 1: how much to enlarge.

    crop: cut a square of this side out of each picture first, at a random place: (N, C, crop, crop). 0: leave it whole.

    float stays float. uint8 stays uint8 where nothing is interpolated (jitter 1), so that prepare() can read the bytes;
    with jitter it becomes float in [0, 1].

    The draws come from `generator` (on the CPU) so that a resumed run sees the same ones. share: rgb is this part of a batch,
    and gets the draws that it would get in the whole.
    """
    expect(crop <= rgb.shape[-1], "crop", f"at most {rgb.shape[-1]}, the pictures' side", crop)
    n, ours = (share.of, share.slice) if share else (len(rgb), slice(None))
    mirrored = (torch.rand(n, generator=generator) < 0.5)[ours]   # always drawn: switching one option leaves the others' draws
    places = torch.rand(n, 2, generator=generator)[ours]
    corners = torch.randint(0, rgb.shape[-1] - crop + 1, (n, 2), generator=generator)[ours] if crop else None
    return kernel.augment(rgb, mirrored if flip else None, crop, corners, jitter, places)
