"""Augmentation of bytes: our one kernel against its twin in eager PyTorch, which is what one would otherwise run.

Both get draws that were made before, check them and send them along. torch.compile is left out: these take the graph apart.
"""

from functools import partial

import torch

from minicolor.benches.clock import Ways, race, row
from minicolor.kernels.augment import augment
from minicolor.ops import augment as twin

SETTINGS = {  # what -> (crop, jitter), and the experiments that want it
    "flip": (0, 1.0),                                                                 # most
    "crop 96, flip": (96, 1.0),                                                       # SRGAN
    "flip, jitter": (0, 286 / 256),                                                   # pix2pix
}


def run(device: str) -> list[dict]:
    """uint8 color pictures of 256x256, as the loader hands them out: 1024 of them on a GPU, 16 on a CPU."""
    gpu = device.startswith("cuda")
    n, side = (1024 if gpu else 16), 256
    u8 = torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
    rows = []
    for what, (crop, jitter) in SETTINGS.items():
        draws = {"mirrored": torch.rand(n) < 0.5, "crop": crop, "corners": torch.randint(0, side - crop + 1, (n, 2)),
                 "jitter": jitter, "places": torch.rand(n, 2)}
        ways: Ways = {"PyTorch": partial(twin.augment, u8, **draws)}
        if gpu:
            ways["minicolor"] = partial(augment, u8, **draws, backend="triton")
        ours = "minicolor" if gpu else "PyTorch"                     # on a CPU minicolor is its PyTorch twin
        bytes = n * (crop or side) ** 2 * (3 / jitter**2 + (12 if jitter > 1 else 3))        # jitter reads its window alone
        rows.append(row(what, f"{n} x {side}x{side}", ours, race(ways, device), device, bytes=round(bytes)))
    return rows
