"""Dropout that throws the same dice however a batch is computed: by one process or several, channels first or last.

source: Srivastava et al. 2014, JMLR 15; kept values are scaled in training, as PyTorch does.

nn.Dropout throws in the order of the memory, so that a network laid out channels last drops other values than before. Here the
order is always channels first, for the whole batch (parallel.draw()): on a CPU these are nn.Dropout's dice. A GPU has another
generator, so it drops other values than a CPU; there, too, layout and number of processes make no difference.

The price: each of several processes throws for all pictures of the batch and keeps its own, one byte for each value. With as many
pictures for each process, that grows with the number of processes: of 256, each throws 256 times what it needs.
"""

import torch
from torch import Tensor, nn

from minicolor.parallel import draw


class SharedDropout(nn.Dropout):
    """(N, ...) -> the same shape: each value 0 with probability p, else divided by 1 - p; at test as it is."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        if self.p == 1:
            return x * 0
        kept = draw(x.shape, lambda shape: torch.empty(shape, dtype=torch.bool, device=x.device).bernoulli_(1 - self.p))
        return x * kept.to(x.dtype).mul_(1 / (1 - self.p))
