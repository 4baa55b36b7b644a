"""FID, the Frechet distance between two sets of pictures: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge
to a Local Nash Equilibrium", NeurIPS 2017, arXiv:1706.08500, equation 6.

    FID = |mu_a - mu_b|^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2))      mu, S: mean and covariance (n - 1) of a network's features

RGB in [0, 1] -> minicolor/models/inception.py, (N, 64 | 192 | 768 | 2048) features -> Statistics; of two sets one figure, 0 for
equal ones. FID is that of 2048 features and of the weights of pytorch-fid; fewer features give another, far smaller scale. It
falls with n, it sees JPEG's blocks, and it sees how small pictures blur when they become 299x299: compare only figures of one n,
one file format and one size. Here pictures are rounded to 8 bits, as in a PNG file. figure() says all of this beside the number.

Without Inception's weights: fid_proxy, the same distance on the features of a SqueezeNet or of our own ResNet18, a run of
`classify`. It ranks our runs among each other, and must not be compared with anybody's FID. A body that was trained on grey
pictures (classify's usual grey=True) never learned to look at color: for judging color train one with --no-grey.

The root: only its trace is asked for, and symmetric eigenvalues have that (trace_of_root) without a root: no SciPy is needed, a
GPU will do, and few pictures, whose product of covariances is singular, are no trouble. root="scipy" takes the root that the
formula names: the same figure to 6 digits, measured at 2048 features with 2600 and with 300 pictures, in 3 and 8 times the time.

Differs from the paper: nothing. Differs from pytorch-fid: no constant is ever added to a covariance.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from minicolor.errors import BadInput
from minicolor.metrics.ranges import check_rgb
from minicolor.models.inception import Inception
from minicolor.models.resnet18 import ResNet18
from minicolor.models.squeezenet import SqueezeNet
from minicolor.ops.units import rgb_to_imagenet

ROOTS = ("eigenvalues", "scipy")


class Statistics:
    """Count, mean and covariance of (N, D) features that come in pieces: constant memory, float64, on the features' device.

    Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979: every piece is
    centered on its own mean, and E[x^2] - E[x]^2, which loses all digits far from zero, is never formed. merge() joins what two
    processes have seen. `network` and `weights` name where the features come from: others are not comparable. `sizes` are the
    heights and widths of the pictures.
    """

    def __init__(self, network: str, weights: str):
        self.network, self.weights = network, weights
        self.count, self.sizes = 0, set()
        self.mean: Tensor | None = None          # (D,)
        self.scatter: Tensor | None = None       # (D, D), the sum of (x - mean)(x - mean)^T

    @torch.inference_mode(False)                                              # its tensors could not be changed later, outside
    def add(self, features: Tensor) -> None:
        """One more piece, float (N, D). BadInput for another shape, another D, or values that are not finite."""
        if features.ndim != 2 or not features.is_floating_point() or features.numel() == 0:
            raise BadInput(f"expected float features (N, D), got {features.dtype} {tuple(features.shape)}")
        if not features.isfinite().all():
            raise BadInput(f"features of {self.network} are not finite: the network or its weights are damaged")
        x = features.detach()
        x = (x.cpu() if x.device.type == "mps" else x).double()               # Apple's GPU has no float64
        mean = x.mean(dim=0)
        rows = torch.cat([x - mean, self._join(len(x), mean)])
        self.scatter.addmm_(rows.T, rows)

    @torch.inference_mode(False)
    def merge(self, other: "Statistics") -> None:
        """As if everything `other` was given had been given here, too. BadInput for features of another network."""
        _check_same(self, other)
        self.sizes |= other.sizes
        if other.count:
            device = (self if self.count else other).mean.device
            row = self._join(other.count, other.mean.to(device))
            self.scatter += other.scatter.to(device)
            self.scatter.addmm_(row.T, row)

    def on(self, device: str) -> "Statistics":
        """Itself, its sums there."""
        if self.count:
            self.mean, self.scatter = self.mean.to(device), self.scatter.to(device)
        return self

    @property
    def covariance(self) -> Tensor:
        """(D, D), divided by n - 1. BadInput below two pictures."""
        if self.count < 2:
            raise BadInput(f"a covariance needs at least 2 pictures, got {self.count}: one picture has no spread")
        return self.scatter / (self.count - 1)

    def _join(self, count: int, mean: Tensor) -> Tensor:
        """Count and mean with `count` more; returns the row (1, D) whose square is what lies between the two means."""
        if not self.count:
            self.mean, self.scatter = torch.zeros_like(mean), mean.new_zeros(len(mean), len(mean))
        if len(mean) != len(self.mean):
            raise BadInput(f"expected {len(self.mean)} features per picture as before, got {len(mean)}")
        step, total = mean - self.mean, self.count + count
        row = step * (self.count * count / total) ** 0.5
        self.mean += step * (count / total)
        self.count = total
        return row[None]


def statistics(network: Inception | ResNet18 | SqueezeNet, batches: Iterable[Tensor], weights: str, size: int | None = None,
               found: Statistics | None = None) -> Statistics:
    """Batches of RGB (N, 3, H, W) in [0, 1] -> their statistics. perceptual.fid_network() has networks, and names for `weights`.

    Pictures move to the network's device and are rounded to 8 bits, as a PNG file would have them. `size`: Inception's 64, 192,
    768 or 2048 (None); any other network is asked for its last stage and put into eval mode. `found`: go on with these.
    BadInput for pictures out of range and for another size.
    """
    if isinstance(network, Inception):
        size = 2048 if size is None else size
        if size not in (64, 192, 768, 2048):
            raise BadInput(f"Inception has features of size 64, 192, 768 or 2048, not {size}")
    elif size is not None:
        raise BadInput("a size is chosen for Inception alone: other networks give their last stage")
    network.eval()                                                            # features must not depend on the rest of the batch
    device = next(network.parameters()).device
    found = Statistics(f"Inception-{size}" if size else type(network).__name__, weights) if found is None else found
    with torch.no_grad():
        for pictures in batches:
            check_rgb(pictures)
            found.sizes.add(tuple(pictures.shape[2:]))
            pictures = (255 * pictures.to(device, torch.float32)).round() / 255
            if size:
                found.add(network(pictures, size))
            else:
                found.add(network.stages(rgb_to_imagenet(pictures))[-1].mean(dim=(2, 3)))
    return found


def fid(a: Statistics, b: Statistics, root: str = "eigenvalues") -> float:
    """FID of two sets. BadInput below two pictures, for features of two networks, and for any network but Inception."""
    for s in (a, b):
        if not s.network.startswith("Inception"):
            raise BadInput(f"FID is defined by Inception's features, and these are of {s.network}: call it fid_proxy")
    return frechet(a, b, root)


def fid_proxy(a: Statistics, b: Statistics, root: str = "eigenvalues") -> float:
    """The same distance on features that are not Inception's. BadInput as fid, the other way round."""
    for s in (a, b):
        if s.network.startswith("Inception"):
            raise BadInput("these are Inception's features, whose distance is FID: call fid")
    return frechet(a, b, root)


