"""`bench train` and `bench scale` say what they measured: work counted by hand, a slow part seen, figures that fit together."""

import json
import time

import pytest
import torch

from minicolor import bench
from minicolor.benches import clock, reference, scale, training
from minicolor.kernels import backend


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """The machine's own rate takes seconds to find."""
    monkeypatch.setattr(clock, "matrix_rate", lambda device, dtype: 0.25)


def convolutions(network: torch.nn.Module, x: torch.Tensor) -> list[int]:
    """2 multiplications and additions x kernel x channels in x numbers out, of each layer in turn."""
    found = []

    def count(layer, inputs, out):
        transposed = isinstance(layer, torch.nn.ConvTranspose2d)
        places = (inputs[0] if transposed else out)[:, 0].numel()    # where the kernel is laid
        found.append(2 * places * layer.weight.numel())
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    network(x)
    return list(found)                                               # the hooks stay, and go on counting


def test_the_work_of_a_step_is_counted_right():
    """A layer's gradient for its weights is as much work as the layer, and so is that for its input, where anybody asks."""
    plain = reference.DnCNN(32, 8, "cpu")
    layers = convolutions(plain.g, torch.zeros(2, 1, 32, 32))
    assert sum(layers) == 2 * 2 * 32 * 32 * 9 * (8 + 15 * 64 + 8)    # by hand
    assert training.flops(plain, 32, 2, "cpu") == 3 * sum(layers) - layers[0]      # of the picture nobody asks the gradient

    plain = reference.Pix2Pix(32, 4, "cpu")
    g, d = convolutions(plain.g, torch.zeros(2, 1, 32, 32)), convolutions(plain.d, torch.zeros(2, 4, 32, 32))
    # two passes of the discriminator's own update, and one for the generator, which needs no gradient of its weights
    expected = 3 * sum(g) - g[0] + 2 * (3 * sum(d) - d[0]) + 2 * sum(d)
    assert training.flops(plain, 32, 2, "cpu") == expected


@pytest.mark.parametrize("name", list(reference.LOOPS))
def test_a_race_of_every_recipe(name):
    r = training.run(name, size=32, batch_size=2, base=4, pairs=2, steps=1, workers=0)
    assert r["recipe"] == name and r["fast"] and r["precision"] == "float32"
    assert r["ratio_lowest"] <= r["ratio"] <= r["ratio_highest"] and r["our_images_per_second"] > 0
    assert r["tflop_per_s"] == pytest.approx(r["tflop_per_step"] * r["our_images_per_second"] / 2)
    assert r["share_of_matrix_rate"] == pytest.approx(r["tflop_per_s"] / 0.25)
    assert {"data", "backward", "optimizers"} < set(r["milliseconds_of"]) and r["peak_mib"] == {}
    said = training.text(r)
    assert f"{r['ratio']:.2f}" in said and f"{r['our_images_per_second']:.2f} images/s" in said and "data" in said


def test_the_slower_one_is_seen_and_the_plain_loop_has_none_of_our_kernels(monkeypatch):
    """A plain step that also sleeps is that much slower; on a GPU its networks would otherwise take our kernels by themselves."""
    seen, step = set(), reference.DnCNN.step

    def sleepy(self, x, y):
        seen.add(backend.wanted())
        time.sleep(0.5)
        return step(self, x, y)
    monkeypatch.setattr(reference.DnCNN, "step", sleepy)
    r = training.run("dncnn", size=32, batch_size=2, base=4, pairs=1, steps=2, workers=0)
    assert r["plain_images_per_second"] < 2 / 0.5 and r["ratio"] == pytest.approx(
        r["our_images_per_second"] / r["plain_images_per_second"])
    assert seen == {"torch"} and backend.wanted() == "auto"


def test_ours_does_the_work_of_the_plain_loop():
    """Mirrored, enlarged, the same widths and step sizes: a ratio of two different things would say nothing."""
    for name, loop in reference.LOOPS.items():
        one, step, _ = training.ours(name, 64, 2, 4, "cpu", "float32")
        plain = loop(64, 4, "cpu")
        assert one.flip and one.jitter == 286 / 256 and not one.crop
        theirs = [n for n in (plain.g, getattr(plain, "d", None)) if n is not None]
        for ours, n in zip(step.networks.values(), theirs, strict=True):
            assert sorted(p.shape for p in ours.parameters()) == sorted(p.shape for p in n.parameters()), name
        adams = [getattr(plain, f"{which}_adam") for which in ("g", "d") if hasattr(plain, f"{which}_adam")]
        for a, b in zip(step.optimizers.values(), adams, strict=True):
            assert all(a.param_groups[0][k] == b.param_groups[0][k] for k in ("lr", "betas", "eps"))


