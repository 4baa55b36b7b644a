"""Norm layers that bring their activation along: PyTorch's own layers in all but forward(), so weights fit either way.

    nn.Sequential(nn.BatchNorm2d(64), nn.LeakyReLU(0.2))   ->   BatchNormAct(64, slope=0.2)

They are BatchNorm2d and InstanceNorm2d: what looks for those (initialize.py, modes.py) finds them, and parameters, buffers and
state-dict names are the same. nn.SyncBatchNorm.convert_sync_batchnorm() finds them too and would drop the activation.
"""

from torch import Tensor, nn

from minicolor.errors import BadInput
from minicolor.kernels.norm_act import norm_act


class BatchNormAct(nn.BatchNorm2d):
    """nn.BatchNorm2d(*args, **kwargs), then LeakyReLU(slope); slope 0.0 is ReLU, None nothing. (N, C, H, W) -> the same."""

    def __init__(self, *args, slope: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """The bookkeeping is nn.BatchNorm2d's: momentum None is the plain average over all batches so far."""
        self._check_input_dim(x)
        renews = self.training and self.track_running_stats
        share = self.momentum
        if renews and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if share is None:
                share = 1 / float(self.num_batches_tracked)
        remembered = renews or not self.training  # training without tracking: this batch's statistics, renew nothing
        return norm_act(
            x, self.weight, self.bias,
            self.running_mean if remembered else None, self.running_var if remembered else None,
            training=self.training or (self.running_mean is None and self.running_var is None),
            momentum=share or 0.0, eps=self.eps, slope=self.slope,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, slope={self.slope}"


class InstanceNormAct(nn.InstanceNorm2d):
    """nn.InstanceNorm2d(*args, **kwargs), then LeakyReLU(slope); slope 0.0 is ReLU, None nothing. (N, C, H, W) -> the same.

    BadInput for track_running_stats=True: what is kept over pictures is BatchNorm's.
    """

    def __init__(self, *args, slope: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        if self.track_running_stats:
            raise BadInput("InstanceNormAct: expected track_running_stats=False, every picture has its own statistics")
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return norm_act(x, self.weight, self.bias, kind="instance", eps=self.eps, slope=self.slope)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, slope={self.slope}"
