"""The gradient penalty is what finite differences of the critic say, and its slopes are finite differences of the penalty."""

import copy

import pytest
import torch
from torch import nn

from minicolor.losses.gradient_penalty import gradient_penalty
from minicolor.models.conv4x4 import Conv4x4
from minicolor.models.norm_act import InstanceNormAct
from minicolor.models.patchgan import PatchGAN

N, SIDE = 3, 24


class Smooth(nn.Module):
    """PatchGAN-like, but with a second derivative everywhere: finite differences can be exact to many digits."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(Conv4x4(2, 3), nn.Softplus(), Conv4x4(3, 4), nn.Tanh(), Conv4x4(4, 1, stride=1))

    def forward(self, *pictures):
        return self.body(torch.cat(pictures, dim=1))


class Instance(nn.Module):
    """Norms that mix the pixels of a picture, LeakyReLUs, minicolor's own layers."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(Conv4x4(2, 4, slope=0.2), Conv4x4(4, 4, bias=False),
                                  InstanceNormAct(4, slope=0.2), Conv4x4(4, 1, stride=1))

    def forward(self, *pictures):
        return self.body(torch.cat(pictures, dim=1))


def critics():
    torch.manual_seed(0)
    patch = PatchGAN(2, base=2)
    for p in patch.parameters():
        p.data *= 12 if p.ndim == 4 else 1                       # N(0, 0.02) lets nothing through: norms would be 1e-6
    found = {"smooth": Smooth(), "instance": Instance(), "PatchGAN, eval": patch.eval()}
    for critic in found.values():
        critic.double()
    return found


def pictures(dtype=torch.float64, side=SIDE, channels=1):
    generator = torch.Generator().manual_seed(1)
    real, fake, condition = torch.rand(3, N, channels, side, side, generator=generator, dtype=dtype) * 2 - 1
    draws = torch.rand(N, 1, 1, 1, generator=generator, dtype=dtype)
    scale = torch.tensor([0.2, 1, 3], dtype=dtype).view(N, 1, 1, 1)  # pictures with different slopes
    return real * scale, fake * scale, condition, draws


def brute_force(critic, between, *condition, step=1e-5):
    """The penalty without autograd: every pixel of every picture up and down by a step; one picture at a time."""
    total = 0.0
    with torch.no_grad():
        for i in range(len(between)):
            count = between[i].numel()
            nudge = step * torch.eye(count, dtype=torch.float64).view(count, *between.shape[1:])
            here = [c[i:i + 1].expand(count, -1, -1, -1) for c in condition]
            up, down = (critic(*here, between[i:i + 1] + s * nudge).flatten(1).sum(1) for s in (1, -1))
            total += (((up - down) / (2 * step)).norm() - 1) ** 2
    return total / len(between)


@pytest.mark.parametrize("name", critics())
def test_the_value_is_that_of_finite_differences(name):
    critic = critics()[name]
    real, fake, condition, draws = pictures()
    penalty = gradient_penalty(critic, real, fake, condition, draws=draws)
    expected = brute_force(critic, draws * real + (1 - draws) * fake, condition)
    assert expected > 1e-3 and penalty.shape == ()
    torch.testing.assert_close(penalty.detach(), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", critics())
def test_the_slopes_of_the_weights_are_finite_differences_of_the_penalty(name):
    """Along one random direction of each weight. A kernel that cannot be differentiated twice would be wrong here."""
    critic = critics()[name]
    inputs = pictures()
    gradients = torch.autograd.grad(penalty_of(critic, inputs), list(critic.parameters()), allow_unused=True)
    generator = torch.Generator().manual_seed(2)
    learned = 0
    for (parameter, p), g in zip(critic.named_parameters(), gradients, strict=True):
        direction = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        step, values = 1e-6 * (p.abs().max().item() or 1), []
        for sign in (1, -1):
            moved = copy.deepcopy(critic)
            moved.get_parameter(parameter).data += sign * step * direction
            values.append(penalty_of(moved, inputs).item())
        slope = 0.0 if g is None else (g * direction).sum().item()
        assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-6), parameter
        learned += abs(slope) > 1e-3
    assert learned >= 3


def penalty_of(critic, inputs):
    real, fake, condition, draws = inputs
    return gradient_penalty(critic, real, fake, condition, draws=draws)


def test_a_linear_critic_in_closed_form():
    """C(x) = sum(w x) has the slope w everywhere: (|w| - 1)^2, whatever the pictures and the draws."""
    w = torch.tensor([[3.0, 0.0], [0.0, 4.0]], dtype=torch.float64, requires_grad=True)
    real, fake = torch.randn(2, 5, 1, 2, 2, dtype=torch.float64)
    penalty = gradient_penalty(lambda x: (w * x).sum(dim=(1, 2, 3)), real, fake)
    assert penalty.item() == pytest.approx(16)
    (slope,) = torch.autograd.grad(penalty, w)
    torch.testing.assert_close(slope, 2 * 4 * w.detach() / 5)


