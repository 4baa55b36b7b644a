"""The only training loop. It knows recipes and steps, and never the name of a network.

A run is a folder: last.pt (everything needed to go on), best.pt (the weights with the best validation figure), log.csv,
split.json, strips/ (held-out samples after each epoch), results.json and report.html.

Killed at any moment, a run goes on from last.pt and ends with the same weights, bit for bit on a CPU: order and
augmentation are functions of (seed, epoch, batch), and the generator that dropout draws from is in the checkpoint.
"""

import hashlib
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from minicolor import checkpoint, report
from minicolor.data.augment import augment
from minicolor.data.loader import Loader
from minicolor.data.pack import Pack
from minicolor.data.split import split, write_split
from minicolor.errors import BadInput
from minicolor.held_out import baselines, evaluate, samples, settle
from minicolor.precision import autocast, choose, memory_format
from minicolor.progress import Progress
from minicolor.recipe import Recipe, comments, to_dict
from minicolor.start import begun

STRIP = 6  # pictures in the strip of samples


def fit(recipe: Recipe, pack: Pack, out: str | Path, device: str = "cpu", resume: bool = False,
        save_minutes: float = 10.0, tensorboard: bool = False, quiet: bool = False, parts: dict | None = None) -> dict:
    """Train `recipe` on the pack's training part; returns the figures that results.json holds.

    parts: "train", "val" and "test" -> indices into the pack; None: data/split.py's.
    resume: go on from out/last.pt. Refuses (BadInput) a folder that already holds a run, other pictures than the run
    began with, and stops with one sentence at the first loss that is not finite, with the last good checkpoint kept.
    """
    out = Path(out)
    claim(out, resume)
    parts = parts or split(pack.keys, recipe.seed)
    data = {"hash": pack.hash, "source": pack.source, "split": hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()}
    saved = _previous(out, recipe, data)
    task = recipe.task()
    train = Loader(pack, np.repeat(parts["train"], recipe.crops), recipe.batch_size, device, recipe.seed)
    val, test = (Loader(pack, parts[p], recipe.batch_size, device, shuffle=False) for p in ("val", "test"))

    torch.manual_seed(recipe.seed)                                   # of the weights, and of dropout
    step = begun(recipe, recipe.build(autocast(recipe.precision, device)), resumed=saved is not None)
    for network in (*step.networks.values(), *step.rulers):
        network.to(device, memory_format=memory_format(recipe.precision, device)).train()

    run = saved["run"] if saved else _new_run(recipe, train, val)
    if saved:
        _restore(step, saved)
    write_split(out / "split.json", pack, parts, recipe.seed)
    log = report.Log(out, tensorboard)
    some = torch.cat([rgb for _, rgb in Loader(pack, parts["val"][:STRIP], STRIP, device, shuffle=False).epoch()])

    def save(name: str = "last.pt") -> None:
        _refuse_broken_weights(step, run, out)
        networks = {n: net.state_dict() for n, net in step.networks.items()}
        state = {"recipe": to_dict(recipe), "networks": networks, "data": data}
        if name == "last.pt":
            state |= {"optimizers": {n: o.state_dict() for n, o in step.optimizers.items()}, "run": run,
                      "random": checkpoint.random_state(), "extra": step.extra_state()}
        checkpoint.save(out / name, state)

    every = 1 if torch.device(device).type == "cpu" else 25          # reading a loss makes the GPU wait for itself
    pictures_done = run["epoch"] * len(train) + min(run["batch"] * recipe.batch_size, len(train))
    with Progress(recipe.epochs * len(train), pictures_done, quiet) as bar:
        last_save = time.monotonic()
        while run["epoch"] < recipe.epochs and not _enough(run, recipe):
            sums = {name: torch.tensor(value, dtype=torch.float64, device=device) for name, value in run["sums"].items()}
            began = time.monotonic()
            for i, batch in train.epoch(run["epoch"], start=run["batch"]):
                seed = _seed(recipe.seed, run["epoch"], i)
                draws = torch.Generator().manual_seed(seed)
                pictures = augment(batch, draws, recipe.flip, recipe.jitter, recipe.crop)
                _set_lr(step, recipe, run["epoch"] + i / train.batches)
                losses = _stepped(step, recipe, task.prepare(pictures, seed))
                for name, loss in losses.items():
                    sums[name] = sums.get(name, 0) + loss.double() * len(batch)
                run["batch"], run["seen"] = i + 1, run["seen"] + len(batch)
                if run["batch"] % every == 0 or run["batch"] == train.batches:
                    run["sums"] = {name: s.item() for name, s in sums.items()}
                    _refuse_broken_losses(run, step, out)
                    bar.show(run)
                bar.update(len(batch))
                if time.monotonic() - last_save > 60 * save_minutes and run["batch"] < train.batches:
                    run["sums"] = {name: s.item() for name, s in sums.items()}
                    run["seconds"] += time.monotonic() - began
                    began = time.monotonic()
                    save()
                    last_save = time.monotonic()

            row = {"epoch": run["epoch"] + 1} | {name: s / run["seen"] for name, s in run["sums"].items()}
            _refuse_broken_weights(step, run, out)
            settle(step, recipe, train)
            row |= {f"val_{name}": value for name, value in evaluate(step, recipe, val).items()}
            run["seconds"] += time.monotonic() - began
            row |= {"minutes": run["seconds"] / 60, "images_per_second": bar.rate}
            figure = row[f"val_{task.figure}"]
            better = run["best"] is None or task.better(figure, run["best"])
            run |= {"history": [*run["history"], row], "epoch": run["epoch"] + 1, "batch": 0, "sums": {}, "seen": 0}
            run |= {"best": figure, "best_epoch": run["epoch"]} if better else {}
            # before the save: dropout at test draws random numbers too, and a resumed run must not miss any
            report.strip(out / "strips" / f"epoch_{run['epoch']:03d}.png", samples(step, recipe, some))
            if better:
                save("best.pt")
            save()
            last_save = time.monotonic()
            log.epoch(run["history"])
            to_beat, words = next(iter(task.to_beat.items()))
            bar.epoch(row, recipe.epochs, f"{task.title} {figure:.4g} ({words} {run['baselines'][to_beat]:.4g})")

    log.write(run["history"])                                        # a kill between a save and its log lost the last row
    _load_networks(step, checkpoint.load(out / "best.pt"))
    figures = evaluate(step, recipe, test) | baselines(recipe, train, test)
    results = {
        "experiment": recipe.experiment, "recipe": to_dict(recipe), "data": pack.source, "data_hash": pack.hash,
        "counts": {name: len(indices) for name, indices in parts.items()}, "epochs": run["epoch"],
        "best_epoch": run["best_epoch"], "minutes": run["seconds"] / 60, "precision": choose(recipe.precision, device),
        "device": device, "environment": checkpoint.environment(), "test": figures, "history": run["history"],
        "validation_baselines": run["baselines"],
        "judged_by": {"figure": task.figure, "higher": task.higher, "title": task.title, "to_beat": task.to_beat},
    }
    report.write_json(out / "results.json", results)
    report.strip(out / "strip.png", samples(step, recipe, some))
    report.page(out / "report.html", results, task, comments(recipe), out / "strip.png")
    return results


