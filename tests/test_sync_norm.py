"""BatchNorm over processes is nn.BatchNorm2d of the whole batch: outputs, slopes, running statistics, however it is shared."""

import contextlib
import threading

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from minicolor.models import sync_norm
from minicolor.models.norm_act import BatchNormAct
from minicolor.models.sync_norm import SyncBatchNormAct

SHARES = pytest.mark.parametrize("shares", [(3, 2), (1, 4), (1, 1), (2, 2, 3)], ids=str)


class Together:
    """all_reduce among threads of this process, in the place of torch.distributed's; how many numbers each exchange had."""

    def __init__(self, world: int):
        self.world, self.barrier, self.own = world, threading.Barrier(world, timeout=20), threading.local()
        self.parts: list[Tensor] = [torch.empty(0)] * world
        self.numbers: list[int] = []

    def all_reduce(self, x: Tensor) -> None:
        self.parts[self.own.rank] = x.clone()
        self.barrier.wait()
        total = sum(self.parts)
        if self.own.rank == 0:
            self.numbers.append(x.numel())
        self.barrier.wait()                                          # nobody writes the next part before all have read this
        x.copy_(total)

    def run(self, what) -> list:
        """what(rank) of all, at once -> what they return; the first error of any."""
        found, errors = [None] * self.world, []

        def one(rank: int) -> None:
            self.own.rank = rank
            try:
                found[rank] = what(rank)
            except BaseException as e:
                errors.append(e)
                self.barrier.abort()
        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.world)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return found


@pytest.fixture
def together(monkeypatch):
    def begin(world: int) -> Together:
        among = Together(world)
        monkeypatch.setattr(dist, "all_reduce", among.all_reduce)
        monkeypatch.setattr(sync_norm, "world", lambda: world)
        return among
    return begin


def pictures(count: int, seed: int, dtype=torch.float64) -> Tensor:
    """Each channel with a mean and a spread of its own, and each picture with its own brightness: shares differ."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, 4, 5, generator=generator, dtype=torch.float64)
    x = x * torch.tensor([0.5, 1, 3]).view(3, 1, 1) + torch.tensor([-1, 0, 4]).view(3, 1, 1)
    return (x + torch.arange(count).view(-1, 1, 1, 1)).to(dtype)


def a_norm(dtype=torch.float64, **given) -> nn.BatchNorm2d:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3, **given).to(dtype)
    for p in norm.parameters():
        nn.init.uniform_(p, 0.5, 1.5)
    return norm


def shared(together, shares, norm, slope, updates: int = 3, dtype=torch.float64):
    """-> (per update: output, slope of the input), slopes of the weights, buffers: put together from what each process has."""
    source = BatchNormAct(3, norm.eps, norm.momentum, norm.affine, slope=slope).to(norm.running_mean.dtype)
    source.load_state_dict(norm.state_dict())
    among = together(len(shares))

    def one(rank: int):
        layer = SyncBatchNormAct.of(source)
        layer.load_state_dict(source.state_dict())
        layer._parameters = {k: None if p is None else nn.Parameter(p.detach().clone()) for k, p in source._parameters.items()}
        layer._buffers = {k: b.clone() for k, b in source._buffers.items()}
        found = []
        for n in range(updates):
            x = pictures(sum(shares), n, dtype).split(shares)[rank].clone().requires_grad_()
            y = layer(x)
            (y.double() * weights(y, sum(shares)).split(shares)[rank]).sum().backward()
            found.append((y.detach(), x.grad))
        return found, [p.grad for p in layer.parameters()], dict(layer.named_buffers())
    return among.run(one), among


def weights(y: Tensor, count: int) -> Tensor:
    """What the loss asks of each value: something else of each."""
    return torch.randn(count, *y.shape[1:], generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def alone(shares, norm, slope, updates: int = 3, dtype=torch.float64):
    """The same by PyTorch's own layer, of the whole batch."""
    found = []
    for n in range(updates):
        x = pictures(sum(shares), n, dtype).requires_grad_()
        y = norm(x) if slope is None else F.leaky_relu(norm(x), slope)
        (y.double() * weights(y, sum(shares))).sum().backward()
        found.append((y.detach(), x.grad))
    return found, [p.grad for p in norm.parameters()], dict(norm.named_buffers())


