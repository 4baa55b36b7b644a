"""A history of generated pictures: Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; CycleGAN, arXiv:1703.10593, section 4.

A discriminator that is shown the newest pictures alone forgets the generator's older mistakes, and the two run in circles. So
half of the time a new picture is put away, and an older one shown in its place. Until the pool is full, all are shown and kept.
"""

import torch
from torch import Tensor


class ImagePool:
    """pool(fakes) -> as many pictures, detached: each is the new one or, with probability 1/2, one kept earlier.

    size       pictures kept, 50 in both papers; 0: off, the batch comes back as it is
    generator  torch.Generator on the CPU that decides; None: torch's own, which torch.manual_seed() sets
    All pictures have one shape (C, H, W).
    """

    def __init__(self, size: int = 50, generator: torch.Generator | None = None):
        if size < 0:
            raise ValueError(f"ImagePool keeps 0 or more pictures, not {size}")
        self.size, self.generator = size, generator
        self.pictures: list[Tensor] = []

    def __call__(self, fakes: Tensor) -> Tensor:
        """(N, C, H, W), any range -> (N, C, H, W)."""
        fakes = fakes.detach()
        return torch.stack([self._exchange(fake) for fake in fakes]) if self.size else fakes

    def _exchange(self, fake: Tensor) -> Tensor:
        if len(self.pictures) < self.size:
            self.pictures.append(fake.clone())               # a view would keep its whole batch in memory
            return fake
        if torch.rand((), generator=self.generator) < 0.5:
            return fake
        place = int(torch.randint(self.size, (), generator=self.generator))
        old, self.pictures[place] = self.pictures[place], fake.clone()
        return old.to(fake)                                  # a checkpoint brings its pictures back on the CPU

    def state_dict(self) -> dict[str, Tensor]:
        """For a checkpoint: what is kept, and where the generator stands if one was handed in."""
        state = {"pictures": torch.stack(self.pictures)} if self.pictures else {}
        return state if self.generator is None else state | {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        pictures = state.get("pictures", ())
        if len(pictures) > self.size:
            raise ValueError(f"this ImagePool keeps {self.size} pictures, and the saved one holds {len(pictures)}")
        self.pictures = [picture.clone() for picture in pictures]
        if self.generator is not None and "generator" in state:
            self.generator.set_state(state["generator"])
