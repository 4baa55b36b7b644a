"""What a training starts from besides random numbers: --init, and the feature networks that only training needs."""

from contextlib import nullcontext
from pathlib import Path

from minicolor import checkpoint, weights
from minicolor.errors import BadInput
from minicolor.recipe import names


def given(init: str) -> dict[str, dict]:
    """What --init names: a run's best networks by name, or {"weights": ...} of a weights file, or of its name in weights.py.

    BadInput says what is missing and how to get it.
    """
    path = Path(init) / "best.pt" if Path(init).is_dir() else Path(init)
    if not path.exists() and init not in weights.WEIGHTS:
        first = f"; train it first: python -m minicolor.train {path.name} --out {init}" if path.name in names() else ""
        raise BadInput(f"--init {init}: no such run, no such file, and none of the weights {', '.join(weights.WEIGHTS)}{first}")
    if path.is_file():
        try:
            return checkpoint.load(path)["networks"]
        except BadInput:                                             # no checkpoint of ours: then a file of weights, or neither
            if path.name == "best.pt":
                raise
    return {"weights": weights.load(init)}


def ready(recipe) -> None:
    """Build the recipe's step and give it all that it asks for, then forget it: what is missing is said before any work."""
    begun(recipe, recipe.build(nullcontext))


def begun(recipe, step, resumed: bool = False):
    """The step with the weights that --init names (a resumed run has its own), and with what training alone needs."""
    if recipe.init and not resumed:
        recipe.begin(step, given(recipe.init))
    recipe.equip(step)
    return step
