"""Super-resolution: a color picture of half the size -> the picture. Report A, V (future work: SRGAN behind the DnCNN).

    color (N, 3, sH, sW) in [0, 1] -> 1/s of the size, each pixel the mean of an s x s block -> (N, 3, H, W) -> the picture

The answer that takes no learning is bicubic interpolation.
"""

from torch.nn import functional as F

from minicolor.metrics.ssim import ssim
from minicolor.tasks.task import Task, as_float, psnr


class Enlarge(Task):
    """Pictures -> pictures of 1/scale of their size, and the pictures."""

    figure, higher, title = "psnr", True, "PSNR, dB"
    to_beat = {"bicubic_psnr": "bicubic interpolation"}

    def __init__(self, scale: int = 2):
        self.scale = scale

    def prepare(self, pictures, seed=0, ids=None):
        rgb = as_float(pictures)
        return F.avg_pool2d(rgb, self.scale), rgb

    def untouched(self, pictures, x):
        """Bicubic interpolation."""
        return F.interpolate(x, scale_factor=self.scale, mode="bicubic", align_corners=False).clamp(0, 1)

    def figures(self, pictures, x, y, output):
        fake = output.clamp(0, 1)
        return {"psnr": psnr(fake, y), "ssim": ssim(fake, y)}

    def naive(self, pictures, x, y, common):
        guess = self.untouched(pictures, x)
        return {"bicubic_psnr": psnr(guess, y), "bicubic_ssim": ssim(guess, y)}

    def show(self, pictures, x, y, output):
        return [x.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2), output.clamp(0, 1), y]

    def facts(self, test):
        return [*super().facts(test), ("SSIM", f"{test['ssim']:.3f}", f"bicubic interpolation: {test['bicubic_ssim']:.3f}")]
