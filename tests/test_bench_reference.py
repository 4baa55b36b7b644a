"""The plain loop of `bench train` computes what ours does: same weights, same batch -> same answers, losses and gradients."""

import itertools
import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from minicolor.benches import reference
from minicolor.fast import hurried
from minicolor.models.dncnn import DnCNN
from minicolor.models.patchgan import PatchGAN
from minicolor.models.unet import UNet
from minicolor.steps.gan import GANStep
from minicolor.steps.supervised import SupervisedStep
from minicolor.steps.wgan_gp import WGANGPStep


def randomized(network: nn.Module, seed: int = 0) -> nn.Module:
    """Weights and biases that all matter: norms begin with 1 and 0, and an exchange of two of them would not be seen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in network.modules():
            for name, p in layer.named_parameters(recurse=False):
                is_scale = isinstance(layer, nn.BatchNorm2d) and name == "weight"
                p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.1 + is_scale)
    return network


def one_by_one(ours: nn.Module, theirs: nn.Module) -> list[tuple[nn.Parameter, nn.Parameter]]:
    """Layers that stand in the same order in both."""
    return list(zip(ours.parameters(), theirs.parameters(), strict=True))


def inside_out(ours: UNet, theirs: reference.Generator) -> list[tuple[nn.Parameter, nn.Parameter]]:
    """Theirs is nested: each block holds a level's way down, the next block, and the way up."""
    pairs = [(ours.down[0], theirs.first), (ours.up[-1], theirs.last)]
    block = theirs.inside
    for i in range(1, ours.levels):
        pairs += [(ours.down[i], block.down), (ours.up[ours.levels - 1 - i], block.up)]
        block = block.inside
    return [pair for a, b in pairs for pair in one_by_one(a, b)]


def alike(pairs: list) -> None:
    """Give ours the weights of theirs."""
    with torch.no_grad():
        for a, b in pairs:
            assert a.shape == b.shape
            a.copy_(b)


def drop_nothing(*networks: nn.Module) -> None:
    for layer in itertools.chain(*(network.modules() for network in networks)):
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0


def same_gradients(pairs: list) -> None:
    """Relative to the largest of each tensor: float32 sums of thousands of terms in another order."""
    for a, b in pairs:
        assert (a.grad - b.grad).abs().max() <= 2e-5 * b.grad.abs().max()


def batch(n: int = 2, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.rand(n, c, size, size, generator=generator) * 2 - 1 for c in (1, 3))


@pytest.mark.parametrize("size, dropout", [(64, True), (64, False), (256, False)])
def test_the_u_net(size, dropout):
    """Batch statistics; with dropout too: it stands in the same places, so the same dice give the same answer."""
    levels = size.bit_length() - 1
    theirs = randomized(reference.Generator(1, 3, 4, levels)).double()
    ours = UNet(1, 3, base=4, levels=levels).double()
    alike(inside_out(ours, theirs))
    assert len(inside_out(ours, theirs)) == len(list(ours.parameters())) == len(list(theirs.parameters()))
    if not dropout:
        drop_nothing(ours, theirs)
    x = batch(size=size)[0].double()
    answers = []
    for network in (ours, theirs):
        torch.manual_seed(3)
        answers.append(network(x.clone()))
    torch.testing.assert_close(*answers, atol=1e-10, rtol=0)
    means = [{k: v for k, v in network.state_dict().items() if k.endswith("running_mean")} for network in (ours, theirs)]
    assert sorted(v.sum().item() for v in means[0].values()) == pytest.approx(sorted(v.sum().item() for v in means[1].values()))


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_the_patchgan(norm):
    theirs = randomized(reference.discriminator(4, 8, norm=norm == "batch")).double()
    ours = PatchGAN(4, 8, norm).double()
    alike(one_by_one(ours, theirs))
    x, y = (t.double() for t in batch())
    torch.testing.assert_close(ours(x, y), theirs(torch.cat([x, y], 1)), atol=1e-10, rtol=0)


