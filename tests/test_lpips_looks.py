"""When LPIPS looks at the values it is given: always, but for a GPU's training after the first time."""

import pytest
import torch
from torch import nn

from minicolor.losses.lpips import LPIPS


class Itself(nn.Module):
    """A network of one stage: the picture."""

    def stages(self, x):
        return (x,)


class OnAGPU(torch.Tensor):
    """A tensor that says so; it computes where it is."""

    is_cuda = True


def test_on_a_gpu_training_looks_once_and_a_figure_is_always_checked():
    """Looking makes a GPU wait. A run's loss and its evaluation's figure may be the very same object."""
    metric = LPIPS(Itself())
    a, b = (x.as_subclass(OnAGPU) for x in torch.rand(2, 1, 3, 8, 8))
    assert metric(a, b) > 0
    assert metric(a, 200 * b).isfinite()                        # in training, after the first: nobody looks
    for mode in (torch.no_grad, torch.inference_mode):
        with mode(), pytest.raises(ValueError, match="expects values in"):
            metric(a, 200 * b)
    with pytest.raises(ValueError, match="expects values in"):
        LPIPS(Itself())(a, 200 * b)                           # the first


def test_on_a_cpu_it_always_looks():
    metric, (a, b) = LPIPS(Itself()), torch.rand(2, 1, 3, 8, 8)
    assert metric(a, b) > 0
    with pytest.raises(ValueError, match="expects values in"):
        metric(a, 200 * b)
