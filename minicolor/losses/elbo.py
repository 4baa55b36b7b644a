"""The variational lower bound, turned into a loss.     source: Kingma and Welling 2014, "Auto-Encoding Variational Bayes",
arXiv:1312.6114, eqs. 3 and 10, appendix B; beta: Higgins et al. 2017, "beta-VAE", ICLR

    -ELBO = -log p(truth | code) + KL( N(mean, variance) || N(0, 1) )
    KL    = 1/2 sum over the code of (mean^2 + variance - 1 - log variance)

With p a Gaussian of variance s^2 for each of a picture's D = C H W numbers, -log p is D MSE / (2 s^2) and a constant. All of it
times 2 s^2 / D gives the two parts as they are here, on the scale of one number of the picture, whatever the picture's size:

    reconstruction = MSE          kl = beta KL / D          beta = 2 s^2: 1 says that s^2 is 1/2, smaller trusts the picture more
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def elbo(clean: Tensor, truth: Tensor, mean: Tensor, log_variance: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor]:
    """What models/vae.py returns, and the truth -> (reconstruction, kl): scalars >= 0, means over pictures. Minimize their sum.

    clean and truth (N, C, H, W); mean and log_variance of one shape (N, ...): flat codes and spatial ones.
    """
    if clean.shape != truth.shape:
        raise ValueError(f"clean and truth must have one shape, not {tuple(clean.shape)} and {tuple(truth.shape)}")
    if mean.shape != log_variance.shape or len(mean) != len(clean):
        raise ValueError(f"mean and log_variance must have one shape, one code for each of {len(clean)} pictures, not "
                         f"{tuple(mean.shape)} and {tuple(log_variance.shape)}")
    # expm1: near the prior, variance - 1 is what is left of two equal numbers
    kl = 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance).flatten(1).sum(1).mean()
    return F.mse_loss(clean, truth), beta * kl / truth[0].numel()
