"""VIF, visual information fidelity, in the pixel domain (VIFp): Sheikh and Bovik, "Image Information and Visual Quality",
IEEE TIP 15(2), 2006, with pixels for wavelets as in the code that its authors published. On luma, .299 R + .587 G + .114 B.

    VIF = sum log(1 + g^2 vt / (vp - g cov + s)) / sum log(1 + vt / s),     g = cov / vt where cov > 0, else 0

over all windows of four scales: how much of what an eye learns from the truth it still learns from the prediction. vt, vp,
cov: variances of truth and prediction, and covariance, in Gaussian windows of side 17, 9, 5, 3 and sigma side / 5, inside the
picture; before scales 2 to 4 the picture is smoothed by that scale's window and every second pixel taken. s = 2 is the
variance of the eye's own noise and belongs to pixels of 0..255: input in [0, 1] is brought to that scale here.

More than 1 is possible: a prediction with more contrast than the truth says more clearly what the truth says. Not symmetric.
A flat truth says nothing (0 / 0): 1 if the prediction is flat too, else 0.

Differs from report B's table, which feeds [0, 1] to s = 2 (.93 instead of .29 for one noisy photograph) and takes the
mean of three channels.
"""

import torch
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.metrics.ranges import at_least_float32, check_rgb
from minicolor.ops.blur import gaussian_weights

WINDOWS = (17, 9, 5, 3)
SIDE = 41               # the fourth scale of a smaller picture is smaller than its window
EYE = 2.0               # s


def vif(prediction: Tensor, truth: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,), 0 or more, 1 for equal ones. BadInput as check_rgb, and for sides below 41."""
    check_rgb(prediction, truth)
    if min(truth.shape[2:]) < SIDE:
        raise BadInput(f"VIF needs sides of at least {SIDE} pixels, got {truth.shape[2]}x{truth.shape[3]}")
    x = torch.stack([_luma(x) for x in at_least_float32(prediction, truth)])                           # (2, N, H, W)
    # E[x^2] - E[x]^2 of float32 on 0..255 is wrong by 0.001 and more, too much for nearly flat windows.
    x = x.to(torch.float32 if x.device.type == "mps" else torch.float64)          # Apple's GPUs have no float64
    lost = 1e5 * torch.finfo(x.dtype).eps                                         # rounding looks like a variance up to here
    flat = x[0].amax(dim=(1, 2)) - x[0].amin(dim=(1, 2)) < 1e-3
    told, known = 0, 0
    for scale, side in enumerate(WINDOWS):
        weights = gaussian_weights(side, side / 5)
        if scale:
            x = _windows(x, weights, step=2)
        p, t = x - x.mean(dim=(2, 3), keepdim=True)                               # smaller squares, the same variances
        mp, mt, pp, tt, pt = _windows(torch.stack([p, t, p * p, t * t, p * t]), weights)
        vp, vt, cov = (pp - mp * mp).clamp_(min=0), tt - mt * mt, (pt - mp * mt).clamp_(min=0)
        vt = torch.where(vt > lost, vt, 0)
        kept = torch.where(vt > 0, cov / vt * cov, 0).minimum(vp)                 # g^2 vt = g cov, at most vp but for rounding
        told = told + torch.log1p(kept / (vp - kept + EYE)).sum(dim=(1, 2))
        known = known + torch.log1p(vt / EYE).sum(dim=(1, 2))
    score = torch.where(known > 0, told / known, flat.to(x.dtype))
    return score.to(torch.promote_types(truth.dtype, torch.float32))


def _luma(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> (N, H, W) on 0..255, what color television called Y."""
    r, g, b = rgb.unbind(dim=1)
    return 255 * (0.299 * r + 0.587 * g + 0.114 * b)


def _windows(x: Tensor, weights: list[float], step: int = 1) -> Tensor:
    """(..., H, W) -> weighted means of every window in the picture, or of every second each way. Rows first, then columns."""
    for dim in (-2, -1):
        last = x.shape[dim] - len(weights) + 1
        shifted = [x[..., j:j + last:step, :] if dim == -2 else x[..., j:j + last:step] for j in range(len(weights))]
        total = shifted[0] * weights[0]
        for part, weight in zip(shifted[1:], weights[1:]):
            total.add_(part, alpha=weight)                                        # one pass over memory, not two
        x = total
    return x