@pytest.mark.parametrize("laid_out", [False, True])
def test_one_step_of_pix2pix(laid_out):
    """Losses, gradients and the weights after it; also with weights laid out as the CPU's fast ways want them."""
    plain = reference.Pix2Pix(64, 4, "cpu")
    randomized(plain.g), randomized(plain.d, 1)
    g, d = UNet(1, 3, base=4, levels=6), PatchGAN(4, 4)
    pairs = inside_out(g, plain.g), one_by_one(d, plain.d)
    for network in pairs:
        alike(network)
    drop_nothing(g, plain.g)
    step, (x, y) = GANStep(g, d), batch()
    update = hurried(step, "cpu") if laid_out else step.step
    ours, theirs = update(x, y), plain.step(x, y)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].item() == pytest.approx(theirs[name].item(), abs=1e-5), name
    for network in pairs:
        same_gradients(network)
        for a, b in network:                                         # few have a gradient so small that its sign is rounding
            assert (a - b).abs().mean() < 0.02 * 2e-4
    same_adam(step.optimizers.values(), (plain.g_adam, plain.d_adam))


def test_one_step_of_wgan_gp():
    plain = reference.WGANGP(64, 4, "cpu")
    randomized(plain.g), randomized(plain.d, 1)
    g, critic = UNet(1, 3, base=4, levels=6), PatchGAN(4, 4, "none")
    pairs = inside_out(g, plain.g), one_by_one(critic, plain.d)
    for network in pairs:
        alike(network)
    drop_nothing(g, plain.g)
    step, (x, y) = WGANGPStep(g, critic), batch()
    torch.manual_seed(5)                                             # the penalty's places between true and made
    ours = step.step(x, y)
    torch.manual_seed(5)
    theirs = plain.step(x, y)
    for name in theirs:
        assert ours[name].item() == pytest.approx(theirs[name].item(), abs=1e-5), name
    same_gradients(pairs[0])
    same_adam(step.optimizers.values(), (plain.g_adam, plain.d_adam))


def test_one_step_of_dncnn():
    plain = reference.DnCNN(64, 8, "cpu")
    randomized(plain.g)
    ours = DnCNN(1, 8, 17)
    pairs = one_by_one(ours, plain.g)
    alike(pairs)
    step = SupervisedStep(ours, {"mse": (1.0, nn.functional.mse_loss)}, 1e-3)
    x, y = batch()
    torch.manual_seed(5)
    clean, noise = (x + 1) / 2, plain.sigma * torch.randn_like(x)
    mse = step.step(clean + noise, clean)["mse"]
    torch.manual_seed(5)
    theirs = plain.step(x, y)["mse"]
    assert mse.item() == pytest.approx(theirs.item(), abs=1e-5, rel=1e-5)
    same_gradients(pairs)
    same_adam(step.optimizers.values(), (plain.g_adam,))


def same_adam(ours, theirs) -> None:
    for a, b in zip(ours, theirs, strict=True):
        for key in ("lr", "betas", "eps", "weight_decay"):
            assert a.param_groups[0][key] == b.param_groups[0][key]


def test_a_file_becomes_one_of_its_crops(tmp_path):
    """Every place and both directions come, nothing else does; grey is Rec. 601's luma in the integers that Pillow documents."""
    rgb = np.random.default_rng(0).integers(0, 256, (18, 18, 3), np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    files = reference.Files([tmp_path / "a.png"], 16, 18)            # as large as it is enlarged to: no pixel changes
    crops = {}
    for top, left, mirrored in itertools.product(range(3), range(3), (1, -1)):
        crops[rgb[top : top + 16, left : left + 16][:, ::mirrored].tobytes()] = top, left, mirrored
    random.seed(0)
    seen = set()
    for _ in range(400):
        grey, color = files[0]
        assert grey.shape == (1, 16, 16) and color.shape == (3, 16, 16) and color.is_contiguous()
        bytes = ((color + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        seen.add(crops[bytes.tobytes()])
        luma = (bytes.astype(np.int64) @ [19595, 38470, 7471] + 0x8000) >> 16
        assert (((grey[0] + 1) * 127.5).round().byte().numpy() == luma).all()
    assert len(seen) == 18


def test_batches_come_for_ever_each_file_once_an_epoch(tmp_path):
    for i in range(5):
        Image.new("RGB", (40, 30), (50 * i,) * 3).save(tmp_path / f"{i}.png")
    batches = reference.batches(sorted(tmp_path.iterdir()), 32, 2, "cpu", 0)
    got = [next(batches) for _ in range(6)]                          # of an odd number the last is left out: two batches an epoch
    assert all(x.shape == (2, 1, 32, 32) and y.shape == (2, 3, 32, 32) for x, y in got)
    for epoch in range(3):
        values = [round((y[i].mean().item() + 1) * 127.5) for _, y in got[2 * epoch : 2 * epoch + 2] for i in range(2)]
        assert len(set(values)) == 4 and set(values) <= {0, 50, 100, 150, 200}
