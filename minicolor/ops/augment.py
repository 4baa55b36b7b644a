"""Crop, mirror, jitter: what is done to training pictures once it is drawn where.     source: report A, II.B.2; report C, 6.2

    pictures -> a square of each, each at its own place -> some mirrored left-right -> jitter          each step may be left out

Jitter as in pix2pix (Isola et al. 2017, 6.2): enlarge by interpolation, 256 -> 286, then crop 256 back at a random
place. Enlarging and cropping are one bilinear sampling here, so nothing of another size is ever made.

The draws are arguments, and small tensors on the CPU: data/augment.py makes them, and a GPU gets them without being waited for.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from minicolor.errors import BadInput


def augment(rgb: Tensor, mirrored: Tensor | None = None, crop: int = 0, corners: Tensor | None = None, jitter: float = 1.0,
            places: Tensor | None = None) -> Tensor:
    """(N, C, H, W), uint8 or float in [0, 1] -> the same shape, or (N, C, crop, crop).

    mirrored: (N,) bool, which ones; None: none. crop: the side of the squares, 0 for whole pictures; corners: (N, 2) whole
    numbers, the y and x where each begins. jitter >= 1: how much to enlarge; a window of 1 / jitter of each side is kept.
    places: (N, 2) in [0, 1], how far along its room in x and y that window lies: 0 is at the left and top.

    float stays float. uint8 stays uint8 where nothing is interpolated (jitter 1); with jitter it becomes float32 in [0, 1].
    BadInput for draws that do not fit the pictures.
    """
    check(rgb, mirrored, crop, corners, jitter, places)
    if crop:
        rgb = _cut(rgb, *_there(corners, rgb).T, crop)
    if mirrored is not None:
        rgb = torch.where(_there(mirrored, rgb)[:, None, None, None], rgb.flip(-1), rgb)
    if jitter > 1:
        rgb = rgb.float() / 255 if rgb.dtype == torch.uint8 else rgb
        window = 1 / jitter                               # the share of the picture's side that is kept
        theta = torch.zeros(len(rgb), 2, 3, dtype=rgb.dtype)
        theta[:, 0, 0] = theta[:, 1, 1] = window
        theta[:, :, 2] = (2 * places.to(rgb.dtype) - 1) * (1 - window)   # in [-1, 1] coordinates the window must stay inside
        grid = F.affine_grid(_there(theta, rgb), list(rgb.shape), align_corners=False)
        rgb = F.grid_sample(rgb, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return rgb


def check(rgb, mirrored, crop, corners, jitter, places) -> None:
    """BadInput for arguments that augment() cannot take, in words that name them: a kernel would read wherever they point."""
    if not isinstance(rgb, Tensor) or rgb.ndim != 4 or not (rgb.dtype == torch.uint8 or rgb.is_floating_point()):
        shown = f"{rgb.dtype} {tuple(rgb.shape)}" if isinstance(rgb, Tensor) else repr(rgb)
        raise BadInput(f"argument rgb: expected pictures (N, C, H, W), uint8 or float, not {shown}")
    n, _, height, width = rgb.shape
    if type(crop) is not int or not 0 <= crop <= min(height, width):
        raise BadInput(f"argument crop: expected 0 to {min(height, width)}, the pictures' shorter side, not {crop!r}")
    if type(jitter) not in (int, float) or not 1 <= jitter < math.inf:
        raise BadInput(f"argument jitter: expected a number from 1 (no jitter), not {jitter!r}")
    if mirrored is not None:
        _check("mirrored", mirrored, (n,), torch.bool, 1)
    if crop:
        _check("corners", corners, (n, 2), torch.int64, [height - crop, width - crop])
    if jitter > 1:
        _check("places", places, (n, 2), torch.float32, 1)


def _check(name: str, draws, shape: tuple[int, ...], dtype: torch.dtype, most: int | list[int]) -> None:
    """BadInput unless these draws are a tensor like that on the CPU, from 0 to `most` (or to each of `most`, by columns)."""
    fine = isinstance(draws, Tensor) and draws.shape == shape and draws.dtype == dtype and draws.device.type == "cpu"
    if not fine or not ((draws >= 0) & (draws <= torch.tensor(most))).all():
        shown = f"{draws.dtype} {tuple(draws.shape)} on {draws.device}" if isinstance(draws, Tensor) else repr(draws)
        shown += f", {draws.tolist()[:3]}" if fine else ""
        raise BadInput(f"argument {name}: expected {dtype} {shape} on the CPU, from 0 to {most}, not {shown}")


def _cut(rgb: Tensor, y: Tensor, x: Tensor, side: int) -> Tensor:
    """(N, C, H, W) -> (N, C, side, side), each picture's from its own (y, x) on: one gather for all."""
    step = torch.arange(side, device=rgb.device)
    n, c = (torch.arange(k, device=rgb.device) for k in rgb.shape[:2])
    rows, columns = y[:, None] + step, x[:, None] + step
    return rgb[n[:, None, None, None], c[:, None, None], rows[:, None, :, None], columns[:, None, None]]


def _there(small: Tensor, rgb: Tensor) -> Tensor:
    """To rgb's device without waiting for it: from pinned memory."""
    return small.pin_memory().to(rgb.device, non_blocking=True) if rgb.is_cuda else small
