"""elbo's KL is torch.distributions', and the two parts are the negative ELBO of a Gaussian up to its scale and constant."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from minicolor.losses.elbo import elbo
from minicolor.models.vae import VAE


def drawn(seed: int, code: tuple[int, ...], n: int = 3, picture: tuple[int, ...] = (2, 5, 7), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    clean, truth = torch.rand(2, n, *picture, generator=generator, dtype=dtype)
    mean, log_variance = torch.randn(2, n, *code, generator=generator, dtype=dtype)
    return clean, truth, mean, log_variance


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), code=st.sampled_from([(1,), (4,), (3, 2, 5)]), n=st.integers(1, 4),
       beta=st.floats(1e-3, 10))
def test_kl_is_torchs_closed_form(seed, code, n, beta):
    clean, truth, mean, log_variance = drawn(seed, code, n)
    _, kl = elbo(clean, truth, mean, log_variance, beta)
    each = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl, beta * each.sum() / n / (2 * 5 * 7))      # sum over the code, mean over pictures, per number


def test_the_sum_is_the_negative_elbo_of_a_gaussian():
    """-log p from torch.distributions: what two networks' losses differ by must be what their ELBOs differ by, on one scale."""
    beta = 0.3
    s = (beta / 2) ** 0.5                                                    # beta = 2 s^2

    def by_hand(clean, truth, mean, log_variance):
        nll = -Normal(clean, s).log_prob(truth).flatten(1).sum(1)
        kl = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).flatten(1).sum(1)
        return (nll + kl).mean() * 2 * s * s / truth[0].numel()

    constants = [by_hand(*a) - sum(elbo(*a, beta)) for a in (drawn(1, (6,)), drawn(2, (6,)), drawn(3, (2, 4, 4)))]
    for constant in constants:
        assert constant.item() == pytest.approx(s * s * math.log(2 * math.pi * s * s))


def test_a_code_that_is_the_prior_costs_nothing_and_nothing_costs_less():
    clean, truth, mean, log_variance = drawn(0, (8,))
    zero = torch.zeros(3, 8)
    assert elbo(clean, truth, zero, zero)[1] == 0 and elbo(truth, truth, zero, zero) == (0, 0)
    assert elbo(clean, truth, zero + 1e-4, zero)[1] > 0 and elbo(clean, truth, zero, zero - 1e-2)[1] > 0


def test_near_the_prior_float32_keeps_its_digits():
    clean, truth, mean, log_variance = (x.float() for x in drawn(4, (64,)))
    small = mean * 0, 1e-2 * log_variance                                    # exp(x) - 1 - x would be off by 1 % here
    expected = elbo(clean.double(), truth.double(), *(x.double() for x in small))[1]
    torch.testing.assert_close(elbo(clean, truth, *small)[1].double(), expected, rtol=1e-4, atol=0)


def test_the_slopes_are_right():
    def loss(clean, mean, log_variance):
        return sum(elbo(clean, truth, mean, log_variance, 0.7))

    clean, truth, mean, log_variance = drawn(5, (3,), n=2, picture=(1, 2, 2))
    torch.autograd.gradcheck(loss, [x.requires_grad_() for x in (clean, mean, log_variance)])


@pytest.mark.parametrize("side", [16, None])
def test_what_the_vae_gives_is_what_it_takes(side):
    network = VAE(base=2, latent=4, side=side)
    truth = torch.rand(2, 1, 16, 16)
    reconstruction, kl = elbo(*reorder(network(truth, torch.Generator().manual_seed(0)), truth))
    (reconstruction + kl).backward()
    assert reconstruction.shape == kl.shape == () and all(p.grad.isfinite().all() for p in network.parameters())


def reorder(out, truth):
    clean, mean, log_variance = out
    return clean, truth, mean, log_variance


def test_shapes_that_would_broadcast_are_refused():
    clean, truth, mean, log_variance = drawn(0, (8,))
    with pytest.raises(ValueError, match="clean and truth must have one shape"):
        elbo(clean[:, :1], truth, mean, log_variance)
    for wrong in ((mean, log_variance[:, :1]), (mean[:1], log_variance[:1])):
        with pytest.raises(ValueError, match="one code for each of 3 pictures"):
            elbo(clean, truth, *wrong)
