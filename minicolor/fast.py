"""One update with less waiting: the whole step captured once in a CUDA graph and replayed, and its networks compiled if asked.

A step of pix2pix starts some 600 kernels. At a batch of one picture the GPU is done with each before the CPU has started the
next. A graph is those 600 starts, recorded: replaying them is one. What was recorded reads and writes the same memory each time,
so the pictures are copied to where it looks, and the step size is a number in memory, too.

Nothing else changes: the first updates run as ever, on a queue of their own (they compile and allocate), the next is recorded
and replayed, and a batch of another shape (an epoch's last) runs as ever again. The graph keeps the memory that its update needs,
so such a batch needs as much once more: _beside().
"""

import shutil
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from minicolor import parallel
from minicolor.errors import BadInput
from minicolor.kernels.backend import set_fast
from minicolor.models.conv4x4 import channels_last

WARM = 3                                                             # updates before the recording

Update = Callable[[Tensor, Tensor], dict[str, Tensor]]


def hurried(step, device: str, fast: bool = True, compiled: bool = False) -> Update:
    """step.step, or what does the same faster. BadInput: compiled, where there is no compiler."""
    set_fast(fast)
    if compiled:
        _compile(step, device)
    if fast and torch.device(device).type == "cpu":
        _lay_out(step)
    # of several processes the exchange of gradients stands between the kernels, when it is ready: not recorded
    if fast and torch.device(device).type == "cuda" and step.static and parallel.world() == 1:
        return Replayed(step)
    return step.step


def set_lr(step, lr: float) -> None:
    """The Adams' step size, as a number or, for a graph, in memory."""
    for optimizer in step.optimizers.values():
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr


def _lay_out(step) -> None:
    """Weights channels last, and what Adam remembers of them alike."""
    for name, network in step.networks.items():
        channels_last(network)
        step.optimizers[name].lay_out()


class Replayed:
    """step.step(x, y), recorded for the shape that is first to come more than WARM times; the next call overwrites the losses.

    A batch of another shape (an epoch's last, or one where a run is resumed) is computed kernel by kernel.
    """

    def __init__(self, step):
        self.step, self.graph = step, None
        self.shape, self.beside, self.calls = None, set(), Counter()    # recorded; with room beside the graph; calls of each
        self.queue = torch.cuda.Stream()
        for optimizer in step.optimizers.values():
            for group in optimizer.param_groups:
                device = group["params"][0].device
                group["capturable"], group["lr"] = True, torch.tensor(float(group["lr"]), device=device)

    def __call__(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        shape = x.shape, x.dtype, x.stride(), y.shape, y.dtype, y.stride()
        if self.graph and shape != self.shape:
            return self._beside(shape, x, y)
        if not self.graph and self.calls[shape] < WARM:
            self.calls[shape] += 1
            self.queue.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.queue):
                losses = self.step.step(x, y)
            torch.cuda.current_stream().wait_stream(self.queue)
            return losses
        if not self.graph:
            self._record(x, y)
            self.shape = shape
        self.x.copy_(x)
        self.y.copy_(y)
        self.graph.replay()
        return self.losses

    def release(self) -> None:
        """Give back the graph's memory, gradients included. Nothing of the training is in it; the next update records anew."""
        self.graph = self.x = self.y = self.losses = None
        self._forget_gradients()
        torch.cuda.empty_cache()

    def _beside(self, shape: tuple, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Kernel by kernel, which takes about as much memory as the graph keeps. Where there is less, the graph goes first.

        To try, and to release it only when memory has run out, would make half of an update twice.
        """
        if shape not in self.beside:
            torch.cuda.empty_cache()                                 # what nobody uses is room, too
            if torch.cuda.mem_get_info()[0] < self.bytes:
                self.release()
            else:
                self.beside.add(shape)
        return self.step.step(x, y)

    def _record(self, x: Tensor, y: Tensor) -> None:
        """Nothing is computed here. BadInput: an operation that cannot be recorded; it leaves the GPU's dice unusable."""
        self.x, self.y, graph = x.clone(), y.clone(), torch.cuda.CUDAGraph()
        self._forget_gradients()                                     # so that they live in the graph's own memory
        torch.cuda.empty_cache()
        before = torch.cuda.memory_reserved()
        try:
            with torch.cuda.graph(graph):
                self.losses = self.step.step(self.x, self.y)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as e:
            raise BadInput(f"this step cannot be recorded in a CUDA graph ({str(e).splitlines()[0]}): the same command with "
                           "--resume --no-fast goes on from the last checkpoint, kernel by kernel") from e
        self.graph, self.bytes = graph, torch.cuda.memory_reserved() - before

    def _forget_gradients(self) -> None:
        for optimizer in self.step.optimizers.values():
            optimizer.zero_grad(set_to_none=True)


def _compile(step, device: str) -> None:
    if torch.device(device).type == "cpu" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise BadInput("--compile needs a C++ compiler on a CPU, such as g++: install one, or leave the flag out")
    for name, network in step.networks.items():
        if name not in step.differentiated_twice:                    # torch.compile's backward pass has none of its own
            network.compile()
