"""One step of CycleGAN on coloring: Zhu et al. 2017, arXiv:1703.10593, sections 3 and 4; report A names it as future work.

    x greys of some pictures, y colors of OTHERS       G "generator" grey -> color       F "back" color -> grey

    1. G and F together, both discriminators frozen    fool them    LSGAN(D_color(G(x)), real) + LSGAN(D_grey(F(y)), real)
                                                       come back    lambda (|F(G(x)) - x| + |G(F(y)) - y|)
                                                       identity     lambda / 2 |F(x as RGB) - x|
    2. D_color and D_grey, with real pictures and pooled older fakes   LSGAN(D(real), real) + LSGAN(D(pool(fake)), fake)

The loader gives pairs, and this step breaks them: greys are the first half of the batch, colors the rest, so no update sees a
picture's grey beside its color. (Over the epochs both are seen, in different updates.)
Coming back is weaker than it looks: F may hide the colors in its grey as faint noise for G to read (Chu et al. 2017,
arXiv:1712.02950), and any coloring that can be undone satisfies it. In the toy of tests/test_cyclegan.py all of 6 starts find the
right colors; without the identity loss 4 of the 6 learn the negative, where dark and bright change places both ways.

One process alone can train this: the halves of a share are not the shares of the halves, and pools would be each process's own.

Differs from the paper: the identities |F(x) - x| and |G(y) - y| need as many channels in as out. F's has a meaning here: a grey
repeated to three channels is a color picture, and its grey is itself (nearly: sRGB's curve puts L up to 0.07 away on [-1, 1]).
G's has none, since it cannot read colors: left out. The paper halves D's losses to slow D down; Adam divides that out again.
"""

from contextlib import nullcontext

from torch import Tensor, nn

from minicolor.losses.cycle import cycle_loss
from minicolor.losses.lsgan import lsgan
from minicolor.steps.image_pool import ImagePool
from minicolor.steps.step import Step, frozen


class CycleGANStep(Step):
    """Owns the four networks, their Adams and two pools. `step(x, y)` takes network units and returns the losses, detached.

    generator (N, 1, H, W) -> (N, 3, H, W), back (N, 3, H, W) -> (N, 1, H, W), d_color and d_grey: scores of such pictures.
    """

    static = False                                           # the pools throw dice on the CPU
    unshared = "CycleGAN takes its greys and its colors from the two halves of one batch, and each process has a pool of its own"

    def __init__(self, generator: nn.Module, back: nn.Module, d_color: nn.Module, d_grey: nn.Module, lr: float = 2e-4,
                 betas: tuple[float, float] = (0.5, 0.999), cycle_weight: float = 10.0, identity: float = 0.5, pool: int = 50,
                 autocast=nullcontext):
        super().__init__({"generator": generator, "back": back, "d_color": d_color, "d_grey": d_grey}, lr, betas, autocast)
        self.cycle_weight, self.identity_weight = cycle_weight, identity * cycle_weight
        self.pools = {"d_color": ImagePool(pool), "d_grey": ImagePool(pool)}

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """x (N, 1, H, W) greys, y (N, 3, H, W) colors, both in [-1, 1]: N // 2 greys and the other N - N // 2 colors are used."""
        if len(x) != len(y) or len(x) < 2:
            raise ValueError(f"CycleGAN needs a batch of at least 2, one for its grey and one for its color, not {len(x)}")
        half = len(x) // 2
        grey, color = x[:half], y[half:]
        generator, back = self.live["generator"], self.live["back"]
        d_color, d_grey = self.networks["d_color"], self.networks["d_grey"]

        # G and F. D frozen: gradients pass through it to the picture, none is spent on its weights
        with frozen(d_color), frozen(d_grey):
            with self.autocast():
                fake_color, fake_grey = generator(grey), back(color)
                grey_again, color_again = back(fake_color), generator(fake_grey)
                on_color, on_grey = d_color(fake_color), d_grey(fake_grey)
                same = back(grey.expand(-1, 3, -1, -1)) if self.identity_weight else grey
            losses = {
                "g_color": lsgan(on_color.float(), real=True), "g_grey": lsgan(on_grey.float(), real=True),
                "cycle_grey": cycle_loss(grey, grey_again.float()), "cycle_color": cycle_loss(color, color_again.float()),
                "identity": cycle_loss(grey, same.float()),
            }  # fmt: skip
            cycle = losses["cycle_grey"] + losses["cycle_color"]
            total = losses["g_color"] + losses["g_grey"] + self.cycle_weight * cycle + self.identity_weight * losses["identity"]
            self.descend(total, "generator", "back")

        # D, each alone. The pools detach: this must not reach G and F
        for name, real, fake in (("d_color", color, fake_color), ("d_grey", grey, fake_grey)):
            shown = self.pools[name](fake)
            with self.autocast():
                on_real, on_fake = self.live[name](real), self.live[name](shown)
            losses[name] = lsgan(on_real.float(), real=True) + lsgan(on_fake.float(), real=False)
            self.descend(losses[name], name)
        return {name: loss.detach() for name, loss in losses.items()}

    def extra_state(self) -> dict:
        """The pools: a resumed run must show D the same old pictures."""
        return {name: pool.state_dict() for name, pool in self.pools.items()}

    def load_extra_state(self, state: dict) -> None:
        for name, pool in self.pools.items():
            pool.load_state_dict(state[name])
