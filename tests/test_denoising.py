"""The PSNR on a folder is the papers' protocol: unclipped noise of seed 0, an 8-bit answer, whole pictures, then the mean."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from minicolor import denoising
from minicolor.data.pack import in_memory
from minicolor.data.scenes import draw_all
from minicolor.denoiser import Denoiser
from minicolor.denoising import grey_picture, measure
from minicolor.errors import BadInput
from minicolor.fit import fit
from minicolor.recipes import dncnn, pix2pix_lab


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("greys")
    rng = np.random.default_rng(0)
    for i, shape in enumerate([(40, 61), (33, 32)]):
        Image.fromarray(rng.integers(0, 256, shape).astype(np.uint8)).save(path / f"{i}.png")
    (path / "notes.txt").write_text("not a picture")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("dncnn")
    recipe = replace(dncnn.QUICK, pictures=24, size=32, crop=16, crops=1, depth=3, width=4, epochs=1, batch_size=4)
    fit(recipe, in_memory(draw_all(0, 24, 32, workers=1), [f"{i:03d}" for i in range(24)], "scenes"), out, quiet=True)
    return out


def test_a_grey_file_is_its_own_bytes(folder):
    for path in folder.glob("*.png"):
        np.testing.assert_array_equal((grey_picture(path)[0, 0] * 255).round().numpy(), np.asarray(Image.open(path)))


def test_the_figures_by_hand(folder):
    """A denoiser that is known: halve the distance to grey. scikit-image says what that is worth."""
    seen = []

    def denoise(noisy):
        seen.append(noisy)
        return (noisy + 0.5) / 2

    rows = measure(denoise, folder, 25)
    assert [row["name"] for row in rows] == ["0.png", "1.png"]
    for row, noisy in zip(rows, seen):
        clean = np.asarray(Image.open(folder / row["name"])) / 255
        assert noisy.min() < 0 and noisy.max() > 1, "not clipped"
        assert (noisy[0, 0].numpy() - clean).std() == pytest.approx(25 / 255, rel=0.1)
        assert row["noisy"] == pytest.approx(peak_signal_noise_ratio(clean, noisy[0, 0].double().numpy(), data_range=1), abs=1e-4)
        answer = np.round(np.clip((noisy[0, 0].double().numpy() + 0.5) / 2, 0, 1) * 255) / 255
        assert row["denoised"] == pytest.approx(peak_signal_noise_ratio(clean, answer, data_range=1), abs=1e-3)
    again = measure(denoise, folder, 25)
    assert again == rows and torch.equal(seen[0], seen[2]), "the same noise each time"


def test_a_perfect_denoiser_loses_only_what_8_bits_lose(folder):
    cleans = iter([grey_picture(folder / f"{i}.png") for i in range(2)])
    assert all(row["denoised"] == float("inf") for row in measure(lambda _: next(cleans) + 0.4 / 255, folder, 25))


def test_a_run_denoises_any_size_as_its_network_does(run):
    denoiser, noisy = Denoiser(run), torch.rand(1, 1, 37, 50)
    network = denoiser.step.network
    with torch.no_grad():
        torch.testing.assert_close(denoiser(noisy), network.eval()(noisy))
    assert isinstance(network, nn.Module) and denoiser(noisy).shape == noisy.shape


def test_other_runs_and_empty_folders_are_refused(run, tmp_path):
    recipe = replace(pix2pix_lab.QUICK, size=32, base=4, d_base=4, batch_size=4, epochs=1, pictures=24)
    fit(recipe, in_memory(draw_all(0, 24, 32, workers=1), [f"{i:03d}" for i in range(24)], "scenes"), tmp_path / "p", quiet=True)
    with pytest.raises(BadInput, match="a run of pix2pix_lab, expected one that removes noise"):
        Denoiser(tmp_path / "p")
    for nothing in (tmp_path / "nowhere", tmp_path / "p" / "strips" / "x"):
        with pytest.raises(BadInput, match="no pictures"):
            measure(lambda x: x, nothing, 25)
    with pytest.raises(SystemExit) as end:
        denoising.main([str(run), str(tmp_path), "--sigma", "0"])
    assert end.value.code == 2


def test_the_door(run, folder, tmp_path):
    command = [sys.executable, "-m", "minicolor.denoising", str(run), str(folder), "--sigma", "25"]
    command += ["--json", str(tmp_path / "f.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "f.json").read_text())
    assert "learned noise of sigma 7.65, and is measured at 25" in done.stdout
    assert found["n"] == 2 and f"noisy {found['noisy']:.2f} dB" in done.stdout
    assert found["noisy"] == pytest.approx(np.mean([p["noisy"] for p in found["pictures"]]))


def test_bsd68_at_25_is_as_noisy_as_theory_says(real_pictures):
    """20 log10(255 / 25) = 20.17 dB, whatever the pictures: the noise is not clipped."""
    rows = measure(lambda x: x, real_pictures / "bsd68", 25)
    assert len(rows) == 68 and np.mean([row["noisy"] for row in rows]) == pytest.approx(20.17, abs=0.02)


def test_the_protocol_gives_a_published_network_its_published_figure(real_pictures):
    """A grey DnCNN for sigma 25 that others trained: 30.43 dB on Set12 by its authors, with another program's noise."""
    from minicolor.weights import load

    layers, state = [], load(real_pictures / "weights" / "dncnn_25.pth")
    for name, weight in state.items():
        if name.endswith("weight"):
            conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            conv.load_state_dict({"weight": weight, "bias": state[name.replace("weight", "bias")]})
            layers += [conv, nn.ReLU()]
    network = nn.Sequential(*layers[:-1])

    def denoise(noisy):
        with torch.inference_mode():
            return noisy - network(noisy)

    figures = [row["denoised"] for row in measure(denoise, real_pictures / "set12", 25)]
    assert len(figures) == 12 and np.mean(figures) == pytest.approx(30.43, abs=0.03)   # the noise of 12 pictures: 0.01
