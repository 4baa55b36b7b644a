"""What the tests of several processes start by torchrun, on drawn scenes; one process writes what came out.

    processes.py updates FOLDER     20 of pix2pix and of WGAN-GP               -> FOLDER/twenty-PROCESSES.pt
                                    2 of every recipe                          -> FOLDER/recipes-PROCESSES.pt
    processes.py meet FOLDER        the last process dies; begun anew, it comes late to meet the others, and they take turns
    processes.py starve MB FLAG...  `minicolor.train FLAG...`; from its first update on the last process gets no more than so
                                    much memory beside what it has
"""

import contextlib
import dataclasses
import itertools
import os
import re
import resource
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from minicolor import checkpoint, fast, fit, parallel, train
from minicolor import recipe as recipes
from minicolor.data.augment import augment
from minicolor.data.loader import Loader
from minicolor.distribute import distribute
from minicolor.errors import BadInput
from minicolor.fast import set_lr
from minicolor.start import begun

HOUSE = Path(__file__).parents[1]
STEPS = 20
SMALL = {"size": 64, "pictures": 20, "batch_size": 5, "base": 4, "d_base": 4}
NARROW = {"size": 64, "pictures": 18, "batch_size": 5, "base": 4, "d_base": 4, "width": 4, "depth": 3, "narrow": 16, "latent": 4,
          "blocks": 1, "critic_steps": 2, "crop": 0, "crops": 1, "init": ""}
AFTER = {"resnet_unet_l1": ("init", "classify"), "resnet_unet_gan": ("init", "resnet_unet_l1"),        # starts from, looks with
         "recolor_lpips": ("features", "classify"), "recolor_wgan_lpips": ("features", "classify"),
         "superres_fusion": ("init", "segment"), "superres_gan": ("init", "superres_unet")}


def torchrun(n: int, *command, flags=(), timeout=300, cwd=None, **env) -> subprocess.CompletedProcess:
    """By so many processes on this machine; torchrun picks a free port."""
    return subprocess.run(begins(n, *command, flags=flags), env=environment(**env), text=True, capture_output=True,
                          timeout=timeout, cwd=cwd)


def begins(n: int, *command, flags=()) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), *flags, *map(str, command)]


def environment(**more) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(HOUSE), os.environ.get("PYTHONPATH"))))     # whatever folder they are begun in
    return os.environ | {"OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "0", "MALLOC_ARENA_MAX": "1", "PYTHONPATH": path} | more


def photographs(folder: Path, count: int) -> Path:
    """A folder of so many small pictures, all different."""
    folder.mkdir()
    for i in range(count):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 40, 3), np.uint8)).save(folder / f"{i}.png")
    return folder


def small(name: str, sizes: dict, **fields) -> recipes.Recipe:
    quick = recipes.load(name).QUICK
    fields = {field: value for field, value in sizes.items() if hasattr(quick, field)} | fields
    return dataclasses.replace(quick, data="scenes", **fields).check()


def fed(recipe, dtype=torch.float32, copies: int = 1):
    """(this process's share, its questions and answers), batch by batch without end, as fit() makes them.

    copies: how many processes there are, where each is to have the whole batch.
    """
    pack, task = recipe.open(), recipe.task()
    among = {"rank": parallel.rank(), "world": parallel.world()} if copies == 1 else {}
    loader = Loader(pack, range(len(pack)), recipe.batch_size, **among)
    for epoch in itertools.count():
        for i, share, batch in loader.shared(epoch):
            share = dataclasses.replace(share, copies=copies)
            seed = 1000 * epoch + i
            with parallel.training_on(share):
                pictures = augment(batch, torch.Generator().manual_seed(seed), recipe.flip, recipe.jitter, recipe.crop, share)
                ids = torch.arange(share.first, share.first + share.count)
                pair = task.prepare(pictures, seed, ids)
                yield share, [t.to(dtype) if t.is_floating_point() else t for t in pair]


def built(recipe, dtype=torch.float32):
    torch.manual_seed(0)
    step = begun(recipe, recipe.build(nullcontext))
    for network in (*step.networks.values(), *step.rulers):
        network.to(dtype).train()
    distribute(step)
    set_lr(step, recipe.lr)
    return step


def updated(step, share, pair) -> dict[str, float]:
    """One update -> its losses, of the whole batch."""
    step.share = share.count * parallel.world() / share.of
    return parallel.total({name: loss.item() * share.count / share.of for name, loss in step.step(*pair).items()})


def weights(step) -> dict[str, dict]:
    return {n: {k: v.clone() for k, v in network.state_dict().items()} for n, network in step.networks.items()}


