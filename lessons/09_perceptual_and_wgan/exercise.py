"""Exercise 09. The gradient penalty of a critic that gives maps.  30 minutes; then: python lessons/grade.py 09"""

from collections.abc import Callable

from torch import Tensor


def gradient_penalty(critic: Callable[[Tensor, Tensor], Tensor], condition: Tensor, real: Tensor, fake: Tensor,
                     e: Tensor) -> Tensor:
    """How far the critic's slope is from 1 between true and generated pictures: one number, to be added to its loss.

    real, fake (N, C, H, W): true and generated pictures. condition (N, K, H, W): the grey pictures that both belong to.
    critic(condition, picture) gives a map of scores for each picture, (N, 1, h, w); its score of one picture is the mean of that
    picture's map. No picture's score depends on another picture. e (N, 1, 1, 1): numbers in [0, 1], one for each picture.

    For each picture take the point e * real + (1 - e) * fake; the condition stays as it is. There, the slope is the derivative of
    the picture's score with respect to that point: C * H * W numbers, not those of the condition. The length of the slope should
    be 1. The penalty is the mean over the pictures of (length - 1) squared: too flat costs as much as too steep.

    The critic learns from the penalty: its derivative with respect to the critic's weights must be there and right.

    Example: the score is 2 times one number of the picture, its first channel's first pixel. The slope is 2 at that number and 0
    elsewhere, the penalty (2 - 1)^2 = 1, whatever real, fake and e are.
    """
    raise NotImplementedError
