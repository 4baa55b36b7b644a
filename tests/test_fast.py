"""The fast path computes what the plain one does: the same gradients and weights, recorded, compiled or step by step."""

import contextlib
import copy
import itertools
import shutil
from contextlib import nullcontext

import pytest
import torch
from processes import NARROW, small

from minicolor.data.augment import augment
from minicolor.data.loader import Loader
from minicolor.distribute import distribute
from minicolor.errors import BadInput
from minicolor.fast import Replayed, hurried, set_lr
from minicolor.kernels.backend import set_fast

NAMES = ["pix2pix", "recolor_wgan", "dncnn"]
TINY = {"pix2pix": {"base": 4, "d_base": 4}, "recolor_wgan": {"base": 4, "d_base": 4}}
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")


@pytest.fixture(autouse=True)
def fast_again():
    yield
    set_fast(True)


def begun(name: str, device: str = "cpu", **fields):
    """-> (recipe, its step, ready to be hurried)."""
    recipe = small(name, NARROW, **({"base": 16, "d_base": 16} if name != "dncnn" else {"width": 16}) | fields)
    torch.manual_seed(0)
    step = recipe.build(nullcontext)
    for network in step.networks.values():
        network.to(device).train()
    return recipe, step


def pairs(recipe, device: str = "cpu", count: int = 1) -> list:
    """Questions and answers of the first batches."""
    pack, task = recipe.open(), recipe.task()
    loader, found = Loader(pack, range(len(pack)), recipe.batch_size, device), []
    for epoch in range(count):
        for i, batch in loader.epoch(epoch):
            pictures = augment(batch, torch.Generator().manual_seed(i), recipe.flip, recipe.jitter, recipe.crop)
            found.append(task.prepare(pictures, i, torch.arange(len(batch), device=device)))
    return [pair for pair in found if len(pair[0]) == recipe.batch_size][:count]


def trained(name: str, fast: bool, compiled: bool = False, device: str = "cpu", updates: int = 1):
    """-> (losses of the last update, its gradients, the weights after it)."""
    recipe, step = begun(name, device)
    update = hurried(step, device, fast, compiled)
    distribute(step)
    set_lr(step, recipe.lr)
    torch.manual_seed(1)
    for pair in pairs(recipe, device, updates):
        losses = update(*pair)
    named = {f"{n} {k}": p for n, network in step.networks.items() for k, p in network.named_parameters()}
    return ({k: v.item() for k, v in losses.items()}, {k: p.grad.clone() for k, p in named.items()},
            {k: p.detach().clone() for k, p in named.items()}, recipe.lr)


def assert_alike(plain, other, tolerance: float) -> None:
    """Losses and gradients within `tolerance`, weights within a step of Adam where a gradient's sign is in doubt.

    Of biases within `tolerance` of their network's largest gradient, as in test_parallel.py.
    """
    (losses, gradients, weights, lr), (other_losses, other_gradients, other_weights, _) = plain, other
    for name, value in losses.items():
        assert abs(other_losses[name] - value) <= tolerance * max(1, abs(value)), name
    largest: dict[str, torch.Tensor] = {}
    for key, gradient in gradients.items():
        largest[key.split()[0]] = max(largest.get(key.split()[0], gradient.new_zeros(())), gradient.abs().max())
    for key, gradient in gradients.items():
        off = (other_gradients[key] - gradient).abs()
        assert off.max() <= tolerance * (largest[key.split()[0]] if key.endswith("bias") else gradient.abs().max()), key
        moved = (other_weights[key] - weights[key]).abs()
        assert moved.max() <= 2.1 * lr * 5, key                      # a critic is updated up to five times
        assert key.endswith("bias") or (moved > 0.1 * lr).float().mean() <= 0.02, key        # few weights are in doubt


@pytest.mark.parametrize("name", NAMES)
def test_fast_is_the_same_on_a_cpu(name):
    """Winograd's convolution and the products round in their own ways: 4e-6 of a tensor's largest gradient was measured."""
    assert_alike(trained(name, fast=False), trained(name, fast=True), tolerance=2e-5)


def test_compiled_is_the_same():
    """Of a network without dropout, whose dice are torch.compile's own. It is fused in other orders, with other rounding."""
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        pytest.skip("torch.compile needs a C++ compiler on a CPU")
    torch.compiler.reset()
    assert_alike(trained("dncnn", fast=False), trained("dncnn", fast=False, compiled=True), tolerance=2e-5)


def test_compiling_without_a_compiler_is_refused(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BadInput, match="needs a C.. compiler"):
        hurried(begun("dncnn")[1], "cpu", compiled=True)


