"""A run's answers to pictures that it was not trained on, batch by batch, as often as one likes and always the same.

The questions are those of held_out.py: same preparation, same noise of each picture, same modes at test. So the task's figures
come out as in the run's own results.json.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from minicolor.data.loader import Loader
from minicolor.data.pack import Pack
from minicolor.data.split import PARTS, read_split, split
from minicolor.errors import BadInput
from minicolor.held_out import SEED, answer, common
from minicolor.trained import trained

BATCH = 16                                   # some metrics need a hundred times a picture's own memory


@dataclass(frozen=True)
class Batch:
    """Some pictures with their questions and answers. Pictures are (N, 3, S, S) in [0, 1]; None for labels and masks."""

    figures: dict[str, Tensor]               # the task's own, (N,) each
    to_beat: dict[str, Tensor]               # the same of answers that take no learning
    shown: list[Tensor]                      # what the network sees, its answer, the truth, for people
    untouched: Tensor | None                 # the question as a picture: what any restored one has to beat


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
        # all of them: the run's own limit is of the training, and a picture's part does not depend on it
        recipe = dataclasses.replace(self.recipe, data=data, pictures=10**9) if data and data != "scenes" else self.recipe
        self.pack: Pack = recipe.open()
        self.note = ""
        places = self._places(part, foreign=data is not None)
        if not places:
            raise BadInput(f"{run}: no picture of {self.pack.source} is in the part {part}")
        kept = sorted(range(len(places)), key=lambda i: self.pack.keys[places[i]])[:pictures]
        self.ids = np.sort(np.array(kept, dtype=np.int64))           # a picture's noise goes by its place in the whole part
        self.indices = np.array(places)[self.ids]
        self.loader = Loader(self.pack, self.indices, BATCH, device, shuffle=False)
        self.names = [self.pack.names[i] for i in self.indices]
        self.keys = [self.pack.keys[i] for i in self.indices]

    def _places(self, part: str, foreign: bool) -> list[int]:
        if part == "all":
            return list(range(len(self.pack)))
        if part not in PARTS:
            raise BadInput(f"--split {part}: expected {', '.join(PARTS)} or all")
        folder = Path(self.run) if Path(self.run).is_dir() else Path(self.run).parent
        try:
            return read_split(folder / "split.json", self.pack)[part]
        except BadInput:                                             # other pictures than the run had, or a checkpoint alone
            if not foreign:
                self.note = ("the run's own split.json is not of these pictures, so they are split anew, by their bytes: what "
                             "was trained on is not tested, except after --folds")
            return split(self.pack.keys, self.recipe.seed)[part]

    def __len__(self) -> int:
        """How many pictures."""
        return len(self.indices)

    @property
    def batches(self) -> int:
        return self.loader.batches

    def __iter__(self) -> Iterator[Batch]:
        for i, pictures in self.loader.epoch():
            yield self._answered(i, pictures)

    def batch(self, i: int) -> Batch:
        """The i-th of those that iterating gives, once more."""
        return self._answered(i, next(self.loader.epoch(start=i))[1])

    def _answered(self, i: int, pictures: Tensor) -> Batch:
        ids = torch.from_numpy(self.ids[i * BATCH : i * BATCH + len(pictures)]).to(pictures.device)
        x, y = self.task.prepare(pictures, SEED, ids)
        with torch.random.fork_rng():                                # dropout at test, where a recipe wants it
            torch.manual_seed(SEED + i)
            try:
                output = answer(self.step, self.recipe, x)
            except ValueError as e:
                raise BadInput(f"{self.run}: this run of {self.recipe.name} cannot take {self.pack.size} pixels: {e}") from e
        if not output.isfinite().all():
            raise BadInput(f"{self.run}: an answer is not finite: the checkpoint is damaged, or its training had failed")
        return Batch(self.task.figures(pictures, x, y, output), self.task.naive(pictures, x, y, self._common),
                     self.task.show(pictures, x, y, output), self.task.untouched(pictures, x))

    @cached_property
    def _common(self) -> Tensor | None:
        """What one may know of the training pictures without looking at the question."""
        train = self._places("train", foreign=True) or list(range(len(self.pack)))
        return common(self.recipe, Loader(self.pack, train, self.recipe.batch_size, self.device, self.recipe.seed))
