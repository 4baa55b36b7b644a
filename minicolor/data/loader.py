"""Batches of uint8 pictures on the training device, in an order that depends on (seed, epoch) alone.

No worker processes: decoding was done once, by pack. On a GPU all of a loader's pictures move there when they fit into half the
memory that is free just then (training's come first, then validation's, then test's), and a batch is one gather; otherwise rows
are read from the memory map some batches ahead, into pinned memory, and copied beside the computation (stream.py). On the CPU
the memory map is the best cache there is: the system keeps its pages, shares them, and can drop them again.

Of several processes (rank, world) each gets its part of every batch, or, where whole=True, every world-th batch.
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from minicolor.data.pack import Pack
from minicolor.data.stream import ahead
from minicolor.parallel import Share, share_of

AT_ONCE = 1000                                                       # pictures that pass through this machine's memory


class Loader:
    """Pictures `indices` of a pack, in batches of (N, 3, S, S) uint8 on `device` (N, 4, S, S where the pack has a fourth plane).

    A picture that `indices` names twice comes twice in an epoch. The last batch may be smaller. A last one of a single picture
    joins the batch before: a picture alone has no batch statistics. So batches are the same for any number of processes.
    """

    def __init__(self, pack: Pack, indices, batch_size: int, device="cpu", seed: int = 0, shuffle: bool = True,
                 resident: bool | None = None, rank: int = 0, world: int = 1, whole: bool = False):
        self.pack, self.batch_size, self.seed, self.shuffle = pack, batch_size, seed, shuffle
        self.rank, self.world, self.whole = rank, world, whole
        self.indices = np.asarray(indices, dtype=np.int64)
        self.rows = np.asarray(pack.rows)[self.indices]
        self.device = torch.device(device)
        if resident is None:
            resident = self.device.type == "cuda" and _fits(len(np.unique(self.rows)) * pack.pictures[0].nbytes)
        self.resident = None
        if resident:
            stored, self.place = np.unique(self.rows, return_inverse=True)      # each picture once, in the file's order
            self.resident = _moved(pack.pictures, stored, self.device)

    def __len__(self) -> int:
        """How many pictures, of all processes together."""
        return len(self.rows)

    @property
    def batches(self) -> int:
        return len(self._edges()) - 1

    def widest(self, batch_size: int) -> int:
        """How many pictures an epoch's largest batch would have: more than batch_size, where the last ones join it."""
        other = copy.copy(self)
        other.batch_size = batch_size
        return int(np.diff(other._edges()).max())

    def alone(self) -> "Loader":
        """The same pictures, all of them for this process."""
        other = copy.copy(self)
        other.rank, other.world, other.whole = 0, 1, False
        return other

    def share(self, size: int) -> Share:
        """This process's part of a batch of so many pictures."""
        return Share(0, size, size) if self.whole else share_of(size, self.rank, self.world)

    def _edges(self, seen: int = 0) -> list[int]:
        """Where each batch begins, from picture `seen` on, and where the last one ends."""
        edges = [*range(seen, len(self.rows), self.batch_size), len(self.rows)]
        if len(edges) > 2 and edges[-1] - edges[-2] == 1 and self.batch_size > 1:
            del edges[-2]
        return edges

    def epoch(self, number: int = 0, start: int = 0, seen: int | None = None) -> Iterator[tuple[int, Tensor]]:
        """(position, batch) from batch `start` on; the same number gives the same batches, on every machine.

        seen: so many pictures came before batch `start`, where they came in batches of another size.
        """
        return ((i, pictures) for i, _, pictures in self.shared(number, start, seen))

    def shared(self, number: int = 0, start: int = 0, seen: int | None = None) -> Iterator[tuple[int, Share, Tensor]]:
        """As epoch(), and which part of its batch this process has."""
        order = np.arange(len(self.rows))
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
            order = torch.randperm(len(self.rows), generator=generator).numpy()
        edges = self._edges() if seen is None else [0] * start + self._edges(seen)
        plan = []
        for i in range(start, len(edges) - 1):
            if not self.whole or i % self.world == self.rank:
                share = self.share(edges[i + 1] - edges[i])
                plan.append((i, share, order[edges[i] :][share.slice]))
        streamed = self.resident is None
        batches = ahead([rows for *_, rows in plan], self._read, self.device) if streamed else self._gathered(plan)
        for (i, share, _), batch in zip(plan, batches):
            yield i, share, batch.permute(0, 3, 1, 2)                            # NHWC bytes seen as NCHW

    def _read(self, order: np.ndarray) -> Tensor:
        return torch.from_numpy(self.pack.pictures[self.rows[order]])            # copies these rows only

    def _gathered(self, plan: list[tuple[int, Share, np.ndarray]]) -> Iterator[Tensor]:
        """One copy of the epoch's order to the device: a small one for each batch would make the queue wait for it."""
        wanted = np.concatenate([self.place[order] for *_, order in plan] or [np.zeros(0, np.int64)])
        for places in torch.from_numpy(wanted).to(self.device).split([share.count for _, share, _ in plan]):
            yield self.resident.index_select(0, places)


def _moved(pictures, rows: np.ndarray, device: torch.device) -> Tensor:
    """Those rows on the device, some at a time: the data set may be larger than this machine's memory."""
    there = torch.empty((len(rows), *pictures.shape[1:]), dtype=torch.uint8, device=device)
    for i in range(0, len(rows), AT_ONCE):
        there[i : i + AT_ONCE] = torch.from_numpy(pictures[rows[i : i + AT_ONCE]])
    return there


def _fits(n_bytes: int) -> bool:
    free, _ = torch.cuda.mem_get_info()
    return n_bytes < free / 2
