"""A run that was trained, ready for use: its recipe, and its step with the best weights in the network that is kept."""

from collections.abc import Sequence
from pathlib import Path

from minicolor import checkpoint
from minicolor.errors import BadInput
from minicolor.precision import autocast
from minicolor.recipe import Recipe, from_dict


def best(run: str | Path) -> dict:
    """What a run's folder (its best.pt) or a checkpoint file holds. BadInput for anything else."""
    path = Path(run)
    if path.is_dir() and not (path / "best.pt").exists():
        raise BadInput(f"{run}: no best.pt in this folder; expected a folder that `python -m minicolor.train` "
                       "wrote and that finished an epoch")
    return checkpoint.load(path / "best.pt" if path.is_dir() else path)


def trained(run: str | Path, device: str = "cpu") -> tuple[Recipe, object]:
    """The run's recipe and its step, in float32 on `device`; the networks that only helped to train stay as they were built."""
    saved = best(run)
    recipe = from_dict(saved["recipe"])
    step = recipe.build(autocast("float32", device))
    try:
        step.network.to(device).load_state_dict(saved["networks"][next(iter(step.networks))])
    except (RuntimeError, KeyError):
        raise BadInput(f"{run}: its weights do not fit its recipe {recipe.name}; written by another version?") from None
    return recipe, step


def short(runs: Sequence[str | Path]) -> list[str]:
    """What to call runs in a table: their folders' own names, or the whole paths where two have the same."""
    names = [Path(run).resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run) for run in runs]
