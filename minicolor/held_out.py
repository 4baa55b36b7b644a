"""Figures on pictures that were not trained on: the network's as it is used at test, and the answers that it has to beat.

What is asked, and which figures judge it, is the recipe's task (tasks/). The figures are computed in float32; the network
itself runs in the precision that it is trained in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from minicolor import parallel
from minicolor.data.loader import Loader
from minicolor.models.modes import at_test, settling

SEED = 1_000_003               # of the noise of held-out pictures: the same for all runs, so that they can be compared


def answer(step, recipe, x: Tensor) -> Tensor:
    """What the trained network says to x, in the recipe's modes of the norms and of dropout."""
    each = 1 if recipe.norm_at_test == "batch" else len(x)      # its own statistics, whatever picture stands beside it
    with torch.inference_mode(), at_test(step.network, recipe.norm_at_test, recipe.dropout_at_test):
        return torch.cat([step.generate(part) for part in x.split(each)])


@contextmanager
def dice(recipe, x: Tensor, batch: int = 0) -> Iterator[None]:
    """Inside, dropout at test throws the dice of this batch, whichever process has it. Training's stand still meanwhile."""
    if not recipe.dropout_at_test:
        yield
        return
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        torch.manual_seed(SEED + batch)
        yield


def samples(step, recipe, pictures: Tensor) -> list[Tensor]:
    """Pictures (N, 3, S, S) -> the rows of a strip: what the network sees, what it makes of it, the truth."""
    task = recipe.task()
    x, y = task.prepare(pictures, SEED)
    with dice(recipe, x):
        return task.show(pictures, x, y, answer(step, recipe, x))


def settle(step, recipe, train: Loader) -> None:
    """Take BatchNorm's test statistics over `norm_pictures` training pictures, evenly spread over the list, unaugmented."""
    if recipe.norm_at_test == "batch" or not recipe.norm_pictures:
        return
    apart = max(1, len(train) // recipe.norm_pictures)      # spread: a list sorted by folder begins with one subject
    some = train.indices[::apart][: recipe.norm_pictures]
    task = recipe.task()
    with settling(step.network):
        for _, batch, ids in _numbered(Loader(train.pack, some, recipe.batch_size, train.device, shuffle=False)):
            step.generate(task.prepare(batch, recipe.seed, ids)[0])


def evaluate(step, recipe, loader: Loader) -> dict[str, float]:
    """Means over the loader's pictures of the task's figures; per picture first, then the mean."""
    task = recipe.task()

    def figures(i: int, pictures: Tensor, ids: Tensor) -> dict[str, Tensor]:
        x, y = task.prepare(pictures, SEED, ids)
        with dice(recipe, x, i):
            return task.figures(pictures, x, y, answer(step, recipe, x))

    return _mean(loader, figures)


def baselines(recipe, train: Loader, held_out: Loader, at_most: int = 1000) -> dict[str, float]:
    """The figures of answers that take no learning, on the held-out pictures; what is common comes from the training ones."""
    task, known = recipe.task(), common(recipe, train, at_most)

    def figures(i: int, pictures: Tensor, ids: Tensor) -> dict[str, Tensor]:
        x, y = task.prepare(pictures, SEED, ids)
        return task.naive(pictures, x, y, known)

    return _mean(held_out, figures)


def common(recipe, train: Loader, at_most: int = 1000) -> Tensor | None:
    """What the task may know of the training pictures without looking at the question, from `at_most` or some more of them."""
    return recipe.task().common(_first(train.alone(), at_most))


def _first(loader: Loader, at_most: int) -> Iterator[Tensor]:
    """Whole batches of an epoch, until at least `at_most` pictures have come."""
    count = 0
    for _, batch in loader.epoch():
        yield batch
        if (count := count + len(batch)) >= at_most:
            return


def _numbered(loader: Loader) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(its number, batch, its pictures' places in the list): a picture's noise goes by that, not by its place in the batch."""
    for i, batch in loader.epoch():
        first = i * loader.batch_size
        yield i, batch, torch.arange(first, first + len(batch), device=batch.device)


def _mean(loader: Loader, figures: Callable[[int, Tensor, Tensor], dict[str, Tensor]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for i, batch, ids in _numbered(loader):
        for name, per_picture in figures(i, batch, ids).items():
            sums[name] = sums.get(name, 0.0) + per_picture.double().sum().item()
    sums = parallel.total(sums)                              # of several processes each had whole batches of its own
    return {name: total / len(loader) for name, total in sums.items()}
