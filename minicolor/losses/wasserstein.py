"""The Wasserstein losses.     source: Arjovsky et al. 2017, "Wasserstein GAN", arXiv:1701.07875, eq. 2 and algorithm 1;
Gulrajani et al. 2017, arXiv:1704.00028, eq. 3 (its first two terms; the third is losses/gradient_penalty.py)

    critic      mean C(fake) - mean C(real)     its negative estimates the distance between the two, once |slope of C| <= 1 holds
    generator   -mean C(fake)

A critic gives any number, no sigmoid. Of a PatchGAN's maps the mean over all patches is taken: the critic is then their mean.
"""

from torch import Tensor


def critic_loss(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """The critic's scores of real and of generated pictures, of any shapes -> a scalar, any sign; lower separates them more."""
    return on_fake.mean() - on_real.mean()


def generator_loss(on_fake: Tensor) -> Tensor:
    """The critic's scores of generated pictures, of any shape -> a scalar, any sign; lower means taken for real."""
    return -on_fake.mean()
