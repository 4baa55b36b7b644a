"""What exercise 07 is graded on: both adversarial losses, on a map of patches, and whom their slopes reach."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

NAME = "gan_losses"
KEY = "minicolor.losses.bce_gan:bce_gan"
TRAINS = "the discriminator's and the generator's loss, why the latter is -log D, why logits, and what detach is for"
MINUTES = 25


def adapt(key):
    """Both losses of a step, from the one that the library has for a batch of logits."""
    def gan_losses(d, real, fake):
        return key(d(real), real=True) + key(d(fake.detach()), real=False), key(d(fake), real=True)

    return gan_losses


def _soft(z, real):
    return F.softplus(-z if real else z)


def _answer(d, real, fake, term=_soft, mean=torch.mean, detach=True, half=1.0):
    """A student's losses, with the habits that go wrong as options."""
    seen = fake.detach() if detach else fake
    return half * (mean(term(d(real), True)) + mean(term(d(seen), False))), mean(term(d(fake), True))


def _saturating(d, real, fake):
    return _answer(d, real, fake)[0], -F.softplus(d(fake)).mean()


def _same_for_both(d, real, fake):
    d_loss, _ = _answer(d, real, fake)
    return d_loss, d_loss


WRONG = {
    "the saturating loss: G descends log(1 - D)": _saturating,
    "labels swapped": lambda *a: _answer(*a, term=lambda z, real: _soft(z, not real)),
    "the fake not detached": lambda *a: _answer(*a, detach=False),
    "the fake detached for G too": lambda d, real, fake: _answer(d, real, fake.detach()),
    "the mean over each picture alone": lambda *a: _answer(*a, mean=lambda t: t.mean(dim=(1, 2, 3))),
    "the sum over the patches": lambda *a: _answer(*a, mean=torch.sum),
    "sigmoid applied twice": lambda *a: _answer(*a, term=lambda z, real: _soft(z.sigmoid(), real)),
    "sigmoid, then log": lambda *a: _answer(*a, term=lambda z, real: -torch.log(z.sigmoid() if real else 1 - z.sigmoid())),
    "sigmoid, then log of a little more": lambda *a: _answer(
        *a, term=lambda z, real: -torch.log((z.sigmoid() if real else 1 - z.sigmoid()) + 1e-8)),
    "D's loss halved": lambda *a: _answer(*a, half=0.5),
    "G given D's own loss": _same_for_both,
}  # fmt: skip

often = settings(max_examples=15, deadline=None, database=None)
maps = {"n": st.integers(1, 4), "side": st.integers(1, 5), "seed": st.integers(0, 10**6)}


def logits(n, side, seed, spread=3.0):
    """Two maps of logits, all different. The checks' pictures are logits: its discriminator gives them back as they are."""
    draws = torch.Generator().manual_seed(seed)
    return [spread * torch.randn(n, 1, side, side, generator=draws, dtype=torch.float64) for _ in range(2)]


def expert(picture):
    return 1.0 * picture


@often
@given(**maps)
def the_discriminators_loss(f, n, side, seed):
    real, fake = logits(n, side, seed)
    loss = f(expert, real, fake)[0]
    wanted = -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    assert torch.allclose(loss.sum() / max(loss.numel(), 1), wanted, atol=1e-5)


@often
@given(**maps)
def the_generators_loss(f, n, side, seed):
    real, fake = logits(n, side, seed)
    loss = f(expert, real, fake)[1]
    assert torch.allclose(loss.sum() / max(loss.numel(), 1), -fake.sigmoid().log().mean(), atol=1e-5)


@often
@given(n=st.integers(2, 4), side=st.integers(2, 5), seed=st.integers(0, 10**6))
def one_number_however_many_patches(f, n, side, seed):
    real, fake = logits(n, side, seed)
    once, twice = f(expert, real, fake), f(expert, torch.cat([real, real]), torch.cat([fake, fake]))
    for a, b in zip(once, twice, strict=True):
        assert a.shape == torch.Size([]), "a loss is one number"
        assert torch.allclose(a, b), "the same pictures twice give another loss"


@often
@given(**maps, far=st.integers(200, 1000))
def a_sure_discriminator_breaks_nothing(f, n, side, seed, far):
    real, fake = (z.sign() * far + z for z in logits(n, side, seed, spread=1.0))
    real, fake = real.float().requires_grad_(), fake.float().requires_grad_()
    for loss in f(expert, real, fake):
        assert torch.isfinite(loss).all(), "a loss is not finite"
    g_loss = f(expert, real, fake)[1].sum()
    slope, = torch.autograd.grad(g_loss, fake, allow_unused=True, materialize_grads=True) if g_loss.requires_grad else [fake * 0]
    caught = fake < 0
    assert torch.isfinite(slope).all(), "a slope is not finite"
    assert not caught.any() or (slope[caught] < 0).all(), "no slope where the fake is surely caught: the generator cannot learn"


@often
@given(**maps)
def whom_the_slopes_reach(f, n, side, seed):
    weights = torch.ones(2, dtype=torch.float64, requires_grad=True)        # the generator's, and the discriminator's
    real, fake = logits(n, side, seed)

    def slopes(which):
        loss = f(lambda picture: weights[1] * picture, real, weights[0] * fake)[which].mean()
        assert loss.requires_grad, "a loss has no slope at all"
        return torch.autograd.grad(loss, weights)[0]

    assert slopes(0)[0] == 0, "the discriminator's loss reaches the generator"
    assert slopes(0)[1] != 0, "the discriminator's loss does not reach the discriminator"
    assert slopes(1)[0] != 0, "the generator's loss does not reach the generator"


CHECKS = [
    (2, the_discriminators_loss, "two means, added: real patches should be called real, fake ones fake"),
    (2, the_generators_loss, "read the generator's line again: which label does it want for its patches?"),
    (2, one_number_however_many_patches, "average over everything, the pictures too"),
    (2, a_sure_discriminator_breaks_nothing,
     "sigmoid rounds to 0 or 1 far out, and its log is lost: which function of z is -log sigmoid(z)? And look at the "
     "generator's slope where it is caught"),
    (2, whom_the_slopes_reach, "d is asked about the fake twice; for one of the two, cut the way back to the generator"),
]