def run(recipe, dtype) -> dict:
    """20 updates, the last of a batch that all processes have.

    -> the weights before each and at the end, the losses of each, and how many pictures each process had.
    """
    step, found = built(recipe, dtype), {"weights": [], "losses": [], "seen": []}
    for share, pair in itertools.chain(itertools.islice(fed(recipe, dtype), STEPS - 1),
                                       itertools.islice(fed(recipe, dtype, copies=parallel.world()), 1)):
        found["weights"].append(weights(step))
        found["losses"].append(updated(step, share, pair))
        found["seen"].append(parallel.everyone(share.count))
    found["weights"].append(weights(step))
    return found


def gradients(recipe, begins: list[dict]) -> list[tuple[dict, dict]]:
    """Losses and gradients of the update that follows each of these weights. No Adam moves anything in between."""
    step, found = built(recipe), []
    for (share, pair), before in zip(fed(recipe), begins):
        for name, network in step.networks.items():
            network.load_state_dict(before[name])
        asked: dict[str, torch.Tensor] = {}
        with contextlib.ExitStack() as stack:
            for name, optimizer in step.optimizers.items():
                stack.enter_context(noting(optimizer, name, step.networks[name], asked))
            found.append((updated(step, share, pair), asked))
    return found


@contextlib.contextmanager
def noting(optimizer, name: str, network, asked: dict):
    """Inside, optimizer.step() takes a note of the gradients and leaves the weights as they are."""
    turn = itertools.count(1)                                        # a critic is updated several times

    def note():
        n = next(turn)
        asked.update({f"{name} {n} {k}": p.grad.clone() for k, p in network.named_parameters() if p.grad is not None})

    optimizer.step = note
    yield
    del optimizer.step


def twenty(folder: Path) -> None:
    found = {}
    for name in ("pix2pix", "recolor_wgan"):
        recipe = small(name, SMALL)
        found[name] = run(recipe, torch.float64)
        single = run(recipe, torch.float32)["weights"]
        if parallel.world() == 1:
            torch.save(single[:-1], folder / f"{name}.pt")
        found[name]["single"] = single[-1]
        found[name]["gradients"] = gradients(recipe, torch.load(folder / f"{name}.pt"))
    if parallel.writes():
        torch.save(found, folder / f"twenty-{parallel.world()}.pt")


def every_recipe(folder: Path) -> None:
    """Those that others start from come first, and leave a run behind. A batch of 5, then an epoch's last one, of 4."""
    folder, found = folder / f"runs-{parallel.world()}", {}
    first = ("classify", "segment", "superres_unet", "resnet_unet_l1")
    for name in (*first, *(n for n in recipes.names() if n not in first)):
        field, before = AFTER.get(name, ("init", ""))
        recipe = small(name, NARROW | {"pictures": 8}, **({field: str(folder / before)} if before else {}))
        try:
            step = built(recipe, torch.float64)
        except BadInput as e:
            found[name] = str(e)
            continue
        losses = [updated(step, share, pair) for share, pair in itertools.islice(fed(recipe, torch.float64), 2)]
        after = weights(step)
        if parallel.writes():
            (folder / name).mkdir(parents=True)
            checkpoint.save(folder / name / "best.pt", {"recipe": recipes.to_dict(recipe), "networks": after})
        found[name] = losses, parallel.everyone(after)
    if parallel.writes():
        torch.save(found, folder.with_name(f"recipes-{parallel.world()}.pt"))


def meet(folder: Path) -> None:
    """The addresses of the first attempt are still in torchrun's store when those of the second look for each other."""
    last, again = int(os.environ["RANK"]) == int(os.environ["WORLD_SIZE"]) - 1, os.environ["TORCHELASTIC_RESTART_COUNT"] == "1"
    if last and again:
        time.sleep(2)
    with parallel.together("cpu"):
        if not again:
            parallel.wait()
            if last:
                os._exit(1)
        met = parallel.everyone(os.getpid())
        if parallel.writes():
            (folder / "met").write_text(f"{len(set(met))} {again}")
        for _ in range(2):
            with parallel.in_turn(), open(folder / "turns", "a") as file:
                print(f"{parallel.rank()} begins", file=file, flush=True)
                time.sleep(0.1)
                print(f"{parallel.rank()} ends", file=file, flush=True)


def starve(megabytes: int, flags: list[str]) -> None:
    def hurried(*args):
        if int(os.environ.get("RANK", "0")) == int(os.environ.get("WORLD_SIZE", "1")) - 1:
            has = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) << 10
            resource.setrlimit(resource.RLIMIT_AS, (has + (megabytes << 20), -1))
        return fast.hurried(*args)

    fit.hurried = hurried
    train.main(flags)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "starve":
        sys.exit(starve(int(sys.argv[2]), sys.argv[3:]))
    if sys.argv[1] == "meet":
        sys.exit(meet(Path(sys.argv[2])))
    with parallel.together("cpu"):
        for job in (twenty, every_recipe):
            job(Path(sys.argv[2]))
