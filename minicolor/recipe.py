"""What a recipe is: a frozen dataclass whose every field does something, and build().

A recipe file holds RECIPE (the report's own numbers) and QUICK (the same experiment, small enough for a laptop).
The comment beside a field is its documentation: `train --help` prints it, and the flag is made from the field.
"""

import dataclasses
import importlib
import inspect
import math
import pkgutil
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

from minicolor.errors import BadInput
from minicolor.weights import fit_into

PRECISIONS = ("auto", "float32", "bf16")


@dataclass(frozen=True)
class Recipe:
    """The fields that every experiment has. A subclass adds its own, task() and build()."""

    SIDES: ClassVar[int] = 32           # what the side of a training picture must be a multiple of

    name: str                           # what `python -m minicolor.train` calls it
    experiment: str                     # its id in the table of experiments: A6, C1, ...
    source: str                         # where its numbers come from
    data: str = "scenes"                # scenes (drawn pictures), a folder or tar of photographs, or a pack
    pictures: int = 2000                # use at most so many (of scenes: draw so many)
    size: int = 256                     # side of the square training pictures, in pixels; for most a multiple of 32
    batch_size: int = 16                # pictures per optimization step
    epochs: int = 100                   # times through the training pictures
    lr: float = 2e-4                    # Adam's step size
    decay: float = 0.0                  # share of the run, at its end, in which the step size falls linearly to 0
    seed: int = 0                       # of the weights, the order, the split and the augmentation
    flip: bool = True                   # mirror one training picture in two
    jitter: float = 1.0                 # enlarge training pictures by this factor, then crop back at random; 1: off
    crop: int = 0                       # train on squares of this side, cut at random from the pictures; 0: on whole ones
    crops: int = 1                      # so many squares out of each picture in an epoch, where crop cuts them
    patience: int = 0                   # stop after so many epochs without a better validation figure; 0: never
    init: str = ""                      # start from another run's networks (its folder), or from a weights file or its name
    precision: str = "auto"             # float32, bf16 (autocast), or auto: bf16 where the hardware computes in it
    norm_at_test: str = "running"       # BatchNorm at test: averages over training pictures, or each picture's own ("batch")
    norm_pictures: int = 500            # so many training pictures settle those averages after each epoch; 0: as they ran
    dropout_at_test: bool = False       # pix2pix leaves dropout on at test as its only noise

    def open(self):
        """The Pack of pictures that `data` names."""
        from minicolor.data.source import open_data  # here: a recipe can be built, and timed, where Pillow is not installed

        return open_data(self.data, self.size, self.pictures, self.seed)

    def task(self):
        """-> what is asked and how answers are judged: a tasks.task.Task."""
        raise TypeError(f"{type(self).__name__} is missing its task()")

    def build(self, autocast):
        """-> the steps.step.Step that trains the networks."""
        raise TypeError(f"{type(self).__name__} is missing its build()")

    def equip(self, step) -> None:
        """Give the step what training alone needs, such as a perceptual loss with its weights files."""

    def begin(self, step, given: dict) -> None:
        """Give the new step's networks the weights that `init` names: by network, a state dict; a file alone is "weights".

        The first of them, or the file alone, is for the step's first network, whatever it is called there: a stage of plain
        training goes on as the generator of an adversarial one. Others go by name; one that is not there keeps its start.
        """
        first, *_ = given
        given = {name: state for name, state in given.items() if name != first} | {next(iter(step.networks)): given[first]}
        for name in given.keys() & step.networks.keys():
            fit_into(step.networks[name], given[name], f"--init {self.init} ({name})")

    def check(self) -> "Recipe":
        """Itself, or BadInput with one sentence about the first field that cannot be."""
        rules = [
            ("pictures", 3 <= self.pictures <= 10**8, "at least 3 (one each to train, validate and test), at most 100 million"),
            ("size", self.size >= 32 and self.size % self.SIDES == 0, f"at least 32, and a multiple of {self.SIDES}"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("epochs", self.epochs >= 1, "at least 1"),
            ("lr", 0 < self.lr < 1, "between 0 and 1"),
            ("decay", 0 <= self.decay <= 1, "between 0 (constant step size) and 1"),
            ("seed", 0 <= self.seed < 2**31, "between 0 and 2147483647"),
            ("jitter", 1 <= self.jitter <= 2, "between 1 (off) and 2"),
            ("crop", self.crop == 0 or 16 <= self.crop <= self.size and self.crop % self.SIDES == 0,
             f"0 (whole pictures), or 16 to --size, {self.size}, and a multiple of {self.SIDES}"),
            ("crops", self.crops == 1 or self.crops > 1 and self.crop > 0, "1, or more together with --crop"),
            ("patience", self.patience >= 0, "0 (never stop early) or more"),
            ("norm_pictures", self.norm_pictures >= 0, "0 (the averages as training left them) or more"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            ("norm_at_test", self.norm_at_test in ("running", "batch"), "running or batch"),
        ]
        for rule in rules:
            self.expect(*rule)
        for field, value in to_dict(self).items():              # infinity is "0 or more" too
            self.expect(field, not isinstance(value, float) or math.isfinite(value), "a finite number")
        return self

    def expect(self, field: str, fine: bool, expected: str) -> None:
        if not fine:
            raise BadInput(f"--{field.replace('_', '-')} {getattr(self, field)}: expected {expected}")


def to_dict(recipe: Recipe) -> dict:
    """Plain values only, for checkpoints and reports."""
    return dataclasses.asdict(recipe)


def from_dict(values: dict) -> Recipe:
    """The recipe of this name with these values; unknown names and fields are refused in one sentence."""
    module = load(values["name"])
    known = {f.name for f in dataclasses.fields(module.RECIPE)}
    if unknown := sorted(set(values) - known):
        raise BadInput(f"recipe {values['name']} has no field {', '.join(unknown)}: written by another version?")
    return dataclasses.replace(module.RECIPE, **values).check()


def names() -> list[str]:
    from minicolor import recipes

    return sorted(m.name for m in pkgutil.iter_modules(recipes.__path__))


def load(name: str):
    """The module minicolor.recipes.<name>, or BadInput with the nearest names."""
    if name not in names():
        near = get_close_matches(name, names(), n=3, cutoff=0.4) or names()
        raise BadInput(f"no recipe is called {name!r}; did you mean {' or '.join(near)}? --list shows all")
    return importlib.import_module(f"minicolor.recipes.{name}")


def comments(recipe: Recipe) -> dict[str, str]:
    """Field name -> the comment beside it, read from the source, subclasses over their parents."""
    found = {}
    for cls in reversed(type(recipe).__mro__[:-1]):
        for line in inspect.getsource(cls).splitlines():
            if m := re.match(r"    (\w+): .*?# (.+)", line):
                found[m[1]] = re.sub(r"\s{2,}(.+)", r" (\1)", m[2].strip())    # the source stands in a column of its own
    return found
