"""A perceptual distance by name: which network looks, with which weights. The only place that joins LPIPS and FID to their files.

    alex | vgg | squeeze     LPIPS: an ImageNet network and the heads that were fitted to it
    squeeze-keras            the heads of `squeeze` on another SqueezeNet: not reference LPIPS, and never called so
    inception                the network of FID
    RUN of classify          our own ResNet18, for where no weights are at hand: a plain feature distance, and fid_proxy
"""

from pathlib import Path

from torch import Tensor, nn

from minicolor import weights
from minicolor.errors import BadInput
from minicolor.losses.lpips import LPIPS, heads_from
from minicolor.models.alexnet import AlexNet
from minicolor.models.inception import Inception
from minicolor.models.resnet18 import ResNet18
from minicolor.models.squeezenet import SqueezeNet
from minicolor.models.vgg16 import VGG16
from minicolor.trained import best

NETWORKS = {"alex": (AlexNet, "alexnet"), "vgg": (VGG16, "vgg16"), "squeeze": (SqueezeNet, "squeezenet1_1"),
            "squeeze-keras": (SqueezeNet, "squeezenet1_1_keras")}


def perceptual(name: str) -> LPIPS:
    """The distance `name`: (a, b) of RGB in [-1, 1] -> (N,). BadInput says which file is missing and where to get it."""
    if name not in NETWORKS:
        return LPIPS(_own(name, [*NETWORKS])[0])
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


def fid_network(name: str) -> tuple[Inception | ResNet18 | SqueezeNet, str]:
    """The network of FID ("inception") or of fid_proxy (squeeze, squeeze-keras, a run of classify), and what statistics() is to
    call its weights: "pytorch-fid weights", or "ResNet18 of runs/classify, trained on grey pictures". BadInput as perceptual.
    """
    if name in ("squeeze", "squeeze-keras"):
        return perceptual(name).network, f"SqueezeNet, {NETWORKS[name][1]}"
    if name != "inception":
        return _own(name, ["inception", "squeeze", "squeeze-keras"])
    network = Inception()
    weights.fit_into(network, weights.load("inception_fid"), "inception_fid")
    return network, "pytorch-fid weights"


def own_features(run: str) -> tuple[ResNet18, str]:
    """The body of a run of classify, and its name, which says what it has seen: a body trained on grey is blind to color."""
    saved = best(run)
    recipe = saved["recipe"]
    if recipe["name"] != "classify":
        raise BadInput(f"{run}: a run of {recipe['name']}, expected one of classify")
    body, state = ResNet18(classes=None, base=recipe["base"]), saved["networks"]["network"]
    weights.fit_into(body, {key: value for key, value in state.items() if not key.startswith("fc.")}, str(run))
    return body, f"ResNet18 of {run}, trained on {'grey' if recipe['grey'] else 'color'} pictures"


def _own(run: str, others: list[str]) -> tuple[ResNet18, str]:
    if not (Path(run).is_file() or (Path(run) / "best.pt").is_file()):
        raise BadInput(f"{run}: expected {', '.join(others)}, or a run of classify; without any weights at hand train one first: "
                       "python -m minicolor.train classify")
    return own_features(run)
