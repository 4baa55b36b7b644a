"""Denoising: a grey picture with Gaussian noise -> the picture without. Report A, II.A.4 and III.A.

    clean (N, 1, H, W) luma in [0, 1] -> noisy = clean + sigma * normal numbers, not clipped -> clean

Not clipped, as in the DnCNN paper's training: clipping would make the noise of black and white places one-sided. The noise of
held-out pictures is always the same, picture by picture, so that epochs can be compared.
"""

from minicolor.kernels.degrade import degrade
from minicolor.tasks.task import Task, psnr, repeat


class Denoise(Task):
    """Pictures -> noisy grey, and clean grey."""

    figure, higher, title = "psnr", True, "PSNR, dB"
    to_beat = {"noisy_psnr": "left noisy"}
    protocol = ("the noise is not clipped, answers are clipped to [0, 1] and not rounded to 8 bits; papers round: "
                "`python -m minicolor.denoising`")

    def __init__(self, sigma: float = 0.03):
        """sigma: standard deviation of the noise on [0, 1]."""
        self.sigma = sigma

    def prepare(self, pictures, seed=0, ids=None):
        noisy, noise = degrade(pictures, noise=self.sigma, seed=seed, ids=ids, clip=False, return_noise=True)
        return noisy, noisy - noise

    def _psnr(self, a, b):
        return psnr(repeat(a.clamp(0, 1)), repeat(b.clamp(0, 1)))        # three equal channels have the mean of one

    def figures(self, pictures, x, y, output):
        return {"psnr": self._psnr(output, y)}

    def naive(self, pictures, x, y, common):
        return {"noisy_psnr": self._psnr(x, y)}

    def untouched(self, pictures, x):
        return repeat(x.clamp(0, 1))

    def show(self, pictures, x, y, output):
        return [repeat(grey.clamp(0, 1)) for grey in (x, output, y)]
