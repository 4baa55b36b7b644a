"""One supervised step: the network answers, its losses say how far off it is, Adam follows the slope. Reports A to D."""

from contextlib import nullcontext

from torch import Tensor, nn

from minicolor.steps.step import Loss, Step


class SupervisedStep(Step):
    """terms: name -> (weight, loss of (output, truth)); a plain MSE is {"mse": (1.0, F.mse_loss)}."""

    def __init__(self, network: nn.Module, terms: dict[str, tuple[float, Loss]], lr: float = 1e-3,
                 betas: tuple[float, float] = (0.9, 0.999), autocast=nullcontext):
        super().__init__({"network": network}, lr, betas, autocast, terms=terms)

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """x what the network is shown, y what it should answer, in network units -> each loss without its weight."""
        with self.autocast():
            output = self.live["network"](x)
        losses, total = self.off_by(output, y)
        self.descend(total, "network")
        return {name: loss.detach() for name, loss in losses.items()}
