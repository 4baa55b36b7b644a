"""Training by several processes, on one machine or on many: who we are, what each takes, and what all must agree on.

    torchrun --nproc-per-node 2 -m minicolor.train pix2pix

A recipe's batch is that of all processes together. Each takes its share of it, and every update is the one that a single
process would have made of the whole: gradients are averaged (distribute.py), BatchNorm takes its statistics over all shares
(models/sync_norm.py), and random numbers are drawn for the whole batch by each process, which keeps those of its own pictures
(draw(): the dice cost each as much as they cost one process). So the step size stays as it is, however many processes there are.

Without torchrun there is one process, and everything here is free of cost.
"""

import itertools
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from minicolor.errors import BadInput

MINUTES = 30            # how long the others may keep us waiting
HOURS = 24              # the same, where one of them may have to pack a data set
FIRST_WORD = 5          # seconds in which process 0 says what is wrong with all, before the others say it too


@dataclass(frozen=True)
class Share:
    """`count` pictures from number `first` on, out of a batch of `of`."""

    first: int
    count: int
    of: int
    copies: int = 1                                                  # so many processes have these same pictures

    @property
    def slice(self) -> slice:
        return slice(self.first, self.first + self.count)


_now: Share | None = None                                            # of the batch that is being trained on
_store: dist.Store | None = None                                     # torchrun's own: what processes tell those after them
_met: dist.Store | None = None                                       # its part for those who are alive now
_turns = itertools.count()                                           # how often in_turn() was asked for
_alone = False


def start(device: str) -> str:
    """Join the other processes where torchrun has begun us; -> this process's own device.

    BadInput: fewer GPUs than processes, one of them does not come, or the run was refused already (see one_voice()).
    """
    global _store, _met
    begun = "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("WORLD_SIZE", "1")) > 1
    if not begun or dist.is_initialized():
        return device
    if device.startswith("cuda"):
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise BadInput(f"process {local} on this machine has no GPU, it has {torch.cuda.device_count()}: start no more "
                           "processes than GPUs (--nproc-per-node), or add --device cpu")
        device = f"cuda:{local}"
        torch.cuda.set_device(device)
    patience = timedelta(minutes=MINUTES)
    _store, rank, world = next(dist.rendezvous("env://", timeout=patience))
    if (refusal := remembered("refused")) is not None:
        raise BadInput(refusal)
    _met = _meeting(_store, rank, world)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", store=_met, rank=rank, world_size=world,
                            timeout=patience)
    return device


def _meeting(store: dist.Store, rank: int, world: int) -> dist.Store:
    """A part of torchrun's store for the processes that are alive now.

    torchrun keeps its store when it begins processes anew: in it are the addresses of the dead, and who reads faster than the
    living write calls one of those. So process 0 numbers the meetings. The number itself could be an old one, so each asks
    for it under a name that nobody had before, and process 0 answers until all have heard.
    """
    if rank == 0:
        number, missing, end = str(store.add("meetings", 1)), range(1, world), time.monotonic() + 60 * MINUTES
        while missing := [r for r in missing if not store.check([f"{r} heard {number}"])]:
            for r in missing:
                if store.check([f"{r} asks"]):
                    store.set(store.get(f"{r} asks").decode(), number)
            if time.monotonic() > end:
                raise BadInput(f"{len(missing)} of {world} processes did not come within {MINUTES} minutes, the first of them "
                               f"process {missing[0]}: look at what torchrun says on its machine")
            time.sleep(0.01)
    else:
        me = uuid.uuid4().hex
        store.set(f"{rank} asks", me)
        number = store.get(me).decode()                              # waits
        store.set(f"{rank} heard {number}", "")
    return dist.PrefixStore(f"meeting {number}", store)


