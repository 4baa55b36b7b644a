"""MAE: mean over all pixels and channels of a picture of |prediction - truth|, RGB in [0, 1], so peak 1: 0 .. 1."""

from torch import Tensor

from minicolor.metrics.ranges import at_least_float32, check_rgb


def mae(prediction: Tensor, truth: Tensor) -> Tensor:
    """Two (N, 3, H, W) in [0, 1] -> (N,), 0 is perfect; 255 times as much on 0..255; float32 at least.

    BadInput as check_rgb.
    """
    check_rgb(prediction, truth)
    some = 2**18 // len(truth) + 1                                      # of each picture at a time: they stay in a CPU's cache
    parts = zip(*(x.flatten(1).split(some, dim=1) for x in at_least_float32(prediction, truth)))
    return sum((p - t).abs_().sum(dim=1) for p, t in parts) / truth[0].numel()
