"""Adam: Kingma and Ba 2015, arXiv:1412.6980; PyTorch's own, in one pass over the weights.

On a CPU that pass (PyTorch 2.11 to 2.13) takes each tensor's numbers one by one as they lie in memory. Two things follow:
a weight, its gradient and what is remembered of it must lie in the same order, or it silently computes something else; and of
weights that lie channels last it copies the gradient, though it needs no copy. Both are seen to here.
"""

import torch
from torch import Tensor


class Adam(torch.optim.Adam):
    """torch.optim.Adam(parameters, lr, betas, fused=True): the same numbers, and the same state to save."""

    def __init__(self, parameters, lr: float, betas: tuple[float, float]):
        super().__init__(parameters, lr, betas, fused=True)

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.lay_out()

    def lay_out(self) -> None:
        """What is remembered, in the order of the weights: after these were loaded or laid out anew."""
        for weight, remembered in self.state.items():
            for key, value in remembered.items():
                if value.shape == weight.shape and value.stride() != weight.stride():
                    remembered[key] = torch.empty_like(weight, requires_grad=False).copy_(value)

    def _init_group(self, group, weights, gradients, means, squares, *rest):
        found = super()._init_group(group, weights, gradients, means, squares, *rest)
        for i, (weight, gradient) in enumerate(zip(weights, gradients)):
            if weight.stride() != gradient.stride():
                gradients[i] = torch.empty_like(weight, requires_grad=False).copy_(gradient)
            if _on_a_cpu_channels_last(weight):              # seen with its channels last, it is in plain order: nothing to copy
                for tensors in (weights, gradients, means, squares):
                    tensors[i] = tensors[i].permute(0, 2, 3, 1)
        return found


def _on_a_cpu_channels_last(t: Tensor) -> bool:
    return t.device.type == "cpu" and t.ndim == 4 and t.is_contiguous(memory_format=torch.channels_last)
