"""The conventions behind report B's table, on purpose: pictures in [0, 1], measured as if they had 12 bits.

as_reported(prediction, truth) has all of its figures; the right ones stand in rmse.py, psnr.py, ssim.py, uqi.py, fsim.py, vif.py.
The packages are image-similarity-measures 0.3 (peak M = 4095 unless told otherwise) and sewar 0.4, restated from definitions:

    rmse       mean over bands of sqrt(mean((x - y)^2)) / M       2e-5 where it is 0.08: divided by 4095, and not the whole's root
    psnr       20 log10(M / sqrt(mean((x - y)^2)))                72.245 dB too high: 20 log10(4095)
    ssim       7x7 window without weights, variances by n - 1, c1 = (0.01 M)^2 = 1677, c2 = (0.03 M)^2 = 15092
               These swamp all values of [0, 1]: 0.9999992 where it is 0.469. What is lost cannot be recovered from the figure
    uqi        8x8 windows, population variances; a flat window (0/0) counts as 0, so equal pictures need not reach 1
    uqi_sewar  the same with means where the formula needs sums, so that 64 weighs covariances with: 0.85 where it is 0.47
    fsim       as_reported_fsim.py
    vif        sewar's vifp, whose noise of variance 2 belongs to 0..255: 0.93 where it is 0.29. It rewards contrast, and above 1
               is legal for a prediction that has more of it than the truth: report B's 1.0568

Every function: two RGB (N, 3, H, W) in [0, 1] -> (N,), float64, mean over the bands. `scale` is what both are multiplied by
before they are measured: 1 as in report B, 255 for what the packages say of values in 0..255.
"""

import torch
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.metrics.as_reported_fsim import as_reported_fsim
from minicolor.metrics.ranges import check_rgb
from minicolor.ops.blur import gaussian_weights

PEAK = 4095.0      # 12 bits: satellite pictures, which the package was written for


def as_reported(prediction: Tensor, truth: Tensor, scale: float = 1.0) -> dict[str, Tensor]:
    """All seven by name. Sides of 41 pixels at least, which vif needs; BadInput as check_rgb."""
    kinds = {"rmse": rmse, "psnr": psnr, "ssim": ssim, "uqi": uqi, "uqi_sewar": uqi_sewar, "fsim": as_reported_fsim, "vif": vif}
    _check(prediction, truth, 41, "vif")
    return {name: kind(prediction, truth, scale) for name, kind in kinds.items()}


def rmse(prediction: Tensor, truth: Tensor, scale: float = 1.0) -> Tensor:
    """Over 4095, and the mean of three roots: at most the root of the mean."""
    x, y = _check(prediction, truth)
    return (scale / PEAK) * (x - y).square().mean(dim=(2, 3)).sqrt().mean(dim=1)


def psnr(prediction: Tensor, truth: Tensor, scale: float = 1.0) -> Tensor:
    """In dB for a peak of 4095; inf for equal pictures."""
    x, y = _check(prediction, truth)
    return 20 * torch.log10(PEAK / (scale * (x - y).square().mean(dim=(1, 2, 3)).sqrt()))


def ssim(prediction: Tensor, truth: Tensor, scale: float = 1.0) -> Tensor:
    """Windows inside the picture alone. Sides of 7 at least."""
    x, y = (scale * v for v in _check(prediction, truth, 7, "ssim"))
    mx, my, xx, yy, xy = _box(torch.stack([x, y, x * x, y * y, x * y]), 7)
    sample = 49 / 48
    vx, vy, cov = sample * (xx - mx * mx), sample * (yy - my * my), sample * (xy - mx * my)
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    similarity = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return similarity.mean(dim=(1, 2, 3))


def uqi(prediction: Tensor, truth: Tensor, scale: float = 1.0, skip_flat: bool = False) -> Tensor:
    """4 cov mx my / ((vx + vy) (mx^2 + my^2)), mean over all 8x8 windows. 0/0 is 0 as in 0.3.6, or left out as until 0.3.5.

    In float32 and in the package's order of adding, for the sake of flat windows: rounding decides whether they are 0/0 there.
    NaN where skip_flat leaves nothing over.
    """
    x, y = (scale * v.float() for v in _check(prediction, truth, 8, "uqi"))
    mx, my = (_mean_of_64(lambda i, j, v=v: _shifted(v, i, j)) for v in (x, y))
    vx = _mean_of_64(lambda i, j: (_shifted(x, i, j) - mx).square())
    vy = _mean_of_64(lambda i, j: (_shifted(y, i, j) - my).square())
    cov = _mean_of_64(lambda i, j: (_shifted(y, i, j) - my) * (_shifted(x, i, j) - mx))
    below = (vx + vy) * (mx.square() + my.square())
    q = (4 * cov * mx * my / below).double()
    if skip_flat:
        return q.nanmean(dim=(1, 2, 3))
    return q.nan_to_num(nan=0.0).mean(dim=(1, 2, 3))


