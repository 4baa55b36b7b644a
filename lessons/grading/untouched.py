"""What checks compare with must stay what it was: a file that replaces torch.testing.assert_close would pass everything."""

import random
import sys

WATCHED = ("builtins", "math", "random", "torch", "torch.testing", "torch.nn.functional", "numpy", "numpy.testing")
MOVING = {"Storage"}          # torch.set_default_dtype itself replaces torch.Storage


class Untouched:
    """Functions and classes of WATCHED, as far as they are loaded when this is made."""

    def __init__(self):
        self.kept, self.names = {}, {}
        owners = {name: sys.modules[name] for name in WATCHED if name in sys.modules}
        if "torch" in owners:
            owners["torch.Tensor"] = owners["torch"].Tensor
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
