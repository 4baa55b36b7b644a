"""A recorded step is the plain one, nothing in an epoch waits for it, and it gives way where memory is short."""

import contextlib
import copy
import itertools
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from hurrying import NAMES, begun, pairs
from processes import environment

from minicolor.data.augment import augment
from minicolor.data.loader import Loader
from minicolor.distribute import distribute
from minicolor.errors import BadInput
from minicolor.fast import Replayed, hurried, set_lr

TINY = {"pix2pix": {"base": 4, "d_base": 4}, "recolor_wgan": {"base": 4, "d_base": 4}}
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")


def recorded_is_stepped(name: str, device: str, updates: int = 10, short: tuple[int, ...] = ()) -> Replayed:
    """So many updates, replayed, give the weights and losses of as many plain ones. `short`: which have 3 pictures instead of 5.

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
            pair = [t[: 3 if n in short else 5] for t in pair]
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
    return update


class Pretended:
    """A CUDA graph, its recording and its queue, on a CPU: what recording computes is undone, and a replay computes it."""

    def __init__(self, step):
        self.step, self.calls, self.recorded = step, 0, 0

    def __call__(self, *_):                                          # torch.cuda.CUDAGraph(), .graph(graph), .Stream()
        return self

    def wait_stream(self, other):
        pass

    def __enter__(self):
        self.recorded += 1
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


@pytest.fixture
def pretended(monkeypatch) -> list[Pretended]:
    """The graphs of every Replayed from now on. The GPU that they pretend has room beside them."""
    original, graphs = Replayed.__init__, []

    def begin(self, step):
        graph = Pretended(step)
        for name in ("Stream", "CUDAGraph", "graph", "current_stream"):
            monkeypatch.setattr(torch.cuda, name, graph)
        monkeypatch.setattr(torch.cuda, "stream", lambda queue: nullcontext())
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**30, 2**30))
        original(self, step)
        graph.update = self
        for optimizer in step.optimizers.values():
            for group in optimizer.param_groups:
                group["capturable"] = False                          # the CPU's Adam knows no such thing
        graphs.append(graph)

    monkeypatch.setattr(Replayed, "__init__", begin)
    return graphs


@pytest.mark.parametrize("name", NAMES)
def test_the_tests_below_run_where_there_is_no_gpu(name, pretended):
    """On pretended queues and graphs. Recorded at the fourth update, replayed from there on."""
    recorded_is_stepped(name, "cpu", updates=6)
    assert [graph.calls for graph in pretended] == [3]
    if name == "pix2pix":
        trains_without_waiting(name, "cpu")


@pytest.mark.parametrize("room", [True, False])
def test_short_batches_are_stepped_and_the_full_ones_recorded(room, pretended, monkeypatch):
    """Also where a run is resumed at an epoch's last, short one. A graph without room beside it goes, and is recorded anew."""
    begin = Replayed.__init__

    def begin_full(self, step):
        begin(self, step)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (-1, 2**30))
    if not room:
        monkeypatch.setattr(Replayed, "__init__", begin_full)
    update = recorded_is_stepped("dncnn", "cpu", updates=9, short=(0, 5, 7))
    (graph,) = pretended
    assert graph.calls == 3 and graph.recorded == (1 if room else 3) and len(update.x) == 5


def test_released_nothing_is_held_and_training_goes_on(pretended):
    recipe, step = begun("dncnn")
    update, (pair,) = Replayed(step), pairs(recipe)
    for _ in range(5):
        update(*pair)
    update.release()
    assert update.graph is update.x is update.y is update.losses is None
    assert all(p.grad is None for p in step.network.parameters())
    before = copy.deepcopy(step.network.state_dict())
    update(*pair)
    assert update.graph and pretended[0].recorded == 2
    assert any((v != before[k]).any() for k, v in step.network.state_dict().items())


@pytest.mark.parametrize("error, refusal", [
    (RuntimeError("operation not permitted when stream is capturing\nmore"), BadInput),
    (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),
])
def test_what_cannot_be_recorded_is_refused_and_nothing_is_changed(error, refusal, pretended):
    """Whoever captures what must not be leaves the GPU's dice unusable. Memory that runs out is fit()'s to explain."""
    recipe, step = begun("dncnn")
    update, (pair,) = Replayed(step), pairs(recipe)
    for _ in range(3):
        update(*pair)
    before, plain = copy.deepcopy(step.network.state_dict()), step.step

    def failing(x, y):
        plain(x, y)
        raise error
    step.step = failing
    with pytest.raises(refusal, match="capturing.: the same .* --no-fast" if refusal is BadInput else "CUDA out of memory"):
        update(*pair)
    assert not update.graph and all(torch.equal(v, before[k]) for k, v in step.network.state_dict().items())


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


@GPU
@pytest.mark.parametrize("room", [True, False])
def test_a_short_batch_beside_a_graph(room, monkeypatch):
    if not room:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (-1, 2**30))
    update = recorded_is_stepped("pix2pix", "cuda", short=(0, 5, 7))
    assert update.graph and len(update.x) == 5 and update.bytes > 0 and len(update.beside) == room


@GPU
def test_a_step_that_waits_is_refused():
    """In a process of its own: what a broken recording leaves behind would spoil the tests after it."""
    code = """if True:
        import torch
        from hurrying import begun, pairs
        from minicolor.errors import one_line
        from minicolor.fast import Replayed
        recipe, step = begun("dncnn", "cuda")
        plain = step.step
        step.step = lambda x, y: {name: loss + loss.item() for name, loss in plain(x, y).items()}
        update, (pair,) = Replayed(step), pairs(recipe, "cuda")
        with one_line():
            for _ in range(5):
                update(*pair)
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, env=environment(), text=True,
                          capture_output=True)
    assert done.returncode == 2 and "--no-fast" in done.stderr and "Traceback" not in done.stderr, done.stderr
