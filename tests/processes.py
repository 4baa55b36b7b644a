"""What tests/test_parallel.py runs by torchrun: 20 updates of a recipe on drawn scenes, and what came out, written by one.

    processes.py RECIPE float32|float64 OUT [FIELD=VALUE ...]
"""

import dataclasses
import sys
from contextlib import nullcontext

import torch

from minicolor import parallel
from minicolor import recipe as recipes
from minicolor.data.augment import augment
from minicolor.data.loader import Loader
from minicolor.distribute import distribute
from minicolor.fast import set_lr

STEPS = 20


def updates(recipe, dtype: torch.dtype) -> dict:
    """-> weights, Adam's momenta, losses of each update, and how many pictures each process had."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pack, task, step = recipe.open(), recipe.task(), recipe.build(nullcontext)
    for network in step.networks.values():
        network.to(dtype).train()
    distribute(step)
    loader = Loader(pack, range(len(pack)), recipe.batch_size, rank=parallel.rank(), world=parallel.world())
    losses, seen = [], []
    set_lr(step, recipe.lr)
    for epoch in range(STEPS):
        for i, share, batch in loader.shared(epoch):
            seed = 1000 * epoch + i
            with parallel.training_on(share):
                pictures = augment(batch, torch.Generator().manual_seed(seed), recipe.flip, recipe.jitter, recipe.crop, share)
                ids = torch.arange(share.first, share.first + share.count)
                step.share = share.count * parallel.world() / share.of
                x, y = (t.to(dtype) if t.is_floating_point() else t for t in task.prepare(pictures, seed, ids))
                told = step.step(x, y)
            losses.append(parallel.total({name: loss.item() * share.count / share.of for name, loss in told.items()}))
            seen.append(sum(parallel.everyone([pictures.shape[0]]), []))
            if len(losses) == STEPS:
                weights = {n: network.state_dict() for n, network in step.networks.items()}
                moments = {n: [s["exp_avg"] for s in o.state.values()] for n, o in step.optimizers.items()}
                return {"weights": weights, "moments": moments, "losses": losses, "seen": seen}


if __name__ == "__main__":
    name, dtype, out, *fields = sys.argv[1:]
    quick = recipes.load(name).QUICK
    given = {f: type(getattr(quick, f))(v) for f, v in (field.split("=") for field in fields)}
    with parallel.together("cpu"):
        found = updates(dataclasses.replace(quick, data="scenes", **given).check(), getattr(torch, dtype))
        if parallel.writes():
            torch.save(found, out)
