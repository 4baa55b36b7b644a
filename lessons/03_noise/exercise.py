"""Exercise 03. The loss of a variational autoencoder.          30 minutes; then: python lessons/grade.py 03"""

from torch import Tensor


def elbo(clean: Tensor, truth: Tensor, mean: Tensor, log_variance: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor]:
    """The two parts that the training of A2's networks minimizes the sum of: (reconstruction, kl), two scalars, 0 or more.

    clean          (N, C, H, W), what the network made of N noisy pictures
    truth          (N, C, H, W), the same pictures without noise
    mean           (N, ...), of the code that the encoder found for each picture: (N, D) or (N, D, h, w)
    log_variance   the same shape: the natural logarithm of the code's variance (not of its standard deviation)

    reconstruction   mean squared error over all numbers of all pictures
    kl               how far the code's normal distribution lies from the standard one. For one number of the code it is

                         1/2 (mean^2 + variance - 1 - log variance)

                     which is 0 for mean 0 and variance 1. Add this up over all numbers of a picture's code; take the mean over
                     the N pictures; multiply by beta; and divide by C H W, how many numbers one picture has, so that both
                     parts are on the same scale.

    Example: one black 1x2x2 picture, answered with 0.5 everywhere, a code of two numbers, mean (2, 0), log variance (0, 0),
    beta 1:  reconstruction 0.25, kl 1/2 (4 + 0) / 4 = 0.5.
    """
    raise NotImplementedError
