"""Exercise 07. What the forger wants and what the expert wants.     25 minutes; then: python lessons/grade.py 07"""

from collections.abc import Callable

from torch import Tensor


def gan_losses(d: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The two adversarial losses of one step: (the discriminator's, the generator's), a scalar each.

    d      the discriminator: pictures (N, C, H, W) -> one logit z per patch, (N, 1, h, w). D = sigmoid(z) is how likely it
           finds that the patch is real: z above 0 says real, below 0 says fake. d itself has no sigmoid.
    real   true pictures (N, C, H, W)
    fake   the generator's pictures (N, C, H, W), still connected to the generator's weights

    Discriminator   the mean of -log D over the patches of real, plus the mean of -log(1 - D) over those of fake.
                    Its slope must not reach the generator.
    Generator       the mean of -log D over the patches of fake: it wants them taken for real.
                    Its slope must reach the generator.

    A mean is over all patches of all pictures. Logits may lie far out, at 1000 or -1000: both losses and their slopes must stay
    finite and right there. So do not compute sigmoid and then log: find -log sigmoid(z) in one piece.

    Example: all logits are 0. Then D = 1/2 everywhere, the generator's loss is log 2 = 0.693..., the discriminator's twice that.
    """
    raise NotImplementedError
