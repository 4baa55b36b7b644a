"""Which code computes is said out loud: auto falls back, triton never does, and every wrong wish is one sentence."""

import contextlib
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from minicolor import train
from minicolor.data.pairs import prepare
from minicolor.errors import BadInput
from minicolor.kernels import backend
from minicolor.kernels.conv4x4 import conv4x4
from minicolor.models.patchgan import PatchGAN
from minicolor.models.unet import UNet
from minicolor.steps.gan import GANStep

ROOT = Path(__file__).parents[1]
needs_triton = pytest.mark.skipif(not backend.HAVE_TRITON, reason="Triton is not installed")


def run(code: str, **env) -> subprocess.CompletedProcess:
    """In a process of its own, since whether kernels are interpreted is settled at import."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"} | env
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_auto_on_a_cpu_is_pytorch_and_a_wish_is_obeyed():
    x = torch.zeros(1)
    assert backend.choose(x) == "torch" and backend.choose(x, "torch") == "torch" and backend.wanted() == "auto"
    with backend.using("torch"):
        assert backend.wanted() == "torch" and backend.wanted("auto") == "auto"
    assert backend.wanted() == "auto"
    for wrong in ("cuda", "Triton", ""):
        with pytest.raises(BadInput, match="expected auto, torch, triton"):
            backend.choose(x, wrong)
        with pytest.raises(BadInput, match="expected auto, torch, triton"):
            backend.set_backend(wrong)
    with pytest.raises(BadInput), backend.using("torch"):
        raise BadInput("whatever happens inside")
    assert backend.wanted() == "auto"


@needs_triton
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, and triton can run")
def test_triton_is_loud_where_it_cannot_run():
    """Without a GPU and without the interpreter: in Python, and at the command line with exit code 2 and one sentence."""
    said = run("import torch; from minicolor.kernels.conv4x4 import conv4x4\n"
               "conv4x4(torch.zeros(1, 1, 4, 4), torch.zeros(2, 1, 4, 4), backend='triton')")
    assert "backend triton: kernels need an NVIDIA GPU, not the device cpu" in said.stderr and said.returncode == 1
    for door in ("train pix2pix", "colorize a.png b.png --run runs/none"):
        name, *rest = door.split()
        words = f"import sys; sys.argv = {['x', *rest, '--backend', 'triton']}; from minicolor.{name} import main; main()"
        said = run(words)
        assert said.returncode == 2 and said.stderr.startswith("error: --backend triton: kernels need an NVIDIA GPU"), said.stderr
        assert said.stderr.count("\n") == 1


def test_without_triton_everything_else_works():
    """A stand-in that cannot be imported: kernel files can be read all the same, and say what to install."""
    code = ("import sys; sys.modules['triton'] = None\n"
            "import torch, minicolor.kernels.conv4x4 as c, minicolor.kernels.lab\n"
            "import minicolor.kernels.degrade, minicolor.kernels.norm_act\n"
            "x, w = torch.ones(1, 1, 4, 4), torch.ones(2, 1, 4, 4)\n"
            "print(c.conv4x4(x, w).shape)\n"
            "c.conv4x4(x, w, backend='triton')")
    said = run(code)
    assert "torch.Size([1, 2, 2, 2])" in said.stdout
    assert 'backend triton: Triton is not installed (pip install triton)' in said.stderr


@needs_triton
def test_old_gpus_and_others_are_told_apart(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "an old card")
    assert "compute capability 8.0 or later, and this is an old card" in backend.why_not(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert backend.why_not(torch.device("cuda")) is None
    assert "not the device mps" in backend.why_not(torch.device("mps"))


def test_without_gradients_auto_is_in_no_mood_to_compile():
    assert not backend.hurried() and not backend.hurried("triton")
    with torch.no_grad():
        assert backend.hurried() and not backend.hurried("triton") and not backend.hurried("torch")


def test_faster_takes_the_fastest_and_remembers(monkeypatch):
    """With a clock that counts calls: each way is timed once for a key, one that needs too much is never taken."""
    times = {"slow": 3.0, "fast": 1.0, "huge": float("inf")}
    asked = []
    monkeypatch.setattr(backend, "_faster", {})
    monkeypatch.setattr(backend, "_milliseconds", lambda way: asked.append(way) or times[way()])
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    gpu = torch.device("cuda")
    ways = {name: (lambda name=name: name) for name in times}
    assert backend.faster(("a",), ways, gpu) == "fast" and len(asked) == 3
    times["fast"] = 9.0
    assert backend.faster(("a",), ways, gpu) == "fast" and len(asked) == 3
    assert backend.faster(("b",), ways, gpu) == "slow"
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert backend.faster(("c",), ways, gpu) == "slow" and ("c",) not in backend._faster   # the first, and untimed
    assert backend.faster(("a",), ways, gpu) == "fast" and backend.choices() == {"a": "fast", "b": "slow"}


@needs_triton
def test_a_way_that_does_not_fit_the_card_takes_forever(monkeypatch):
    def too_much():
        raise backend.triton.runtime.errors.OutOfResources(200_000, 100_000, "shared memory")

    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    event = types.SimpleNamespace(record=lambda: None, synchronize=lambda: None, elapsed_time=lambda end: 10.0)
    monkeypatch.setattr(torch.cuda, "Event", lambda enable_timing: event)
    assert backend._milliseconds(too_much) == float("inf") and backend._milliseconds(lambda: None) == 1.0


@needs_triton
def test_a_training_step_runs_on_kernels(monkeypatch):
    """From bytes to renewed weights: prepare(), U-Net, PatchGAN and losses give the same numbers either way."""
    if not (backend.INTERPRETED or torch.cuda.is_available()):
        pytest.skip("neither a GPU nor Triton's interpreter")
    device, results = "cuda" if torch.cuda.is_available() else "cpu", []
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)     # it would differ by more than is allowed here
    u8 = torch.randint(0, 256, (2, 24, 24, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).permute(0, 3, 1, 2)
    for which in ("torch", "triton"):
        torch.manual_seed(0)
        networks = UNet(1, 2, base=2, levels=2, dropout=0.0).to(device), PatchGAN(3, base=2).to(device)
        step = GANStep(*networks)
        with backend.using(which):
            losses = step.step(*prepare(u8.to(device), "ab"))
        results.append([*losses.values(), *(p.grad for net in networks for p in net.parameters())])
    plain = (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.BatchNorm2d, torch.nn.LeakyReLU)
    left = [type(layer) for net in networks for layer in net.modules() if type(layer) in plain]
    assert not left, "layers that no kernel computes"
    for theirs, mine in zip(*results):
        torch.testing.assert_close(mine, theirs, atol=2e-4 * max(1.0, theirs.abs().max().item()), rtol=2e-3)


def test_the_flag_is_one_of_three(capsys):
    with pytest.raises(SystemExit) as e:
        train.main(["pix2pix", "--backend", "gpu"])
    said = capsys.readouterr().err
    assert e.value.code == 2 and said == "error: --backend gpu: expected auto, torch, triton\n"
    assert conv4x4(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4)).sum() > 0
