"""The Inception v3 that FID figures are computed with: Szegedy et al., "Rethinking the Inception Architecture for Computer
Vision", CVPR 2016, arXiv:1512.00567, as trained for TensorFlow in 2015 and ported by pytorch-fid (pt_inception-2015-12-05).

    RGB (N, 3, H, W) in [0, 1] -> bilinear 299x299, no antialias; 2 x - 1
      -> 32 conv 3x3/2 -> 32 conv 3x3 -> 64 conv 3x3 -> pool 3x3/2      64, 73x73       size=64
      -> 80 conv 1x1 -> 192 conv 3x3 -> pool 3x3/2                     192, 35x35       size=192
      -> Mixed_5b 5c 5d                                                288, 35x35
      -> Mixed_6a /2, 6b 6c 6d 6e                                      768, 17x17       size=768
      -> Mixed_7a /2, 7b 7c                                           2048,  8x8        size=2048, FID's
      -> mean over the picture (N, size)                               every conv: no bias, norm, relu

A Mixed block runs branches side by side and joins their channels; BRANCHES below is all of them. 23,850,960 parameters, of which
the head (fc, 1008 outputs: in the weight file, not used here) has 2,065,392. Names and shapes are those of the weight file.

Differs from the paper: no auxiliary classifier, 1008 outputs, and as in that file's own graph the mean pools do not count the
padding and the last block pools by maximum. FID figures from another Inception (torchvision's) are not comparable.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.models.norm_act import BatchNormAct


def _a(pooled: int) -> dict:
    return {"branch1x1": [(64, "1x1")], "branch5x5": [(48, "1x1"), (64, "5x5")],
            "branch3x3dbl": [(64, "1x1"), (96, "3x3"), (96, "3x3")], "branch_pool": [(pooled, "1x1")]}  # fmt: skip


def _c(c: int) -> dict:
    return {"branch1x1": [(192, "1x1")], "branch7x7": [(c, "1x1"), (c, "1x7"), (192, "7x1")],
            "branch7x7dbl": [(c, "1x1"), (c, "7x1"), (c, "1x7"), (c, "7x1"), (192, "1x7")],
            "branch_pool": [(192, "1x1")]}  # fmt: skip


# Two kernels in one place stand side by side, and their outputs are joined.
_E = {"branch1x1": [(320, "1x1")], "branch3x3": [(384, "1x1"), (384, "1x3", "3x1")],
      "branch3x3dbl": [(448, "1x1"), (384, "3x3"), (384, "1x3", "3x1")], "branch_pool": [(192, "1x1")]}  # fmt: skip

# block: (channels in, what branch_pool starts with, {branch: [(channels out, kernel height x width and stride), ...]})
BRANCHES = {
    "Mixed_5b": (192, "mean", _a(32)),
    "Mixed_5c": (256, "mean", _a(64)),
    "Mixed_5d": (288, "mean", _a(64)),
    "Mixed_6a": (288, "max/2", {"branch3x3": [(384, "3x3/2")],
                                "branch3x3dbl": [(64, "1x1"), (96, "3x3"), (96, "3x3/2")], "branch_pool": []}),
    "Mixed_6b": (768, "mean", _c(128)),
    "Mixed_6c": (768, "mean", _c(160)),
    "Mixed_6d": (768, "mean", _c(160)),
    "Mixed_6e": (768, "mean", _c(192)),
    "Mixed_7a": (768, "max/2", {"branch3x3": [(192, "1x1"), (320, "3x3/2")],
                                "branch7x7x3": [(192, "1x1"), (192, "1x7"), (192, "7x1"), (192, "3x3/2")], "branch_pool": []}),
    "Mixed_7b": (1280, "mean", _E),
    "Mixed_7c": (2048, "max", _E),
}  # fmt: skip

POOLS = {
    "mean": lambda x: F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False),
    "max": lambda x: F.max_pool2d(x, 3, stride=1, padding=1),
    "max/2": lambda x: F.max_pool2d(x, 3, stride=2),
}


class Inception(nn.Module):
    """float RGB (N, 3, H, W) in [0, 1], any size -> (N, size) features, size 64, 192, 768 or 2048.

    It only measures: frozen, and in eval mode for good. ValueError for other shapes, values or sizes.
    """

    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, "3x3/2")
        self.Conv2d_2a_3x3 = Conv(32, 32, "3x3/1")
        self.Conv2d_2b_3x3 = Conv(32, 64, "3x3")
        self.Conv2d_3b_1x1 = Conv(64, 80, "1x1")
        self.Conv2d_4a_3x3 = Conv(80, 192, "3x3/1")
        for name, (channels, pool, branches) in BRANCHES.items():
            self.add_module(name, Mixed(channels, pool, branches))
        self.fc = nn.Linear(2048, 1008)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Inception":
        """Stays in eval mode whatever it is told: features must not depend on who else is in the batch."""
        return super().train(False)

    def forward(self, x: Tensor, size: int = 2048) -> Tensor:
        _check(x, size)
        x = 2 * F.interpolate(x, (299, 299), mode="bilinear", align_corners=False, antialias=False) - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))          # (N, 64, 147, 147)
        x = F.max_pool2d(x, 3, stride=2)
        if size > 64:
            x = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, stride=2)
        for name in BRANCHES:
            if size > (768 if name.startswith("Mixed_7") else 192):
                x = getattr(self, name)(x)
        return x.mean(dim=(2, 3))


class Mixed(nn.Module):
    """(N, channels, H, W) -> (N, sum of the branches' outputs, H or (H - 1) // 2, the same for W)."""

    def __init__(self, channels: int, pool: str, branches: dict[str, list[tuple]]):
        super().__init__()
        self.pool = pool
        self.branches: dict[str, list[list[str]]] = {}        # branch -> step -> names of the convolutions side by side
        for branch, steps in branches.items():
            self.branches[branch], c = [], channels
            for i, (out, *kernels) in enumerate(steps, start=1):
                name = f"{branch}_{i}" if len(steps) > 1 else branch
                names = [name] if len(kernels) == 1 else [f"{name}a", f"{name}b"]
                for at, kernel in zip(names, kernels, strict=True):
                    self.add_module(at, Conv(c, out, kernel))
                self.branches[branch].append(names)
                c = out * len(kernels)

    def forward(self, x: Tensor) -> Tensor:
        joined = []
        for branch, steps in self.branches.items():
            y = POOLS[self.pool](x) if branch == "branch_pool" else x
            for names in steps:
                y = torch.cat([getattr(self, name)(y) for name in names], dim=1)
            joined.append(y)
        return torch.cat(joined, dim=1)


class Conv(nn.Module):
    """relu norm conv; the kernel "height x width" keeps the size; with a "/stride" at its end it goes without padding."""

    def __init__(self, channels: int, out: int, kernel: str):
        super().__init__()
        kernel, _, stride = kernel.partition("/")
        sides = tuple(int(side) for side in kernel.split("x"))
        padding = tuple(side // 2 for side in sides) if not stride else 0
        self.conv = nn.Conv2d(channels, out, sides, stride=int(stride or 1), padding=padding, bias=False)
        self.bn = BatchNormAct(out, eps=0.001, slope=0.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


def _check(x: Tensor, size: int) -> None:
    if size not in (64, 192, 768, 2048):
        raise ValueError(f"Inception has features of size 64, 192, 768 or 2048, not {size}")
    if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point() or x.numel() == 0:
        raise ValueError(f"Inception expects float RGB pictures (N, 3, H, W), got {tuple(x.shape)} {x.dtype}")
    low, high = (v.item() for v in torch.aminmax(x.detach()))
    if not (low >= -1e-3 and high <= 1 + 1e-3):
        guess = "; looks like 0..255" if high > 2 else "; looks like -1..1" if low < -1e-3 else ""
        raise ValueError(f"Inception expects values in [0, 1], got {low:.4g} .. {high:.4g}{guess}")
