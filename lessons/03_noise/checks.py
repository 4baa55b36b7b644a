"""What exercise 03 is graded on: the two parts of a variational autoencoder's loss."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

NAME = "elbo"
KEY = "minicolor.losses.elbo:elbo"
TRAINS = "a divergence between two normal distributions, and which sums and means a loss is made of"
MINUTES = 30


def _answer(variance=torch.exp, log=lambda v: v, over_code=torch.sum, over_pictures=torch.mean, half=0.5, beta=None, pixels=True,
            reconstruction=F.mse_loss):
    """An answer that is right but for what is given."""

    def elbo(clean, truth, mean, log_variance, beta_=1.0, **named):
        weight = named.get("beta", beta_) if beta is None else beta
        one = half * (mean**2 + variance(log_variance) - 1 - log(log_variance))
        kl = over_pictures(over_code(one.flatten(1), dim=1))
        return reconstruction(clean, truth), weight * kl / (truth[0].numel() if pixels else 1)

    return elbo


WRONG = {
    "log variance taken for the variance": _answer(variance=lambda v: v, log=lambda v: v.abs().clamp(min=1e-6).log()),
    "log variance taken for the log of the deviation": _answer(variance=lambda v: (2 * v).exp(), log=lambda v: 2 * v),
    "the sign of the logarithm": _answer(log=lambda v: -v),
    "the half forgotten": _answer(half=1.0),
    "the mean over the code": _answer(over_code=torch.mean),
    "the sum over the pictures": _answer(over_pictures=torch.sum),
    "beta forgotten": _answer(beta=1.0),
    "not divided by a picture's numbers": _answer(pixels=False),
    "absolute differences": _answer(reconstruction=F.l1_loss),
    "the sum of squares": _answer(reconstruction=lambda a, b: F.mse_loss(a, b, reduction="sum")),
}

often = settings(max_examples=15, deadline=None, database=None)
sides = {"n": st.integers(1, 3), "channels": st.integers(1, 3), "side": st.integers(2, 5), "seed": st.integers(0, 9999)}


def _drawn(n, channels, side, seed, *code):
    """Two batches of pictures, and means and log variances of codes of the shape `code`."""
    dice = torch.Generator().manual_seed(seed)
    pictures = [torch.rand(n, channels, side, side, generator=dice, dtype=torch.float64) for _ in range(2)]
    codes = [torch.randn(n, *code, generator=dice, dtype=torch.float64) for _ in range(2)]
    return *pictures, *codes


@often
@given(**sides)
def the_reconstruction_is_the_mean_squared_error(f, n, channels, side, seed):
    clean, truth, mean, log_variance = _drawn(n, channels, side, seed, 4)
    torch.testing.assert_close(f(clean, truth, mean, log_variance)[0], F.mse_loss(clean, truth))


@often
@given(n=st.integers(1, 3), side=st.integers(2, 5), numbers=st.integers(1, 6))
def a_standard_normal_code_costs_nothing(f, n, side, numbers):
    picture, zero = torch.rand(n, 1, side, side), torch.zeros(n, numbers)
    assert abs(float(f(picture, picture, zero, zero)[1])) < 1e-6, "mean 0 and variance 1 should cost nothing"


@often
@given(seed=st.integers(0, 9999))
def one_number_costs_what_the_formula_says(f, seed):
    clean, truth, mean, log_variance = _drawn(1, 1, 1, seed, 1)
    right = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).squeeze()
    torch.testing.assert_close(f(clean, truth, mean, log_variance)[1], right)


@often
@given(**sides, numbers=st.integers(2, 6), spatial=st.booleans())
def summed_over_the_code_and_averaged_over_pictures(f, n, channels, side, seed, numbers, spatial):
    clean, truth, mean, log_variance = _drawn(n, channels, side, seed, *((numbers, 2, 2) if spatial else (numbers,)))
    each = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).flatten(1).sum(1)
    right = each.mean() / truth[0].numel()
    torch.testing.assert_close(f(clean, truth, mean, log_variance)[1], right)


@often
@given(seed=st.integers(0, 9999), beta=st.sampled_from([0.0, 0.001, 0.5, 4.0]))
def beta_weighs_the_code_alone(f, seed, beta):
    given = _drawn(2, 1, 4, seed, 3)
    (one, kl), (other, weighed) = f(*given, beta=1.0), f(*given, beta=beta)
    torch.testing.assert_close(other, one)
    torch.testing.assert_close(weighed, beta * kl)


CHECKS = [
    (2, the_reconstruction_is_the_mean_squared_error, "squares, and their mean over everything"),
    (1, a_standard_normal_code_costs_nothing, "put mean 0 and variance 1, so a logarithm of 0, into the formula by hand"),
    (3, one_number_costs_what_the_formula_says,
     "the network gives the logarithm of the variance: which term needs the variance, which the logarithm, with which sign?"),
    (3, summed_over_the_code_and_averaged_over_pictures,
     "three different counts: the numbers of a code are added, pictures are averaged, and what is one picture's size?"),
    (1, beta_weighs_the_code_alone, "beta belongs to one of the two parts"),
]
