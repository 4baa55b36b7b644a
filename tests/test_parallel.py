"""Several processes train as one: the same updates, each picture once, the same weights for all."""

import math
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import environment, torchrun
from torch import nn

from minicolor import recipe as recipes
from minicolor.data.loader import Loader
from minicolor.data.pack import in_memory
from minicolor.models.dropout import SharedDropout
from minicolor.parallel import draw, share_of

JOBS = Path(__file__).with_name("processes.py")
BOTH = pytest.mark.parametrize("name", ["pix2pix", "recolor_wgan"])


@given(batch=st.integers(1, 1000), world=st.integers(1, 64))
@settings(max_examples=200, deadline=None)
def test_shares_make_the_batch(batch, world):
    shares = [share_of(batch, rank, world) for rank in range(world)]
    assert [i for s in shares for i in range(s.first, s.first + s.count)] == list(range(batch))
    assert max(s.count for s in shares) - min(s.count for s in shares) <= 1


@given(count=st.integers(2, 60), before=st.integers(1, 3), after=st.integers(1, 3), sizes=st.tuples(*[st.integers(3, 9)] * 2),
       stop=st.integers(0, 20), number=st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_each_picture_once_though_the_processes_change_in_mid_epoch(count, before, after, sizes, stop, number):
    """`before` processes with batches of one size until batch `stop`; from there `after` with another. Nobody goes without."""
    pack = in_memory(np.arange(count, dtype=np.uint8).repeat(3).reshape(count, 1, 1, 3), [str(i) for i in range(count)], "test")
    shown, seen, start = [], 0, 0
    for world, size, until in ((before, sizes[0], stop), (after, sizes[1], 1000)):
        ranks = [Loader(pack, range(count), size, seed=1, rank=r, world=world).shared(number, start, seen) for r in range(world)]
        for together in zip(*ranks, strict=True):
            numbers, shares, batches = zip(*together)
            assert set(numbers) == {start} and [len(b) for b in batches] == [s.count for s in shares]
            assert count < world or all(s.count for s in shares)
            shown += [int(picture[0, 0, 0]) for batch in batches for picture in batch]
            start, seen = start + 1, seen + shares[0].of
            if start >= until:
                break
    assert sorted(shown) == list(range(count))


def test_one_process_draws_as_ever():
    assert draw((3, 2), torch.ones).shape == (3, 2)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_throws_the_same_dice_in_every_layout(layout):
    """As nn.Dropout does, channels first; forwards and backwards."""
    x = torch.rand(3, 8, 5, 7) + 0.5
    found = []
    for dropout, shown in ((nn.Dropout(0.3), x.clone()), (SharedDropout(0.3), x.clone(memory_format=layout))):
        torch.manual_seed(1)
        y = dropout(shown.requires_grad_())
        (y * torch.arange(7)).sum().backward()
        found += [(y.detach(), shown.grad)]
    for a, b in zip(*found):
        assert torch.allclose(a, b, rtol=1e-6, atol=0) and (a == 0).any()
    assert SharedDropout(0.3)(x.bfloat16()).dtype == torch.bfloat16 and SharedDropout(0.3).eval()(x) is x


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    """20 updates by one process, and by two: see processes.py."""
    folder = tmp_path_factory.mktemp("twenty")
    alone = run([sys.executable, JOBS, "twenty", folder], env=environment(), capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    done = torchrun(2, JOBS, "twenty", folder)
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"twenty-{n}.pt") for n in (1, 2)]


@BOTH
def test_two_processes_are_one(twenty, name):
    """After 20 updates of batches of 5 (3 + 2): dropout, jitter, BatchNorm, the penalty's dice, everything.

    The networks compute in float64 (losses in float32): what remains is rounding. In float32 pix2pix was 2.4e-6 apart after
    the 20, and WGAN-GP 0.017: where g is nearly 0, a rounding error decides which way Adam's lr * g / |g| moves a weight, and the
    critic's biases have such gradients. So float32 is compared update by update, below.
    """
    one, two = (found[name] for found in twenty)
    assert one["seen"][0] == [5] and two["seen"][0] == [3, 2]
    assert [sum(s) for s in one["seen"]] == [sum(s) for s in two["seen"]]
    for network, before in one["weights"][-1].items():
        for key, weight in before.items():
            assert (weight.double() - two["weights"][-1][network][key].double()).abs().max() < 1e-5, (network, key)
    assert any((weight != one["weights"][0][n][k]).any() for n, w in one["weights"][-1].items() for k, weight in w.items())
    for a, b in zip(one["losses"], two["losses"], strict=True):
        assert all(abs(a[k] - b[k]) < 1e-5 * max(1, abs(a[k])) for k in a)


@BOTH
def test_two_processes_ask_for_the_same_change_in_float32(twenty, name):
    """The gradients of 20 updates, each from the weights that one process had there: within 1e-5 of a tensor's largest.

    Of biases: within 1e-5 of the largest of all biases and weights of their network. A bias of a critic sums up what real
    pictures want and what generated ones do; these cancel to 1e-7 of either, which is no more than their rounding.
    """
    one, two = (found[name]["gradients"] for found in twenty)
    assert len(one) == len(two) == 20
    for (losses, a), (others, b) in zip(one, two):
        assert a.keys() == b.keys() and all(abs(losses[k] - others[k]) < 1e-5 * max(1, abs(losses[k])) for k in losses)
        largest: dict[str, torch.Tensor] = {}
        for key, gradient in a.items():
            largest[key.split()[0]] = max(largest.get(key.split()[0], gradient.new_zeros(())), gradient.abs().max())
        for key, gradient in a.items():
            scale = largest[key.split()[0]] if key.endswith("bias") else gradient.abs().max()
            assert (gradient - b[key]).abs().max() <= 1e-5 * scale, key


def test_every_recipe_trains_in_two_processes(tmp_path):
    done = torchrun(2, JOBS, "recipes", tmp_path)
    assert done.returncode == 0, done.stderr
    found = torch.load(tmp_path / "recipes.pt")
    assert sorted(found) == recipes.names()
    for name, (losses, (first, second)) in found.items():
        assert len(losses) == 2 and all(math.isfinite(value) for told in losses for value in told.values()), name
        for network, weights in first.items():
            assert all(torch.equal(weight, second[network][key]) for key, weight in weights.items()), (name, network)
