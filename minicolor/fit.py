"""The only training loop. It knows recipes and steps, and never the name of a network.

A run is a folder: last.pt (everything needed to go on), best.pt (the weights with the best validation figure), log.csv,
split.json, strips/ (held-out samples after each epoch), results.json and report.html.

Killed at any moment, a run goes on from last.pt and ends with the same weights, bit for bit on a CPU: order and
augmentation are functions of (seed, epoch, batch), and the generator that dropout draws from is in the checkpoint.

Of several processes (parallel.py) all run this, each on its share of every batch; one of them writes.
"""

import hashlib
import time
from pathlib import Path

import numpy as np
import torch

from minicolor import checkpoint, parallel, report
from minicolor.data.augment import augment
from minicolor.data.loader import Loader
from minicolor.data.pack import Pack
from minicolor.data.split import split, write_split
from minicolor.distribute import distribute
from minicolor.errors import BadInput
from minicolor.fast import hurried, set_lr
from minicolor.held_out import baselines, evaluate, samples, settle
from minicolor.out_of_memory import largest_batch, ran_out
from minicolor.precision import autocast, choose, memory_format
from minicolor.progress import Progress
from minicolor.recipe import Recipe, comments, to_dict
from minicolor.resume import claim, load_networks, previous, refuse_broken_losses, refuse_broken_weights, restore, state
from minicolor.start import begun

STRIP = 6  # pictures in the strip of samples


def fit(recipe: Recipe, pack: Pack, out: str | Path, device: str = "cpu", resume: bool = False, save_minutes: float = 10.0,
        tensorboard: bool = False, quiet: bool = False, parts: dict | None = None, fast: bool = True,
        compiled: bool = False) -> dict:
    """Train `recipe` on the pack's training part; returns the figures that results.json holds.

    parts: "train", "val" and "test" -> indices into the pack; None: data/split.py's.
    resume: go on from out/last.pt. Refuses (BadInput) a folder that already holds a run, other pictures than the run
    began with, and stops with one sentence at the first loss that is not finite, with the last good checkpoint kept.
    fast: with all that fast.py knows (which then holds for the whole process); compiled: and torch.compile.
    Several processes call this alike (parallel.py).
    """
    out, writes = Path(out), parallel.writes()
    with parallel.in_turn():
        claim(out, resume)
    parts = parts or split(pack.keys, recipe.seed)
    data = {"hash": pack.hash, "source": pack.source, "split": hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()}
    parallel.agree({"pictures": data["hash"], "split": data["split"]})
    saved = previous(out, recipe, data)
    parallel.agree({"checkpoint": saved and (saved["run"]["epoch"], saved["run"]["batch"])})
    task = recipe.task()
    among = {"rank": parallel.rank(), "world": parallel.world()}
    train = Loader(pack, np.repeat(parts["train"], recipe.crops), recipe.batch_size, device, recipe.seed, **among)
    val, test = (Loader(pack, parts[p], recipe.batch_size, device, shuffle=False, whole=True, **among) for p in ("val", "test"))
    _enough_pictures(recipe, train)

    torch.manual_seed(recipe.seed)                                   # of the weights, and of dropout
    step = begun(recipe, recipe.build(autocast(recipe.precision, device)), resumed=saved is not None)
    for network in (*step.networks.values(), *step.rulers):
        network.to(device, memory_format=memory_format(recipe.precision, device)).train()

    if saved:
        restore(step, saved)
    update = hurried(step, device, fast, compiled)                   # first: it may lay out weights anew
    distribute(step)
    run = saved["run"] if saved else _new_run(recipe, train, val)
    if writes:
        write_split(out / "split.json", pack, parts, recipe.seed)
        log = report.Log(out, tensorboard)
    some = torch.cat([rgb for _, rgb in Loader(pack, parts["val"][:STRIP], STRIP, device, shuffle=False).epoch()])

    def save(name: str = "last.pt") -> None:
        refuse_broken_weights(step, run, out)
        kept = {"recipe": to_dict(recipe), "networks": {n: net.state_dict() for n, net in step.networks.items()}, "data": data}
        kept |= state(step, run) if name == "last.pt" else {}
        if writes:
            checkpoint.save(out / name, kept)

    # reading a loss makes a GPU wait for itself, and the processes for each other
    every = 1 if torch.device(device).type == "cpu" and parallel.world() == 1 else 25
    pictures_done = run["epoch"] * len(train) + run["seen"]
    with Progress(recipe.epochs * len(train), pictures_done, quiet or not writes) as bar:
        last_save = time.monotonic()
        while run["epoch"] < recipe.epochs and not _enough(run, recipe):
            sums = {n: torch.tensor(value * writes, dtype=torch.float64, device=device) for n, value in run["sums"].items()}
            began = time.monotonic()
            for i, share, batch in train.shared(run["epoch"], run["batch"], run["seen"]):
                seed = _seed(recipe.seed, run["epoch"], i)
                set_lr(step, _rate(recipe, run["epoch"] + run["seen"] / len(train)))
                with parallel.training_on(share):
                    pictures = augment(batch, torch.Generator().manual_seed(seed), recipe.flip, recipe.jitter, recipe.crop, share)
                    ids = torch.arange(share.first, share.first + share.count, device=pictures.device)
                    losses = _updated(update, recipe, train, task.prepare(pictures, seed, ids), share, step)
                for name, loss in losses.items():
                    sums[name] = sums.get(name, 0) + loss.double() * (share.count / share.copies)
                run["batch"], run["seen"] = i + 1, run["seen"] + share.of
                if run["batch"] % every == 0 or run["seen"] == len(train):
                    run["sums"] = parallel.total({name: s.item() for name, s in sums.items()})
                    refuse_broken_losses(run, step, out)
                    bar.show(run)
                    late = time.monotonic() - last_save > 60 * save_minutes and run["seen"] < len(train)
                    if parallel.everyone(late)[0]:
                        run["seconds"] += time.monotonic() - began
                        began = time.monotonic()
                        save()
                        last_save = time.monotonic()
                bar.update(share.of)

            row = {"epoch": run["epoch"] + 1} | {name: s / run["seen"] for name, s in run["sums"].items()}
            refuse_broken_weights(step, run, out)
            settle(step, recipe, train)
            row |= {f"val_{name}": value for name, value in evaluate(step, recipe, val).items()}
            run["seconds"] += time.monotonic() - began
            row |= {"minutes": run["seconds"] / 60, "images_per_second": bar.rate}
            figure = row[f"val_{task.figure}"]
            better = run["best"] is None or task.better(figure, run["best"])
            run |= {"history": [*run["history"], row], "epoch": run["epoch"] + 1, "batch": 0, "sums": {}, "seen": 0}
            run |= {"best": figure, "best_epoch": run["epoch"]} if better else {}
            shown = samples(step, recipe, some)
            if better:
                save("best.pt")
            save()
            last_save = time.monotonic()
            if writes:
                report.strip(out / "strips" / f"epoch_{run['epoch']:03d}.png", shown)
                log.epoch(run["history"])
            to_beat, words = next(iter(task.to_beat.items()))
            bar.epoch(row, recipe.epochs, f"{task.title} {figure:.4g} ({words} {run['baselines'][to_beat]:.4g})")

    parallel.wait()                                                  # for best.pt, which one writes and all read
    load_networks(step, checkpoint.load(out / "best.pt"))
    figures = evaluate(step, recipe, test) | baselines(recipe, train, test)
    results = {
        "experiment": recipe.experiment, "recipe": to_dict(recipe), "data": pack.source, "data_hash": pack.hash,
        "counts": {name: len(indices) for name, indices in parts.items()}, "epochs": run["epoch"],
        "best_epoch": run["best_epoch"], "minutes": run["seconds"] / 60, "precision": choose(recipe.precision, device),
        "device": device, "processes": parallel.world(), "environment": checkpoint.environment(), "test": figures,
        "history": run["history"], "validation_baselines": run["baselines"],
        "judged_by": {"figure": task.figure, "higher": task.higher, "title": task.title, "to_beat": task.to_beat},
    }
    shown = samples(step, recipe, some)
    if writes:
        log.write(run["history"])                                    # a kill between a save and its log lost the last row
        report.write_json(out / "results.json", results)
        report.strip(out / "strip.png", shown)
        report.page(out / "report.html", results, task, comments(recipe), out / "strip.png")
    parallel.wait()
    return results


