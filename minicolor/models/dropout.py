"""Dropout by several processes on one batch: each drops what a single process would have dropped of its pictures.

source: Srivastava et al. 2014, JMLR 15; kept values are scaled in training, as PyTorch does.
"""

import torch
from torch import Tensor, nn

from minicolor.parallel import draw


class SharedDropout(nn.Dropout):
    """(N, ...) -> the same shape: each value 0 with probability p, else divided by 1 - p; at test as it is."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        kept = draw(x.shape, lambda shape: torch.empty(shape, dtype=torch.bool, device=x.device).bernoulli_(1 - self.p))
        return x * (kept * (1 / (1 - self.p)))
