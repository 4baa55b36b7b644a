"""The plain training loop that most code for pix2pix has, to race against: how much does what we do differently bring?

Written the way the well-known PyTorch code of pix2pix does it, in our own words: picture files opened, enlarged, cropped and
mirrored by Pillow in loader workers; float32, channels first; condition and picture joined into one tensor for each of the
discriminator's three passes; networks of PyTorch's layers, activations in place; Adam as it comes. The networks compute what ours
do, with the same weights: tests/test_bench_reference.py.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

Batches = Iterator[tuple[Tensor, Tensor]]


class Files(Dataset):
    """Grey and color of each picture file, (1, S, S) and (3, S, S) in [-1, 1]: enlarged, cropped at random and mirrored."""

    def __init__(self, files: list[Path], size: int, enlarged: int):
        self.files, self.size, self.enlarged = files, size, enlarged

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        with Image.open(self.files[i]) as picture:
            color = picture.convert("RGB").resize((self.enlarged, self.enlarged), Image.Resampling.BICUBIC)
        left, top = (random.randint(0, self.enlarged - self.size) for _ in range(2))
        color = color.crop((left, top, left + self.size, top + self.size))
        if random.random() < 0.5:
            color = color.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return _scaled(color.convert("L")), _scaled(color)


def _scaled(picture: Image.Image) -> Tensor:
    values = torch.from_numpy(np.array(picture)).float() / 255
    return (values[None] if values.ndim == 2 else values.permute(2, 0, 1).contiguous()) * 2 - 1


def batches(files: list[Path], size: int, batch_size: int, device: str, workers: int) -> Batches:
    """For ever, epoch after epoch."""
    enlarged = Files(files, size, round(size * 286 / 256))
    loader = DataLoader(enlarged, batch_size, shuffle=True, num_workers=workers, drop_last=True)
    while True:
        for x, y in loader:
            yield x.to(device), y.to(device)


class Block(nn.Module):
    """One level of the U-Net around the next deeper one: down, that one, up, and what came in beside it."""

    def __init__(self, width: int, inner: int, inside: nn.Module | None, dropout: bool = False):
        super().__init__()
        deepest = inside is None
        down = [nn.LeakyReLU(0.2, True), nn.Conv2d(width, inner, 4, 2, 1, bias=False)] + [nn.BatchNorm2d(inner)] * (not deepest)
        below = inner if deepest else 2 * inner
        up = [nn.ReLU(True), nn.ConvTranspose2d(below, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width)]
        self.down, self.inside = nn.Sequential(*down), inside or nn.Identity()
        self.up = nn.Sequential(*up, nn.Dropout(0.5)) if dropout else nn.Sequential(*up)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.up(self.inside(self.down(x)))], 1)


class Generator(nn.Module):
    """The pix2pix U-Net."""

    def __init__(self, channels: int, out: int, base: int, levels: int):
        super().__init__()
        widths, inside = [base * min(2**i, 8) for i in range(levels)], None
        for i in reversed(range(1, levels)):
            inside = Block(widths[i - 1], widths[i], inside, dropout=4 <= i < levels - 1)
        self.first, self.inside = nn.Conv2d(channels, base, 4, 2, 1, bias=False), inside
        self.last = nn.Sequential(nn.ReLU(True), nn.ConvTranspose2d(2 * base, out, 4, 2, 1), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inside(self.first(x)))


def discriminator(channels: int, base: int, norm: bool = True) -> nn.Sequential:
    """The 70x70 PatchGAN; without norms, the critic of WGAN-GP."""
    layers, width = [nn.Conv2d(channels, base, 4, 2, 1), nn.LeakyReLU(0.2, True)], base
    for stride in (2, 2, 1):
        layers += [nn.Conv2d(width, 2 * width, 4, stride, 1, bias=not norm)] + [nn.BatchNorm2d(2 * width)] * norm
        layers += [nn.LeakyReLU(0.2, True)]
        width *= 2
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 1, 1))


class Pix2Pix:
    """One step of the plain loop on batches x (N, 1, S, S), y (N, 3, S, S)."""

    def __init__(self, size: int, base: int, device: str, lr: float = 2e-4):
        levels = min(8, (size & -size).bit_length() - 1)
        self.g, self.d = Generator(1, 3, base, levels).to(device), discriminator(4, base).to(device)
        self.g_adam, self.d_adam = (torch.optim.Adam(n.parameters(), lr, (0.5, 0.999)) for n in (self.g, self.d))
        self.bce, self.l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()

    def gan(self, logits: Tensor, real: bool) -> Tensor:
        return self.bce(logits, torch.tensor(float(real), device=logits.device).expand_as(logits))

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        fake = self.g(x)
        self.d.requires_grad_(True)
        self.d_adam.zero_grad()
        d_fake = self.gan(self.d(torch.cat([x, fake], 1).detach()), False)
        d_real = self.gan(self.d(torch.cat([x, y], 1)), True)
        (d_fake + d_real).backward()
        self.d_adam.step()
        self.d.requires_grad_(False)
        self.g_adam.zero_grad()
        g_gan, g_l1 = self.gan(self.d(torch.cat([x, fake], 1)), True), self.l1(fake, y)
        (g_gan + 100 * g_l1).backward()
        self.g_adam.step()
        return {"d_real": d_real.detach(), "d_fake": d_fake.detach(), "g_gan": g_gan.detach(), "g_l1": g_l1.detach()}


class WGANGP:
    """The same with a critic without norms: five updates of it, each with its penalty, then one of the generator."""

    def __init__(self, size: int, base: int, device: str, lr: float = 2e-4):
        levels = min(8, (size & -size).bit_length() - 1)
        self.g = Generator(1, 3, base, levels).to(device)
        self.d = discriminator(4, base, norm=False).to(device)
        self.g_adam, self.d_adam = (torch.optim.Adam(n.parameters(), lr, (0.5, 0.999)) for n in (self.g, self.d))

    def penalty(self, x: Tensor, y: Tensor, fake: Tensor) -> Tensor:
        e = torch.rand(len(x), 1, 1, 1, device=x.device)
        between = (e * y + (1 - e) * fake).requires_grad_()
        scores = self.d(torch.cat([x, between], 1))
        (slope,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        fake = self.g(x)
        self.d.requires_grad_(True)
        for _ in range(5):
            self.d_adam.zero_grad()
            distance = self.d(torch.cat([x, fake.detach()], 1)).mean() - self.d(torch.cat([x, y], 1)).mean()
            (distance + 10 * self.penalty(x, y, fake.detach())).backward()
            self.d_adam.step()
        self.d.requires_grad_(False)
        self.g_adam.zero_grad()
        g_l1 = nn.functional.l1_loss(fake, y)
        (-self.d(torch.cat([x, fake], 1)).mean() + 100 * g_l1).backward()
        self.g_adam.step()
        return {"c_distance": distance.detach(), "g_l1": g_l1.detach()}


class DnCNN:
    """The plain denoiser: x is noise-free grey, its noise is drawn in the loop; y is not looked at."""

    def __init__(self, size: int, base: int, device: str, lr: float = 1e-3, depth: int = 17, sigma: float = 7.65 / 255):
        layers = [nn.Conv2d(1, base, 3, padding=1), nn.ReLU(True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(base, base, 3, padding=1, bias=False), nn.BatchNorm2d(base), nn.ReLU(True)]
        self.g = nn.Sequential(*layers, nn.Conv2d(base, 1, 3, padding=1)).to(device)
        self.g_adam, self.sigma = torch.optim.Adam(self.g.parameters(), lr), sigma

    def step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        noise = self.sigma * torch.randn_like(x)
        self.g_adam.zero_grad()
        mse = nn.functional.mse_loss(self.g((x + 1) / 2 + noise), noise)
        mse.backward()
        self.g_adam.step()
        return {"mse": mse.detach()}


LOOPS = {"pix2pix": Pix2Pix, "recolor_wgan": WGANGP, "dncnn": DnCNN}
