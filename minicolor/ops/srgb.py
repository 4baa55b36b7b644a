"""sRGB <-> linear light.     source: IEC 61966-2-1:1999, the piecewise curve with its knee at 0.04045

A picture file stores roughly the square root of the light, because eyes notice small steps in the dark. Anything
that adds light together (Lab, blur, shrinking) is only right on linear values.
"""

import torch
from torch import Tensor

KNEE = 0.04045            # below it the curve is a straight line, so that its slope at black stays finite
LINEAR_KNEE = 0.0031308   # the same point in linear light


def srgb_to_linear(x: Tensor) -> Tensor:
    """Any shape, float in [0, 1] -> linear light in [0, 1]."""
    return torch.where(x <= KNEE, x / 12.92, ((x.clamp(min=KNEE) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(x: Tensor) -> Tensor:
    """Any shape, linear light -> sRGB. Values outside [0, 1] pass through the curve unclipped (negative: the line)."""
    # the clamps keep the branch that is not taken, and so its gradient, finite
    return torch.where(x <= LINEAR_KNEE, 12.92 * x, 1.055 * x.clamp(min=LINEAR_KNEE) ** (1 / 2.4) - 0.055)