def uqi_sewar(prediction: Tensor, truth: Tensor, scale: float = 1.0) -> Tensor:
    """4 (64 E[xy] - mx my) mx my / ((64 (E[xx] + E[yy]) - mx^2 - my^2) (mx^2 + my^2)), 1 for windows of black alone.

    All 8x8 windows but those of the last row and column, which its crop of 4 pixels loses. Sides of 9 at least. `scale` cancels.
    """
    x, y = (scale * v for v in _check(prediction, truth, 9, "uqi_sewar"))
    mx, my, xx, yy, xy = _box(torch.stack([x, y, x * x, y * y, x * y]), 8)[..., :-1, :-1]
    product, squares = mx * my, mx * mx + my * my
    below = (64 * (xx + yy) - squares) * squares
    q = torch.where(below == 0, 1.0, 4 * (64 * xy - product) * product / below)
    return q.mean(dim=(1, 2, 3))


def vif(prediction: Tensor, truth: Tensor, scale: float = 1.0) -> Tensor:
    """Sheikh and Bovik, "Image Information and Visual Quality", TIP 2006, pixel domain, per band: not symmetric.

    Sum over 4 scales and all windows of log(1 + g^2 v / (s + 2)), over that of log(1 + v / 2); v is the truth's variance, g v the
    covariance, s what of the prediction's variance g does not explain. Sides of 41 at least; NaN where a band of the truth is
    flat.
    """
    x, y = (scale * v for v in _check(prediction, truth, 41, "vif"))
    eps, above, below = 1e-10, 0, 0
    for side in (17, 9, 5, 3):
        if side < 17:
            x, y = (_gauss(v, side)[..., ::2, ::2] for v in (x, y))
        mx, my, xx, yy, xy = _gauss(torch.stack([x, y, x * x, y * y, x * y]), side)
        vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my                # x: prediction, y: truth
        vy = vy.where(vy >= eps, 0)                                           # flat
        g = (cov / (vy + eps)).where(vy > 0, 0).clamp(min=0)                  # a negative tells nothing
        above = above + torch.log(1 + g * g * vy / (vx - g * cov + 2)).sum(dim=(2, 3))
        below = below + torch.log(1 + vy / 2).sum(dim=(2, 3))
    return (above / below).mean(dim=1)


def _check(prediction: Tensor, truth: Tensor, least: int = 1, name: str = "") -> tuple[Tensor, Tensor]:
    check_rgb(prediction, truth)
    if min(truth.shape[2:]) < least:
        raise BadInput(f"{name} as reported needs sides of at least {least} pixels, got {truth.shape[2]}x{truth.shape[3]}")
    return prediction.double(), truth.double()


def _along(x: Tensor, weights: list[float]) -> Tensor:
    """Windows inside the picture alone, down and across."""
    for dim in (-2, -1):
        size = x.shape[dim] - len(weights) + 1
        x = sum(w * x.narrow(dim, j, size) for j, w in enumerate(weights))
    return x


def _box(x: Tensor, side: int) -> Tensor:
    return _along(x, [1 / side] * side)


def _gauss(x: Tensor, side: int) -> Tensor:
    return _along(x, gaussian_weights(side, side / 5))


def _shifted(x: Tensor, i: int, j: int) -> Tensor:
    """Of every 8x8 window the pixel in row i, column j."""
    return x[..., i : x.shape[-2] - 7 + i, j : x.shape[-1] - 7 + j]


def _mean_of_64(pixel) -> Tensor:
    """pixel(i, j) of an 8x8 window, added down the columns and then in pairs, as NumPy adds 64 numbers."""
    columns = []
    for j in range(8):
        column = pixel(0, j)
        for i in range(1, 8):
            column = column + pixel(i, j)
        columns.append(column)
    while len(columns) > 1:
        columns = [a + b for a, b in zip(columns[::2], columns[1::2])]
    return columns[0] / 64
