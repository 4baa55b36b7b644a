"""BatchNorm or InstanceNorm, then LeakyReLU, ReLU or nothing: the pair that stands behind most convolutions.

source: Ioffe and Szegedy 2015, arXiv:1502.03167; Ulyanov et al. 2016, arXiv:1607.08022 (InstanceNorm); Maas et al. 2013
(LeakyReLU). Written with PyTorch's own functions; kernels/norm_act.py computes the same in fewer passes over memory.
"""

from torch import Tensor
from torch.nn import functional as F


def norm_act(
    x: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    kind: str = "batch",
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    slope: float | None = None,
) -> Tensor:
    """(N, C, H, W), any range -> the same shape: z = (x - mean) / sqrt(var + eps) * weight + bias, then z or slope * z below 0.

    weight, bias           (C,), or None for 1 and 0
    running_mean, _var     (C,): renewed in training, used instead of the batch's own where training is False; batch only
    kind                   "batch": statistics over N, H, W; "instance": over H, W, one set for each picture, also at test
    momentum               the share of this batch in the renewed running statistics
    slope                  0.2 is pix2pix's LeakyReLU, 0.0 a ReLU, None no activation
    ValueError where only one value stands behind a statistic: it would be normalized to 0 whatever it is.
    """
    if kind == "batch":
        z = F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    else:
        z = F.instance_norm(x, weight=weight, bias=bias, eps=eps)
    if slope is None:
        return z
    return F.relu(z) if slope == 0 else F.leaky_relu(z, slope)
