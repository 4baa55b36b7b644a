"""Dropout that throws the same dice however a batch is computed: by one process or several, channels first or last.

source: Srivastava et al. 2014, JMLR 15; kept values are scaled in training, as PyTorch does.

nn.Dropout throws in the order of the memory, so that a network laid out channels last drops other values than before, and on a
GPU it has dice of its own. Here they are those of nn.Dropout on a CPU, channels first, for the whole batch: see parallel.draw().
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
        return x * kept.to(x.dtype).mul_(1 / (1 - self.p))
