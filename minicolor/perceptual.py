"""A perceptual distance by name: which network looks, with which weights. The only place that joins LPIPS to its files.

    alex | vgg | squeeze     LPIPS: an ImageNet network and the heads that were fitted to it
    squeeze-keras            the heads of `squeeze` on another SqueezeNet: not reference LPIPS, and never called so
    RUN of classify          a plain feature distance of our own ResNet18, for where no weights are at hand
"""

from pathlib import Path

from torch import Tensor, nn

from minicolor import weights
from minicolor.errors import BadInput
from minicolor.losses.lpips import LPIPS, heads_from
from minicolor.models.alexnet import AlexNet
from minicolor.models.resnet18 import ResNet18
from minicolor.models.squeezenet import SqueezeNet
from minicolor.models.vgg16 import VGG16
from minicolor.trained import best

NETWORKS = {"alex": (AlexNet, "alexnet"), "vgg": (VGG16, "vgg16"), "squeeze": (SqueezeNet, "squeezenet1_1"),
            "squeeze-keras": (SqueezeNet, "squeezenet1_1_keras")}


def perceptual(name: str) -> LPIPS:
    """The distance `name`: (a, b) of RGB in [-1, 1] -> (N,). BadInput says which file is missing and where to get it."""
    if name not in NETWORKS:
        return LPIPS(_own(name))
    network, file = NETWORKS[name]
    body, state = network(classes=None), weights.load(file)
    weights.fit_into(body, {key: value for key, value in state.items() if key.startswith("features.")}, file)
    return LPIPS(body, heads_from(weights.load(f"lpips_{name.partition('-')[0]}")))


class PerceptualLoss(nn.Module):
    """The mean of perceptual(name) over a batch: (a, b) of RGB in [-1, 1] -> a scalar, to be a term of a step's loss."""

    def __init__(self, name: str):
        super().__init__()
        self.distance = perceptual(name)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.distance(a, b).mean()


def _own(run: str) -> nn.Module:
    if not (Path(run).is_file() or (Path(run) / "best.pt").is_file()):
        raise BadInput(f"--features {run}: expected {', '.join(NETWORKS)}, or a run of classify; without any weights at hand "
                       "train one first: python -m minicolor.train classify")
    saved = best(run)
    if saved["recipe"]["name"] != "classify":
        raise BadInput(f"--features {run}: a run of {saved['recipe']['name']}, expected one of classify")
    body = ResNet18(classes=None, base=saved["recipe"]["base"])
    state = saved["networks"]["network"]
    weights.fit_into(body, {key: value for key, value in state.items() if not key.startswith("fc.")}, run)
    return body
