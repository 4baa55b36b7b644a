"""What a training run has on disk to go on from: who may write in a folder, what a checkpoint holds, and when it is refused."""

import dataclasses
import math
import tempfile
from pathlib import Path

from minicolor import checkpoint, parallel
from minicolor.errors import BadInput
from minicolor.recipe import Recipe, from_dict, to_dict

MAY_CHANGE = {"epochs", "patience", "batch_size"}    # how long it goes on, and how much fits into memory


def claim(out: Path, resume: bool) -> None:
    """Make the run's folder and try to write in it, before any work is spent; BadInput where a run would be lost."""
    if not resume and ((out / "last.pt").exists() or (out / "best.pt").exists()):
        raise BadInput(f"{out} already holds a run: add --resume to go on with it, or name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=out).close()
    for half in out.glob(".*.pt.*.tmp") if parallel.writes() else ():  # a kill in the middle of a save leaves one behind
        half.unlink(missing_ok=True)


def resumed(out: Path, recipe: Recipe, given: dict) -> Recipe:
    """The recipe of the run in `out`, with what is `given` anew; BadInput for a run of another, and for all but MAY_CHANGE."""
    saved = from_dict(checkpoint.load(out / "last.pt")["recipe"])
    if saved.name != recipe.name:
        raise BadInput(f"{out} is a run of {saved.name}, not of {recipe.name}")
    changed = {k: v for k, v in given.items() if v != getattr(saved, k)}
    for field in changed.keys() - MAY_CHANGE:
        raise BadInput(f"--{field.replace('_', '-')} {changed[field]}: the run in {out} has {getattr(saved, field)}, and a "
                       "resumed run keeps its settings (all but --epochs, --patience and --batch-size); name another folder "
                       "with --out")
    return dataclasses.replace(saved, **changed).check()


def previous(out: Path, recipe: Recipe, data: dict) -> dict | None:
    """The state to go on from, or None to begin: a run that was killed before its first save has none.

    BadInput where it had other pictures, another split or other settings: all but those that MAY_CHANGE.
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
    for field in sorted((was.keys() | now.keys()) - MAY_CHANGE):
        if was.get(field) != now.get(field):
            raise BadInput(f"{out} was begun with {field} {was.get(field)}, not {now.get(field)}: a resumed run keeps its own")
    return saved


def state(step, run: dict) -> dict:
    """What last.pt has beside the weights; a question to all processes, as some of it may differ between them."""
    extra = step.extra_state()
    return {"optimizers": {n: o.state_dict() for n, o in step.optimizers.items()}, "run": run,
            "random": checkpoint.random_state(),
            "extra": parallel.everyone(extra) if extra and parallel.world() > 1 else extra}


def restore(step, saved: dict) -> None:
    """Weights, optimizers, random numbers; what was each process's own only for as many processes, else the first one's."""
    load_networks(step, saved)
    for name, optimizer in step.optimizers.items():
        optimizer.load_state_dict(saved["optimizers"][name])
        for group in optimizer.param_groups:                         # as fast.py may have left them
            group["lr"], group["capturable"] = float(group["lr"]), False
    checkpoint.set_random_state(saved["random"])
    extra = saved["extra"]
    if isinstance(extra, list):
        extra = extra[parallel.rank() if len(extra) == parallel.world() else 0]
    step.load_extra_state(extra)


def load_networks(step, saved: dict) -> None:
    for name, network in step.networks.items():
        try:
            network.load_state_dict(saved["networks"][name])
        except (RuntimeError, KeyError):
            raise BadInput(f"the checkpoint's {name} does not fit its recipe's network: it was written by another version of "
                           "minicolor, which has to go on with it") from None


def refuse_broken_losses(run: dict, step, out: Path) -> None:
    for name, value in run["sums"].items():
        if not math.isfinite(value):
            stop(f"the loss {name} is {value}", run, out)


def refuse_broken_weights(step, run: dict, out: Path) -> None:
    """A step can break the weights after its loss was still fine: such weights must not replace a good checkpoint."""
    for which, network in step.networks.items():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                stop(f"the {which}'s weights {name} are not finite", run, out)


def stop(what: str, run: dict, out: Path) -> None:
    kept = f"{out / 'last.pt'} is the last good checkpoint" if (out / "last.pt").exists() else "nothing was saved yet"
    raise BadInput(f"training stopped: {what} in epoch {run['epoch'] + 1}, batch {run['batch']}; {kept}; "
                   "a smaller --lr or --precision float32 may help")