def _stepped(step, recipe: Recipe, pair: tuple) -> dict:
    """step.step(x, y). What a network says of pictures that it cannot take becomes a sentence for whoever chose them."""
    try:
        return step.step(*pair)
    except ValueError as e:
        n, *_, height, width = pair[0].shape
        raise BadInput(f"{recipe.name} cannot be trained on a batch of {n} of {height}x{width}: {e}; --batch-size, --size and "
                       "--crop decide that") from e


def _seed(*numbers: int) -> int:
    """One seed for one batch of one epoch; neighbors share nothing, and every machine agrees."""
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:7], "big")


def _new_run(recipe: Recipe, train: Loader, val: Loader) -> dict:
    return {"epoch": 0, "batch": 0, "seen": 0, "sums": {}, "history": [], "best": None, "best_epoch": 0,
            "seconds": 0.0, "baselines": baselines(recipe, train, val)}


def claim(out: Path, resume: bool) -> None:
    """Make the run's folder and try to write in it, before any work is spent; BadInput where a run would be lost."""
    if not resume and ((out / "last.pt").exists() or (out / "best.pt").exists()):
        raise BadInput(f"{out} already holds a run: add --resume to go on with it, or name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=out).close()
    for half in out.glob(".*.pt.*.tmp"):                             # a kill in the middle of a save leaves one behind
        half.unlink()


def _previous(out: Path, recipe: Recipe, data: dict) -> dict | None:
    """The state to go on from, or None to begin: a run that was killed before its first save has none.

    BadInput where it had other pictures, another split or other settings: all but how long it goes on.
    """
    if not (out / "last.pt").exists():
        return None
    saved = checkpoint.load(out / "last.pt")
    if "run" not in saved:
        raise BadInput(f"{out / 'last.pt'} holds weights alone: it can color pictures, but not go on training")
    if saved["data"]["hash"] != data["hash"]:
        raise BadInput(f"{out} was trained on other pictures ({saved['data']['source']}) than {data['source']} now holds: "
                       "a resumed run must see the same ones")
    if saved["data"]["split"] != data["split"]:
        raise BadInput(f"{out} was trained on another part of the pictures: a resumed run must hold out the same ones")
    was, now = saved["recipe"], to_dict(recipe)
    for field in sorted((was.keys() | now.keys()) - {"epochs", "patience"}):
        if was.get(field) != now.get(field):
            raise BadInput(f"{out} was begun with {field} {was.get(field)}, not {now.get(field)}: a resumed run keeps its own")
    return saved


def _restore(step, saved: dict) -> None:
    _load_networks(step, saved)
    for name, optimizer in step.optimizers.items():
        optimizer.load_state_dict(saved["optimizers"][name])
    checkpoint.set_random_state(saved["random"])
    step.load_extra_state(saved["extra"])


def _load_networks(step, saved: dict) -> None:
    for name, network in step.networks.items():
        try:
            network.load_state_dict(saved["networks"][name])
        except (RuntimeError, KeyError):
            raise BadInput(f"the checkpoint's {name} does not fit its recipe's network: it was written by another version of "
                           "minicolor, which has to go on with it") from None


def _set_lr(step, recipe: Recipe, epochs_done: float) -> None:
    """Constant, then linear to 0 over the last `decay` of the run: a function of the place alone, so nothing to save."""
    left = (1 - epochs_done / recipe.epochs) / recipe.decay if recipe.decay else 1.0
    for optimizer in step.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * min(1.0, left)


def _enough(run: dict, recipe: Recipe) -> bool:
    return recipe.patience > 0 and run["epoch"] - run["best_epoch"] >= recipe.patience


def _refuse_broken_losses(run: dict, step, out: Path) -> None:
    for name, value in run["sums"].items():
        if not math.isfinite(value):
            _stop(f"the loss {name} is {value}", run, out)


def _refuse_broken_weights(step, run: dict, out: Path) -> None:
    """A step can break the weights after its loss was still fine: such weights must not replace a good checkpoint."""
    for which, network in step.networks.items():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                _stop(f"the {which}'s weights {name} are not finite", run, out)


def _stop(what: str, run: dict, out: Path) -> None:
    kept = f"{out / 'last.pt'} is the last good checkpoint" if (out / "last.pt").exists() else "nothing was saved yet"
    raise BadInput(f"training stopped: {what} in epoch {run['epoch'] + 1}, batch {run['batch']}; {kept}; "
                   "a smaller --lr or --precision float32 may help")