@contextmanager
def together(device: str) -> Iterator[str]:
    """start(), and at the end, where nothing went wrong, leave in good order: nobody waits for us any more."""
    yield start(device)
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def one_voice() -> Iterator[None]:
    """What is wrong with all is said once: by process 0, whose end is the others', and at the end of what torchrun prints.

    torchrun may begin refused processes anew (--max-restarts): they hear it at once, from start(), and do no work.
    """
    try:
        yield
    except BadInput as e:
        with suppress(RuntimeError):                                 # torchrun, and its store, may be gone
            remember("refused", str(e))
        if int(os.environ.get("RANK", "0")) > 0:
            time.sleep(FIRST_WORD)
        if "TORCHELASTIC_ERROR_FILE" in os.environ:
            told = {"message": f"error: {e}", "extraInfo": {"timestamp": str(int(time.time()))}}
            Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps({"message": told}))
        raise


def remember(what: str, said: str = "") -> None:
    """For the processes that torchrun begins in our place when one of us has died (--max-restarts)."""
    if _store is not None:
        _store.set(f"remember {what}", said)


def remembered(what: str) -> str | None:
    """What those in whose place torchrun began us, if it did, have said of that; None: nothing."""
    if _store is None or not _store.check([f"remember {what}"]):
        return None
    return _store.get(f"remember {what}").decode()


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() and not _alone else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


@contextmanager
def alone() -> Iterator[None]:
    """Inside we compute as a single process would, and wait for nobody."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


def writes() -> bool:
    """Whether we are the one process that prints and writes files."""
    return rank() == 0


def share_of(batch: int, rank: int, world: int) -> Share:
    """The part of so many pictures that is process rank's. Parts lie in a row; the first take what cannot be divided.

    Fewer pictures than processes: each has all of them, and computes what one process would.
    """
    if batch < world:
        return Share(0, batch, batch, copies=world)
    least, more = divmod(batch, world)
    return Share(rank * least + min(rank, more), least + (rank < more), batch)


@contextmanager
def training_on(share: Share) -> Iterator[None]:
    """Inside, draw() knows which part of the batch is ours. Of a batch that all have we compute the statistics alone."""
    global _now
    _now = share
    try:
        with alone() if share.copies > 1 else nullcontext():
            yield
    finally:
        _now = None


def draw(shape: tuple[int, ...], fill: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
    """fill(shape), random numbers with one row for each picture: the rows that a single process would have drawn for ours."""
    if world() == 1 or _now is None:
        return fill(shape)
    if shape[0] != _now.count:                                       # a batch that is cut further: each its own, as they come
        return fill(shape)
    return fill((_now.of, *shape[1:]))[_now.slice]


def everyone(value) -> list:
    """What each process has, in the order of ranks; any small picklable value."""
    if world() == 1:
        return [value]
    values = [None] * world()
    dist.all_gather_object(values, value)
    return values


def total(sums: dict[str, float]) -> dict[str, float]:
    """Each name's sum over all processes, in the order of ranks, so that all get the same bits."""
    whole: dict[str, float] = {}
    for part in everyone(sums):
        for name, value in part.items():
            whole[name] = whole.get(name, 0.0) + value
    return whole


def wait() -> None:
    """Until all processes are here."""
    if world() > 1:
        dist.barrier()


@contextmanager
def in_turn() -> Iterator[None]:
    """Inside is one process after the other: what the first one makes (a pack, in hours), the others find; none is in the way."""
    turn, ours = next(_turns), world() > 1                           # all call this alike: the same number everywhere
    if ours and rank() > 0:
        _met.wait([f"turn {turn} of {rank()}"], timedelta(hours=HOURS))
    try:
        yield
    finally:
        if ours:
            _met.set(f"turn {turn} of {rank() + 1}", "")
    if ours:
        _met.wait([f"turn {turn} of {world()}"], timedelta(hours=HOURS))


def agree(values: dict) -> None:
    """BadInput, which names the first, where the processes do not have the same values, such as the hash of their pictures."""
    found = everyone(values)
    for what, first in found[0].items():
        for other, theirs in enumerate(found):
            if theirs.get(what) != first:
                raise BadInput(f"the processes do not have the same {what}: process 0 has {first}, process {other} "
                               f"{theirs.get(what)}")
