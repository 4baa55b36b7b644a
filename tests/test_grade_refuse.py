"""The answer has to be one's own: the library, every way to it, and what would blind the checks are refused, with the line."""

import ast
import math
import sys
import textwrap

import pytest
import torch
from graded import RIGHT, graded

from lessons.grading.refuse import ALLOWED, KERNEL, guarded, refuse
from lessons.grading.run import run
from lessons.grading.sheet import Check

KEY = [
    "import minicolor",
    "import minicolor.models.same_padding as padding",
    "from minicolor.models.same_padding import same_padding",
    "from minicolor import models",
    "import torch, minicolor",
    "def f():\n    from minicolor import ops",
    "import kernels.lab",
    "from lessons.grading.sheet import read",
    "from . import checks",
    "import importlib",
    "from importlib import import_module",
    "f = __import__('mini' + 'color')",
    "f = __builtins__",
    "exec('import mini' + 'color')",
    "f = eval('__imp' + 'ort__')",
    "f = compile('', '', 'exec')",
    "f = open('../minicolor/models/same_padding.py').read()",
    "import sys",
    "import torch\nf = torch.sys.modules",
    "from torch import sys as s",
    "import random\nf = random._os",
    "import torch\nf = getattr(torch, 's' + 'ys')",
    "import numpy\nf = numpy.fromfile",
    "f = (lambda: 0).__globals__",
    "f = object.__subclasses__()",
    "try:\n    1 / 0\nexcept Exception as e:\n    f = e.__traceback__",
    "import torch\nf = torch.hub",
    "import dataclasses\nf = dataclasses._create_fn",
    "from collections import _sys",
    "import torch.testing._comparison",
    "match print:\n    case object(__self__=f):\n        pass",
]
OTHERS = ["kornia", "skimage.color", "torchmetrics", "torchvision", "piq", "lpips", "cv2", "PIL", "scipy", "subprocess", "ctypes"]
LIARS = [
    "import numpy\nnumpy.savetxt('/proc/self/fd/3', ['{}'], fmt='%s')",
    "from numpy import *\nsavetxt('/proc/self/fd/3', ['{}'], fmt='%s')",
    "import numpy\nnumpy.zeros(3).tofile('/proc/self/fd/3')",
    "import numpy\nnumpy.save('/proc/self/fd/3', 1)",
    "import torch\ntorch.save(1, '/proc/self/fd/3')",
    "import torch\ntorch.zeros(3).untyped_storage()._write_file('/proc/self/fd/3', False, False, 1)",
    "import torch\npair = torch.testing._comparison.TensorLikePair\npair.compare = lambda self: None",
    "from torch.testing import _comparison as c\nc.TensorLikePair.compare = lambda self: None",
    "def kernel(tl, rgb_ptr):\n    return rgb_ptr._memory._values",
    "def kernel(tl, rgb_ptr):\n    return tl._places('load', rgb_ptr, None)",
    "def kernel(tl, self):\n    return self._memory",
    "def kernel(tl, p):\n    match p:\n        case object(_memory=m):\n            return m",
    "import torch\ntorch.testing.assert_close = print",
    "import torch.testing as t\nt.assert_close = print",
    "import torch\ndel torch.allclose",
    "setattr(print, 'x', 1)",
    "class Yes:\n    def __eq__(self, other):\n        return True",
    "class Yes:\n    __eq__ = print",
    "Yes = type('Yes', (), {'__eq__': print})",
    "import torch\nclass Yes(torch.Tensor):\n    pass",
    "class Yes(float):\n    pass",
]
HONEST = """
from __future__ import annotations
import math, random
import numpy as np
import torch
import torch.nn.functional as F
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple
from torch import Tensor, nn

@dataclass
class Pair:
    a: int = 2

class Point(NamedTuple):
    x: float = 0

Point()._replace(x=1)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self._scale = Pair().a
        self.eval()

    def forward(self, input, vars=None):
        with torch.no_grad():
            return F.relu(torch.as_tensor(np.asarray(float(input)))) * self._scale

def double(x):
    input = x
    net = Net()
    net.other = len(list(net.modules()))
    return net(input).item() if isinstance(x, float) else x * Pair().a

if __name__ == "__main__":
    print(double(3))
"""


