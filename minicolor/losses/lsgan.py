"""The least-squares adversarial loss.     source: Mao et al. 2017, "Least Squares Generative Adversarial Networks",
arXiv:1611.04076, eq. 9 (the 0-1 coding: a = 0, b = c = 1); CycleGAN uses it (Zhu et al. 2017, arXiv:1703.10593, section 4)

    discriminator   (D(x) - 1)^2 + D(G(z))^2         real patches towards 1, generated ones towards 0
    generator       (D(G(z)) - 1)^2

D gives plain scores, no sigmoid. The slope grows with the distance, however sure D is: it does not vanish while D wins.

Differs from the paper: its factor 1/2 is left out, as in bce_gan; Adam divides any constant factor out again.
"""

from torch import Tensor


def lsgan(scores: Tensor, real: bool) -> Tensor:
    """Scores of any shape -> a scalar: how far they are from all being 1 (or, with real=False, 0), squared and averaged."""
    return (scores - 1 if real else scores).square().mean()
