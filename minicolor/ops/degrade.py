"""Color pictures -> damaged grey ones, for restorers to learn from.     source: reports A, D and E (their preparation of data)

    rgb -> grey -> Gaussian blur -> half size -> noise and film grain -> clip to [0, 1]          each step may be left out

Grey is Rec. 601 luma of the gamma-encoded values, 0.299 R + 0.587 G + 0.114 B: what PIL's and OpenCV's conversion to grey
computes, and so what the reports had. It is not the L of Lab.

Grain: report D names it and gives no formula. Ours: normal noise whose standard deviation is `grain` in the middle
greys and falls to 0 at black and white, as 4 g (1 - g) of the grey g: there, film is all clear or all dark, and nothing is
left to vary. Real grain also hangs together over neighboring pixels; this one does not.
"""

import math

import torch
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.ops.blur import check_blur, gaussian_blur
from minicolor.ops.noise import check_noise, gaussian_noise
from minicolor.ops.resize import halve as half_size

LUMA = (299, 587, 114)           # thousandths; Rec. ITU-R BT.601
LARGEST_BLUR = 31                # what the kernel was made for
LARGEST_PICTURE = 2**29          # pixels: the kernel counts within a picture in 32 bits
TYPES = (torch.uint8, torch.float32, torch.bfloat16, torch.float16)


def degrade(rgb: Tensor, kernel_size: int = 0, sigma: float = 0.7, halve: bool = False, noise: float = 0.0, grain: float = 0.0,
            seed: int = 0, ids: Tensor | None = None, clip: bool = True, return_noise: bool = False,
            dtype: torch.dtype = torch.float32) -> Tensor | tuple[Tensor, Tensor]:
    """(N, 3, H, W) color or (N, 1, H, W) grey -> (N, 1, H', W') in `dtype`; with return_noise (noisy, noise).

    rgb: uint8, or float32, bfloat16 or float16 in [0, 1]; any strides, N may be 0; at most 2^29 pixels in a picture.
    H' and W' are H and W, or half of them, rounded up.
    kernel_size: odd, at most 31, or 0 for no blur; sigma: of the blur, in pixels, above 0. halve: ops/resize.py.
    noise: standard deviation on [0, 1] (report A: 0.03, that is 7.65 of 255). grain: see above.
    seed, ids: what both are drawn from, ops/noise.py: a picture's noise does not depend on the batch it comes in.
    clip: to [0, 1]. return_noise: also what was added, before clipping: what DnCNN learns to find.
    dtype: float32, bfloat16 or float16; computed in float32. No gradients: rgb must not require any. BadInput for anything else.
    """
    check(rgb, kernel_size, sigma, halve, noise, grain, seed, ids, clip, return_noise, dtype)
    x = grey(rgb)
    if kernel_size:
        x = gaussian_blur(x, kernel_size, sigma)
    if halve:
        x = half_size(x)
    added = torch.zeros_like(x)
    if noise or grain:
        # both at once: the sum of two independent normal numbers is a normal number, and its variance is the sum of theirs
        spread = (noise**2 + (grain * 4 * x * (1 - x)) ** 2).sqrt() if grain else noise
        added = spread * gaussian_noise(len(x), *x.shape[2:], seed, ids, x.device)
    x = x + added
    x = (x.clamp(0, 1) if clip else x).to(dtype)
    return (x, added.to(dtype)) if return_noise else x


def grey(x: Tensor) -> Tensor:
    """(N, 3 or 1, H, W), uint8 or float in [0, 1] -> (N, 1, H, W) float32 luma in [0, 1]."""
    if x.shape[1] == 1:
        return x.float() / 255 if x.dtype == torch.uint8 else x.float()
    if x.dtype == torch.uint8:       # whole thousandths of a byte: at most 255000, so nothing is rounded before the division
        r, g, b = x.int().unbind(dim=1)
        return ((LUMA[0] * r + LUMA[1] * g + LUMA[2] * b).float() / 255_000)[:, None]
    r, g, b = x.float().unbind(dim=1)
    return (LUMA[0] / 1000 * r + LUMA[1] / 1000 * g + LUMA[2] / 1000 * b)[:, None]


def check(rgb, kernel_size, sigma, halve, noise, grain, seed, ids, clip, return_noise, dtype) -> None:
    """BadInput for arguments that degrade() cannot take, in words that name them."""
    expect = "pictures (N, 3, H, W) or (N, 1, H, W), uint8 or float"
    if not isinstance(rgb, Tensor) or rgb.ndim != 4 or rgb.shape[1] not in (1, 3) or 0 in rgb.shape[2:] or rgb.dtype not in TYPES:
        shown = f"{rgb.dtype} {tuple(rgb.shape)}" if isinstance(rgb, Tensor) else repr(rgb)
        raise BadInput(f"argument rgb: expected {expect}, not {shown}")
    if rgb.shape[2] * rgb.shape[3] > LARGEST_PICTURE:
        raise BadInput(f"argument rgb: expected pictures of at most 2^29 pixels, not {rgb.shape[2]} x {rgb.shape[3]}")
    if rgb.requires_grad:
        raise BadInput("argument rgb: expected a tensor without gradient, not one that requires it; rgb.detach() has none")
    if kernel_size != 0 or type(kernel_size) is not int:
        check_blur(kernel_size, sigma)
        if kernel_size > LARGEST_BLUR:
            raise BadInput(f"argument kernel_size: expected at most {LARGEST_BLUR}, not {kernel_size}")
    for name, value in (("noise", noise), ("grain", grain)):
        if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
            raise BadInput(f"argument {name}: expected a finite standard deviation from 0, not {value!r}")
    for name, value in (("halve", halve), ("clip", clip), ("return_noise", return_noise)):
        if type(value) is not bool:
            raise BadInput(f"argument {name}: expected True or False, not {value!r}")
    check_noise(len(rgb), seed, ids)
    if ids is not None and ids.device != rgb.device:
        raise BadInput(f"argument ids: expected a tensor on {rgb.device}, where rgb is, not on {ids.device}")
    if dtype not in TYPES[1:]:
        raise BadInput(f"argument dtype: expected torch.float32, torch.bfloat16 or torch.float16, not {dtype}")
