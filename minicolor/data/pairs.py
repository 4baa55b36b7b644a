"""prepare(): pictures -> what the network is given and what it should answer; restore(): the answer -> pictures.

Training, evaluation and colorize all come through here, so a network is never shown another kind of picture in use
than it learned from. The input is always L* of the picture: for a grey photograph that is the photograph itself.

    target "ab"    L (N, 1, H, W) -> a, b    (N, 2, H, W)      report C: two channels to guess, L is kept
    target "rgb"   L (N, 1, H, W) -> r, g, b (N, 3, H, W)      report A: three channels, lightness guessed again

All in network units ([-1, 1], ops/units.py). Report A does not say which grey it used; taking L* for both leaves
exactly one difference between the two, so that they can be compared (experiment A9).

The conversions are kernels/lab.py's: on a GPU one pass over the pictures, straight from their bytes where bytes are handed in.
"""

from torch import Tensor

from minicolor.kernels.lab import rgb_to_units, units_to_rgb
from minicolor.ops.lab import rgb_to_lab
from minicolor.ops.units import unit_to_ab, unit_to_rgb

CHANNELS = {"ab": 2, "rgb": 3}


def prepare(rgb: Tensor, target: str) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W), uint8 or float in [0, 1] -> input (N, 1, H, W) and target (N, 2 or 3, H, W), both in network units."""
    return rgb_to_units(rgb, target)


def restore(input: Tensor, output: Tensor, target: str) -> Tensor:
    """The network's input and output in network units -> pictures (N, 3, H, W) in [0, 1]."""
    if target == "rgb":
        return unit_to_rgb(output).clamp(0, 1)
    return units_to_rgb(input, output)


def chroma(input: Tensor, output: Tensor, target: str) -> Tensor:
    """The color alone: a and b (N, 2, H, W) in Lab units, for joining to a lightness of another size."""
    if target == "ab":
        return unit_to_ab(output)
    return rgb_to_lab(restore(input, output, target))[:, 1:]
