"""What checks compare with must stay what it was.

A file that replaces torch.testing.assert_close would pass everything, and so might one that writes zeros into the very tensors
from which a check goes on to calculate what it expects.
"""

import functools
import random
import sys
from collections.abc import Callable, Iterator

COMPARING = "torch.testing._comparison"               # its classes do what assert_close is known for
WATCHED = ("builtins", "math", "random", "torch", "torch.testing", COMPARING, "torch.nn.functional", "numpy", "numpy.testing")
MOVING = {"Storage"}          # torch.set_default_dtype itself replaces torch.Storage


class Untouched:
    """Functions and classes of WATCHED, as far as they are loaded when this is made."""

    def __init__(self):
        self.kept, self.names = {}, {}
        owners = {name: sys.modules[name] for name in WATCHED if name in sys.modules}
        if "torch" in owners:
            owners["torch.Tensor"] = owners["torch"].Tensor
        if COMPARING in owners:
            own = {k: v for k, v in vars(owners[COMPARING]).items() if isinstance(v, type) and v.__module__ == COMPARING}
            owners |= {f"{COMPARING}.{key}": value for key, value in own.items()}
        for name, owner in owners.items():
            self.names[name] = set(vars(owner))
            self.kept[name] = owner, {key: value for key, value in vars(owner).items() if callable(value) and key not in MOVING}

    def restore(self) -> str:
        """Put back what was replaced. -> its name, or "" where nothing was."""
        changed = ""
        for name, (owner, values) in self.kept.items():
            now = dict(vars(owner))
            for key, value in values.items():
                if now.get(key) is not value:
                    setattr(owner, key, value)
                    changed = changed or f"{name}.{key}"
            if isinstance(owner, type):                      # a new method can hide one that is inherited
                for key in (k for k in now if k not in self.names[name]):
                    delattr(owner, key)
                    changed = changed or f"{name}.{key}"
        return changed


def fresh(seed: int) -> None:
    """Before each check: everything that draws numbers begins at `seed`, and torch's switches stand as it came."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)


def leaves_alone(answer: Callable) -> Callable:
    """The same function; it raises AssertionError when a tensor or array among its arguments is not what it was.

    The arguments are handed on as they are, so that gradients flow as they did. Lists and tuples are looked into.
    """
    @functools.wraps(answer)
    def asked(*args, **named):
        before = [(x, getattr(x, "_version", 0), _copy(x)) for x in _arrays((*args, *named.values()))]
        result = answer(*args, **named)
        for x, version, copy in before:                      # writing through .data or a NumPy view does not count as a version
            assert getattr(x, "_version", 0) == version and _same(x, copy), "it writes into what it was given"
        return result

    return asked


def _arrays(values) -> Iterator:
    for x in values:
        if isinstance(x, list | tuple):
            yield from _arrays(x)
        elif type(x).__module__ in ("torch", "numpy", "torch.nn.parameter") and hasattr(x, "shape"):
            yield x


def _copy(x):
    return x.detach().clone() if hasattr(x, "detach") else x.copy()


def _same(x, copy) -> bool:
    """NaN is NaN here."""
    x = x.detach() if hasattr(x, "detach") else x
    return x.shape == copy.shape and bool(((x == copy) | ((x != x) & (copy != copy))).all())