def assert_one(processes, whole, **within) -> None:
    """The parts in a row are the whole; the weights' slopes add up; every process keeps the same running statistics."""
    for n, (y, slope) in enumerate(whole[0]):
        torch.testing.assert_close(torch.cat([found[n][0] for found, *_ in processes]), y, **within)
        torch.testing.assert_close(torch.cat([found[n][1] for found, *_ in processes]), slope, **within)
    for i, slope in enumerate(whole[1]):
        torch.testing.assert_close(sum(slopes[i] for _, slopes, _ in processes), slope, **within)
    for _, _, buffers in processes:
        assert buffers.keys() == whole[2].keys()
        for name, buffer in whole[2].items():
            torch.testing.assert_close(buffers[name], buffer, msg=lambda m, name=name: f"{name}: {m}", **within)


@SHARES
@pytest.mark.parametrize("slope", [None, 0.0, 0.2])
def test_shares_are_the_whole_batch(together, shares, slope):
    """Three updates one after the other, in float64: what remains is rounding."""
    found, among = shared(together, shares, a_norm(), slope)
    assert_one(found, alone(shares, a_norm(), slope), atol=1e-11, rtol=1e-11)
    assert among.numbers == [4, 3, 6] * 3                            # sums and the count; squares; two sums of slopes


@pytest.mark.parametrize("given", [{"momentum": None}, {"momentum": 0.5}, {"eps": 0.1}, {"affine": False}], ids=str)
def test_the_layers_settings_are_kept(together, given):
    """momentum None is the plain average over all batches so far."""
    found, _ = shared(together, (3, 2), a_norm(**given), 0.2)
    assert_one(found, alone((3, 2), a_norm(**given), 0.2), atol=1e-11, rtol=1e-11)


def test_bfloat16_pictures_have_float32_statistics(together):
    """As nn.BatchNorm2d under autocast. Outputs and slopes have 8 bits; running statistics nearly all of float32's."""
    norm = a_norm(torch.float32)
    found, _ = shared(together, (3, 2), norm, None, dtype=torch.bfloat16)
    whole = alone((3, 2), a_norm(torch.float32), None, dtype=torch.bfloat16)
    assert all(y.dtype == slope.dtype == torch.bfloat16 for updates, *_ in found for y, slope in updates)
    assert_one(found, whole, atol=0.02, rtol=0.02)
    for _, _, buffers in found:
        torch.testing.assert_close(buffers["running_var"], whole[2]["running_var"], atol=0, rtol=1e-5)


def test_a_large_mean_costs_no_digits(together):
    """A mean of 100 with a deviation of 0.1, in float32: from sums of squares alone the variance would be noise."""
    def one(rank: int):
        layer = SyncBatchNormAct(3)
        layer(100 + 0.1 * pictures(4, 0, torch.float64).sub(pictures(4, 0).mean()).split(2)[rank].float())
        return layer.running_var
    first, second = together(2).run(one)
    x = (100 + 0.1 * pictures(4, 0).sub(pictures(4, 0).mean())).float().double()
    expected = 0.9 + 0.1 * x.transpose(0, 1).flatten(1).var(dim=1)
    torch.testing.assert_close(first.double(), expected, atol=0, rtol=1e-5)
    assert torch.equal(first, second)


@pytest.mark.parametrize("training, recorded", [(False, True), (True, False)])
def test_elsewhere_nobody_is_asked(together, training, recorded):
    """At test, and where training pictures are only looked at, the layer is BatchNormAct: a process may have none of them."""
    among, x = together(2), pictures(3, 0, torch.float32)
    layer, plain = SyncBatchNormAct(3, slope=0.2).train(training), BatchNormAct(3, slope=0.2).train(training)
    with contextlib.nullcontext() if recorded else torch.no_grad():
        assert torch.equal(layer(x), plain(x))
    assert all(torch.equal(a, b) for a, b in zip(layer.buffers(), plain.buffers())) and not among.numbers


def test_a_second_derivative_is_refused(together):
    """Autograd does not see what the others added, so it would be wrong; silently, if it were not refused."""
    def one(rank: int):
        x = pictures(2, rank, torch.float32).requires_grad_()
        (slope,) = torch.autograd.grad(SyncBatchNormAct(3)(x).square().sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            slope.square().sum().backward()
    together(2).run(one)
