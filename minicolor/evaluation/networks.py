"""Figures that need a trained network to look: FID, and a perceptual distance. Which weights are at hand decides their names.

    FID        with Inception's weights, of 64, 192, 768 or 2048 features; nothing else is called so
    fid_proxy  the same distance on the ResNet18 of our own classify run
    LPIPS      with the official heads on the networks they were fitted to; any other pair is named by its features
"""

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from minicolor import parallel, weights
from minicolor.errors import BadInput
from minicolor.evaluation.figures import Metric, perceptual_metric
from minicolor.metrics import fid
from minicolor.metrics.lpips import title
from minicolor.perceptual import NETWORKS, fid_network, perceptual

SIZES = ("64", "192", "768", "2048")
OWN = "runs/classify"                                              # where `train classify` leaves its run


@dataclass
class Networks:
    """metrics: per picture, to stand beside the others. body: what FID asks, None where there is nothing to ask."""

    metrics: list[Metric] = field(default_factory=list)
    body: nn.Module | None = None
    weights: str = ""
    size: int | None = None                                          # of Inception's features; a ResNet18 has one size alone
    notes: list[str] = field(default_factory=list)                   # what is left out, and why

    @property
    def distance(self) -> str:
        """What the distance between sets is called."""
        return "fid_proxy" if not self.size else "fid" if self.size == 2048 else f"fid_{self.size}"


class Sets:
    """Answers, truth and untouched pictures of a run, as FID sees them: sums, so any number of pictures in constant memory."""

    def __init__(self, networks: Networks):
        self.networks, self.seen = networks, {}                      # name -> fid.Statistics

    def add(self, **pictures: Tensor) -> None:
        """One more batch of each set, (N, 3, S, S) in [0, 1]."""
        for name, batch in pictures.items():
            n = self.networks
            self.seen[name] = fid.statistics(n.body, [batch], n.weights, n.size, self.seen.get(name))

    def gather(self) -> None:
        """Of several processes: as if each had seen what all have, in the order of ranks."""
        first, *others = parallel.everyone({name: one.on("cpu") for name, one in self.seen.items()})
        for other in others:
            for name, one in other.items():
                first[name].merge(one) if name in first else first.update({name: one})
        self.seen = first

    def distance(self, name: str) -> fid.Figure:
        """Of the set `name` from the truth. BadInput for sets of one picture."""
        return fid.figure(self.seen[name], self.seen["truth"])


def at_hand(fid_size: str | None = None, lpips: str | None = None, features: str | None = None, device: str = "cpu") -> Networks:
    """What was asked for, or None: what the weights at hand allow. BadInput where weights that were asked for are missing.

    fid_size: Inception's 64, 192, 768 or 2048. lpips: alex, vgg, squeeze, squeeze-keras. Either may be "none". features: a run
    of classify, which takes the place of both; what has no weights at hand falls back on runs/classify, if that was trained.
    Nothing is downloaded here.
    """
    if fid_size not in (None, "none", *SIZES):
        raise BadInput(f"--fid {fid_size}: expected {', '.join(SIZES)} or none")
    if lpips not in (None, "none", *NETWORKS):
        raise BadInput(f"--lpips {lpips}: expected {', '.join(NETWORKS)} or none")
    if features and (fid_size or lpips):
        raise BadInput("--features takes the place of --fid and --lpips: give one or the other")
    body = features or ("inception" if fid_size or _there("inception_fid") else OWN)
    if not lpips and not features:
        lpips = next((n for n in ("alex", "vgg", "squeeze") if _there(NETWORKS[n][1], f"lpips_{n}")), OWN)
    ready = (Path(OWN) / "best.pt").is_file()
    found = Networks()
    if fid_size == "none":
        pass
    elif body != OWN or features or ready:
        found.body, found.weights = fid_network(body)
        found.body.to(device)
        found.size = int(fid_size or 2048) if body == "inception" else None
    else:
        found.notes.append(_missing("FID", "inception_fid"))
    looks = features or lpips
    if looks == "none":
        pass
    elif looks != OWN or features or ready:
        distance = perceptual(looks).to(device)
        found.metrics = [perceptual_metric(title(looks, distance), distance)]
    else:
        found.notes.append(_missing("LPIPS", "alexnet and lpips_alex"))
    return found


def _missing(what: str, names: str) -> str:
    return (f"{what} is left out: its weights ({names}) are not at hand. `python -m minicolor.data.download weights NAME` "
            "fetches them; --features RUN takes a run of classify instead, under another name")


def _there(*names: str) -> bool:
    return all(weights.get(name).path.is_file() for name in names)