@dataclass(frozen=True)
class Figure:
    """A distance and what has to stand beside it in a table; dataclasses.asdict() is its row of JSON."""

    title: str      # "FID-2048 (pytorch-fid weights)", or "fid_proxy (ResNet18 of runs/classify, trained on grey pictures)"
    value: float
    n: int          # pictures in the smaller set
    pictures: str   # "256x256, in memory, rounded to 8 bits without loss"
    warning: str    # empty, or one sentence: why the figure is not to be trusted


def figure(a: Statistics, b: Statistics) -> Figure:
    """The distance under the only name that it may have: FID for Inception's features alone. BadInput as frechet."""
    value, n, d, warnings = frechet(a, b), min(a.count, b.count), len(a.mean), []
    title = f"FID-{d}" if a.network.startswith("Inception") else "fid_proxy"
    if n <= d:                                                                # n pictures span n - 1 directions
        warnings.append(f"n = {n} pictures for {d} features: the covariance is singular, and the figure reads far too high; "
                        f"compare it only with figures of the same n, at best of more than {d} pictures")
    if a.sizes != b.sizes:
        warnings.append(f"pictures of {_sizes(a)} are held against pictures of {_sizes(b)}: their blur alone makes a distance")
    pictures = f"{_sizes(a)}, in memory, rounded to 8 bits without loss"
    return Figure(f"{title} ({a.weights})", value, n, pictures, "; ".join(warnings))


