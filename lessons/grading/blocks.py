"""A block of numbers as a kernel of the miniature has it: NumPy, where NumPy and a GPU agree."""

import numpy as np


class Block(np.ndarray):
    """Numbers in a program's registers, one to a lane: a NumPy array that calculates as C does where NumPy would not."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(x) if isinstance(x, Block) else x for x in inputs]
        kinds = {x.dtype for x in plain if isinstance(x, np.ndarray | np.generic)}
        if {np.dtype(np.int32), np.dtype(np.uint32)} <= kinds and "shift" not in ufunc.__name__:
            raise TypeError("int32 and uint32 in one operation: say which one you mean, by .to(tl.uint32)")
        whole = not any(np.dtype(k).kind == "f" for k in kinds) and not any(isinstance(x, float) for x in plain)
        if ufunc is np.floor_divide and whole:                       # C rounds towards zero
            out = (plain[0] - np.fmod(*plain)) // plain[1]
        else:
            out = getattr(np.fmod if ufunc is np.remainder else ufunc, method)(*plain, **options)
        return block(out, *plain)

    def __getitem__(self, index):
        if any(i is not None and i != slice(None) for i in (index if isinstance(index, tuple) else (index,))):
            raise TypeError("a block takes None and : between its brackets and nothing else: a lane cannot see its neighbors")
        return super().__getitem__(index)

    def to(self, dtype, bitcast: bool = False):
        return self.view(dtype) if bitcast else self.astype(dtype)

    def __repr__(self):
        return repr(np.asarray(self))

    __str__, __setitem__ = __repr__, None
    # x += y makes a new block, as in Triton: whoever else holds the old one keeps it
    __iadd__, __isub__, __imul__, __itruediv__ = (getattr(np.ndarray, f"__{n}__") for n in ("add", "sub", "mul", "truediv"))
    __ifloordiv__, __imod__, __iand__, __ior__ = (getattr(np.ndarray, f"__{n}__") for n in ("floordiv", "mod", "and", "or"))
    __ixor__, __ilshift__, __irshift__ = (getattr(np.ndarray, f"__{n}__") for n in ("xor", "lshift", "rshift"))


def block(value, *made_of) -> Block:
    """An array as a Block: float32 where NumPy made it float64 of something smaller."""
    value = np.asarray(value)
    if value.dtype == np.float64 and not any(getattr(x, "dtype", None) == np.float64 for x in made_of):
        value = value.astype(np.float32)
    return value.view(Block)