def recorded_is_stepped(name: str, device: str, updates: int = 10) -> None:
    """So many updates, replayed, give the weights and losses of as many plain ones.

    The recorded kernels are the plain ones, called with the same numbers and dice; only sums that GPUs add up in no fixed order
    may round otherwise. Adam makes a whole step of what is rounding alone, so a weight may be off by 2 lr in each update. But
    half of a layer are not off by a tenth of one lr, as they all would be of a missed update, old pictures or an old step size.
    """
    ends = []
    for replayed in (False, True):
        recipe, step = begun(name, device, **TINY.get(name, {}))
        distribute(step)                                             # dropout whose dice do not depend on the layout
        torch.manual_seed(1)
        update = Replayed(step) if replayed else step.step
        for n, pair in enumerate(pairs(recipe, device, updates)):
            set_lr(step, recipe.lr * (1 - n / 20))                   # a recorded step size must follow
            losses = {key: value.item() for key, value in update(*pair).items()}
        assert not replayed or update.graph, "nothing was replayed"
        ends.append((losses, {f"{n} {k}": v for n, net in step.networks.items() for k, v in net.state_dict().items()}))
    (losses, weights), (others, again) = ends
    for key, value in losses.items():
        assert abs(others[key] - value) <= 1e-2 * max(1, abs(value)), key
    for key, weight in weights.items():
        if weight.is_floating_point() and "running" not in key:
            off = (again[key] - weight).abs()
            assert off.max() <= 20 * recipe.lr * (5 if key.startswith("critic") else 1), key
            assert off.median() <= 0.1 * recipe.lr or key.endswith("bias"), key


class Pretended:
    """A CUDA graph, its recording and its queue, on a CPU: what recording computes is undone, and a replay computes it."""

    def __init__(self, step):
        self.step, self.calls = step, 0

    def __call__(self, *_):                                          # torch.cuda.CUDAGraph(), .graph(graph), .Stream()
        return self

    def wait_stream(self, other):
        pass

    def __enter__(self):
        self.kept = copy.deepcopy([(n.state_dict(), self.step.optimizers[name].state_dict())
                                   for name, n in self.step.networks.items()])
        self.dice = torch.get_rng_state()

    def __exit__(self, *_):
        for (name, network), (weights, moments) in zip(self.step.networks.items(), self.kept):
            network.load_state_dict(weights)
            self.step.optimizers[name].load_state_dict(moments)
        torch.set_rng_state(self.dice)

    def replay(self):
        self.calls += 1
        for name, value in self.step.step(self.update.x, self.update.y).items():
            self.update.losses[name].copy_(value)


@pytest.mark.parametrize("name", NAMES)
def test_the_tests_below_run_where_there_is_no_gpu(name, monkeypatch):
    """On pretended queues and graphs. Recorded at the fourth update, replayed from there on."""
    original = Replayed.__init__

    def begin(self, step):
        pretended = Pretended(step)
        monkeypatch.setattr(torch.cuda, "Stream", pretended)
        monkeypatch.setattr(torch.cuda, "CUDAGraph", pretended)
        monkeypatch.setattr(torch.cuda, "graph", pretended)
        monkeypatch.setattr(torch.cuda, "current_stream", pretended)
        monkeypatch.setattr(torch.cuda, "stream", lambda queue: nullcontext())
        original(self, step)
        pretended.update = self
        for optimizer in step.optimizers.values():
            for group in optimizer.param_groups:
                group["capturable"] = False                          # the CPU's Adam knows no such thing
        graphs.append(pretended)

    graphs: list[Pretended] = []
    monkeypatch.setattr(Replayed, "__init__", begin)
    recorded_is_stepped(name, "cpu", updates=6)
    assert [graph.calls for graph in graphs] == [3]
    if name == "pix2pix":
        trains_without_waiting(name, "cpu")


def trains_without_waiting(name: str, device: str) -> None:
    """Batches, augmentation, preparation and updates of an epoch, where any wait for the GPU is an error."""
    recipe, step = begun(name, device, **TINY.get(name, {}))
    pack, task, update = recipe.open(), recipe.task(), hurried(step, device)
    loader = Loader(pack, range(len(pack)), recipe.batch_size, device, resident=True)
    for epoch in range(3):                                           # the first compile, time kernels, and record
        batches = loader.epoch(epoch)
        first = next(batches)                                        # the epoch's order is copied once: that may wait
        with never_waiting(device if epoch == 2 else "cpu"):
            for i, batch in itertools.chain([first], batches):
                set_lr(step, recipe.lr)
                pictures = augment(batch, torch.Generator().manual_seed(i), recipe.flip, recipe.jitter, recipe.crop)
                losses = update(*task.prepare(pictures, i, torch.arange(len(batch), device=device)))
    assert all(value.isfinite() for value in losses.values())


@contextlib.contextmanager
def never_waiting(device: str):
    if device != "cpu":
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        if device != "cpu":
            torch.cuda.set_sync_debug_mode("default")


@GPU
@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_step_is_the_plain_one(name):
    recorded_is_stepped(name, "cuda")


@GPU
@pytest.mark.parametrize("name", NAMES)
def test_nothing_waits_inside_an_epoch(name):
    trains_without_waiting(name, "cuda")
