"""PyTorch's side of a kernel's bill: how many operations a function is without fusion, and what they read and write."""

from collections.abc import Callable

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def eager(function: Callable, *arguments) -> tuple[int, int]:
    """PyTorch's side of the bill: run function(*arguments) -> how many operations it was, and their bytes in and out.

    Every operation reads its tensors and writes its result, whole. Views (a slice, a transposition) move nothing.
    """
    count = _Count()
    with count:
        function(*arguments)
    return count.operations, count.bytes


class _Count(TorchDispatchMode):
    operations = bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        aliases = [r.alias_info for r in function._schema.returns]
        if not any(a is not None and not a.is_write for a in aliases) and "empty" not in function.name():
            self.operations += 1
            self.bytes += sum(t.numel() * t.element_size() for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor))
        return out
