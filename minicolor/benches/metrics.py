"""Metrics on a CPU: ours against scikit-image, piq, torchmetrics, sewar and a package for color science, where installed.

The same drawn scenes with noise for all, in the layout that each library wants, prepared before the clock starts; and the same
answer, but where the table says that others go by another definition. Ours look at shape and range first, inside the clock.
"""

import importlib
import importlib.metadata
import warnings
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from minicolor.benches.clock import Ways, race, row
from minicolor.data import scenes
from minicolor.errors import BadInput
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.metrics.ciede2000 import ciede2000
from minicolor.metrics.colorfulness import colorfulness
from minicolor.metrics.fsim import fsim, fsimc
from minicolor.metrics.mae import mae
from minicolor.metrics.mse import mse
from minicolor.metrics.psnr import psnr
from minicolor.metrics.rmse import rmse
from minicolor.metrics.ssim import ssim
from minicolor.metrics.uqi import uqi
from minicolor.metrics.vif import vif

SIZES = ((8, 256), (1, 1024))           # how many pictures, their side
OURS = "minicolor"
LIBRARIES = {"scikit-image": "skimage", "piq": "piq", "torchmetrics": "torchmetrics.functional", "sewar": "sewar.full_ref",
             "colour-science": "colour", "pytorch-fid": "pytorch_fid.fid_score"}
HEAD = ("| metric | pictures | ours, ms | others, ms (difference of the answers) | fastest other / ours |\n"
        "| --- | --- | --- | --- | --- |")
# what, {way: call}, largest difference of the answers and why it is not 0: None for another definition
Case = tuple[str, Ways, float | None]


