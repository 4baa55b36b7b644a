"""LPIPS as a metric: RGB in [0, 1] in, one distance per picture out, 0 for equal ones. The formula: minicolor/losses/lpips.py.

A figure is worth nothing without the name of the network that looked: LPIPS-alex, LPIPS-vgg and LPIPS-squeeze have different
scales, and heads on a network that they were not fitted to, or no heads at all, are not LPIPS. title() says what a figure may be
called. The network comes with its weights from minicolor/perceptual.py, perceptual("squeeze").

Differs from the loss: that takes [-1, 1], where a picture in [0, 1] cannot be told from a pale one and silently reads better.
"""

import torch
from torch import Tensor, nn

from minicolor.errors import BadInput
from minicolor.metrics.ranges import check_rgb
from minicolor.models.alexnet import AlexNet
from minicolor.models.squeezenet import SqueezeNet
from minicolor.models.vgg16 import VGG16
from minicolor.ops.units import rgb_to_unit

OFFICIAL = {"alex": AlexNet, "vgg": VGG16, "squeeze": SqueezeNet}


def lpips(prediction: Tensor, truth: Tensor, distance: nn.Module) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] and an LPIPS -> (N,), float32. BadInput as check_rgb, and below the network's least size."""
    check_rgb(prediction, truth)
    device = distance.shift.device
    with torch.no_grad():
        try:
            return distance(*(rgb_to_unit(x.to(device, torch.float32)) for x in (prediction, truth)))
        except ValueError as e:                                               # the network's own sentence about its least size
            raise BadInput(str(e)) from None


def title(name: str, distance: nn.Module) -> str:
    """What a figure of perceptual(name) is called: "LPIPS-alex", or for all that is not reference LPIPS "features-..."."""
    official = distance.widths is not None and type(distance.network) is OFFICIAL.get(name)
    return f"LPIPS-{name}" if official else f"features-{name}"
