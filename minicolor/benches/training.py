"""Our training step against a plain float32 loop of the same two networks, in the same run.

The plain loop is the one that most code has: float32, NCHW, PyTorch's default Adam, the adversarial pair written as
BCEWithLogits against tensors of ones and zeros. It is handed finished float batches, while ours starts from uint8
pictures and converts them: what it is spared is not counted for us. The two alternate, so that a machine that slows
down slows both; medians, and the ratio pair by pair.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import nn

from minicolor.data.augment import augment
from minicolor.data.pairs import prepare
from minicolor.kernels import backend
from minicolor.models.patchgan import PatchGAN
from minicolor.models.unet import UNet
from minicolor.precision import autocast, choose, memory_format
from minicolor.recipes.pix2pix_lab import RECIPE


def plain_step(size: int, base: int, device: str) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """The reference: step(x, y) on finished float batches x (N, 1, S, S) and y (N, 2, S, S)."""
    levels = min(8, (size & -size).bit_length() - 1)
    g, d = UNet(1, 2, base, levels).to(device), PatchGAN(3, base).to(device)
    g_adam = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999))
    d_adam = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
    bce, l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()

    def step(x, y):
        fake = g(x)
        for p in d.parameters():
            p.requires_grad = True
        d_adam.zero_grad()
        on_fake, on_real = d(torch.cat([x, fake.detach()], 1)), d(torch.cat([x, y], 1))
        (bce(on_fake, torch.zeros_like(on_fake)) + bce(on_real, torch.ones_like(on_real))).backward()
        d_adam.step()
        for p in d.parameters():
            p.requires_grad = False
        g_adam.zero_grad()
        on_fake = d(torch.cat([x, fake], 1))
        (bce(on_fake, torch.ones_like(on_fake)) + 100 * l1(fake, y)).backward()
        g_adam.step()

    def without_kernels(x, y):
        with backend.using("torch"):                         # the networks are ours; their kernels are what is compared
            step(x, y)

    return without_kernels


def our_step(size: int, base: int, device: str, precision: str) -> Callable[[torch.Tensor], None]:
    """Ours: step(u8) on uint8 pictures (N, 3, S, S), everything that fit() does to a batch included."""
    from dataclasses import replace

    recipe = replace(RECIPE, size=size, base=base, d_base=base)
    step = recipe.build(autocast(precision, device))
    for network in step.networks.values():
        network.to(device, memory_format=memory_format(precision, device)).train()
    task, draws = recipe.task(), torch.Generator().manual_seed(0)
    return lambda u8: step.step(*task.prepare(augment(u8, draws, recipe.flip, recipe.jitter, recipe.crop)))


def run(size: int = 256, batch_size: int = 4, base: int = 64, pairs: int = 5, device: str = "cpu",
        precision: str = "auto") -> dict:
    """-> images/s of both (medians) and their ratio (median, lowest, highest over the pairs)."""
    torch.manual_seed(0)
    u8 = torch.randint(0, 256, (batch_size, size, size, 3), dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
    x, y = (t.contiguous() for t in prepare(u8, "ab"))
    plain, ours = plain_step(size, base, device), our_step(size, base, device, precision)
    timed = {"plain": lambda: plain(x, y), "ours": lambda: ours(u8)}
    wait = torch.cuda.synchronize if device.startswith("cuda") else nullcontext
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    for i in range(pairs + 2):                                     # two rounds to warm up: memory, oneDNN's choices
        for name, step in list(timed.items())[:: 1 if i % 2 else -1]:    # who goes first takes turns too
            wait()
            began = time.perf_counter()
            step()
            wait()
            if i >= 2:
                seconds[name].append(time.perf_counter() - began)
    ratios = [p / o for p, o in zip(seconds["plain"], seconds["ours"])]
    return {
        "size": size, "batch_size": batch_size, "base": base, "device": device, "pairs": pairs,
        "precision": choose(precision, device),
        "plain_images_per_second": batch_size / statistics.median(seconds["plain"]),
        "our_images_per_second": batch_size / statistics.median(seconds["ours"]),
        "ratio": statistics.median(ratios), "ratio_lowest": min(ratios), "ratio_highest": max(ratios),
    }
