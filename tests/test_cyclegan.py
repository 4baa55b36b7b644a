"""One step of CycleGAN is the paper's equations with torch's Adam, never sees a pair, and learns a coloring without any."""

import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor import checkpoint
from minicolor.models.patchgan import PatchGAN
from minicolor.models.resnet_generator import ResnetGenerator
from minicolor.steps.cyclegan import CycleGANStep

NAMES = ["g_color", "g_grey", "cycle_grey", "cycle_color", "identity", "d_color", "d_grey"]


def pointwise(channels: int, out: int, *last: nn.Module, width: int = 8) -> nn.Module:
    """The smallest network that can do it: each pixel alone."""
    return nn.Sequential(nn.Conv2d(channels, width, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, width, 1), nn.LeakyReLU(0.2),
                         nn.Conv2d(width, out, 1), *last)


def tiny(width: int = 8, seed: int = 0) -> list[nn.Module]:
    torch.manual_seed(seed)
    return [pointwise(1, 3, nn.Tanh(), width=width), pointwise(3, 1, nn.Tanh(), width=width), pointwise(3, 1, width=width),
            pointwise(1, 1, width=width)]


def a_batch(n: int = 4, seed: int = 0, side: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(n, c, side, side, generator=draws) * 2 - 1 for c in (1, 3))


def by_hand(networks, batches, lr, weight, identity) -> list[dict]:
    """The paper's equations, no pool; gradients are asked for one network at a time."""
    adams = [torch.optim.Adam(n.parameters(), lr=lr, betas=(0.5, 0.999), fused=False, foreach=False) for n in networks]
    g, f, d_color, d_grey = networks

    def slopes(net, loss):
        return torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)

    def descend(which, grads):
        for p, grad in zip(networks[which].parameters(), grads):
            p.grad = grad
        adams[which].step()

    history = []
    for x, y in batches:
        x, y = x[: len(x) // 2], y[len(y) // 2 :]
        fake_y, fake_x = g(x), f(y)
        losses = {
            "g_color": ((d_color(fake_y) - 1) ** 2).mean(), "g_grey": ((d_grey(fake_x) - 1) ** 2).mean(),
            "cycle_grey": (f(fake_y) - x).abs().mean(), "cycle_color": (g(fake_x) - y).abs().mean(),
            "identity": (f(torch.cat([x, x, x], 1)) - x).abs().mean(),
        }  # fmt: skip
        total = losses["g_color"] + losses["g_grey"] + weight * (losses["cycle_grey"] + losses["cycle_color"])
        total = total + identity * weight * losses["identity"]
        both = slopes(g, total), slopes(f, total)
        descend(0, both[0]), descend(1, both[1])
        for which, real, fake in ((2, y, fake_y), (3, x, fake_x)):
            d = networks[which]
            loss = ((d(real) - 1) ** 2).mean() + (d(fake.detach()) ** 2).mean()
            descend(which, slopes(d, loss))
            losses["d_color" if which == 2 else "d_grey"] = loss
        history.append({name: loss.item() for name, loss in losses.items()})
    return history


@pytest.mark.parametrize("n, lr, weight, identity", [(4, 2e-4, 10.0, 0.5), (3, 1e-3, 2.0, 2.0), (2, 2e-4, 10.0, 0.0)])
def test_three_steps_agree_with_the_papers_equations(n, lr, weight, identity):
    theirs = tiny()
    mine = copy.deepcopy(theirs)
    batches = [a_batch(n, seed) for seed in range(3)]
    step = CycleGANStep(*mine, lr=lr, cycle_weight=weight, identity=identity, pool=0)
    for (x, y), expected in zip(batches, by_hand(theirs, batches, lr, weight, identity), strict=True):
        losses = step.step(x, y)
        assert list(losses) == NAMES
        for name, loss in losses.items():
            assert loss.shape == () and loss.dtype == torch.float32 and not loss.requires_grad
            if name != "identity" or identity:
                assert loss.item() == pytest.approx(expected[name], abs=1e-5), name
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(list(a.parameters()), list(b.parameters()), atol=3e-2 * lr, rtol=1e-5)
    for a, b in zip(mine[2:], theirs[2:], strict=True):                        # D heard nothing of G's loss
        torch.testing.assert_close([p.grad for p in a.parameters()], [p.grad for p in b.parameters()], atol=1e-6, rtol=1e-4)


def test_no_pair_is_ever_seen():
    """Greys of the second half and colors of the first may be anything: no loss and no weight changes, by a single bit."""
    x, y = a_batch(5)
    spoiled = x.clone(), y.clone()
    spoiled[0][2:], spoiled[1][:2] = torch.nan, torch.nan
    steps = [CycleGANStep(*tiny()) for _ in range(2)]
    for _ in range(3):
        losses = steps[0].step(x, y), steps[1].step(*spoiled)
        assert losses[0] == losses[1] and all(loss.isfinite() for loss in losses[0].values())
    for a, b in zip(steps[0].networks.values(), steps[1].networks.values()):
        assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))


