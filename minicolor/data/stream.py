"""Batches read ahead of the one that is being trained on: from the disk by a thread, and onto a GPU beside its computation.

    thread     read batch i + 2 | pin it | ask for its copy, on a queue of its own
    copy       batch i + 1 ------------>                                              both engines of the GPU work at once
    compute    batch i ---------------------->  waits for the copy's event alone, never for the thread

DEPTH batches are under way while one is in use, so memory stays the same however many pictures there are. On a GPU the CPU may
also be some updates ahead (25 at most: then fit.py reads the losses), and as many batches wait there for their turn.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

DEPTH = 2                                                            # batches under way beside the one in use


def ahead(orders: Sequence, read: Callable[..., Tensor], device: torch.device) -> Iterator[Tensor]:
    """read(orders[0]), read(orders[1]), ... as tensors on `device`. An error of read() is raised where its batch is due."""
    copies = torch.cuda.Stream(device) if device.type == "cuda" else None

    def fetch(order) -> tuple[Tensor, torch.cuda.Event | None]:
        batch = read(order)
        if copies is None:
            return batch.to(device), None
        with torch.cuda.stream(copies):
            batch = batch.pin_memory().to(device, non_blocking=True)  # the pinned memory is kept until its copy is done
            done = torch.cuda.Event()
            done.record(copies)
        return batch, done

    with ThreadPoolExecutor(1) as thread:
        todo, waiting = iter(orders), deque()
        for order in todo:
            waiting.append(thread.submit(fetch, order))
            if len(waiting) > DEPTH:
                yield _arrived(*waiting.popleft().result())
        while waiting:
            yield _arrived(*waiting.popleft().result())


def _arrived(batch: Tensor, done: "torch.cuda.Event | None") -> Tensor:
    if done is not None:
        now = torch.cuda.current_stream(batch.device)
        now.wait_event(done)
        batch.record_stream(now)                                     # its memory is free again when this queue has passed it
    return batch
