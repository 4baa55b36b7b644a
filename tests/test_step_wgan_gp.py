"""A WGAN-GP step is algorithm 1 of Gulrajani et al. 2017: by hand on a linear critic, by a plain loop on PatchGAN."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from minicolor.models.patchgan import PatchGAN
from minicolor.models.unet import UNet
from minicolor.steps.wgan_gp import WGANGPStep

BF16 = partial(torch.autocast, "cpu", dtype=torch.bfloat16)


class LinearCritic(nn.Module):
    """C(x, picture) = <v, x> + <w, picture>: its slope at any picture is w, so the penalty is (|w| - 1)^2 whatever is drawn."""

    def __init__(self):
        super().__init__()
        self.v, self.w = nn.Parameter(torch.randn(1, 6, 6) / 6), nn.Parameter(torch.randn(3, 6, 6) / 6)

    def forward(self, x, picture):
        return (self.v * x).sum(dim=(1, 2, 3)) + (self.w * picture).sum(dim=(1, 2, 3))


def a_batch(side: int = 32, seed: int = 1, n: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(n, c, side, side, generator=generator) * 2 - 1 for c in (1, 3))


def networks(norm: str = "instance") -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    critic = PatchGAN(4, base=4, norm=norm)
    for p in critic.parameters():
        p.data *= 8 if p.ndim == 4 else 1                       # N(0, 0.02) lets little through: nothing could be told apart
    return UNet(1, 3, base=4, levels=5, dropout=0).train(), critic.train()


@pytest.mark.parametrize("critic_steps, weight, l1_weight", [(5, 10.0, 100.0), (1, 0.0, 0.0), (3, 2.5, 1.0)])
def test_on_a_linear_critic_by_hand(critic_steps, weight, l1_weight):
    torch.manual_seed(0)
    critic, generator = LinearCritic(), nn.Conv2d(1, 3, 1)
    w, v, g = critic.w.detach().clone(), critic.v.detach().clone(), copy.deepcopy(generator)
    step = WGANGPStep(generator, critic, lr=1e-2, l1_weight=l1_weight, penalty_weight=weight, critic_steps=critic_steps)
    x, y = a_batch(side=6)

    fake, hand = g(x), nn.Parameter(w)
    adam = torch.optim.Adam([hand], lr=1e-2, betas=(0.5, 0.999), foreach=False)
    for _ in range(critic_steps):                               # the slope of L_C, derived on paper
        distance, norm = (hand * (fake - y)).sum(dim=(1, 2, 3)).mean().item(), hand.detach().norm()
        hand.grad = (fake - y).detach().mean(0) + weight * 2 * (norm - 1) * hand.detach() / norm
        adam.step()
    g_adam = torch.optim.Adam(g.parameters(), lr=1e-2, betas=(0.5, 0.999), foreach=False)
    g_gan = -((hand.detach() * fake).sum(dim=(1, 2, 3)) + (v * x).sum(dim=(1, 2, 3))).mean()
    l1 = (fake - y).abs().mean()
    (g_gan + l1_weight * l1).backward()
    g_adam.step()

    losses = step.step(x, y)
    expected = {"c_distance": distance, "c_penalty": ((norm - 1) ** 2).item(), "g_gan": g_gan.item(), "g_l1": l1.item()}
    assert losses.keys() == expected.keys() - (set() if l1_weight else {"g_l1"})
    for name, loss in losses.items():                           # each without its weight; the critic's of its last step
        assert loss.item() == pytest.approx(expected[name], abs=2e-5), name
        assert loss.shape == () and not loss.requires_grad
    torch.testing.assert_close(critic.w.detach(), hand.detach(), atol=1e-5, rtol=1e-5)
    assert torch.equal(critic.v, v)                             # what real and fake have in common cancels
    for mine, theirs in zip(generator.parameters(), g.parameters()):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def by_hand(g, c, x, y, steps, lr=2e-4):
    """Algorithm 1 with PyTorch's parts alone, drawing as torch.rand does."""
    adams = [torch.optim.Adam(n.parameters(), lr=lr, betas=(0.5, 0.999), fused=False, foreach=False) for n in (g, c)]
    fake = g(x)
    for _ in range(steps):
        e = torch.rand(len(x), 1, 1, 1)
        between = (e * y + (1 - e) * fake).detach().requires_grad_()
        slope, = torch.autograd.grad(c(torch.cat([x, between], 1)).sum(), between, create_graph=True)
        penalty = ((slope.square().sum(dim=(1, 2, 3)).sqrt() - 1) ** 2).mean()
        loss = c(torch.cat([x, fake.detach()], 1)).mean() - c(torch.cat([x, y], 1)).mean() + 10 * penalty
        for p, grad in zip(c.parameters(), torch.autograd.grad(loss, list(c.parameters()), allow_unused=True)):
            p.grad = grad
        adams[1].step()
    loss = -c(torch.cat([x, fake], 1)).mean() + 100 * (fake - y).abs().mean()
    for p, grad in zip(g.parameters(), torch.autograd.grad(loss, list(g.parameters()))):
        p.grad = grad
    adams[0].step()


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_on_patchgan_a_plain_loop_agrees(norm):
    g, c = networks(norm)
    g2, c2 = copy.deepcopy(g), copy.deepcopy(c)
    x, y = a_batch()
    step = WGANGPStep(g, c, critic_steps=2)
    for run in (lambda: step.step(x, y), lambda: by_hand(g2, c2, x, y, 2)):
        torch.manual_seed(5)
        run()
    for a, b in ((g, g2), (c, c2)):
        for (name, value), other in zip(a.state_dict().items(), b.state_dict().values()):
            if norm == "instance" and name in ("rest.0.bias", "rest.2.bias", "rest.4.bias"):
                continue                                        # the norm cancels them: Adam steps along what rounding leaves
            # Adam divides tiny slopes by tiny slopes: a few weights are a share of a step off; a wrong sign is two steps
            off = (value.double() - other.double()).abs()
            scale = 2e-4 if value.is_floating_point() else 1
            assert off.max() < 0.5 * scale * (20 if "running" in name else 1), name
            assert off.mean() < 0.02 * scale, name


