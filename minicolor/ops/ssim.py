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
IN_CACHE = 2**16        # pixels that a CPU takes at a time: what 22 passes go over stays near it
_WINDOW = gaussian_weights(SIDE, 1.5)


def ssim(a: Tensor, b: Tensor, peak: float = 1.0) -> Tensor:
    """Two (N, C, H, W) on a scale of 0..peak -> (N,) in [-1, 1], 1 for equal pictures; float32 at least. Errors as ssim_map."""
    return ssim_map(a, b, peak).mean(dim=(1, 2, 3))


def ssim_map(a: Tensor, b: Tensor, peak: float = 1.0) -> Tensor:
    """Two (N, C, H, W), sides of at least 11 -> (N, C, H - 10, W - 10): the similarity at the middle of each window.

    Half precision is computed in float32. ValueError for other shapes.
    """
    if a.ndim != 4 or a.shape != b.shape or min(a.shape[2:]) < SIDE or a.numel() == 0:
        raise ValueError(f"SSIM needs two float (N, C, H, W) of one shape with sides of at least {SIDE} pixels, "
                         f"not {tuple(a.shape)} and {tuple(b.shape)}")
    n, c, h, w = a.shape
    a, b = ((x if x.dtype == torch.float64 else x.float()).reshape(n * c, h, w) for x in (a, b))
    some = max(1, IN_CACHE // (h * w)) if a.device.type == "cpu" else n * c
    maps = [_planes(p, q, peak) for p, q in zip(a.split(some), b.split(some))]
    return torch.cat(maps).view(n, c, h - SIDE + 1, w - SIDE + 1)


def _planes(a: Tensor, b: Tensor, peak: float) -> Tensor:
    """(K, H, W) each. With p = a + b and q = a - b four means will do for five: 2 (ma^2 + mb^2) = mp^2 + mq^2 and
    4 ma mb = mp^2 - mq^2, and the same for variances and covariance. Equal ones have q = 0, and 1 to the last bit."""
    c1, c2 = 2 * (0.01 * peak) ** 2, 2 * (0.03 * peak) ** 2
    # E[x^2] - E[x]^2 loses digits where the mean is large. No variance changes with a shift, so the plane's mean goes first.
    p, q = a + b, a - b
    middle = p.detach().mean(dim=(1, 2), keepdim=True)
    p = p - middle
    mp, mq, pp, qq = _windows(torch.stack([p, q, p * p, q * q]))
    vp, vq = pp - mp * mp, qq - mq * mq
    mp = mp + middle
    mp, mq = mp * mp, mq * mq
    return (mp - mq + c1) * (vp - vq + c2) / ((mp + mq + c1) * (vp + vq + c2))


def _windows(x: Tensor) -> Tensor:
    """(..., H, W) -> (..., H - 10, W - 10). Sums, not conv2d: autocast and TF32 would round what is subtracted next."""
    for dim in (-2, -1):
        first, *others = (x.narrow(dim, j, x.shape[dim] - SIDE + 1) for j in range(SIDE))
        total = first * _WINDOW[0]
        for part, weight in zip(others, _WINDOW[1:]):
            total.add_(part, alpha=weight)                                       # one pass over memory, not two
        x = total
    return x