def test_every_other_picture_is_seen_by_the_network_that_is_for_it():
    """Pictures of one value each: who is given which, in an update of 2 greys and 3 colors."""
    numbers = torch.arange(5).float().view(5, 1, 1, 1) / 10
    x, y = numbers.expand(5, 1, 4, 4), numbers.expand(5, 3, 4, 4) + 0.05
    step = CycleGANStep(*tiny(), pool=0)
    seen = {name: [] for name in step.networks}
    for name, network in step.networks.items():
        network.register_forward_pre_hook(lambda _, args, name=name: seen[name].append(args[0].detach().clone()))
    step.step(x, y)
    assert any(torch.equal(batch, x[:2]) for batch in seen["generator"]) and len(seen["generator"]) == 2
    assert any(torch.equal(batch, y[2:]) for batch in seen["back"])
    assert any(torch.equal(batch, x[:2].expand(-1, 3, -1, -1)) for batch in seen["back"]) and len(seen["back"]) == 3
    for name, sizes, real in (("d_color", [2, 3, 2], y[2:]), ("d_grey", [3, 2, 3], x[:2])):
        assert [len(batch) for batch in seen[name]] == sizes and torch.equal(seen[name][1], real)


@pytest.mark.parametrize("n", [0, 1])
def test_a_batch_that_cannot_be_halved_is_refused(n):
    with pytest.raises(ValueError, match=f"at least 2, one for its grey and one for its color, not {n}"):
        CycleGANStep(*tiny()).step(*a_batch(n))


def test_each_loss_moves_its_own_networks_alone():
    for moving in ({"generator", "back"}, {"d_color"}, {"d_grey"}):
        step = CycleGANStep(*tiny())
        for name, optimizer in step.optimizers.items():
            optimizer.param_groups[0]["lr"] *= name in moving
        before = {name: copy.deepcopy(list(net.parameters())) for name, net in step.networks.items()}
        step.step(*a_batch())
        for name, network in step.networks.items():
            moved = [not torch.equal(a, b) for a, b in zip(before[name], network.parameters())]
            assert all(moved) if name in moving else not any(moved), name


def test_while_g_learns_d_is_frozen_and_even_a_crash_thaws_it():
    step, frozen = CycleGANStep(*tiny()), []
    discriminators = [step.networks["d_color"], step.networks["d_grey"]]
    watch = step.networks["back"].register_forward_pre_hook(
        lambda *_: frozen.append(not any(p.requires_grad for d in discriminators for p in d.parameters())))
    step.step(*a_batch())
    assert frozen and all(frozen)
    watch.remove()
    def crash(*_):
        raise MemoryError("no more room")

    step.networks["back"].register_forward_pre_hook(crash)
    with pytest.raises(MemoryError):
        step.step(*a_batch())
    assert all(p.requires_grad for network in step.networks.values() for p in network.parameters())


def test_d_is_shown_what_the_pool_holds():
    """Once the pools are full, about half of the fakes that D is shown are older; real pictures never pass through them."""
    step = CycleGANStep(*tiny(), pool=4)
    torch.manual_seed(0)
    shown, newest = [], []
    step.networks["d_color"].register_forward_pre_hook(lambda _, args: shown.append(args[0].detach().clone()))
    for i in range(100):
        shown.clear()
        step.step(*a_batch(4, seed=i))
        in_g, real, in_d = shown
        assert torch.equal(real, a_batch(4, seed=i)[1][2:])
        newest += [torch.equal(a, b) for a, b in zip(in_g, in_d)]
    assert all(newest[:4]) and 63 < sum(newest[4:]) < 133                      # 196 tosses: 98, 5 sigma are 35
    assert len(step.pools["d_color"].pictures) == len(step.pools["d_grey"].pictures) == 4
    assert step.pools["d_color"].pictures[0].shape == (3, 4, 4) and step.pools["d_grey"].pictures[0].shape == (1, 4, 4)


