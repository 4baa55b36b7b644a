"""FSIM as report B's table has it: the package image-similarity-measures 0.3, whose gradients wrap. For the right one: fsim.py.

    per band:  S = (2 p q + 0.85) / (p^2 + q^2 + 0.85) * (2 g h + 160) / (g^2 + h^2 + 160)      mean over pixels, weight max(p, q)
    p, q  phase congruency: Kovesi, "Image Features from Phase Congruency", Videre 1(3), 1999, summed over 6 orientations
    g, h  Scharr's gradient, rounded into an unsigned 16-bit picture: below 0 becomes 0, squares and their sum are modulo 65536

Then the mean over the bands. RGB in [0, 1] as report B had it; `scale` is what the values are multiplied by first.

Differs from Zhang et al., "FSIM: A Feature Similarity Index for Image Quality Assessment", TIP 2011: there 4 orientations, luma,
pictures averaged down to about 256 pixels, and gradients of 0..255, divided by 16, that keep their sign. The constant 160 belongs
to those: in [0, 1] a gradient is at most 16, rounds to a whole number, and S hardly sees it.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from minicolor.errors import BadInput
from minicolor.metrics.ranges import check_rgb

SCALES, ORIENTATIONS = 4, 6
_SHORTEST, _SIGMA = 6, 0.5978        # wavelength in pixels, doubled from scale to scale; bandwidth of a filter
_CUT, _STEEP, _NOISE = 0.5, 10, 2    # spread of frequencies that is penalized below; how sharply; threshold in deviations
_EPS = 1e-4


def as_reported_fsim(prediction: Tensor, truth: Tensor, scale: float = 1.0) -> Tensor:
    """Two (N, 3, H, W) in [0, 1], sides of 8 at least -> (N,), 1 for equal ones; NaN as there, where a band of both is flat."""
    check_rgb(prediction, truth)
    h, w = truth.shape[2:]
    if min(h, w) < 8:
        raise BadInput(f"FSIM needs sides of at least 8 pixels, got {h}x{w}")
    radial, angular = _filters(h, w, truth.device)
    return torch.stack([_fsim(scale * p.double(), scale * t.double(), radial, angular) for p, t in zip(prediction, truth)])


def _fsim(prediction: Tensor, truth: Tensor, radial: Tensor, angular: Tensor) -> Tensor:
    """One picture at a time, two (3, H, W): its 24 complex responses per band need 25 MB at 256x256."""
    p, q = _phase_congruency(torch.cat([prediction, truth]), radial, angular).chunk(2)
    g, h = _gradient(torch.cat([prediction, truth])).chunk(2)
    weight = torch.maximum(p, q)
    similarity = _similar(p, q, 0.85) * _similar(g, h, 160)
    return ((similarity * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))).mean()


def _similar(a: Tensor, b: Tensor, constant: float) -> Tensor:
    return (2 * a * b + constant) / (a * a + b * b + constant)


def _gradient(x: Tensor) -> Tensor:
    """(B, H, W) -> the same shape: the length of Scharr's gradient as unsigned 16-bit integers have it, before the root.

    The picture goes on mirrored at its edge pixels' centers. Numbers are whole and below 2^33, so float64 has them exactly.
    """
    x = F.pad(x[None], (1, 1, 1, 1), mode="reflect")[0]
    down = x[:, 2:] - x[:, :-2]
    right = x[:, :, 2:] - x[:, :, :-2]
    gy = 3 * down[:, :, :-2] + 10 * down[:, :, 1:-1] + 3 * down[:, :, 2:]
    gx = 3 * right[:, :-2] + 10 * right[:, 1:-1] + 3 * right[:, 2:]
    gx, gy = (g.round().clamp(0, 65535).square() for g in (gx, gy))
    return ((gx + gy) % 65536).sqrt()                                                  # once is enough: remainders add up


def _phase_congruency(x: Tensor, radial: Tensor, angular: Tensor) -> Tensor:
    """(B, H, W) -> (B, H, W), 0 where the waves of all scales disagree, towards 1 for each orientation in which they agree."""
    spectrum, total = torch.fft.fft2(x)[:, None], 0
    for spread in angular:
        waves = torch.fft.ifft2(spectrum * (radial * spread))                          # (B, scales, H, W), even + i odd
        amplitude, resultant = waves.abs(), waves.sum(dim=1)
        turned = waves * (resultant / (resultant.abs() + _EPS)).conj()[:, None]        # the mean phase becomes 0
        energy = (turned.real - turned.imag.abs()).sum(dim=1)                          # agreement less disagreement
        # The finest scale holds mostly noise, whose amplitude has a Rayleigh distribution: the median tells its parameter, the
        # coarser scales get what their bandwidth, half that of the finer one, leaves of it.
        tau = _median(amplitude[:, 0]) / math.sqrt(math.log(4)) * (1 - 0.5**SCALES) / (1 - 0.5)
        noise = tau * (math.sqrt(math.pi / 2) + _NOISE * math.sqrt((4 - math.pi) / 2))
        energy = (energy - noise.clamp(min=_EPS)).clamp(min=0)
        summed = amplitude.sum(dim=1)
        width = (summed / (amplitude.amax(dim=1) + _EPS) - 1) / (SCALES - 1)           # 0: one scale alone, 1: all alike
        total = total + torch.sigmoid(_STEEP * (width - _CUT)) * energy / summed.clamp(min=1e-300)
    return total


def _median(x: Tensor) -> Tensor:
    """(B, H, W) -> (B, 1, 1). Of an even number the mean of the two in the middle; torch's is the lower one."""
    x = x.flatten(1)
    return ((x.median(dim=1)[0] - (-x).median(dim=1)[0]) / 2)[:, None, None]


def _filters(h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Log-Gabor filters, scale (4, H, W) times orientation (6, H, W), frequency 0 in the corner."""
    y, x = _frequencies(h)[:, None], _frequencies(w)
    radius, angle = torch.hypot(x, y), torch.atan2(-y, x)
    low_pass = 1 / (1 + (radius / 0.45) ** 30)                                         # no frequencies in the corners
    radius[0, 0] = 1                                                                   # its logarithm is not used
    wavelength = (_SHORTEST * 2.0 ** torch.arange(SCALES, dtype=torch.float64))[:, None, None]
    radial = torch.exp(-((radius * wavelength).log() / math.log(_SIGMA)).square() / 2) * low_pass
    radial[:, 0, 0] = 0                                                                # brightness has no phase
    turn = torch.arange(ORIENTATIONS, dtype=torch.float64)[:, None, None] * (math.pi / ORIENTATIONS)
    away = torch.atan2((angle - turn).sin(), (angle - turn).cos()).abs()
    angular = ((away * ORIENTATIONS / 2).clamp(max=math.pi).cos() + 1) / 2
    return radial.to(device), angular.to(device)


def _frequencies(n: int) -> Tensor:
    """-1/2 .. 1/2 cycles per pixel; for odd n as there over n - 1, so that both ends are reached."""
    f = torch.arange(n, dtype=torch.float64) - n // 2
    return torch.fft.ifftshift(f / (n - n % 2))
