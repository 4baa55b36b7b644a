"""FID on a CPU against pytorch-fid: from files to mean and covariance, and from those of two sets to their distance.

Nothing is downloaded: both have the same random weights. `share_of_network` says how much of our time is Inception's own.
"""

import importlib
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import torch

from minicolor.benches.clock import Ways, race
from minicolor.benches.metrics import OURS, libraries, line, measure
from minicolor.data import photos, scenes
from minicolor.metrics import fid
from minicolor.models.inception import Inception

PICTURES = 8                        # of the statistics
FEATURES, POINTS = 2048, 3000       # of the distance: more points than features, so that no covariance is singular


def run() -> list[dict]:
    """Two rows as those of benches/metrics.py."""
    theirs, network = libraries()["pytorch-fid"], Inception()
    for p in network.parameters():
        if p.ndim > 1:
            p.data.normal_(0, (2 / p[0].numel()) ** 0.5, generator=torch.Generator().manual_seed(0))   # as large at the far end
    with tempfile.TemporaryDirectory() as room:
        drawn = scenes.draw_all(0, PICTURES, 256)
        files = [Path(room) / f"{i:04d}.png" for i in range(PICTURES)]
        for file, rgb in zip(files, drawn):
            photos.write(file, rgb)
        pixels = torch.from_numpy(drawn).permute(0, 3, 1, 2) / 255.0
        ways = {OURS: lambda: _flat(_read(network, files))} | _their_statistics(theirs, network, files)
        alone: list[float] = []

        def clock(ways: Ways) -> dict:
            with torch.no_grad():
                times = race(ways | {"network alone": lambda: network(pixels)}, "cpu")
            alone.append(times.pop("network alone"))
            return times

        first = measure("FID statistics", ways, 1e-3, f"{PICTURES} x 256x256", clock)
    first["share_of_network"] = alone[0] / first["ms"]
    print(line(first), flush=True)
    second = measure("FID distance", _distances(theirs), 1e-2, f"{FEATURES} features", _once)
    print(line(second), flush=True)
    return [first, second]


def _read(network: Inception, files: list[Path]) -> fid.Statistics:
    batch = torch.from_numpy(np.stack([photos.read(f).rgb for f in files])).permute(0, 3, 1, 2) / 255.0
    return fid.statistics(network, [batch], "random")


def _flat(s: fid.Statistics) -> np.ndarray:
    return np.concatenate([s.mean.numpy(), s.covariance.flatten().numpy()])


def _their_statistics(theirs, network: Inception, files: list[Path]) -> Ways:
    if theirs is None:
        return {}
    package = importlib.import_module("pytorch_fid.inception")
    weights = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    with mock.patch.object(package, "load_state_dict_from_url", lambda *args, **kwargs: weights):     # it would download
        judge = package.InceptionV3([3])

    def way():
        with mock.patch.object(theirs, "tqdm", lambda batches: batches):
            mean, covariance = theirs.calculate_activation_statistics(files, judge, len(files), 2048, "cpu", num_workers=0)
        return np.concatenate([mean, covariance.flatten()])

    return {"pytorch-fid": way}


def _distances(theirs) -> Ways:
    rng = np.random.default_rng(0)
    sets = [rng.standard_normal((POINTS, FEATURES)) * rng.uniform(0.1, 1, FEATURES) for _ in range(2)]
    found = []
    for points in sets:
        found.append(fid.Statistics(f"Inception-{FEATURES}", "random"))
        found[-1].add(torch.from_numpy(points))
    ways: Ways = {OURS: lambda: fid.fid(*found)}
    if theirs is not None:
        from scipy.linalg import sqrtm

        root = SimpleNamespace(sqrtm=lambda product, disp: (sqrtm(product), 0))      # SciPy 1.18 knows no `disp` any more
        moments = [m.numpy() for s in found for m in (s.mean, s.covariance)]

        def way():
            with mock.patch.object(theirs, "linalg", root):
                return theirs.calculate_frechet_distance(*moments)

        ways["pytorch-fid"] = way
    return ways


def _once(ways: Ways) -> dict[str, float]:
    """A root of 2048 x 2048 takes them minutes: one call of each, after measure()'s, which warmed it up."""
    times = {}
    for name, way in ways.items():
        began = time.perf_counter()
        way()
        times[name] = 1000 * (time.perf_counter() - began)
    return times
