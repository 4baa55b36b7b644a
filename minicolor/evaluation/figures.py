"""Which figures a picture gets, and what they are called: one table of all metrics, in the order in which they are shown."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from minicolor.metrics import as_reported
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.metrics.as_reported_fsim import as_reported_fsim
from minicolor.metrics.ciede2000 import ciede2000
from minicolor.metrics.colorfulness import colorfulness
from minicolor.metrics.fsim import fsim, fsimc
from minicolor.metrics.lpips import lpips
from minicolor.metrics.mae import mae
from minicolor.metrics.mse import mse
from minicolor.metrics.rmse import rmse
from minicolor.metrics.ssim import ssim
from minicolor.metrics.uqi import uqi
from minicolor.metrics.vif import vif
from minicolor.tasks.task import psnr


@dataclass(frozen=True)
class Metric:
    """of(answer, truth) -> (N,), both (N, 3, S, S) in [0, 1]. better: "lower", "higher", or "" where neither is."""

    name: str
    title: str
    better: str
    of: Callable[[Tensor, Tensor], Tensor]
    least: int = 1                # the smallest side it can look at
    color: bool = False           # says nothing of grey pictures


METRICS = (
    Metric("ab_rmse", "ab-RMSE, Lab units", "lower", ab_rmse, color=True),
    Metric("ciede2000", "CIEDE2000", "lower", ciede2000, color=True),
    Metric("colorfulness", "colorfulness", "", lambda answer, truth: colorfulness(answer), color=True),
    Metric("mse", "MSE", "lower", mse),
    Metric("mae", "MAE", "lower", mae),
    Metric("rmse", "RMSE", "lower", rmse),
    Metric("psnr", "PSNR, dB", "higher", psnr),
    Metric("ssim", "SSIM", "higher", ssim, least=11),
    Metric("uqi", "UQI", "higher", uqi, least=8),
    Metric("fsim", "FSIM", "higher", fsim, least=48),
    Metric("fsimc", "FSIMc", "higher", fsimc, least=48, color=True),
    Metric("vif", "VIF", "higher", vif, least=41),
)

EXACT = 100.0                 # dB, at which psnr() is bounded


def _psnr_as_reported(answer: Tensor, truth: Tensor) -> Tensor:
    """Bounded where psnr() is, 72.245 dB higher: one picture that was met exactly must not make the mean of all infinite."""
    return as_reported.psnr(answer, truth).clamp(max=EXACT + 20 * math.log10(as_reported.PEAK))


# report B's conventions: metrics/as_reported.py says what is wrong with each
AS_REPORTED = (
    Metric("rmse_as_reported", "RMSE as reported", "lower", as_reported.rmse),
    Metric("psnr_as_reported", "PSNR as reported, dB", "higher", _psnr_as_reported),
    Metric("ssim_as_reported", "SSIM as reported", "higher", as_reported.ssim, least=7),
    Metric("uqi_as_reported", "UQI as reported", "higher", as_reported.uqi, least=8),
    Metric("uqi_sewar_as_reported", "UQI as sewar has it", "higher", as_reported.uqi_sewar, least=9),
    Metric("fsim_as_reported", "FSIM as reported", "higher", as_reported_fsim, least=48),  # nan in small ones: nothing to weigh
    Metric("vif_as_reported", "VIF as reported", "higher", as_reported.vif, least=41),
)


def perceptual_metric(title: str, distance) -> Metric:
    """LPIPS, or a distance of other features under its own title, as a metric among the others."""
    return Metric(title.lower().replace("-", "_"), title, "lower", partial(lpips, distance=distance))


def chosen(color: bool, size: int, conventions: bool) -> tuple[list[Metric], list[str]]:
    """The metrics for pictures of this size, and a sentence for each that has to be left out."""
    wanted = [m for m in (*METRICS, *(AS_REPORTED if conventions else ())) if color or not m.color]
    small = [m for m in wanted if m.least > size]
    names = ", ".join(m.title for m in small)
    notes = [f"{names}: left out, pictures of {size} pixels are smaller than their window"] if small else []
    return [m for m in wanted if m.least <= size], notes
