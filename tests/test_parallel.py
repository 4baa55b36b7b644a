"""Several processes train as one: the same updates, each picture once, the same weights for all."""

import dataclasses
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from processes import SMALL, built, environment, small, torchrun
from torch import nn

from minicolor import recipe as recipes
from minicolor.data.loader import Loader
from minicolor.data.pack import in_memory
from minicolor.held_out import evaluate
from minicolor.models.dropout import SharedDropout
from minicolor.parallel import Share, draw, share_of

JOBS = Path(__file__).with_name("processes.py")
BOTH = pytest.mark.parametrize("name", ["pix2pix", "recolor_wgan"])


@given(batch=st.integers(1, 1000), world=st.integers(1, 64))
@settings(max_examples=200, deadline=None)
def test_shares_make_the_batch(batch, world):
    batch = max(batch, world)
    shares = [share_of(batch, rank, world) for rank in range(world)]
    assert [i for s in shares for i in range(s.first, s.first + s.count)] == list(range(batch))
    assert max(s.count for s in shares) - min(s.count for s in shares) <= 1
    assert {s.copies for s in shares} == {1}


@given(batch=st.integers(1, 63), more=st.integers(1, 64))
def test_fewer_pictures_than_processes_are_everybodys(batch, more):
    world = batch + more
    shares = {share_of(batch, rank, world) for rank in range(world)}
    assert shares == {Share(0, batch, batch, copies=world)}


@given(count=st.integers(2, 60), before=st.integers(1, 3), after=st.integers(1, 3), sizes=st.tuples(*[st.integers(3, 9)] * 2),
       stop=st.integers(0, 20), number=st.integers(0, 3))
@example(count=5, before=1, after=3, sizes=(3, 3), stop=1, number=0)          # two pictures are left, for three processes
@settings(max_examples=200, deadline=None)
def test_each_picture_once_though_the_processes_change_in_mid_epoch(count, before, after, sizes, stop, number):
    """`before` processes with batches of one size until batch `stop`; from there `after` with another. Nobody goes without.

    Fewer pictures than processes: all have the same ones, which count once.
    """
    pack = in_memory(np.arange(count, dtype=np.uint8).repeat(3).reshape(count, 1, 1, 3), [str(i) for i in range(count)], "test")
    shown, seen, start = [], 0, 0
    for world, size, until in ((before, sizes[0], stop), (after, sizes[1], 1000)):
        ranks = [Loader(pack, range(count), size, seed=1, rank=r, world=world).shared(number, start, seen) for r in range(world)]
        for together in zip(*ranks, strict=True):
            numbers, shares, batches = zip(*together)
            assert set(numbers) == {start} and [len(b) for b in batches] == [s.count for s in shares]
            assert all(s.count for s in shares)
            if shares[0].of < world:
                assert {s.copies for s in shares} == {world} and all(torch.equal(b, batches[0]) for b in batches)
                batches = batches[:1]
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


def test_dropout_at_test_throws_the_same_dice_for_any_number_of_processes():
    """Each of two takes every other batch: together they find what one finds, and training's own dice stand still."""
    recipe = small("pix2pix", SMALL, dropout_at_test=True)
    step, pack = built(recipe), recipe.open()
    for weight in step.network.parameters():
        weight.data *= 5                                             # at their start a dropped value hardly shows

    def figures(recipe, rank: int = 0, world: int = 1) -> dict[str, float]:
        loader = Loader(pack, range(len(pack)), 8, shuffle=False, whole=True, rank=rank, world=world)
        before = torch.manual_seed(10 * world + rank).get_state()    # wherever training stands
        found = evaluate(step, recipe, loader)                       # sums over its own batches, divided by all pictures
        assert torch.equal(torch.get_rng_state(), before)
        return found

    whole, parts = figures(recipe), [figures(recipe, rank, 2) for rank in range(2)]
    assert all(whole[name] == pytest.approx(parts[0][name] + parts[1][name], rel=1e-12) for name in whole)
    calm = figures(dataclasses.replace(recipe, dropout_at_test=False))
    assert all(calm[name] != whole[name] for name in whole)


@pytest.fixture(scope="module")
def updates(tmp_path_factory):
    """The folder of what one process makes, and two: see processes.py."""
    folder = tmp_path_factory.mktemp("updates")
    alone = run([sys.executable, JOBS, "updates", folder], env=environment(), capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    done = torchrun(2, JOBS, "updates", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def twenty(updates):
    return [torch.load(updates / f"twenty-{n}.pt") for n in (1, 2)]


@BOTH
def test_two_processes_are_one(twenty, name):
    """After 20 updates of batches of 5 (3 + 2; the last: 5 that both have): dropout, jitter, BatchNorm, the penalty's dice, all.

    The networks compute in float64 (losses in float32): what remains is rounding. In float32 pix2pix is as near (2.4e-6), but
    WGAN-GP was 0.017 apart: where g is nearly 0, a rounding error decides which way Adam's lr * g / |g| moves a weight, and the
    critic's biases have such gradients. So its float32 is compared update by update, below.
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
    if name == "pix2pix":
        for network, after in one["single"].items():
            for key, weight in after.items():
                assert (weight - two["single"][network][key]).abs().max() < 1e-5, (network, key)


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


def test_every_recipe_trains_in_two_processes_as_in_one(updates):
    """Two updates, networks in float64: of 3 + 2 pictures, and of an epoch's last 2 + 2. CycleGAN is refused, in a sentence."""
    one, two = (torch.load(updates / f"recipes-{n}.pt") for n in (1, 2))
    assert sorted(one) == sorted(two) == recipes.names()
    assert "2 processes cannot share this training: CycleGAN" in two.pop("cyclegan")
    for name, (losses, (first, second)) in two.items():
        expected, (weights,) = one[name]
        assert len(losses) == len(expected) == 2
        for a, b in zip(expected, losses):
            assert a.keys() == b.keys() and all(abs(a[k] - b[k]) < 1e-5 * max(1, abs(a[k])) for k in a), (name, a, b)
        for network, trained in weights.items():
            for key, weight in trained.items():
                assert torch.equal(first[network][key], second[network][key]), (name, network, key)
                assert (weight.double() - first[network][key].double()).abs().max() < 1e-5, (name, network, key)
