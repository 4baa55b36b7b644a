"""The gradient penalty of WGAN-GP.     source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", arXiv:1704.00028,
eq. 3 and algorithm 1 (where its weight is 10; here the penalty comes without)

    between = e real + (1 - e) fake             e uniform in [0, 1), one for each picture
    penalty = mean over pictures of (|| d C(between) / d between || - 1)^2

The norm is over all numbers of one picture. Of a critic that gives maps (PatchGAN) one number has to be made. patches="sum" is
what `grad_outputs=ones_like(scores)` amounts to, the usual code: but the losses take the mean of a map (losses/wasserstein.py),
so with 30x30 patches the critic in the losses is held to a slope of 1/900, and the adversarial part of a generator that also has
L1 is as good as gone (on 36 patches 0.0099 was measured, against 0.32 of 100 L1). patches="mean" holds that mean to 1 (0.43).
The pictures must not meet in the critic (section 4: no BatchNorm in training mode), else a slope is not one picture's.

Everything here is float32 even inside autocast: the loss differentiates a gradient, so the rounding of bfloat16 (3 digits) would
go through the network twice before the weights see it, in a difference to 1 that is small where training goes well.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from minicolor.parallel import draw


def gradient_penalty(critic: Callable[..., Tensor], real: Tensor, fake: Tensor, *condition: Tensor,
                     draws: Tensor | None = None, patches: str = "sum") -> Tensor:
    """Two (N, C, H, W) -> a scalar >= 0, whose slope reaches the critic's weights alone.

    The critic is called as critic(*condition, between). draws: e, (N, 1, 1, 1) in [0, 1]; drawn here where it is None.
    patches: "sum" or "mean", what becomes of a picture's scores; the same for a critic that gives one.
    """
    if real.ndim != 4 or real.shape != fake.shape:
        raise ValueError(f"real and fake must be (N, C, H, W) of one shape, not {tuple(real.shape)} and {tuple(fake.shape)}")
    if draws is not None and draws.shape != (len(real), 1, 1, 1):
        raise ValueError(f"draws must be ({len(real)}, 1, 1, 1), one number for each picture, not {tuple(draws.shape)}")
    if patches not in ("sum", "mean"):
        raise ValueError(f'patches must be "sum" or "mean", not {patches!r}')
    real, fake, *condition = (_full(x) for x in (real, fake, *condition))
    if draws is None:
        draws = draw((len(real), 1, 1, 1), lambda shape: torch.rand(shape, device=real.device, dtype=real.dtype))
    e = draws.to(real)
    between = (e * real + (1 - e) * fake).requires_grad_()
    with torch.autocast(real.device.type, enabled=False):
        scores = critic(*condition, between)
        # the sum over the batch: no picture's score depends on another picture, so each gets its own slope
        each = torch.full_like(scores, 1.0 if patches == "sum" else 1 / scores[0].numel())
        (slope,) = torch.autograd.grad(scores, between, each, create_graph=True)
        norm = torch.linalg.vector_norm(slope.flatten(1), dim=1)     # its slope at 0 is 0, where that of sqrt would be infinite
        return (norm - 1).square().mean()


def _full(x: Tensor) -> Tensor:
    """Off the graph (the generator is not to learn from this), in float32, or in float64 if it was that."""
    return x.detach() if x.dtype == torch.float64 else x.detach().float()