def _sizes(s: Statistics) -> str:
    return "{}x{}".format(*min(s.sizes)) if len(s.sizes) == 1 else f"{len(s.sizes) or 'unknown'} sizes"


def frechet(a: Statistics, b: Statistics, root: str = "eigenvalues") -> float:
    """|mu_a - mu_b|^2 + Tr S_a + Tr S_b - 2 Tr (S_a S_b)^(1/2), of any features; `root` is "eigenvalues" or "scipy"."""
    if root not in ROOTS:
        raise BadInput(f"argument root: expected {' or '.join(ROOTS)}, got {root!r}")
    _check_same(a, b)
    for s in (a, b):
        if s.count < 2:
            raise BadInput(f"a distance between sets needs at least 2 pictures in each, got {s.count}: one has no spread")
    trace = trace_of_root(a, b) if root == "eigenvalues" else _trace_of_root_by_scipy(a, b)
    means = (a.mean - b.mean.to(a.mean.device)).square().sum().item()
    spread = (a.scatter.trace() / (a.count - 1)).item() + (b.scatter.trace() / (b.count - 1)).item()
    distance = means + spread - 2 * trace
    if not math.isfinite(distance):
        raise BadInput(f"features of {a.network} are too large for a distance: the network or its weights are damaged")
    return max(0.0, distance)                                                # rounding of equal sets falls on either side of 0


def trace_of_root(a: Statistics, b: Statistics) -> float:
    """Tr (S_a S_b)^(1/2) without a matrix root, from symmetric eigenvalues alone.

    With S_a = R R^T, the product S_a S_b and R^T S_b R have the same eigenvalues but for zeros (XY and YX have); the second is
    symmetric and has none below 0. The trace of its root is the sum of their roots.

    n pictures span n - 1 directions at most. All other eigenvalues are 0 but for rounding, and a thousand roots of 1e-16 are no
    longer nothing: they are left out, which also makes the second matrix small.
    """
    few, many = sorted((a, b), key=lambda s: s.count)
    rank = min(few.count - 1, len(few.mean))
    values, vectors = torch.linalg.eigh(few.covariance)                       # ascending
    r = vectors[:, -rank:] * values[-rank:].clamp(min=0).sqrt()               # (D, rank)
    inner = r.T @ many.covariance.to(r.device) @ r
    return torch.linalg.eigvalsh(inner).clamp(min=0).sqrt().sum().item()


def _trace_of_root_by_scipy(a: Statistics, b: Statistics) -> float:
    """As the formula says it: SciPy's root of a product that is not symmetric. Far slower; inexact where it is singular."""
    try:
        from scipy.linalg import sqrtm
    except ImportError:
        raise BadInput("root='scipy' needs SciPy: pip install scipy, or take root='eigenvalues'") from None
    root = sqrtm((a.covariance.cpu() @ b.covariance.cpu()).numpy())
    if not torch.as_tensor(root).isfinite().all():
        raise BadInput("SciPy finds no root of this product, the covariances are singular: take root='eigenvalues'")
    return float(root.trace().real)                                           # its imaginary part is rounding


def _check_same(a: Statistics, b: Statistics) -> None:
    if (a.network, a.weights) != (b.network, b.weights):
        raise BadInput(f"features of {a.network} ({a.weights}) and of {b.network} ({b.weights}) cannot be compared")
    if a.count and b.count and len(a.mean) != len(b.mean):
        raise BadInput(f"features of {len(a.mean)} and of {len(b.mean)} dimensions cannot be compared")
