"""Triton in miniature: kernels run anywhere, without Triton and without a GPU, and every byte that they move is counted.

    def kernel(tl, x_ptr, y_ptr, n, BLOCK):                     # as under @triton.jit, with tl handed in
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i, mask=i < n, other=0.0)
        tl.store(y_ptr + i, 2 * x, mask=i < n)

    traffic = launch(kernel, (4,), x, y, len(x), BLOCK=256)     # x, y: NumPy arrays or CPU tensors; 4 programs

A load or store outside of an array ends with a sentence; on a GPU it would be a crash, or somebody else's data. What a mask
leaves out and no `other` fills is NaN here, since it may be anything there. Programs run one by one; their order means nothing.
"""

import random
import types
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lessons.grading.blocks import Block, block


@dataclass(frozen=True)
class Traffic:
    """Bytes by argument of the kernel, 0 for plain numbers.

    read, written: each lane that no mask leaves out counts, each time. fetched: each element once for each program that
    reads it, however often. That is what reaches memory where a cache keeps what a program has read until it ends.
    """

    read: tuple[int, ...]
    written: tuple[int, ...]
    fetched: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return sum(self.read) + sum(self.written)


class Memory:
    """One array of a launch, and what was moved."""

    def __init__(self, name: str, array):
        array = array.detach().numpy() if isinstance(array, Tensor) else array
        if not array.flags.c_contiguous:
            raise ValueError(f"{name}: an array with gaps, or in another order; a kernel sees plain memory: .contiguous() first")
        self.name, self._values = name, array.reshape(-1)
        self.read = self.written = self.fetched = 0
        self.seen: list[np.ndarray] = []                             # what this program has read


class Pointer:
    """Places in a Memory, one to a lane. The way to its numbers begins with _, which a student's file may not use."""

    __array_ufunc__ = None                                           # so that block + pointer comes to __radd__

    def __init__(self, memory: Memory, at):
        self._memory, self.at = memory, np.asarray(at, np.int64)
        self.dtype = types.SimpleNamespace(element_ty=memory._values.dtype.type)

    def __add__(self, offset):
        return Pointer(self._memory, self.at + np.asarray(offset))

    __radd__ = __add__

    def __sub__(self, offset):
        return Pointer(self._memory, self.at - np.asarray(offset))

    def __getitem__(self, index):
        return Pointer(self._memory, self.at[index])


def _of_floats(function: Callable) -> Callable:
    return staticmethod(lambda x: block(function(np.asarray(x)), x))