class Watch:
    """Both networks' weights and gradients around every descent."""

    def __init__(self, step):
        self.step, self.moved, descend = step, [], step.descend

        def watched(loss, name):
            before = {n: copy.deepcopy(net.state_dict()) for n, net in step.networks.items()}
            (other,) = step.networks.keys() - {name}
            grads = [None if p.grad is None else p.grad.clone() for p in step.networks[other].parameters()]
            descend(loss, name)
            for p, grad in zip(step.networks[other].parameters(), grads):
                assert p.grad is grad is None or torch.equal(p.grad, grad), f"{name} spilled into {other}"
            now = {n: net.state_dict() for n, net in step.networks.items()}
            self.moved.append({n for n in now if any(not torch.equal(now[n][key], before[n][key]) for key in before[n])})

        step.descend = watched


@pytest.mark.parametrize("norm", ["instance", "none", "batch"])
@pytest.mark.parametrize("critic_steps", [1, 5])
def test_each_descent_moves_its_own_network_alone(norm, critic_steps):
    step = WGANGPStep(*networks(norm), critic_steps=critic_steps)
    watch = Watch(step)
    step.step(*a_batch(n=1))
    assert watch.moved == [{"critic"}] * critic_steps + [{"generator"}]
    assert all(p.requires_grad for network in step.networks.values() for p in network.parameters())
    assert step.network is step.networks["generator"]


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_the_critic_learns_again_after_an_exception(norm):
    def broken(a, b):
        raise FloatingPointError

    g, c = networks(norm)
    step = WGANGPStep(g, c, critic_steps=1, terms={"broken": (1.0, broken)})
    with pytest.raises(FloatingPointError):
        step.step(*a_batch())
    assert all(p.requires_grad for p in c.parameters())


def test_other_terms_are_added():
    step = WGANGPStep(*networks(), critic_steps=1, l1_weight=0.0, terms={"far": (2.0, lambda a, b: (a - b).square().mean())})
    assert list(step.step(*a_batch())) == ["c_distance", "c_penalty", "g_gan", "g_far"]


@pytest.mark.parametrize("norm", ["instance", "none", "batch"])
def test_bf16_stays_finite(norm):
    step = WGANGPStep(*networks(norm), critic_steps=2, autocast=BF16)
    for seed in range(3):
        losses = step.step(*a_batch(seed=seed, n=1))
        assert all(loss.isfinite() and loss.dtype == torch.float32 for loss in losses.values())
    for network in step.networks.values():
        assert all(p.isfinite().all() and p.dtype == torch.float32 for p in network.parameters())


def test_the_critic_comes_to_rest_where_mathematics_says():
    """min of -d |w| + 10 (|w| - 1)^2, d the distance of the means, is at |w| = 1 + d / 20, along that distance."""
    torch.manual_seed(0)
    critic, generator = LinearCritic(), nn.Conv2d(1, 3, 1)
    step = WGANGPStep(generator, critic, lr=5e-3, critic_steps=1500, l1_weight=0.0)
    x, y = a_batch(side=6, n=8)
    with torch.no_grad():
        apart = (y - generator(x)).mean(0)
    losses = step.step(x, y)
    torch.testing.assert_close(critic.w.detach(), apart / apart.norm() * (1 + apart.norm() / 20), atol=1e-3, rtol=0)
    assert losses["c_penalty"].item() == pytest.approx((apart.norm().item() / 20) ** 2, rel=0.02)
    assert losses["c_distance"].item() == pytest.approx(-apart.norm().item() * (1 + apart.norm().item() / 20), rel=1e-3)
