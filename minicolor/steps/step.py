"""What every optimization step has: networks, an Adam for each, and the network that is used once training is over.

A step is one file that is read from top to bottom: its `step(x, y)` makes the losses and calls `descend`. The FIRST of its
networks is the one that is kept and used (the generator, the denoiser, the classifier); the others only help to train it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn

from minicolor.losses.weighted import Weighted
from minicolor.steps.adam import Adam

Loss = Callable[[Tensor, Tensor], Tensor]                    # (output, truth) -> scalar


class Step:
    """networks: by name, each with its own Adam, all with the step size lr (fit.py makes it smaller along the way).

    terms: name -> (weight, loss), what the first network's answers are held to; those of weight 0 are not computed.
    """

    static = True                                            # the same kernels each time, no dice on the CPU: see fast.py
    unshared = ""                                            # why several processes cannot share a batch; empty: they can
    differentiated_twice: tuple[str, ...] = ()               # networks whose gradient a loss differentiates again

    def __init__(self, networks: dict[str, nn.Module], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 autocast=nullcontext, terms: dict[str, tuple[float, Loss]] | None = None):
        self.networks, self.autocast = networks, autocast
        self.live: dict[str, nn.Module] = dict(networks)     # what step() trains through: of several processes, distribute.py's
        self.share = 1.0                                     # this process's part of the batch, times the number of processes
        self.near: Weighted | None = None
        self.hold_to(terms or {})
        self.optimizers = {
            name: Adam([p for p in network.parameters() if p.requires_grad], lr, betas) for name, network in networks.items()
        }

    @property
    def network(self) -> nn.Module:
        """The one that is used once training is over."""
        return next(iter(self.networks.values()))

    def hold_to(self, terms: dict[str, tuple[float, Loss]]) -> None:
        """Add terms, or replace those of the same name."""
        terms = (self.near.terms if self.near else {}) | terms
        self.near = Weighted(terms) if any(weight for weight, _ in terms.values()) else None

    @property
    def rulers(self) -> list[nn.Module]:
        """Networks that only measure (LPIPS): to be moved to the device, never trained."""
        return self.near.rulers if self.near else []

    def off_by(self, output: Tensor, y: Tensor) -> tuple[dict[str, Tensor], Tensor | float]:
        """Each term without its weight, by name, and what to descend: their weighted sum."""
        losses = self.near(output.float(), y) if self.near else {}
        return losses, self.near.total(losses) if losses else 0.0

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """One update of every network, from inputs x and answers y in network units -> the losses, detached, for the log."""
        raise TypeError(f"{type(self).__name__} is missing its step()")

    def generate(self, x: Tensor) -> Tensor:
        """The network's answer to x, float32. The caller chooses the mode: see models/modes.py."""
        with self.autocast():
            return self.network(x).float()

    def descend(self, loss: Tensor, *names: str) -> None:
        """One backward pass, then these networks' Adams."""
        for name in names:
            self.optimizers[name].zero_grad(set_to_none=True)
        (loss if self.share == 1.0 else loss * self.share).backward()
        for name in names:
            self.optimizers[name].step()

    def extra_state(self) -> dict:
        """What a resumed run needs besides weights, optimizers and random state: tensors and plain values."""
        return {}

    def load_extra_state(self, state: dict) -> None:
        """Take back what extra_state() gave."""


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Inside, gradients pass through the network to the picture, and none is spent on its weights. After: as before.

    Take it from `networks`: one of `live` would tell the other processes of gradients that never come.
    """
    before = {p: p.requires_grad for p in network.parameters()}
    network.requires_grad_(False)
    try:
        yield
    finally:
        for p, wanted in before.items():
            p.requires_grad_(wanted)
