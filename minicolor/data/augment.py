"""Random flip and jitter, on the batch and on its device.     source: report A, II.B.2; report C, 6.2

Jitter as in pix2pix (Isola et al. 2017, 6.2): enlarge by interpolation, 256 -> 286, then crop 256 back at a random
place. Enlarging and cropping are one bilinear sampling here, so nothing of another size is ever made.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

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
    n, ours = (share.of, share.slice) if share else (len(rgb), slice(None))
    mirrored = (torch.rand(n, generator=generator) < 0.5)[ours]   # always drawn: switching one option leaves the others' draws
    corner = torch.rand(n, 2, generator=generator)[ours]
    if crop:
        corners = torch.randint(0, rgb.shape[-1] - crop + 1, (n, 2), generator=generator)[ours]
        rgb = _cut(rgb, *_there(corners, rgb).T, crop)
    if flip:
        rgb = torch.where(_there(mirrored, rgb)[:, None, None, None], rgb.flip(-1), rgb)
    if jitter > 1:
        rgb = rgb.float() / 255 if rgb.dtype == torch.uint8 else rgb
        window = 1 / jitter                               # the share of the picture's side that is kept
        center = (2 * corner - 1) * (1 - window)          # in [-1, 1] coordinates the window must stay inside
        theta = torch.zeros(len(rgb), 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = window
        theta[:, :, 2] = center
        grid = F.affine_grid(_there(theta, rgb).to(rgb.dtype), list(rgb.shape), align_corners=False)
        rgb = F.grid_sample(rgb, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return rgb


def _cut(rgb: Tensor, y: Tensor, x: Tensor, side: int) -> Tensor:
    """(N, C, S, S) -> (N, C, side, side), each picture's from its own (y, x) on: one gather for all."""
    step = torch.arange(side, device=rgb.device)
    n, c = (torch.arange(k, device=rgb.device) for k in rgb.shape[:2])
    return rgb[n[:, None, None, None], c[:, None, None], (y[:, None] + step)[:, None, :, None], (x[:, None] + step)[:, None, None]]


def _there(small: Tensor, rgb: Tensor) -> Tensor:
    """To rgb's device without waiting for it: from pinned memory."""
    return small.pin_memory().to(rgb.device, non_blocking=True) if rgb.is_cuda else small
