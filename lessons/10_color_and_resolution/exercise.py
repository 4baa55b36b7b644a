"""Exercise 10. 1 - SSIM, a loss that looks at structure.            40 minutes; then: python lessons/grade.py 10"""

from torch import Tensor


def ssim_loss(a: Tensor, b: Tensor) -> Tensor:
    """Two batches (N, C, H, W) in [0, 1], sides of at least 11 -> one number, a tensor of no dimension; 0 for equal ones.

    In each channel of each picture, and at each place where a window of 11x11 pixels lies wholly inside the picture:

        weights   a Gaussian with a standard deviation of 1.5 pixels in each direction, centred in the window, sum 1
        ma, mb    the weighted means of a and of b in the window
        va, vb    the weighted means of (a - ma)^2 and of (b - mb)^2
        cov       the weighted mean of (a - ma) (b - mb)
        c1, c2    0.0001 and 0.0009: (0.01)^2 and (0.03)^2, for values up to 1
        ssim      (2 ma mb + c1) (2 cov + c2) / ((ma^2 + mb^2 + c1) (va + vb + c2))

    The loss is 1 minus the mean of ssim over all windows, channels and pictures. It is for training: gradients must pass through.

    Example: of two flat pictures, one .2 and one .6 everywhere, va = vb = cov = 0 and the loss is 1 - .2401 / .4001 = .3999.
    A weighted mean at every place is a convolution with a fixed kernel.
    """
    raise NotImplementedError
