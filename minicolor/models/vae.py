"""Two variational autoencoders as denoisers: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, arXiv:1312.6114.

    noisy (N, 1, H, W) -> down: conv 4x4/2 (norm) lrelu    H/2, 32   H/4, 64   H/8, 128   H/16, 256      A2 of report A, III.A
                       -> linear or conv 1x1               mean and log variance of the code, any values
                       -> code = mean + deviation * random
                       -> linear or conv 1x1, relu         H/16, 256
                       -> up: tconv 4x4/2 norm relu x 3, tconv 4x4/2 sigmoid     H, 1: clean, in (0, 1)

side=S: one flat code of `latent` numbers for a picture of S x S, S a multiple of 16; where a thing stands must be in the numbers.
side=None: a code of `latent` numbers at each place of H/16 x W/16; any sides that are multiples of 16.
26,610,273 parameters flat (latent 128, side 256), 1,477,473 spatial (latent 128).

Report A tried "two variants" and rejected them; it prints no layers and no sizes, so all of these are ours.
Differs from the paper (section 3, appendix C): convolutions where it has one hidden layer; a noisy picture in, a clean one out.
"""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from minicolor.models.conv4x4 import Conv4x4, ConvTranspose4x4
from minicolor.models.norm_act import BatchNormAct
from minicolor.parallel import draw


class VAE(nn.Module):
    """(N, channels, H, W), around [0, 1] -> (clean, mean, log_variance): clean (N, channels, H, W) in (0, 1), and the code's two
    of (N, latent) where a side is given, of (N, latent, H/16, W/16) where it is None."""

    multiple = 16  # what both sides must be multiples of

    def __init__(self, channels: int = 1, base: int = 32, latent: int = 128, side: int | None = 256):
        super().__init__()
        if side is not None and (side < 16 or side % 16):
            raise ValueError(f"a VAE's side must be a multiple of 16, or None for a spatial code, not {side}")
        self.side, deepest = side, 8 * base
        down = [Conv4x4(channels, base, slope=0.2)]
        for width in (2 * base, 4 * base, deepest):
            down += [Conv4x4(width // 2, width, bias=False), BatchNormAct(width, slope=0.2)]
        up = []
        for width in (4 * base, 2 * base, base):
            up += [ConvTranspose4x4(2 * width, width, bias=False), BatchNormAct(width, slope=0.0)]
        self.down, self.up = nn.Sequential(*down), nn.Sequential(*up, ConvTranspose4x4(base, channels), nn.Sigmoid())
        if side is None:
            self.to_code, self.from_code = nn.Conv2d(deepest, 2 * latent, 1), nn.Conv2d(latent, deepest, 1)
        else:
            places = (side // 16) ** 2
            self.to_code = nn.Sequential(nn.Flatten(), nn.Linear(deepest * places, 2 * latent))
            self.from_code = nn.Sequential(
                nn.Linear(latent, deepest * places), nn.Unflatten(1, (deepest, side // 16, side // 16)))

    def forward(self, noisy: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """With a generator the code is drawn from N(mean, variance); without one it is the mean, which is for eval() alone."""
        if self.training and generator is None:
            raise ValueError("a VAE in training draws its code: hand in a torch.Generator, or call eval() first")
        mean, log_variance = self.encode(noisy)
        code = mean
        if generator is not None:
            random = draw(mean.shape, lambda shape: torch.randn(shape, generator=generator, device=mean.device, dtype=mean.dtype))
            code = mean + (0.5 * log_variance).exp() * random                 # section 2.4: the slopes pass beside the dice
        return self.decode(code), mean, log_variance

    def encode(self, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Noisy (N, channels, H, W) -> mean and log variance of the code."""
        height, width = noisy.shape[-2:]
        if self.side is not None and (height, width) != (self.side, self.side):
            raise ValueError(f"this VAE's flat code needs pictures of {self.side}x{self.side}, not {height}x{width}")
        if height % 16 or width % 16 or not height * width:
            raise ValueError(f"a VAE needs sides that are multiples of 16, not {height}x{width}")
        return self.to_code(self.down(noisy)).chunk(2, dim=1)

    def decode(self, code: Tensor) -> Tensor:
        """A code, (N, latent) or (N, latent, H/16, W/16) -> a picture (N, channels, H, W) in (0, 1)."""
        return self.up(F.relu(self.from_code(code)))