def test_the_norm_is_each_pictures_own():
    """C = 1/2 sum x^2 has the slope x. Norms 1, 1 and 4: one of three costs 9; a norm of the batch would be over 4."""
    x = torch.tensor([1.0, 1.0, 4.0], dtype=torch.float64).view(3, 1, 1, 1) * torch.ones(3, 1, 2, 2, dtype=torch.float64) / 2
    penalty = gradient_penalty(lambda x: x.square().sum(dim=(1, 2, 3)) / 2, x, x)
    assert penalty.item() == pytest.approx(3)


def test_the_norm_is_over_channels_too():
    penalty = gradient_penalty(lambda x: x.sum(dim=(1, 2, 3)), torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5))
    assert penalty.item() == pytest.approx((60**0.5 - 1) ** 2, rel=1e-5)


def test_draws_mix_whole_pictures_and_1_is_real():
    seen = []

    def critic(condition, x):
        seen.append((condition, x.detach()))
        return x.sum(dim=(1, 2, 3))

    real, fake, condition, _ = pictures()
    draws = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64).view(3, 1, 1, 1)
    gradient_penalty(critic, real, fake, condition, draws=draws)
    for i, share in enumerate((0, 0.25, 1)):
        torch.testing.assert_close(seen[0][1][i], share * real[i] + (1 - share) * fake[i])
    assert torch.equal(seen[0][0], condition)                        # pix2pix's order: the condition first


def test_own_draws_are_uniform_and_one_for_each_picture():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.sum(dim=(1, 2, 3))

    torch.manual_seed(3)
    gradient_penalty(critic, torch.ones(4000, 2, 2, 3), torch.zeros(4000, 2, 2, 3))
    share = seen[0].flatten(1)
    assert (share == share[:, :1]).all()                             # the same for all pixels of one picture
    e = share[:, 0]
    assert e.min() >= 0 and e.max() <= 1 and abs(e.mean() - 0.5) < 0.02 and abs(e.std() - 12**-0.5) < 0.01  # 4 sigma


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_only_the_critic_learns(dtype):
    critic = critics()["smooth"].to(dtype)
    real, fake, condition, draws = (x.requires_grad_() for x in pictures(dtype))
    gradient_penalty(critic, real, fake, condition, draws=draws.detach()).backward()
    assert real.grad is None and fake.grad is None and condition.grad is None
    assert all(p.grad is not None and p.grad.isfinite().all() for name, p in critic.named_parameters() if "4.bias" not in name)


def test_a_critic_without_slope_costs_1_and_learns_finite_steps():
    w = torch.zeros(1, 1, 2, 2, requires_grad=True)
    penalty = gradient_penalty(lambda x: (w * x).sum(dim=(1, 2, 3)), torch.rand(2, 1, 2, 2), torch.rand(2, 1, 2, 2))
    assert penalty.item() == 1
    (slope,) = torch.autograd.grad(penalty, w)
    assert slope.isfinite().all()


@pytest.mark.parametrize("handed_in", [torch.float32, torch.bfloat16], ids=["float32 pictures", "bfloat16 pictures"])
def test_autocast_changes_nothing(handed_in):
    """Bit for bit: all of it runs in float32. With the convolutions in bfloat16 it is off in the third digit."""
    critic = critics()["instance"].float()
    real, fake, condition, draws = (x.to(handed_in) for x in pictures(torch.float32))
    plain = penalty_of(critic, [x.float() for x in (real, fake, condition, draws)])
    expected = torch.autograd.grad(plain, list(critic.parameters()), allow_unused=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert critic(condition.float(), real.float()).dtype == torch.bfloat16      # autocast is at work
        mixed = penalty_of(critic, (real, fake, condition, draws))
        slopes = torch.autograd.grad(mixed, list(critic.parameters()), allow_unused=True)
    assert mixed.dtype == torch.float32 and torch.equal(mixed, plain)
    for a, b in zip(slopes, expected, strict=True):
        assert a is b is None or torch.equal(a, b)


def test_shapes_that_would_broadcast_are_refused():
    real = torch.zeros(2, 1, 4, 4)
    for wrong in ((real, real[:1]), (real[0], real[0])):
        with pytest.raises(ValueError, match="real and fake must be"):
            gradient_penalty(lambda x: x, *wrong)
    for draws in (torch.zeros(2), torch.zeros(1, 1, 1, 1), torch.zeros(2, 1, 4, 4)):
        with pytest.raises(ValueError, match="one number for each picture"):
            gradient_penalty(lambda x: x, real, real, draws=draws)


def test_of_a_map_the_mean_can_be_held_to_one_instead_of_the_sum():
    """A linear critic whose map has 36 equal scores: the sum's slope is 36 times the mean's, and that is |w| for each picture."""
    w = torch.randn(1, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    real, fake = torch.rand(2, 2, 3, 4, 4, dtype=torch.float64)

    def critic(x):
        return (w * x).sum(dim=(1, 2, 3))[:, None, None, None].expand(-1, 1, 6, 6)

    mean, total = (gradient_penalty(critic, real, fake, patches=which).item() for which in ("mean", "sum"))
    assert mean == pytest.approx((w.norm().item() - 1) ** 2) and total == pytest.approx((36 * w.norm().item() - 1) ** 2)
    with pytest.raises(ValueError, match='"sum" or "mean"'):
        gradient_penalty(critic, real, fake, patches="max")
