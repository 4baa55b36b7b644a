"""Degradation: our one kernel against the usual chain in eager PyTorch (grey, blur as a convolution, randn, clip), and compiled.

The usual chain draws from PyTorch's own generator, which is faster than ours written in PyTorch (ops/noise.py) and not the
same for every split into batches: it is what somebody would otherwise run.
"""

import importlib.util
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from minicolor.benches.clock import Ways, compiled, race, row
from minicolor.kernels.degrade import degrade
from minicolor.ops.blur import gaussian_weights

SETTINGS = {  # what -> the experiments that want it
    "grey, noise 0.03": {"noise": 0.03},                                              # A1, A3
    "grey, blur 5": {"kernel_size": 5, "sigma": 0.7},                                 # E
    "grey, blur 5, half, grain": {"kernel_size": 5, "sigma": 0.7, "halve": True, "grain": 0.05},   # D
    "grey, blur 5, noise 0.03": {"kernel_size": 5, "sigma": 0.7, "noise": 0.03},
}


def run(device: str) -> list[dict]:
    """uint8 color pictures of 256x256 in, grey float32 out: 1024 of them on a GPU, 16 on a CPU."""
    gpu = device.startswith("cuda")
    n, side = (1024 if gpu else 16), 256
    u8 = torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
    rows = []
    for what, settings in SETTINGS.items():
        chain = partial(usual, u8, torch.tensor(gaussian_weights(settings.get("kernel_size", 1), 0.7), device=device), **settings)
        ours = partial(degrade, u8, **settings)
        ways: Ways = {"PyTorch": chain, **_others(u8, settings)}
        if gpu:
            ways |= {"torch.compile": compiled(chain), "minicolor": partial(ours, backend="triton")}
        else:
            ways["minicolor"] = ours
        bytes = n * side * side * (3 + (1 if settings.get("halve") else 4))
        rows.append(row(what, f"{n} x {side}x{side}", "minicolor", race(ways, device), device, bytes=bytes))
    return rows


def usual(u8: Tensor, weights: Tensor, kernel_size: int = 0, sigma: float = 0.7, halve: bool = False, noise: float = 0.0,
          grain: float = 0.0) -> Tensor:
    """(N, 3, H, W) uint8 -> (N, 1, H', W') float32: one operation after the other, as it is usually written."""
    r, g, b = (u8.float() / 255).unbind(dim=1)
    x = (0.299 * r + 0.587 * g + 0.114 * b)[:, None]
    if kernel_size:
        r = kernel_size // 2
        x = F.conv2d(F.pad(x, (r, r, r, r), mode="replicate"), weights.outer(weights)[None, None])
    if halve:
        x = F.avg_pool2d(x, 2)
    if grain:
        x = x + grain * 4 * x * (1 - x) * torch.randn_like(x)
    if noise:
        x = x + noise * torch.randn_like(x)
    return x.clamp(0, 1)


def _others(u8: Tensor, settings: dict) -> Ways:
    """kornia's blur and OpenCV's and scikit-image's on a CPU, for the one setting that is a blur alone."""
    if settings != {"kernel_size": 5, "sigma": 0.7}:
        return {}
    ways: Ways = {}
    if importlib.util.find_spec("kornia"):
        from kornia.color import rgb_to_grayscale
        from kornia.filters import gaussian_blur2d

        ways["kornia"] = lambda: gaussian_blur2d(rgb_to_grayscale(u8.float() / 255), (5, 5), (0.7, 0.7), "replicate")
    if not u8.is_cuda and importlib.util.find_spec("cv2"):
        import cv2

        pictures = u8.permute(0, 2, 3, 1).contiguous().numpy()
        ways["OpenCV"] = lambda: [cv2.GaussianBlur(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype("float32") / 255, (5, 5), 0.7,
                                                   borderType=cv2.BORDER_REPLICATE) for p in pictures]
    if not u8.is_cuda and importlib.util.find_spec("skimage"):
        from skimage.color import rgb2gray
        from skimage.filters import gaussian

        images = u8.permute(0, 2, 3, 1).numpy()
        ways["scikit-image"] = lambda: [gaussian(rgb2gray(p), 0.7, truncate=2 / 0.7) for p in images]
    return ways
