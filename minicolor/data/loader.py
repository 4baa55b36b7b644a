"""Batches of uint8 pictures on the training device, in an order that depends on (seed, epoch) alone.

No worker processes: decoding was done once, by pack. On a GPU the whole array moves there when it fits into half of
the free memory, and a batch is one gather; otherwise rows are read from the memory map one batch ahead. On the CPU
the memory map is the best cache there is: the system keeps its pages, shares them, and can drop them again.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from minicolor.data.pack import Pack


class Loader:
    """Pictures `indices` of a pack, in batches of (N, 3, S, S) uint8 on `device` (N, 4, S, S where the pack has a fourth plane).

    A picture that `indices` names twice comes twice in an epoch. The last batch may be smaller. A last one of a single
    picture joins the batch before: a picture alone has no batch statistics.
    """

    def __init__(self, pack: Pack, indices, batch_size: int, device="cpu", seed: int = 0, shuffle: bool = True,
                 resident: bool | None = None):
        self.pack, self.batch_size, self.seed, self.shuffle = pack, batch_size, seed, shuffle
        self.indices = np.asarray(indices, dtype=np.int64)
        self.rows = np.asarray(pack.rows)[self.indices]
        self.device = torch.device(device)
        if resident is None:
            resident = self.device.type == "cuda" and _fits(len(np.unique(self.rows)) * pack.pictures[0].nbytes)
        stored, self.place = np.unique(self.rows, return_inverse=True)      # each picture once, in the file's order
        self.resident = torch.from_numpy(pack.pictures[stored]).to(self.device) if resident else None

    def __len__(self) -> int:
        """How many pictures."""
        return len(self.rows)

    @property
    def batches(self) -> int:
        return len(self._edges()) - 1

    def _edges(self) -> list[int]:
        """Where each batch begins, and where the last one ends."""
        edges = [*range(0, len(self.rows), self.batch_size), len(self.rows)]
        if len(edges) > 2 and edges[-1] - edges[-2] == 1 and self.batch_size > 1:
            del edges[-2]
        return edges

    def epoch(self, number: int = 0, start: int = 0) -> Iterator[tuple[int, Tensor]]:
        """(position, batch) from batch `start` on; the same number gives the same batches, on every machine."""
        order = np.arange(len(self.rows))
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
            order = torch.randperm(len(self.rows), generator=generator).numpy()
        slices = [order[a:b] for a, b in zip(self._edges(), self._edges()[1:])]
        read = self._gather if self.resident is not None else self._read
        with ThreadPoolExecutor(1) as ahead:                 # one batch is read while the last one is trained on
            waiting = ahead.submit(read, slices[start]) if start < len(slices) else None
            for i in range(start, len(slices)):
                batch = waiting.result()
                waiting = ahead.submit(read, slices[i + 1]) if i + 1 < len(slices) else None
                yield i, batch.to(self.device, non_blocking=True).permute(0, 3, 1, 2)    # NHWC bytes seen as NCHW

    def _read(self, order: np.ndarray) -> Tensor:
        batch = torch.from_numpy(self.pack.pictures[self.rows[order]])                   # copies these rows only
        return batch.pin_memory() if self.device.type == "cuda" else batch

    def _gather(self, order: np.ndarray) -> Tensor:
        return self.resident[torch.from_numpy(self.place[order]).to(self.device)]


def _fits(n_bytes: int) -> bool:
    free, _ = torch.cuda.mem_get_info()
    return n_bytes < free / 2
