"""A run's answers to pictures that it was not trained on, batch by batch, as often as one likes and always the same.

The questions are those of held_out.py: same preparation, same noise of each picture, same modes at test. So the task's figures
come out as in the run's own results.json, but for dropout at test, and for runs that were trained in bf16.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from minicolor import parallel
from minicolor.data.loader import Loader
from minicolor.data.pack import Pack
from minicolor.data.split import PARTS, read_split, split
from minicolor.errors import BadInput
from minicolor.held_out import SEED, answer, common, dice
from minicolor.trained import trained

BATCH = 16                                   # some metrics need a hundred times a picture's own memory


@dataclass(frozen=True)
class Batch:
    """Some pictures with their questions and answers. Pictures are (N, 3, S, S) in [0, 1]."""

    shown: list[Tensor]                      # what the network sees, its answer, the truth, for people
    untouched: Tensor | None                 # without the network: what any restored picture has to beat; None: none is restored
    figures: dict[str, Tensor]               # of answers that are no pictures: the task's own, (N,) each
    to_beat: dict[str, Tensor]               # the same of answers that take no learning


class Answers:
    """Answers("runs/pix2pix"): its test pictures. `names` in list order; iterate, or take batch(i).

    part: train, val, test, or all pictures of `data` (None: what the run was trained on). pictures: at most so many, a fair
    draw. BadInput: no trained run, no such pictures, or none in the part.
    """

    def __init__(self, run: str | Path, part: str = "test", data: str | None = None, pictures: int | None = None,
                 device: str = "cpu"):
        self.run, self.part, self.device = str(run), part, device
        self.recipe, self.step = trained(run, device)
        self.task = self.recipe.task()
        given = {} if data is None else {"data": data}
        if data not in (None, "scenes"):
            given["pictures"] = 10**9        # all of them: the run's own limit is of the training, no part depends on it
        with parallel.in_turn():
            self.pack: Pack = dataclasses.replace(self.recipe, **given).open()
        places, self.note = self._places(part, foreign=data is not None)
        if not places:
            raise BadInput(f"{run}: no picture of {self.pack.source} is in the part {part}")
        kept = sorted(range(len(places)), key=lambda i: self.pack.keys[places[i]])[:pictures]
        self.ids = np.sort(np.array(kept, dtype=np.int64))           # a picture's noise goes by its place in the whole part
        self.indices = np.array(places)[self.ids]
        among = {"rank": parallel.rank(), "world": parallel.world()}
        self.loader = Loader(self.pack, self.indices, BATCH, device, shuffle=False, whole=True, **among)
        self.names = [self.pack.names[i] for i in self.indices]
        self.keys = [self.pack.keys[i] for i in self.indices]

    def _places(self, part: str, foreign: bool) -> tuple[list[int], str]:
        """Where the part's pictures stand in the pack, and what a reader of their figures must know."""
        if part not in (*PARTS, "all"):
            raise BadInput(f"--split {part}: expected {', '.join(PARTS)} or all")
        folder, everything = Path(self.run) if Path(self.run).is_dir() else Path(self.run).parent, list(range(len(self.pack)))
        try:
            parts = read_split(folder / "split.json", self.pack)
        except BadInput:                                             # other pictures than the run had, or a checkpoint alone
            if part == "all":
                return everything, "all pictures: whether the run was trained on some of them is not known here"
            anew = "no split.json of these pictures beside the run: they are split anew, by their bytes and the run's seed"
            return split(self.pack.keys, self.recipe.seed)[part], "" if foreign else anew
        seen = len(parts["train"]) if part in ("train", "all") else 0
        note = f"{seen} of these pictures were trained on: no figure of what the run has learned in general" if seen else ""
        return everything if part == "all" else parts[part], note

    def __len__(self) -> int:
        """How many pictures."""
        return len(self.indices)

    @property
    def batches(self) -> int:
        return self.loader.batches

    def __iter__(self) -> Iterator[Batch]:
        return (batch for _, batch in self.numbered())

    def numbered(self) -> Iterator[tuple[int, Batch]]:
        """Every batch with its number; of several processes (parallel.py) each gets batches of its own."""
        for i, pictures in self.loader.epoch():
            yield i, self._answered(i, pictures)

    def batch(self, i: int) -> Batch:
        """The i-th of those that iterating gives, once more."""
        return self._answered(i, next(self.loader.alone().epoch(start=i))[1])

    def _answered(self, i: int, pictures: Tensor) -> Batch:
        ids = torch.from_numpy(self.ids[i * BATCH : i * BATCH + len(pictures)]).to(pictures.device)
        x, y = self.task.prepare(pictures, SEED, ids)
        with dice(self.recipe, x, i):
            try:
                output = answer(self.step, self.recipe, x)
            except ValueError as e:
                raise BadInput(f"{self.run}: this run of {self.recipe.name} cannot take {self.pack.size} pixels: {e}") from e
        if not output.isfinite().all():
            raise BadInput(f"{self.run}: an answer is not finite: the checkpoint is damaged, or its training had failed")
        shown, untouched = self.task.show(pictures, x, y, output), self.task.untouched(pictures, x)
        if untouched is not None:
            return Batch(shown, untouched, {}, {})
        return Batch(shown, None, self.task.figures(pictures, x, y, output), self.task.naive(pictures, x, y, self._common))

    @cached_property
    def _common(self) -> Tensor | None:
        """What one may know of the training pictures without looking at the question."""
        train, _ = self._places("train", foreign=True)
        return common(self.recipe, Loader(self.pack, train, self.recipe.batch_size, self.device, self.recipe.seed))