class Language:
    """What a kernel calls tl: the part of triton.language that the lessons need."""

    float32, float64, int32, int64, uint32, uint64, uint8, int1 = (
        np.float32, np.float64, np.int32, np.int64, np.uint32, np.uint64, np.uint8, np.bool_)
    static_range = range = range
    exp, exp2, log, log2, sqrt, sin, cos, floor = map(
        _of_floats, (np.exp, np.exp2, np.log, np.log2, np.sqrt, np.sin, np.cos, np.floor))
    abs = staticmethod(lambda x: block(np.abs(np.asarray(x)), x))
    maximum = staticmethod(lambda x, y: np.fmax(block(x, x), y))     # fmax: of NaN and 1 it is 1, as on a GPU
    minimum = staticmethod(lambda x, y: np.fmin(block(x, x), y))
    sum = staticmethod(lambda x, axis=None: block(np.sum(np.asarray(x), axis, dtype=x.dtype), x))
    cdiv = staticmethod(lambda a, b: -(-a // b))

    def __init__(self, grid: tuple[int, ...]):
        self._grid, self._program = grid, (0, 0, 0)

    def __getattr__(self, name):
        raise AttributeError(f"tl.{name} is not in this miniature; it has {', '.join(n for n in dir(self) if n[0] != '_')}")

    def program_id(self, axis):
        return block(np.int32(self._program[axis]))

    def num_programs(self, axis):
        return block(np.int32(self._grid[axis]))

    def arange(self, start, end):
        if end <= start or (end - start) & (end - start - 1):
            raise ValueError(f"tl.arange({start}, {end}): blocks have 1, 2, 4, 8 ... lanes; a mask leaves some out")
        return np.arange(start, end, dtype=np.int32).view(Block)

    def full(self, shape, value, dtype):
        return np.full(shape, value, dtype).view(Block)

    def zeros(self, shape, dtype):
        return self.full(shape, 0, dtype)

    def where(self, condition, x, y):
        return block(np.where(np.asarray(condition), *(np.asarray(v) if isinstance(v, Block) else v for v in (x, y))), x, y)

    def dot(self, a, b, acc=None, input_precision=None, out_dtype=None):
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or min(*a.shape, *b.shape) < 16:
            raise ValueError(f"tl.dot of {a.shape} and {b.shape}: expected (M, K) and (K, N), all of them at least 16")
        product = block(np.asarray(a) @ np.asarray(b), a, b)
        return product if acc is None else acc + product

    def load(self, pointer, mask=None, other=None, **hints):
        m, inside, at = self._places("load", pointer, mask)
        m.read += at.size * m._values.itemsize
        m.seen.append(at)
        kind = m._values.dtype.kind
        left_out = (np.nan if kind == "f" else 0 if kind == "b" else np.iinfo(m._values.dtype).max) if other is None else other
        out = np.broadcast_to(np.asarray(left_out), inside.shape).astype(m._values.dtype)
        out[inside] = m._values[at]
        return out.view(Block)

    def store(self, pointer, value, mask=None, **hints):
        m, inside, at = self._places("store", pointer, mask)
        m.written += at.size * m._values.itemsize
        m._values[at] = np.broadcast_to(np.asarray(value), inside.shape)[inside].astype(m._values.dtype)

    def _places(self, what, pointer, mask):
        if not isinstance(pointer, Pointer):
            raise TypeError(f"tl.{what} takes a pointer, such as x_ptr + i, not {type(pointer).__name__}")
        m = pointer._memory
        inside = np.broadcast_to(np.asarray(True if mask is None else mask), pointer.at.shape)
        at = pointer.at[inside].reshape(-1)
        if (wrong := at[(at < 0) | (at >= m._values.size)]).size:
            raise IndexError(f"tl.{what} at {m.name} + {wrong[0]}, where {m._values.size} elements are, in program "
                             f"{self._program}: on a GPU that is a crash, or somebody else's data")
        return m, inside, at


def launch(kernel: Callable, grid: int | tuple[int, ...], *arguments, **constants) -> Traffic:
    """Run kernel(tl, *arguments, **constants) for every program of the grid -> what was moved.

    kernel may also be a function under @triton.jit that finds tl among the names of its file: here it finds the miniature.
    arguments: contiguous NumPy arrays or CPU tensors, which it sees as pointers, and numbers. constants: plain to the kernel.
    """
    grid = (*((grid,) if isinstance(grid, int) else grid), 1, 1)[:3]
    tl = Language(grid)
    function = _bound(kernel, tl)
    names = function.__code__.co_varnames
    given = (tl,) if names[0] == "tl" else ()
    memories = [Memory(names[n], a) if isinstance(a, Tensor | np.ndarray) else None for n, a in enumerate(arguments, len(given))]
    seen = [Pointer(m, 0) if m else _number(a) for m, a in zip(memories, arguments)]
    programs = list(np.ndindex(*grid))
    random.Random(0).shuffle(programs)
    with np.errstate(all="ignore"):                                  # a GPU does not warn either
        for tl._program in programs:
            function(*given, *seen, **constants)
            for m in filter(None, memories):
                if m.seen:
                    m.fetched += np.unique(np.concatenate(m.seen)).size * m._values.itemsize
                m.seen = []
    return Traffic(*(tuple(getattr(m, what) if m else 0 for m in memories) for what in ("read", "written", "fetched")))


def _number(value):
    if isinstance(value, bool | float):
        return block(np.float32(value) if isinstance(value, float) else value)
    return block(np.int32(value) if -(2**31) <= value < 2**31 else np.int64(value))


def _bound(kernel: Callable, tl: Language) -> types.FunctionType:
    """The function under @triton.jit, and those of its file that it calls, with this tl instead of Triton's."""
    function = getattr(kernel, "fn", kernel)
    names = {**function.__globals__, "tl": tl}
    for name in function.__code__.co_names:
        value = names.get(name)
        inner = getattr(value, "fn", value)
        if type(value).__name__ == "constexpr":
            names[name] = value.value
        elif isinstance(inner, types.FunctionType) and "tl" in inner.__globals__:
            names[name] = _bound(value, tl)
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
