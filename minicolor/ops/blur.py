"""Gaussian blur.     source: report E, 3.3 (K = 5, sigma = 0.7); report D, 3 (before shrinking)

A Gaussian of two dimensions is the product of two of one: K + K multiplications for a pixel instead of K * K.
Beyond the edge the picture goes on with its edge pixels (scipy's mode "nearest"), so that no dark rim appears.
"""

import math

import torch
from torch import Tensor

from minicolor.errors import BadInput


def gaussian_weights(kernel_size: int, sigma: float) -> list[float]:
    """exp(-j^2 / (2 sigma^2)) at j = -r .. r, r = kernel_size // 2, divided by their sum: a grey area stays as bright.

    kernel_size: odd, 1 or more. sigma: standard deviation in pixels, above 0. Else BadInput.
    """
    check_blur(kernel_size, sigma)
    radius = kernel_size // 2
    raw = [math.exp(-min((j / sigma) ** 2 / 2, 700.0)) for j in range(-radius, radius + 1)]   # exp(-700) is 0 in all but name
    return [w / sum(raw) for w in raw]


def gaussian_blur(x: Tensor, kernel_size: int, sigma: float) -> Tensor:
    """(N, C, H, W), float -> the same shape and type, each channel by itself. Weights: gaussian_weights()."""
    if not (isinstance(x, Tensor) and x.ndim == 4 and x.is_floating_point()):
        raise BadInput(f"argument x: expected float pictures (N, C, H, W), not {_shown(x)}")
    weights = gaussian_weights(kernel_size, sigma)
    return _along(_along(x, weights, dim=3), weights, dim=2)


def check_blur(kernel_size: int, sigma: float) -> None:
    """BadInput where there is no such Gaussian."""
    if type(kernel_size) is not int or kernel_size < 1 or kernel_size % 2 == 0:
        raise BadInput(f"argument kernel_size: expected an odd whole number from 1, not {kernel_size!r}")
    if type(sigma) not in (int, float) or not math.isfinite(sigma) or sigma <= 1e-6:
        raise BadInput(f"argument sigma: expected a finite number of pixels above 0, not {sigma!r}")


def _along(x: Tensor, weights: list[float], dim: int) -> Tensor:
    size, radius = x.shape[dim], len(weights) // 2
    padded = x.index_select(dim, torch.arange(-radius, size + radius, device=x.device).clamp(0, size - 1))
    return sum(w * padded.narrow(dim, j, size) for j, w in enumerate(weights))


def _shown(x: object) -> str:
    return f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else repr(x)
