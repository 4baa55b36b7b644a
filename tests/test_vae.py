"""Both VAEs are what their page says: counts, codes, plain functions, and dice that are thrown only where they are handed in."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.vae import VAE

SIDES = pytest.mark.parametrize("side", [32, None], ids=["flat", "spatial"])


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lively(network: VAE) -> VAE:
    """Weights and statistics that no two layers share and that let a signal through."""
    for p in network.parameters():
        nn.init.normal_(p, std=0.3 if p.ndim == 1 else 1.5 * p[0].numel() ** -0.5)
    for norm in (layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.5, 2)
    return network.eval()


def in_plain_functions(network: VAE, x: torch.Tensor, seed: int | None):
    """The weights in the order in which they are made: down, up, to the code, from the code."""
    weights = {name: iter([p for key, p in network.named_parameters() if key.startswith(name)])
               for name in ("down.", "up.", "to_code.", "from_code.")}
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]

    def normalized(x, norm, name):
        return F.batch_norm(x, norm.running_mean, norm.running_var, next(weights[name]), next(weights[name]), eps=1e-5)

    x = F.leaky_relu(F.conv2d(x, next(weights["down."]), next(weights["down."]), stride=2, padding=1), 0.2)
    for norm in norms[:3]:
        x = F.leaky_relu(normalized(F.conv2d(x, next(weights["down."]), stride=2, padding=1), norm, "down."), 0.2)
    (n, deepest, h, w), flat = x.shape, network.side is not None
    apply = F.linear if flat else F.conv2d
    both = apply(x.reshape(n, -1) if flat else x, *weights["to_code."])
    mean, log_variance = both[:, : both.shape[1] // 2], both[:, both.shape[1] // 2 :]
    code = mean if seed is None else mean + log_variance.exp().sqrt() * torch.randn(mean.shape, generator=dice(seed))
    x = F.relu(apply(code, *weights["from_code."]).reshape(n, deepest, h, w))
    for norm in norms[3:]:
        x = F.relu(normalized(F.conv_transpose2d(x, next(weights["up."]), stride=2, padding=1), norm, "up."))
    x = F.conv_transpose2d(x, next(weights["up."]), next(weights["up."]), stride=2, padding=1)
    return 1 / (1 + torch.exp(-x)), mean, log_variance


@pytest.mark.parametrize("side, count", [(256, 26_610_273), (None, 1_477_473)])
def test_counts(side, count):
    with torch.device("meta"):
        network = VAE(side=side)
    both_ways = [(1, 32), (32, 64), (64, 128), (128, 256)]
    convolutions = 2 * sum(16 * c * o for c, o in both_ways) + 32 + 1         # the two ends have a bias, the middle a norm
    norms = 2 * (64 + 128 + 256) + 2 * (128 + 64 + 32)
    wide = 256 * (256 if side else 1)                                         # 16x16 places, or each for itself
    code = wide * 256 + 256 + 128 * wide + wide
    assert sum(p.numel() for p in network.parameters()) == convolutions + norms + code == count


@SIDES
@pytest.mark.parametrize("seed", [None, 3])
def test_forward_agrees_with_plain_functions(side, seed):
    torch.manual_seed(0)
    network = lively(VAE(2, base=4, latent=5, side=side))
    x = torch.rand(2, 2, 32, side or 48)
    out = network(x, None if seed is None else dice(seed))
    expected = in_plain_functions(network, x, seed)
    for mine, theirs in zip(out, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)        # float32 through 10 layers
    assert out[0].std() > 0.02 and out[2].std() > 0.1, "nothing got through: the comparison says nothing"


def test_codes_are_flat_or_spatial_and_pictures_within_0_and_1():
    for side, shape in ((32, (3, 7)), (None, (3, 7, 2, 4))):
        network = lively(VAE(base=2, latent=7, side=side))
        clean, mean, log_variance = network(torch.rand(3, 1, 32, side or 64))
        assert mean.shape == log_variance.shape == shape
        assert clean.shape == (3, 1, 32, side or 64) and clean.min() > 0 and clean.max() < 1


@SIDES
def test_dice_are_thrown_only_where_they_are_handed_in(side):
    torch.manual_seed(0)
    network, x = lively(VAE(base=4, latent=4, side=side)), torch.rand(2, 1, 32, 32)
    before = torch.get_rng_state()
    assert torch.equal(network(x)[0], network.decode(network.encode(x)[0]))
    assert torch.equal(network(x, dice(1))[0], network(x, dice(1))[0])
    assert not torch.equal(network(x, dice(1))[0], network(x, dice(2))[0])
    assert torch.equal(before, torch.get_rng_state()), "torch's own dice were thrown"
    with pytest.raises(ValueError, match="hand in a torch.Generator"):
        network.train()(x)


@pytest.mark.parametrize("side, height, width, says", [
    (32, 32, 48, "32x32, not 32x48"), (32, 16, 16, "32x32, not 16x16"), (None, 32, 40, "multiples of 16, not 32x40"),
    (None, 8, 16, "multiples of 16, not 8x16"),
])  # fmt: skip
def test_other_sizes_are_refused(side, height, width, says):
    with pytest.raises(ValueError, match=says):
        VAE(base=1, latent=2, side=side).eval()(torch.zeros(1, 1, height, width))


@pytest.mark.parametrize("side", [0, 8, 40, -16])
def test_a_side_without_whole_places_is_refused(side):
    with pytest.raises(ValueError, match=f"multiple of 16, or None for a spatial code, not {side}"):
        VAE(side=side)


@SIDES
def test_every_parameter_learns(side):
    torch.manual_seed(0)
    network, x = VAE(base=4, latent=6, side=side), torch.rand(3, 1, 32, 32)
    clean, mean, log_variance = network(x, dice())
    F.mse_loss(clean, x).backward()                                           # of the log variance too: through the dice
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name
    assert all(part.any() for part in list(network.to_code.parameters())[-1].grad.chunk(2))
