"""Random flip and jitter, on the batch and on its device.     source: report A, II.B.2; report C, 6.2

Jitter as in pix2pix (Isola et al. 2017, 6.2): enlarge by interpolation, 256 -> 286, then crop 256 back at a random
place. Enlarging and cropping are one bilinear sampling here, so nothing of another size is ever made.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(rgb: Tensor, generator: torch.Generator, flip: bool = True, jitter: float = 1.0, crop: int = 0) -> Tensor:
    """(N, C, S, S) -> the same shape. flip: mirror left-right, one in two. jitter >= 1: how much to enlarge.

    crop: cut a square of this side out of each picture first, at a random place: (N, C, crop, crop). 0: leave it whole.

    float stays float. uint8 stays uint8 where nothing is interpolated (jitter 1), so that prepare() can read the bytes;
    with jitter it becomes float in [0, 1].

    The draws come from `generator` (on the CPU) so that a resumed run sees the same ones.
    """
    n = len(rgb)
    mirrored = torch.rand(n, generator=generator) < 0.5   # always drawn: switching one option leaves the others' draws
    corner = torch.rand(n, 2, generator=generator)
    if crop:
        places = torch.randint(0, rgb.shape[-1] - crop + 1, (n, 2), generator=generator).tolist()
        rgb = torch.stack([p[:, y : y + crop, x : x + crop] for p, (y, x) in zip(rgb, places)])
    if flip:
        rgb = torch.where(mirrored.to(rgb.device)[:, None, None, None], rgb.flip(-1), rgb)
    if jitter > 1:
        rgb = rgb.float() / 255 if rgb.dtype == torch.uint8 else rgb
        window = 1 / jitter                               # the share of the picture's side that is kept
        center = (2 * corner - 1) * (1 - window)          # in [-1, 1] coordinates the window must stay inside
        theta = torch.zeros(n, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = window
        theta[:, :, 2] = center
        grid = F.affine_grid(theta.to(rgb), list(rgb.shape), align_corners=False)
        rgb = F.grid_sample(rgb, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return rgb
