"""CycleGAN's cycle consistency: Zhu et al. 2017, arXiv:1703.10593, eq. 2. There and back again should be where one was.

    L_cyc = |F(G(x)) - x|_1 + |G(F(y)) - y|_1                                 call it once for each way around; weight lambda = 10
    L_id  = |F(x) - x|_1 + |G(y) - y|_1     section 5.2, weight lambda / 2    the same distance: cycle_loss(x, F(x))

The paper writes the 1-norm; as its code does, this takes the mean, so that lambda does not depend on the picture's size.
"""

from torch import Tensor
from torch.nn import functional as F


def cycle_loss(a: Tensor, back: Tensor) -> Tensor:
    """A picture and what came back, of one shape, any range -> a scalar, the mean absolute difference."""
    if a.shape != back.shape:
        raise ValueError(f"cycle_loss compares pictures of one shape, not {tuple(a.shape)} with {tuple(back.shape)}")
    return F.l1_loss(back, a)
