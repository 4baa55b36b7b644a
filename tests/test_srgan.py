"""SRResNet is the generator of SRGAN's Fig. 4: its count, its layers in plain functions, every size and both scales."""

import official
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.srgan import SRResNet


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_it_has_the_papers_number_of_parameters():
    """By Fig. 4's notation: k9n64, blocks of two k3n64, k3n64, k3n256 for each doubling, k9n3; a PReLU is one number."""
    first, block, middle = 81 * 3 * 64 + 64 + 1, 2 * (9 * 64 * 64 + 2 * 64) + 1, 9 * 64 * 64 + 2 * 64
    doubling, last = 9 * 64 * 256 + 256 + 1, 81 * 64 * 3 + 3
    with torch.device("meta"):
        for scale, doublings, known in ((4, 2, 1_547_350), (2, 1, 1_399_637)):
            by_hand = first + 16 * block + middle + doublings * doubling + last
            assert count(SRResNet(scale=scale)) == known == by_hand
        # 734,219 is a count often printed for 5 blocks at scale 4 with a bias before each of the 11 norms
        assert count(SRResNet(scale=4, blocks=5)) == 734_219 - 11 * 64


def shuffled(x: torch.Tensor) -> torch.Tensor:
    """Pixel shuffle by its definition: channel 4c + 2i + j becomes row i, column j of channel c's 2x2 squares."""
    out = x.new_zeros(len(x), x.shape[1] // 4, 2 * x.shape[2], 2 * x.shape[3])
    for i in (0, 1):
        for j in (0, 1):
            out[:, :, i::2, j::2] = x[:, 2 * i + j :: 4]
    return out


def in_plain_functions(s: dict, x: torch.Tensor, blocks: int, doublings: int, training: bool) -> torch.Tensor:
    def conv(x, name):
        weight = s[f"{name}.weight"]
        return F.conv2d(x, weight, s.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def prelu(x, name):
        return torch.where(x > 0, x, s[f"{name}.weight"] * x)

    def norm(x, name):
        mean, var = s[f"{name}.running_mean"], s[f"{name}.running_var"]
        if training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        scale = s[f"{name}.weight"] / (var + 1e-5).sqrt()
        return (x - mean[:, None, None]) * scale[:, None, None] + s[f"{name}.bias"][:, None, None]

    x = entered = prelu(conv(x, "first.0"), "first.1")
    for b in range(blocks):
        y = prelu(norm(conv(x, f"blocks.{b}.body.0"), f"blocks.{b}.body.1"), f"blocks.{b}.body.2")
        x = x + norm(conv(y, f"blocks.{b}.body.3"), f"blocks.{b}.body.4")
    x = entered + norm(conv(x, f"blocks.{blocks}"), f"blocks.{blocks + 1}")
    for d in range(doublings):
        x = prelu(shuffled(conv(x, f"enlarge.{d}.0")), f"enlarge.{d}.2")
    return conv(x, f"enlarge.{doublings}")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("scale, height, width", [(2, 7, 12), (4, 5, 3), (4, 1, 2)])
def test_forward_agrees_with_plain_functions(scale, height, width, training):
    torch.manual_seed(0)
    network = official.lively(SRResNet(base=6, blocks=2, scale=scale).double()).train(training)
    slopes = [layer.weight.item() for layer in network.modules() if isinstance(layer, nn.PReLU)]
    assert len(set(slopes)) == len(slopes) == 3 + scale // 2
    state = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.rand(2, 3, height, width, dtype=torch.float64)
    out = network(x)
    assert out.shape == (2, 3, scale * height, scale * width)
    torch.testing.assert_close(out, in_plain_functions(state, x, 2, scale // 2, training), atol=1e-9, rtol=1e-7)
    assert out.std() > 0.01, "nothing got through: the comparison says nothing"


@pytest.mark.parametrize("scale", [0, 1, 3, 8])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match=f"scale 2 or 4, not {scale}"):
        SRResNet(base=1, blocks=1, scale=scale)


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (3, 8, 8), (8,)])
def test_other_channels_are_refused(shape):
    with pytest.raises(ValueError, match=r"needs \(N, 3, H, W\), not"):
        SRResNet(base=1, blocks=1)(torch.zeros(shape))


@pytest.mark.parametrize("scale", [2, 4])
def test_every_parameter_learns(scale):
    torch.manual_seed(0)
    network = SRResNet(base=4, blocks=2, scale=scale)
    network(torch.rand(2, 3, 6, 6)).square().mean().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


def test_it_learns_to_enlarge_better_than_bicubic():
    """Stripes finer than the small picture can show, at places that it does show: 80 steps halve bicubic's error."""
    torch.manual_seed(0)
    network = SRResNet(base=8, blocks=2)
    large = torch.rand(8, 3, 8, 1).repeat_interleave(2, 2).expand(-1, -1, -1, 16).clone()
    large[:, :, 1::2] *= 0.5                                                   # every second row is half as bright
    small = F.avg_pool2d(large, 2)
    bicubic = F.mse_loss(F.interpolate(small, scale_factor=2, mode="bicubic"), large)
    adam = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(80):
        adam.zero_grad()
        loss = F.mse_loss(network(small), large)
        loss.backward()
        adam.step()
    assert loss < 0.5 * bicubic
