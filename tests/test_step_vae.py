"""A VAE's step draws what PyTorch's seed says, so it can be had again; its answer at test is the mean code's, without dice."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from minicolor import checkpoint
from minicolor.models.vae import VAE
from minicolor.steps.vae import VAEStep

BF16 = partial(torch.autocast, "cpu", dtype=torch.bfloat16)


def a_step(side: int | None = 32, **more) -> VAEStep:
    torch.manual_seed(0)
    return VAEStep(VAE(1, base=4, latent=6, side=side).train(), **more)


def a_batch(n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    clean = torch.rand(n, 1, 32, 32, generator=generator)
    return clean + 0.03 * torch.randn(n, 1, 32, 32, generator=generator), clean


def weights(step) -> list[torch.Tensor]:
    return [value.clone() for value in step.network.state_dict().values()]


def same(a, b) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("side", [32, None], ids=["flat", "spatial"])
@pytest.mark.parametrize("beta", [1e-3, 1.0])
def test_a_step_equals_one_written_by_hand(side, beta):
    step = a_step(side, lr=1e-3, beta=beta)
    other = copy.deepcopy(step.network)
    adam = torch.optim.Adam(other.parameters(), lr=1e-3, fused=True)
    x, y = a_batch()
    for k in range(3):
        torch.manual_seed(k)
        losses = step.step(x, y)
        torch.manual_seed(k)                                            # the dice: one number seeds the device's own generator
        dice = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        mean, log_variance = other.to_code(other.down(x)).chunk(2, dim=1)
        code = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=dice)
        clean = other.up(other.from_code(code).relu())
        mse = (clean - y).square().mean()
        normal = torch.distributions.Normal
        kl = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)).sum() / len(x)
        adam.zero_grad()
        (mse + beta * kl / (32 * 32)).backward()                        # on the scale of one pixel: losses/elbo.py
        adam.step()
        assert losses["mse"].item() == pytest.approx(mse.item(), rel=1e-4)
        assert losses["kl"].item() == pytest.approx(kl.item() / 1024, rel=1e-3, abs=1e-7)
    for (name, mine), theirs in zip(step.network.state_dict().items(), other.state_dict().values()):
        # Adam's steps are lr long whatever the slope: where a slope is 0 but for rounding, a few weights may part
        assert (mine.double() - theirs.double()).abs().mean() < 3e-5, name


def test_one_seed_one_training():
    results = {}
    for which, seed in (("a", 5), ("b", 5), ("other", 6)):
        step = a_step()
        torch.manual_seed(seed)
        for _ in range(3):
            step.step(*a_batch())
        results[which] = weights(step)
    assert same(results["a"], results["b"]) and not same(results["a"], results["other"])


def test_codes_differ_from_step_to_step():
    step = a_step(lr=1e-12)                                             # the network stands still: only the dice change the loss
    a, b = (step.step(*a_batch())["mse"].item() for _ in range(2))
    assert a != b


def test_what_a_checkpoint_keeps_is_enough_to_go_on():
    step, batch = a_step(), a_batch()
    step.step(*batch)
    state, kept, adam = checkpoint.random_state(), weights(step), copy.deepcopy(step.optimizers["network"].state_dict())
    step.step(*batch)
    whole = weights(step)
    again = a_step()
    again.network.load_state_dict(dict(zip(step.network.state_dict(), kept)))
    again.optimizers["network"].load_state_dict(adam)
    torch.manual_seed(99)
    checkpoint.set_random_state(state)
    again.load_extra_state(step.extra_state())
    again.step(*batch)
    assert same(whole, weights(again))


@pytest.mark.parametrize("side", [32, None], ids=["flat", "spatial"])
def test_the_answer_is_the_mean_codes_picture(side):
    step = a_step(side)
    step.step(*a_batch())
    step.network.eval()
    x, _ = a_batch()
    before = torch.get_rng_state()
    with torch.no_grad():
        answers = [step.generate(x) for _ in range(3)]
        mean, _ = step.network.encode(x)
        assert torch.equal(answers[0], step.network.decode(mean)) and torch.equal(answers[0], step.network(x)[0])
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[1], answers[2])
    assert torch.equal(torch.get_rng_state(), before)                   # no dice: a look at the pictures changes no training
    assert answers[0].shape == x.shape and answers[0].min() >= 0 and answers[0].max() <= 1


def test_the_loss_falls_and_beta_pulls_the_code_to_the_normal_one():
    spread = {}
    for beta in (0.0, 30.0):
        step, batch = a_step(lr=3e-3, beta=beta), a_batch()
        history = [step.step(*batch) for _ in range(40)]
        spread[beta] = step.network.encode(batch[0])[0].square().mean().item()
        if not beta:
            assert history[-1]["mse"] < 0.9 * history[0]["mse"] and history[-1]["kl"] > 0, "kl is shown without its weight"
        else:
            assert history[-1]["kl"] < history[0]["kl"]
    assert spread[30.0] < spread[0.0]


def test_bf16_stays_finite():
    step = a_step(autocast=BF16)
    for _ in range(3):
        losses = step.step(*a_batch())
        assert all(loss.isfinite() and loss.dtype == torch.float32 and not loss.requires_grad for loss in losses.values())
    assert step.generate(a_batch()[0]).dtype == torch.float32
    assert all(p.isfinite().all() for p in step.network.parameters()) and isinstance(step.network, nn.Module)
