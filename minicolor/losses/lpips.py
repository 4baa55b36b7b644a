"""LPIPS, a distance learned from people's judgments: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018, arXiv:1801.03924, equation 1; weights "lin", version 0.1 as its authors publish it.

    a, b (N, 3, H, W) in [-1, 1] -> normalize -> network -> L stages, each:    |f| = 1 at every pixel
                                                                               d = sum over channels of head * (f_a - f_b)^2
    distance (N,) = sum over stages of the mean of d over the picture          0 for equal pictures, never below

A value names its network (LPIPS-alex, LPIPS-squeeze, ...): the scales differ. Reference values need both files, the
network's ImageNet weights and the heads that were fitted to it. A picture in [0, 1] cannot be told from a pale one in
[-1, 1], and silently reads better: convert first, 2 * rgb - 1.

Differs from the paper: equation 1 has the weights inside the square, the code of its authors and the official files (and this)
outside. heads=None weighs all channels alike, the mean: a plain feature distance of whatever network is given, which must
not be called LPIPS.
"""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from minicolor.errors import BadInput

# ImageNet's mean and standard deviation, for values in [-1, 1] instead of [0, 1], rounded as in version 0.1
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_SLACK = 0.01  # half precision and color conversions overshoot a little


class LPIPS(nn.Module):
    """a, b: float RGB (N, 3, H, W) in [-1, 1] -> (N,) distances, float32 also under autocast.

    `network` has stages(x) -> feature maps and expects ImageNet's normalization: AlexNet, VGG16, SqueezeNet, ResNet18. It is
    taken over: frozen, and in eval mode for good. `heads`: one (C,) tensor of weights >= 0 per stage, as heads_from() reads
    them. Slopes flow to both pictures. ValueError: shapes, values outside [-1, 1], heads that do not fit.
    """

    def __init__(self, network: nn.Module, heads: Sequence[Tensor] | None = None):
        super().__init__()
        self.network = network
        self.register_buffer("shift", torch.tensor(_SHIFT).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(3, 1, 1), persistent=False)
        for i, head in enumerate(heads or ()):
            if head.ndim != 1 or not bool((head >= 0).all()):
                raise ValueError(f"head {i}: expected (C,) weights >= 0, a distance must not shrink as features part")
            self.register_buffer(f"head{i}", head.detach().clone())
        self.widths = None if heads is None else tuple(len(head) for head in heads)
        self._check_widths(getattr(network, "CHANNELS", self.widths))
        self.requires_grad_(False)
        self.eval()
        self.looked = False

    def train(self, mode: bool = True) -> "LPIPS":
        """Stays in eval mode whatever it is told: BatchNorm and dropout would make a ruler of rubber."""
        return super().train(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        # a GPU waits where a value is read: in training once is enough, a figure of the evaluation is checked each time
        _check(a, b, values=not (a.is_cuda and self.looked and torch.is_grad_enabled()))
        self.looked = True
        distance = 0
        stages = [self.network.stages((x - self.shift) / self.scale) for x in (a, b)]
        self._check_widths(tuple(f.shape[1] for f in stages[0]))
        for i, (f, g) in enumerate(zip(*stages, strict=True)):
            d = (_unit(f) - _unit(g)).square()                                                            # (N, C, h, w)
            d = d.mean(dim=1) if self.widths is None else (d * getattr(self, f"head{i}").view(-1, 1, 1)).sum(dim=1)
            distance = distance + d.mean(dim=(1, 2))                                                      # (N,)
        return distance

    def _check_widths(self, stages: tuple[int, ...] | None) -> None:
        if self.widths not in (None, stages):
            raise ValueError(f"{type(self.network).__name__} has stages of {stages} channels, got heads for {self.widths}")


def heads_from(state: Mapping[str, Tensor]) -> list[Tensor]:
    """The official head file (lin0.model.1.weight ..., each (1, C, 1, 1)) -> a list of (C,) weights, stage by stage."""
    found = {int(m[1]): head for name, head in state.items() if (m := re.fullmatch(r"lin(\d+)\.model\.1\.weight", name))}
    if not found or sorted(found) != list(range(len(found))) or any(h.shape != (1, h.numel(), 1, 1) for h in found.values()):
        raise BadInput(f"expected LPIPS heads named lin0.model.1.weight, lin1 ..., each (1, C, 1, 1); got {sorted(state)[:3]}")
    return [found[i].flatten() for i in range(len(found))]


def _unit(f: Tensor) -> Tensor:
    """Length 1 over the channels, in float32 or better. Where all are 0 it stays 0, and so does its slope (sqrt's is inf)."""
    f = f.to(torch.promote_types(f.dtype, torch.float32))
    return f / (torch.linalg.vector_norm(f, dim=1, keepdim=True) + 1e-10)


def _check(a: Tensor, b: Tensor, values: bool) -> None:
    for x in (a, b):
        if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point() or x.shape != a.shape:
            raise ValueError(f"LPIPS expects two float RGB batches (N, 3, H, W) of one shape, got {tuple(a.shape)} {a.dtype} "
                             f"and {tuple(b.shape)} {b.dtype}")
        if x.numel() == 0:
            raise ValueError(f"LPIPS expects at least one picture, got {tuple(x.shape)}")
        if not values:
            continue
        low, high = (v.item() for v in torch.aminmax(x.detach()))
        if not (low >= -1 - _SLACK and high <= 1 + _SLACK):
            guess = "; looks like 0..255, use x / 127.5 - 1" if high > 5 and low >= 0 else ""
            guess = guess or ("; looks like ImageNet-normalized, LPIPS does that itself" if -3 < low < high < 3 else "")
            raise ValueError(f"LPIPS expects values in [-1, 1], got {low:.4g} .. {high:.4g}{guess}")
