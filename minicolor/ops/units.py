"""Lab <-> network units. Only here, so that training and use cannot disagree.     source: report C, 4 and 6.2

L/50 - 1 lies in [-1, 1]; ab/110 lies in [-0.99, 0.90] for every sRGB color, so a tanh can reach all of them.
Networks with ImageNet weights want their own units: minus that data set's mean, over its standard deviation.
"""

import torch
from torch import Tensor

AB_SCALE = 110.0
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def l_to_unit(lightness: Tensor) -> Tensor:
    """L* in [0, 100] -> [-1, 1]."""
    return lightness / 50 - 1


def unit_to_l(unit: Tensor) -> Tensor:
    return (unit + 1) * 50


def ab_to_unit(ab: Tensor) -> Tensor:
    """a*, b* -> within [-1, 1]."""
    return ab / AB_SCALE


def unit_to_ab(unit: Tensor) -> Tensor:
    return unit * AB_SCALE


def rgb_to_unit(rgb: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1], what a tanh gives."""
    return rgb * 2 - 1


def unit_to_rgb(unit: Tensor) -> Tensor:
    return (unit + 1) / 2


def rgb_to_imagenet(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> what networks trained on ImageNet are shown, within [-2.12, 2.64]."""
    mean, std = (torch.tensor(v, device=rgb.device, dtype=rgb.dtype)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (rgb - mean) / std