def _updated(update, recipe: Recipe, train: Loader, pair: tuple, share: parallel.Share, step) -> dict:
    """One update. What a network says of pictures that it cannot take becomes a sentence for whoever chose them."""
    try:
        step.share = share.count * parallel.world() / share.of
        return update(*pair)
    except BadInput:
        raise
    except ValueError as e:
        n, *_, height, width = pair[0].shape
        raise BadInput(f"{recipe.name} cannot be trained on a batch of {n} of {height}x{width}: {e}; --batch-size, --size and "
                       "--crop decide that") from e
    except (MemoryError, RuntimeError) as e:
        if not ran_out(e):
            raise
        e.__traceback__ = None                                       # it holds on to the tensors that did not fit
    getattr(update, "release", lambda: None)()                       # what was recorded has memory of its own
    raise _too_much(recipe, train, step, pair)


def _too_much(recipe: Recipe, train: Loader, step, pair: tuple) -> BadInput:
    """Says which batch would have fitted. Of several processes the others are in the midst of their update: they wait for us."""
    with parallel.alone():
        room = largest_batch(step, pair)
    room *= parallel.world()
    fits = next((n for n in range(room, 0, -1) if train.widest(n) <= room), 0)
    return BadInput(f"out of memory: {recipe.name} with --batch-size {recipe.batch_size} does not fit; " + (
        f"the largest that does is {fits}: the same command with --resume --batch-size {fits} goes on from the last checkpoint"
        if fits else "not even one picture does: choose a smaller --size or --crop"))


def _enough_pictures(recipe: Recipe, train: Loader) -> None:
    if recipe.batch_size > len(train):
        raise BadInput(f"--batch-size {recipe.batch_size}: there are only {len(train)} pictures to train on, a batch cannot be "
                       "larger than that")
    if parallel.world() > min(recipe.batch_size, len(train)):
        raise BadInput(f"{parallel.world()} processes cannot share batches of {recipe.batch_size}: every process needs a "
                       "picture; start fewer, or choose a larger --batch-size")


def _seed(*numbers: int) -> int:
    """One seed for one batch of one epoch; neighbors share nothing, and every machine agrees."""
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:7], "big")


def _new_run(recipe: Recipe, train: Loader, val: Loader) -> dict:
    return {"epoch": 0, "batch": 0, "seen": 0, "sums": {}, "history": [], "best": None, "best_epoch": 0,
            "seconds": 0.0, "baselines": baselines(recipe, train, val)}


def _rate(recipe: Recipe, epochs_done: float) -> float:
    """Constant, then linear to 0 over the last `decay` of the run: a function of the place alone, so nothing to save."""
    left = (1 - epochs_done / recipe.epochs) / recipe.decay if recipe.decay else 1.0
    return recipe.lr * min(1.0, left)


def _enough(run: dict, recipe: Recipe) -> bool:
    return recipe.patience > 0 and run["epoch"] - run["best_epoch"] >= recipe.patience