def run() -> list[dict]:
    """A row per metric and size: clock.row() with the differences of the answers. BadInput if they are not the same."""
    have, rows = libraries(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                              # what they have to say about float pictures
        for n, side in SIZES:
            for case in cases(have, *pictures(n, side)):
                rows.append(measure(*case, f"{n} x {side}x{side}", partial(race, device="cpu")))
                print(line(rows[-1]), flush=True)
    return rows


def measure(what: str, ways: Ways, close: float | None, size: str, clock: Callable[[Ways], dict]) -> dict:
    """See that the answers agree, then race."""
    answers = {name: np.asarray(way(), dtype=np.float64) for name, way in ways.items()}
    differences = {name: _apart(answers[OURS], answer) for name, answer in answers.items() if name != OURS}
    for name, d in differences.items():
        if close is not None and not d <= close:
            raise BadInput(f"{what}: {name} and ours differ by {d:.2g}, more than {close:g}: a time would compare two things")
    times = clock(ways)
    others = [t for name, t in times.items() if name != OURS and t]
    ratio = min(others) / times[OURS] if others and times[OURS] else None
    return row(what, size, OURS, times, "cpu") | {"same": close is not None, "difference": differences, "fastest_other": ratio}


def line(r: dict) -> str:
    """One of HEAD's table."""
    others = ", ".join(f"{name} {t:.2f} ({r['difference'][name]:.0e})" if t else f"{name} cannot run here"
                       for name, t in r["ms_of_others"].items()) or "nobody else has it"
    ratio = "" if r["fastest_other"] is None else f"{r['fastest_other']:.2f}"
    note = "" if r["same"] else ", by other definitions"
    share = f", network {r['share_of_network']:.0%} of it" if "share_of_network" in r else ""
    return f"| {r['what']}{note} | {r['size']} | {r['ms']:.2f}{share} | {others} | {ratio} |"


@cache
def libraries() -> dict:
    """{name: module, or None where it is not installed}."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        pass
    except RuntimeError:                # one for GPUs beside a CPU's torch: its import asks for two operators that nobody calls
        operators = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        libraries.kept = operators      # they last as long as this does
    return {name: _import(module) for name, module in LIBRARIES.items()}


def versions() -> dict[str, str | None]:
    """Of the libraries, and None for one that is not there."""
    return {name: importlib.metadata.version(name) if module else None for name, module in libraries().items()}


def _import(module: str):
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError):
        return None


def pictures(n: int, side: int) -> tuple[Tensor, Tensor]:
    """Drawn scenes with noise, and without: (N, 3, H, W) float32 each."""
    truth = torch.from_numpy(scenes.draw_all(0, n, side)).permute(0, 3, 1, 2).contiguous() / 255
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    return (truth + 0.05 * noise).clamp_(0, 1), truth


def cases(have: dict, a: Tensor, b: Tensor) -> list[Case]:
    """Every metric of ours, with the libraries that have it and are there."""
    sk, piq, tm, sewar, science, _ = have.values()
    an, bn = (x.permute(0, 2, 3, 1).contiguous().numpy() for x in (a, b))
    ya, yb = (255 * (0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]) for x in (a, b))
    turned = a.mT.contiguous(), b.mT.contiguous()                    # piq's FSIM has rows where the authors have columns
    nothing = {"reduction": "none"}

    def each(f, x=an, y=bn, **settings):
        return lambda: [f()(p, q, **settings) for p, q in zip(x, y)]

    def lab(x):
        return sk.color.rgb2lab(x)

    def cie(x):
        return science.XYZ_to_Lab(science.sRGB_to_XYZ(x))

    def gaussian():
        return {"fltr": sewar.Filter.GAUSSIAN, "ws": 11, "sigma": 1.5}

    def map_of_ssim():                                               # its mean counts a rim of reflected pixels, too
        whole = tm.image.structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True, **nothing)[1]
        return whole[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))

    def colorful():
        rg, yb = 255 * (an[..., 0] - an[..., 1]), 255 * ((an[..., 0] + an[..., 1]) / 2 - an[..., 2])
        return (np.sqrt(rg.var((1, 2)) + yb.var((1, 2))) + 0.3 * np.hypot(rg.mean((1, 2)), yb.mean((1, 2))))

    wang = {"channel_axis": 2, "data_range": 1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    found = [
        ("MSE", mse, 1e-7, {
            "scikit-image": each(lambda: sk.metrics.mean_squared_error), "torchmetrics": lambda: tm.mean_squared_error(a, b),
            "sewar": each(lambda: sewar.mse)}),
        ("MAE", mae, 1e-7, {"torchmetrics": lambda: tm.mean_absolute_error(a, b)}),
        ("RMSE", rmse, 1e-6, {
            "torchmetrics": each(lambda: tm.mean_squared_error, a, b, squared=False), "sewar": each(lambda: sewar.rmse)}),
        ("PSNR", psnr, 1e-3, {                                       # piq adds 1e-8 to the MSE
            "scikit-image": each(lambda: sk.metrics.peak_signal_noise_ratio, data_range=1),
            "piq": lambda: piq.psnr(a, b, **nothing), "sewar": each(lambda: sewar.psnr, MAX=1),
            "torchmetrics": lambda: tm.image.peak_signal_noise_ratio(a, b, data_range=1.0, dim=(1, 2, 3), **nothing)}),
        ("SSIM", ssim, 1e-4, {                                       # float32 in piq and torchmetrics
            "scikit-image": each(lambda: sk.metrics.structural_similarity, **wang),
            "piq": lambda: piq.ssim(a, b, downsample=False, **nothing), "torchmetrics": map_of_ssim,
            "sewar": each(lambda: lambda p, q: sewar.ssim(p, q, MAX=1, fltr_specs=gaussian())[0])}),
        ("UQI", uqi, None, {                                         # sums for means; a Gaussian of 11 pixels
            "sewar": each(lambda: sewar.uqi), "torchmetrics": lambda: tm.image.universal_image_quality_index(a, b, **nothing)}),
        ("FSIM", fsim, 1e-4, {"piq": lambda: piq.fsim(*turned, chromatic=False, **nothing)}),
        ("FSIMc", fsimc, 1e-3, {"piq": lambda: piq.fsim(*turned, **nothing)}),       # its YIQ has a digit more
        ("VIF", vif, 1e-3, {                                         # float32 in piq and torchmetrics
            "piq": lambda: piq.vif_p(a, b, **nothing), "sewar": each(lambda: sewar.vifp, yb.numpy(), ya.numpy()),
            "torchmetrics": lambda: tm.image.visual_information_fidelity(ya[:, None], yb[:, None], **nothing)}),
        ("CIEDE2000", ciede2000, 0.02, {                             # their white is rounded: 0.01 in each Lab
            "scikit-image": lambda: sk.color.deltaE_ciede2000(lab(an), lab(bn)).mean((1, 2)),
            "colour-science": lambda: science.delta_E(cie(an), cie(bn), method="CIE 2000").mean((1, 2))}),
        ("ab-RMSE", ab_rmse, 0.02, {
            "scikit-image": lambda: np.sqrt(((lab(an) - lab(bn))[..., 1:] ** 2).mean((1, 2, 3)))}),
    ]
    everything = [(what, {OURS: partial(ours, a, b)} | {name: way for name, way in others.items() if have[name]}, close)
                  for what, ours, close, others in found]
    return everything + [("colorfulness", {OURS: partial(colorfulness, a), "NumPy": colorful}, 1e-2)]


def _apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference; of the means, where a library gives one figure for all pictures."""
    if ours.shape != theirs.shape:
        ours, theirs = ours.mean(), theirs.mean()
    return float(np.abs(ours - theirs).max())
