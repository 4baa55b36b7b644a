"""Exercise 05. PSNR, and the peak that it depends on.           20 minutes; then: python lessons/grade.py 05"""

from torch import Tensor


def psnr(prediction: Tensor, truth: Tensor, peak: float = 1.0) -> Tensor:
    """The peak signal-to-noise ratio of each picture, in dB: (N,), higher is better.

    prediction, truth   (N, 3, H, W), values from 0 to peak. Floats, or bytes (torch.uint8), then with a peak of 255.
    peak                the largest value that a picture can have; not the largest that this one has

    For one picture: the mean squared error over all its pixels and channels; then ten times the logarithm, to base 10, of
    peak^2 over that error. Equal pictures have infinitely many dB. What stands beside a picture in the batch does not matter.

    Example: a black picture answered with 0.1 everywhere has 20 dB with peak 1.
    Bytes and floats must agree: the same pictures divided by 255 have, with peak 1, the same PSNR.
    """
    raise NotImplementedError
