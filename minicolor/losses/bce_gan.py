"""The original adversarial loss as binary cross entropy.     source: report A, eqs. 2 and 3; report C, Fig. 3

    discriminator   -[ log D(x, y) + log(1 - D(x, G(x))) ]      real patches towards 1, generated ones towards 0
    generator       -log D(x, G(x))                             not log(1 - D): that has no slope while D wins

D here gives logits z with D = sigmoid(z); -log sigmoid(z) is computed as softplus(-z), which cannot overflow.
"""

from torch import Tensor
from torch.nn import functional as F


def bce_gan(logits: Tensor, real: bool) -> Tensor:
    """Logits of any shape -> a scalar: how far they are from all saying `real` (or, with real=False, all "fake")."""
    return F.softplus(-logits if real else logits).mean()
