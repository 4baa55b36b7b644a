"""BatchNorm whose statistics are of all processes' pictures: what one process would see of the whole batch.

source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1; its gradient is theirs, with the sums taken over all processes.

    forward     mean = sum x / n          n, sum x over all       one exchange of C + 1 numbers
                var  = sum (x - mean)^2 / n                       one of C
    backward    dx = w / s (dz - (sum dz + z^ sum dz z^) / n)     one of 2 C

The variance is taken about the true mean: from sums of squares alone (one exchange fewer) a mean of 100 with a deviation of .1
would lose all its digits in float32. PyTorch's nn.SyncBatchNorm knows only GPUs and no activation.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from minicolor.models.norm_act import BatchNormAct
from minicolor.parallel import world


class SyncBatchNormAct(BatchNormAct):
    """BatchNormAct over all processes, where gradients are recorded. Elsewhere each looks at pictures of its own."""

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> "SyncBatchNormAct":
        """The same layer: the very same weights, buffers and modes."""
        new = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats,
                  slope=getattr(norm, "slope", None))
        new._parameters, new._buffers, new.training = norm._parameters, norm._buffers, norm.training
        return new

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and torch.is_grad_enabled() and world() > 1):
            return super().forward(x)
        self._check_input_dim(x)
        y, mean, var, n = _Sync.apply(x, self.weight, self.bias, self.eps, self.slope)
        if self.track_running_stats:
            self.num_batches_tracked.add_(1)
            share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(var * (n / (n - 1)), share)
        return y


class _Sync(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, eps, slope):
        full = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        sums = torch.cat([full.sum((0, 2, 3)), full.new_full((1,), full.numel() / full.shape[1])])
        dist.all_reduce(sums)
        mean, n = sums[:-1] / sums[-1], sums[-1]
        squares = (full - mean[:, None, None]).square().sum((0, 2, 3))
        dist.all_reduce(squares)
        var = squares / n
        rstd = (var + eps).rsqrt()
        ctx.save_for_backward(x, weight, bias, mean, rstd, n)
        ctx.slope = slope
        z = _affine((full - mean[:, None, None]) * rstd[:, None, None], weight, bias)
        ctx.mark_non_differentiable(mean, var, n)
        return (z if slope is None else F.leaky_relu(z, slope)).to(x.dtype), mean, var, n

    @staticmethod
    @once_differentiable                                             # autograd does not see what all_reduce adds
    def backward(ctx, dy, *_):
        x, weight, bias, mean, rstd, n = ctx.saved_tensors
        dz, x = dy.to(mean.dtype), x.to(mean.dtype)
        hat = (x - mean[:, None, None]) * rstd[:, None, None]
        if ctx.slope is not None:
            dz = torch.where(_affine(hat, weight, bias) > 0, dz, dz * ctx.slope)
        own = torch.stack([dz.sum((0, 2, 3)), (dz * hat).sum((0, 2, 3))])
        sums = own.clone()
        dist.all_reduce(sums)
        plain, times_hat = (sums / n)[:, :, None, None]
        dx = (dz - plain - hat * times_hat) * (rstd if weight is None else rstd * weight)[:, None, None]
        return dx.to(dy.dtype), None if weight is None else own[1], None if bias is None else own[0], None, None


def _affine(hat: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    return hat if weight is None else hat * weight[:, None, None] + bias[:, None, None]
