"""Color and twice the size at once: a damaged grey picture of half the size -> the color picture. Report D, 2.1.

    color (N, 3, 2H, 2W) in [0, 1] -> grain, blur, half the size, grey, CLAHE -> (N, 1, H, W) in [0, 1] -> the color picture

The report gives no numbers for blur, grain and CLAHE: the kernel size and deviation are report E's, the clip limit is OpenCV's
own example (2.0, 8x8 tiles). Grain, which it used in one experiment, comes after the blur here (ops/degrade.py).

Two answers take no learning: the input doubled by bicubic interpolation and left grey, and that with the mean color.
"""

import torch
from torch.nn import functional as F

from minicolor.kernels.degrade import degrade
from minicolor.metrics.ab_rmse import ab_rmse
from minicolor.metrics.colorfulness import colorfulness
from minicolor.metrics.ssim import ssim
from minicolor.ops.clahe import clahe
from minicolor.ops.degrade import grey as luma
from minicolor.ops.lab import rgb_to_lab
from minicolor.tasks.task import Task, as_float, psnr, repeat


class Restore(Task):
    """Pictures -> damaged grey ones of half the size, and the pictures."""

    figure, title = "mae", "MAE, of [0, 1]"
    to_beat = {"grey_mae": "doubled, left grey", "mean_mae": "mean training color everywhere"}
    multiple = 2                                         # the network is shown half of a side

    def __init__(self, kernel_size: int = 5, sigma: float = 0.7, grain: float = 0.0, clip_limit: float = 2.0):
        """grain: strength, 0 for none. clip_limit: CLAHE's, 0 for no CLAHE."""
        self.kernel_size, self.sigma, self.grain, self.clip_limit = kernel_size, sigma, grain, clip_limit

    def prepare(self, pictures, seed=0, ids=None):
        damage = {"kernel_size": self.kernel_size, "sigma": self.sigma, "grain": self.grain}
        return self._contrast(degrade(pictures, halve=True, seed=seed, ids=ids, **damage)), as_float(pictures)

    def _contrast(self, grey):
        return clahe(grey, self.clip_limit) if self.clip_limit else grey

    def picture(self, x, output):
        """The network's answer as pictures (N, 3, 2H, 2W) in [0, 1]."""
        return output.clamp(0, 1)

    def chroma(self, x, output):
        """The color alone, a and b (N, 2, 2H, 2W) in Lab units."""
        return rgb_to_lab(self.picture(x, output))[:, 1:]

    def sees(self, rgb):
        """A photograph at the working size -> half of it, blurred and equalized as in training; it brings its own grain along."""
        return self._contrast(degrade(rgb, halve=True, kernel_size=self.kernel_size, sigma=self.sigma))

    def figures(self, pictures, x, y, output):
        fake = self.picture(x, output)
        return {"mae": _mae(fake, y), "psnr": psnr(fake, y), "ssim": ssim(fake, y), "ab_rmse": ab_rmse(fake, y),
                "colorfulness": colorfulness(fake)}

    def common(self, batches):
        """The mean picture's r, g, b against its grey, (1, 3, 1, 1): what to add to grey to have the mean color."""
        offsets = [(rgb - luma(rgb)).mean(dim=(2, 3)) for rgb in map(as_float, batches)]           # (N, 3) of each batch
        return torch.cat(offsets).mean(0)[None, :, None, None]

    def naive(self, pictures, x, y, common):
        grey = self.untouched(pictures, x)
        average = (grey + common.to(grey)).clamp(0, 1)
        return {"grey_mae": _mae(grey, y), "mean_mae": _mae(average, y), "grey_psnr": psnr(grey, y), "grey_ssim": ssim(grey, y),
                "grey_ab_rmse": ab_rmse(grey, y), "true_colorfulness": colorfulness(y)}

    def untouched(self, pictures, x):
        """Doubled by bicubic interpolation, left grey."""
        return repeat(double(x))

    def show(self, pictures, x, y, output):
        blocks = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
        return [repeat(blocks), self.picture(x, output), y]

    def facts(self, test):
        return [
            *super().facts(test),
            ("PSNR", f"{test['psnr']:.2f} dB", f"doubled and left grey: {test['grey_psnr']:.2f}"),
            ("SSIM", f"{test['ssim']:.3f}", f"doubled and left grey: {test['grey_ssim']:.3f}"),
            ("ab-RMSE", f"{test['ab_rmse']:.2f}", f"left grey: {test['grey_ab_rmse']:.2f}"),
            ("colorfulness", f"{test['colorfulness']:.1f}", f"the true pictures have {test['true_colorfulness']:.1f}"),
        ]


def double(x):
    """(N, C, H, W) in [0, 1] -> (N, C, 2H, 2W), bicubic, clipped."""
    return F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False).clamp(0, 1)


def _mae(a, b):
    return (a - b).abs().mean(dim=(1, 2, 3))