PAIR = sys.modules["torch.testing._comparison"].TensorLikePair          # what assert_close leaves the work to


def refused(source: str) -> str | None:
    return refuse(ast.parse(source))


def line(sentence: str | None) -> int:
    return int(sentence.split()[1])


@pytest.mark.parametrize("source", KEY + [f"import {name}" for name in OTHERS] + LIARS)
def test_reading_the_file_is_enough_to_refuse(source):
    assert refused(source + "\n" + RIGHT).startswith("line ")
    assert line(refused("\n\n" + source)) == line(refused(source)) + 2


def test_the_sentence_names_line_and_import():
    assert refused("import torch\nimport kornia.color") == (
        "line 2 imports kornia.color: an exercise may import only torch, numpy, math, itertools, functools, dataclasses, typing, "
        "collections, random, hashlib")
    assert refused("import minicolor.ops") == "line 1 imports minicolor.ops: the answer has to be your own, not the library's"


def test_the_first_offence_is_named():
    assert refused("import sys\nimport minicolor").startswith("line 1 imports sys")


def test_a_kernel_exercise_may_import_triton_and_no_other_may():
    tree = ast.parse("import triton.language as tl")
    assert refuse(tree, KERNEL) is None
    assert "triton" in refuse(tree, ALLOWED)


def test_an_honest_file_is_graded(tmp_path):
    assert refused(HONEST) is None
    assert graded(tmp_path, HONEST).points == 10


def test_a_refused_file_gets_nothing_and_is_not_run(tmp_path):
    ran = tmp_path / "ran"
    report = graded(tmp_path, f"import minicolor, numpy\nnumpy.save({str(ran)!r}, 1)\n{RIGHT}")
    assert report.points == 0
    assert report.refused == "refused: line 1 imports minicolor: the answer has to be your own, not the library's"
    assert not list(tmp_path.glob("ran*"))


@pytest.mark.parametrize("name", ["minicolor", "minicolor.ops.lab", "sys", "kornia", "torch.hub"])
def test_while_it_runs_the_import_refuses_as_well(name):
    """A name that no reader of the file can see."""
    inside = guarded(ALLOWED)
    with pytest.raises(ImportError, match="imports"):
        inside["__import__"](name)
    assert not {"open", "exec", "eval", "compile", "getattr", "globals", "vars"} & set(inside)
    assert inside["__import__"]("math") is math


@pytest.mark.parametrize("owner, name", [
    (torch.testing, "assert_close"), (torch, "allclose"), (PAIR, "compare"),
    (torch.Tensor, "__eq__"), (torch.Tensor, "mean"), (math, "isclose"),
], ids=["assert_close", "allclose", "TensorLikePair", "Tensor.__eq__", "Tensor.mean", "isclose"])
def test_an_answer_that_replaces_what_it_is_compared_with_fails_and_is_undone(owner, name):
    before = getattr(owner, name)

    def answer():
        setattr(owner, name, lambda *_, **__: True)

    outcome, = run([Check(1, lambda f: f(), "a hint")], answer)
    after = getattr(owner, name)
    if after is not before:
        setattr(owner, name, before)                                # the other tests need it
    assert (outcome.passed, after) == (False, before)
    assert outcome.message.endswith(f".{name}")


def test_switches_of_torch_do_not_outlast_a_check():
    def answer():
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        return torch.zeros(1).dtype, torch.is_grad_enabled()

    def check(f):
        assert torch.zeros(1).dtype == torch.float32
        assert torch.is_grad_enabled()
        f()

    try:
        assert [o.passed for o in run([Check(1, check, "a hint")] * 2, answer)] == [True, True]
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


def test_assert_itself_cannot_be_replaced(tmp_path):
    """Python's assert takes AssertionError from the interpreter, not from builtins."""
    checks = textwrap.dedent('''
        import builtins
        NAME = "double"
        def check(f):
            builtins.AssertionError = KeyboardInterrupt
            assert f(1) == 2
        CHECKS = [(10, check, "a hint")]
    ''')
    assert graded(tmp_path, "def double(x):\n    return 3\n", checks=checks).points == 0
