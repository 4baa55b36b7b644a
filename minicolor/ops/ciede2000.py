"""CIEDE2000, the difference of two colors in the eye's own steps: Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference
Formula: Implementation Notes, Supplementary Test Data, and Mathematical Observations", Color Research and Application 30(1),
2005, eq. 2 to 22, with kL = kC = kH = 1.

    dE = sqrt((dL/SL)^2 + (dC/SC)^2 + (dH/SH)^2 + RT (dC/SC) (dH/SH))     lightness, chroma and hue, each by its own unit

About 1 is just noticed when two patches touch. Plain distance in Lab is three times too strict on vivid colors and
misjudges blue; SL, SC, SH and RT are fitted to people's judgments.
"""

import math

import torch
from torch import Tensor


def ciede2000(a: Tensor, b: Tensor) -> Tensor:
    """Two Lab (N, 3, ...) -> (N, ...), 0 for equal colors, never below. Symmetric. In the input's type: float32 or better."""
    (l1, a1, b1), (l2, a2, b2) = a.unbind(dim=1), b.unbind(dim=1)
    stretch = 1.5 - 0.5 * _saturation((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2)      # 1 + G: greys drift less from a = 0
    a1, a2 = stretch * a1, stretch * a2
    c1, c2, h1, h2 = torch.hypot(a1, b1), torch.hypot(a2, b2), _hue(a1, b1), _hue(a2, b2)

    # Hue is a circle: more than half a turn apart, the short way is the other one, and so is the middle. Exactly half a turn
    # counts as near (pair 14 of the paper); the slack keeps rounding from deciding.
    turn, middle = h2 - h1, (h1 + h2) / 2
    far = turn.abs() > math.pi + 1e-6
    d_hue = 2 * (c1 * c2).sqrt() * torch.where(far, -1, 1) * torch.sin(turn / 2)
    hue = torch.where(far, (middle + math.pi) % (2 * math.pi), middle)      # beside a grey d_hue is 0, and any middle will do

    lightness, chroma = (l1 + l2) / 2 - 50, (c1 + c2) / 2
    t = (1 - 0.17 * torch.cos(hue - math.radians(30)) + 0.24 * torch.cos(2 * hue)
         + 0.32 * torch.cos(3 * hue + math.radians(6)) - 0.20 * torch.cos(4 * hue - math.radians(63)))
    d_l = (l2 - l1) / (1 + 0.015 * lightness.square() / (20 + lightness.square()).sqrt())
    d_c = (c2 - c1) / (1 + 0.045 * chroma)
    d_h = d_hue / (1 + 0.015 * chroma * t)
    blue = math.radians(60) * torch.exp(-((hue - math.radians(275)) / math.radians(25)).square())    # 2 delta theta
    rotation = -2 * torch.sin(blue) * _saturation(chroma)                                    # in blue, ellipses of equals tilt
    return (d_l * d_l + d_c * d_c + d_h * d_h + rotation * d_c * d_h).clamp(min=0).sqrt()


def _saturation(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7)): 0 for grey, 1 for vivid."""
    squared = chroma * chroma
    seventh = squared * squared * squared * chroma
    return (seventh / (seventh + 25.0**7)).sqrt()


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """The angle in [0, 2 pi); 0 where a = b = 0."""
    angle = torch.atan2(b, a)
    return torch.where(angle < 0, angle + 2 * math.pi, angle)
