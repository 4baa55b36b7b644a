"""Lab conversion: our kernels against eager PyTorch, torch.compile of it, kornia; on a CPU against scikit-image and OpenCV."""

import importlib.util
from functools import partial

import torch

from minicolor.benches.clock import Ways, compiled, race, row
from minicolor.kernels.lab import rgb_to_units, units_to_rgb, units_to_rgb_u8
from minicolor.ops import lab_units


def run(device: str) -> list[dict]:
    """Each direction, on 256x256 pictures: 1024 of them on a GPU (half a GB read and written), 16 on a CPU."""
    gpu = device.startswith("cuda")
    n, side = (1024 if gpu else 16), 256
    pixels, size = n * side * side, f"{n} x {side}x{side}"
    u8 = torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
    rgb = torch.rand(n, 3, side, side, device=device)
    l, ab = rgb_to_units(u8)

    cases = [
        ("uint8 -> L, ab", 3 + 12, partial(rgb_to_units, u8), partial(lab_units.rgb_to_units, u8), _others_u8(u8)),
        ("float -> L, ab", 12 + 12, partial(rgb_to_units, rgb), partial(lab_units.rgb_to_units, rgb), _others(rgb)),
        ("L, ab -> float", 12 + 12, partial(units_to_rgb, l, ab), partial(lab_units.units_to_rgb, l, ab), {}),
        ("L, ab -> uint8", 12 + 3, partial(units_to_rgb_u8, l, ab), partial(lab_units.units_to_rgb_u8, l, ab), {}),
    ]
    rows = []
    for what, bytes, call, eager, others in cases:
        ways: Ways = {"PyTorch": eager, **others}
        if gpu:
            ways |= {"torch.compile": compiled(eager), "minicolor": partial(call, backend="triton")}
            if what in ("uint8 -> L, ab", "L, ab -> uint8"):
                ways["lab.cu"] = partial(call, backend="cuda")
        ours = "minicolor" if gpu else "PyTorch"                     # on a CPU minicolor is its PyTorch twin
        rows.append(row(what, size, ours, race(ways, device), device, bytes=bytes * pixels))

    if gpu:
        rows.append(_slope(rgb, size, device, pixels))
    return rows


def _slope(rgb: torch.Tensor, size: str, device: str, pixels: int) -> dict:
    """Forward and backward together: what a loss in Lab costs."""
    leaf = rgb.requires_grad_()

    def both(convert):
        l, ab = convert(leaf)
        return torch.autograd.grad([l, ab], leaf, [l.detach(), ab.detach()])

    ways = {"PyTorch": lambda: both(lab_units.rgb_to_units), "minicolor": lambda: both(partial(rgb_to_units, backend="triton"))}
    fast = compiled(lab_units.rgb_to_units)
    ways["torch.compile"] = lambda: both(fast)
    return row("float -> L, ab and its slope", size, "minicolor", race(ways, device), device, bytes=(24 + 36) * pixels)


def _others(rgb: torch.Tensor) -> Ways:
    if not importlib.util.find_spec("kornia"):
        return {}
    from kornia.color import rgb_to_lab

    return {"kornia": lambda: rgb_to_lab(rgb)}


def _others_u8(u8: torch.Tensor) -> Ways:
    """What somebody with files at hand would call on a CPU; from uint8, as they all take it."""
    ways = _others(u8.float() / 255)
    if u8.is_cuda:
        return ways
    pictures = u8.permute(0, 2, 3, 1).numpy()
    if importlib.util.find_spec("skimage"):
        from skimage.color import rgb2lab

        ways["scikit-image"] = lambda: rgb2lab(pictures)
    if importlib.util.find_spec("cv2"):
        import cv2

        ways["OpenCV"] = lambda: [cv2.cvtColor(p.astype("float32") / 255, cv2.COLOR_RGB2Lab) for p in pictures]
    return ways