def test_a_resumed_run_ends_with_the_same_weights_by_the_bit(tmp_path):
    step = CycleGANStep(*tiny(), pool=3)
    torch.manual_seed(5)
    for i in range(6):
        step.step(*a_batch(4, seed=i))
    checkpoint.save(tmp_path / "last.pt", {
        "networks": {name: net.state_dict() for name, net in step.networks.items()},
        "optimizers": {name: adam.state_dict() for name, adam in step.optimizers.items()},
        "extra": step.extra_state(), "random": checkpoint.random_state()})  # fmt: skip
    for i in range(6, 12):
        step.step(*a_batch(4, seed=i))

    saved, again = checkpoint.load(tmp_path / "last.pt"), CycleGANStep(*tiny(seed=9), pool=3)
    for name, network in again.networks.items():
        network.load_state_dict(saved["networks"][name])
        again.optimizers[name].load_state_dict(saved["optimizers"][name])
    again.load_extra_state(saved["extra"])
    checkpoint.set_random_state(saved["random"])
    for i in range(6, 12):
        again.step(*a_batch(4, seed=i))
    for a, b in zip(step.networks.values(), again.networks.values()):
        assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters()))


def test_every_forward_pass_runs_in_the_autocast_that_was_asked_for():
    inside, passes = [], []

    class Watch(nullcontext):
        def __enter__(self):
            inside.append(True)

        def __exit__(self, *_):
            inside.pop()

    step = CycleGANStep(*tiny(), autocast=Watch)
    for network in step.networks.values():
        network.register_forward_pre_hook(lambda *_: passes.append(bool(inside)))
    step.step(*a_batch())
    step.generate(a_batch()[0])
    assert len(passes) == 2 + 3 + 2 * 3 + 1 and all(passes) and not inside


def test_the_papers_networks_fit_together_and_all_learn():
    """ResnetGenerators and PatchGANs with InstanceNorm, also in half precision; the pictures are left alone."""
    torch.manual_seed(0)
    networks = [ResnetGenerator(1, 3, 4, 1), ResnetGenerator(3, 1, 4, 1), PatchGAN(3, 2, "instance"), PatchGAN(1, 2, "instance")]
    step = CycleGANStep(*networks, autocast=lambda: torch.autocast("cpu", torch.bfloat16))
    x, y = a_batch(3, side=32)
    before = x.clone(), y.clone()
    for losses in (step.step(x, y), step.step(x, y)):
        assert all(loss.isfinite() and loss.dtype == torch.float32 for loss in losses.values())
    assert torch.equal(x, before[0]) and torch.equal(y, before[1])
    assert all(p.grad is not None for net in networks for p in net.parameters() if p.ndim > 1)
    assert step.generate(x).shape == (3, 3, 32, 32) and step.generate(x).dtype == torch.float32
    assert step.network is networks[0]


def sepia(grey: torch.Tensor) -> torch.Tensor:
    """What the toy's world looks like: the color of every grey."""
    return torch.cat([0.7 * grey + 0.3, 0.6 * grey, 0.4 * grey - 0.5], dim=1)


def test_it_learns_a_coloring_from_pictures_without_their_colors():
    """Far nearer to the truth than a grey picture is, and than the mean color; no grey was ever beside its color."""
    draws = torch.Generator().manual_seed(0)

    def batch(n=16):
        x = 1.9 * torch.rand(n, 1, 8, 8, generator=draws) ** 2 - 0.95          # more dark than bright: no way to turn it round
        return x, sepia(x)

    step = CycleGANStep(*tiny(width=16), lr=2e-3)
    first = {name: loss.item() for name, loss in step.step(*batch()).items()}
    for _ in range(400):
        losses = step.step(*batch())
    x, y = batch(64)
    with torch.inference_mode():
        off = F.l1_loss(step.generate(x), y).item()
    chance = min(F.l1_loss(guess.expand_as(y), y).item() for guess in (x, y.mean((0, 2, 3), keepdim=True)))
    assert off < 0.4 * chance                                                  # seen with 6 seeds: 0.09 to 0.32
    assert all(losses[name] < 0.3 * first[name] for name in ("cycle_grey", "cycle_color"))
