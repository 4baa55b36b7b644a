"""Lab <-> network units. Only here, so that training and use cannot disagree.     source: report C, 4 and 6.2

L/50 - 1 lies in [-1, 1]; ab/110 lies in [-0.99, 0.90] for every sRGB color, so a tanh can reach all of them.
"""

from torch import Tensor

AB_SCALE = 110.0


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