def test_where_the_time_goes(tmp_path, monkeypatch):
    """A network that sleeps is where the time goes, and nothing of the timing stays behind."""
    _, pack = training.pictures(32, tmp_path)
    one, step, _ = training.ours("pix2pix", 32, 2, 4, "cpu", "float32")
    judge, backward = step.networks["discriminator"], torch.Tensor.backward
    forward = type(judge).forward
    monkeypatch.setattr(type(judge), "forward", lambda self, *pictures: time.sleep(0.2) or forward(self, *pictures))
    parts = training.where(one, step, pack, "cpu", steps=1)
    assert set(parts) == {"data", "generator, forward", "discriminator, forward", "backward", "optimizers"}
    assert parts["discriminator, forward"] >= 600 > parts["generator, forward"]    # true, made, and made once more
    assert torch.Tensor.backward is backward
    assert not any("forward" in network.__dict__ for network in step.networks.values())
    assert not any("step" in optimizer.__dict__ for optimizer in step.optimizers.values())


def test_the_door_prints_what_it_writes(tmp_path, capsys, monkeypatch):
    asked = []
    row = {"recipe": "dncnn", "size": 32, "batch_size": 1, "device": "cpu", "precision": "float32", "pairs": 3,
           "plain_images_per_second": 2.0, "our_images_per_second": 5.0, "ratio": 2.5, "ratio_lowest": 2.25,
           "ratio_highest": 2.75, "tflop_per_s": 0.5, "share_of_matrix_rate": 0.25,
           "milliseconds_of": {"data": 1.5, "backward": 2.5}, "peak_mib": {"ours": 100.4}}
    monkeypatch.setattr(training, "run", lambda name, **given: asked.append((name, given["batch_size"])) or row)
    flags = ["--recipe", "pix2pix", "dncnn", "--batch-size", "1", "16", "--device", "cpu", "--json", str(tmp_path / "b")]
    bench.main(["train", *flags])
    assert asked == [("pix2pix", 1), ("pix2pix", 16), ("dncnn", 1), ("dncnn", 16)]
    assert json.loads((tmp_path / "b").read_text())["train"] == [row] * 4
    said = capsys.readouterr().out
    for words in ("2.00 images/s", "5.00 images/s", "25% of", "2.50  (median of 3 pairs; 2.25 to 2.75)", "data 1.5, backward 2.5",
                  "peak memory, ours: 100 MiB"):
        assert said.count(words) == 4, words


def test_scale_counts_pictures_and_processes():
    (alone,), (two,) = scale.pictures((64,), "cpu"), scale.processes((2,), "cpu", updates=1)
    assert alone["pictures"] == 64 and alone["training_per_s"] == pytest.approx(64 / alone["seconds"])
    assert alone["loader_per_s"] > 0 and 50 < alone["private_mib"] < 2048                # torch alone is more than the one
    assert two["processes"] == 2 and two["threads_each"] >= 1 and two["images_per_second"] > 0


def test_the_door_of_scale_prints_what_it_writes(tmp_path, capsys, monkeypatch):
    row = {"loader_per_s": 5e4, "training_per_s": 125.25, "private_mib": 333.3}
    monkeypatch.setattr(scale, "pictures", lambda counts, device: [row | {"pictures": n, "seconds": n / 125.25} for n in counts])
    monkeypatch.setattr(scale, "processes", lambda numbers, device: [
        {"processes": n, "threads_each": 2, "images_per_second": 75.5 * n} for n in numbers])
    bench.main(["scale", "--pictures", "32,5000", "--processes", "1,3", "--device", "cpu", "--json", str(tmp_path / "b.json")])
    said, r = capsys.readouterr().out, json.loads((tmp_path / "b.json").read_text())
    assert [row["pictures"] for row in r["pictures"]] == [32, 5000] and [row["processes"] for row in r["processes"]] == [1, 3]
    for words in ("     5000      50000       125.2        39.9        333.3", "3 process(es) of 2 threads: 226.5 images/s"):
        assert words in said
