"""SSIM, the structural similarity: Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
Structural Similarity", IEEE TIP 13(4), 2004, eq. 13 and section III.C.

    SSIM = (2 ma mb + c1) (2 cov + c2) / ((ma^2 + mb^2 + c1) (va + vb + c2))       c1 = (0.01 peak)^2, c2 = (0.03 peak)^2

Means m, variances v and the covariance are those of an 11x11 window, weighted by a Gaussian of sigma 1.5 that sums to 1 (the
population's, no n/(n-1)). Only windows that lie in the picture count, so the map is 10 pixels shorter each way.

Differs from the paper: it has grey pictures; of several channels the mean is taken.
"""

import torch
from torch import Tensor

from minicolor.ops.blur import gaussian_weights

SIDE = 11
_WINDOW = gaussian_weights(SIDE, 1.5)


def ssim(a: Tensor, b: Tensor, peak: float = 1.0) -> Tensor:
    """Two (N, C, H, W) on a scale of 0..peak -> (N,) in [-1, 1], 1 for equal pictures; float32 at least. Errors as ssim_map."""
    return ssim_map(a, b, peak).mean(dim=(1, 2, 3))


def ssim_map(a: Tensor, b: Tensor, peak: float = 1.0) -> Tensor:
    """Two (N, C, H, W), sides of at least 11 -> (N, C, H - 10, W - 10): the similarity at the middle of each window.

    Half precision is computed in float32. ValueError for other shapes.
    """
    if a.ndim != 4 or a.shape != b.shape or min(a.shape[2:]) < SIDE:
        raise ValueError(f"SSIM needs two float (N, C, H, W) of one shape with sides of at least {SIDE} pixels, "
                         f"not {tuple(a.shape)} and {tuple(b.shape)}")
    a, b = (x if x.dtype == torch.float64 else x.float() for x in (a, b))
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    # E[x^2] - E[x]^2 loses digits where the mean is large. No variance changes with a shift, so the channel's mean goes first.
    middle = ((a.detach() + b.detach()) / 2).mean(dim=(2, 3), keepdim=True)
    a, b = a - middle, b - middle
    ma, mb, aa, bb, ab = _windows(torch.stack([a, b, a * a, b * b, a * b]))
    va, vb, cov = aa - ma * ma, bb - mb * mb, ab - ma * mb
    ma, mb = ma + middle, mb + middle
    return (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))


def _windows(x: Tensor) -> Tensor:
    """(..., H, W) -> (..., H - 10, W - 10). Sums, not conv2d: autocast and TF32 would round what is subtracted next."""
    for dim in (-1, -2):
        x = sum(w * x.narrow(dim, j, x.shape[dim] - SIDE + 1) for j, w in enumerate(_WINDOW))
    return x
