"""--precision is obeyed; auto asks the hardware; bf16 reaches the convolutions, and losses and weights stay float32."""

import pytest
import torch
from torch import nn

from minicolor.models.patchgan import PatchGAN
from minicolor.models.unet import UNet
from minicolor.precision import autocast, bf16_is_fast, choose
from minicolor.recipe import PRECISIONS
from minicolor.steps.gan import GANStep


def pretend(monkeypatch, avx512: bool, amx: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", torch.device("cpu"), "meta"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_explicit_values_are_obeyed_on_every_device(precision, device):
    assert choose(precision, device) == precision                # also where no such device is there to ask


@pytest.mark.parametrize("avx512, amx, expected", [
    (False, False, "float32"), (True, False, "bf16"), (False, True, "bf16"), (True, True, "bf16"),
])
def test_auto_on_a_cpu_asks_for_its_instructions(monkeypatch, avx512, amx, expected):
    pretend(monkeypatch, avx512, amx)
    for device in ("cpu", torch.device("cpu")):
        assert choose("auto", device) == expected
        assert bf16_is_fast(device) == (expected == "bf16")


@pytest.mark.parametrize("supported, expected", [(True, "bf16"), (False, "float32")])
def test_auto_on_a_gpu_asks_for_real_support_and_no_emulation(monkeypatch, supported, expected):
    def answer(including_emulation: bool = True) -> bool:
        return including_emulation or supported

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", answer)
    for device in ("cuda", "cuda:0", torch.device("cuda")):
        assert choose("auto", device) == expected


def test_auto_elsewhere_is_float32():
    assert choose("auto", "meta") == "float32"


def test_it_answers_on_this_machine():
    assert choose("auto", "cpu") in PRECISIONS[1:]


def test_bf16_computes_convolutions_in_bfloat16_and_float32_does_not(monkeypatch):
    pretend(monkeypatch, False, False)
    conv, x = nn.Conv2d(1, 4, 3), torch.rand(1, 1, 8, 8)
    plain = conv(x)
    for precision, dtype in (("bf16", torch.bfloat16), ("float32", torch.float32), ("auto", torch.float32)):
        factory = autocast(precision, "cpu")
        for _ in range(2):                                       # a factory: each forward pass opens its own
            with factory():
                out = conv(x)
            assert out.dtype == dtype
        assert conv(x).dtype == torch.float32
    with autocast("bf16", "cpu")():
        out = conv(x).float()
    assert 0 < (out - plain).abs().max() < 0.02                  # rounded to 8 bits, and not just renamed


def test_losses_weights_and_gradients_stay_float32_under_bf16():
    torch.manual_seed(0)
    step = GANStep(UNet(1, 2, base=4, levels=5), PatchGAN(3, base=4), autocast=autocast("bf16", "cpu"))
    seen = []
    for network in step.networks.values():
        network.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    x, y = torch.rand(2, 1, 32, 32), torch.rand(2, 2, 32, 32)
    losses = step.step(x, y)
    assert set(seen) == {torch.bfloat16}
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    for network in step.networks.values():
        assert all(p.dtype == p.grad.dtype == torch.float32 for p in network.parameters())
        assert all(b.dtype in (torch.float32, torch.int64) for b in network.buffers())
    assert step.generate(x).dtype == torch.float32
