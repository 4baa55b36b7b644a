"""The loop is the same for every task and step: the best epoch, noise, crops and what a step keeps beside its weights."""

import copy
import importlib
import json
from dataclasses import replace

import pytest
import torch
from test_fit import assert_same_run, pack  # noqa: F401 - the thirty scenes of 32 pixels

from minicolor import checkpoint, recipe
from minicolor.fit import fit

DENOISE = replace(recipe.load("dncnn").QUICK, size=32, crop=16, crops=1, width=4, depth=3, batch_size=4, epochs=6, pictures=30,
                  precision="float32")
CYCLE = replace(recipe.load("cyclegan").QUICK, size=32, base=2, d_base=2, blocks=1, batch_size=4, epochs=3, pictures=30, pool=6)
UP_AND_DOWN = (20.0, 25.0, 31.0, 24.0, 30.0, 31.0)                    # the best is the third: neither last, first nor lowest


@pytest.fixture
def up_and_down(monkeypatch):
    """The validation PSNR of each epoch is UP_AND_DOWN's; the network after each epoch, as it was then."""
    seen, real = [], importlib.import_module("minicolor.fit").evaluate

    def evaluate(step, recipe, loader):
        figures = real(step, recipe, loader)
        seen.append(copy.deepcopy(step.network.state_dict()))
        return figures | ({"psnr": UP_AND_DOWN[len(seen) - 1]} if len(seen) <= len(UP_AND_DOWN) else {})

    monkeypatch.setattr("minicolor.fit.evaluate", evaluate)
    return seen


def test_the_best_epoch_of_a_figure_that_should_rise(pack, tmp_path, up_and_down):  # noqa: F811
    results = fit(DENOISE, pack, tmp_path, quiet=True)
    assert [row["val_psnr"] for row in results["history"]] == list(UP_AND_DOWN)
    assert results["best_epoch"] == 3                                # the first of two equals: the later one is no better
    assert results["judged_by"] == {"figure": "psnr", "higher": True, "title": "PSNR, dB",
                                    "to_beat": {"noisy_psnr": "left noisy"}}
    best = checkpoint.load(tmp_path / "best.pt")["networks"]["network"]
    for weights in (best, up_and_down[6]):                           # kept, and what the test pictures were judged with
        assert all(torch.equal(value, up_and_down[2][name]) for name, value in weights.items())
    assert not all(torch.equal(value, up_and_down[5][name]) for name, value in best.items())
    assert json.loads((tmp_path / "results.json").read_text())["test"].keys() == {"psnr", "noisy_psnr"}


def test_patience_ends_a_run_whose_figure_should_rise(pack, tmp_path, up_and_down):  # noqa: F811
    results = fit(replace(DENOISE, patience=2), pack, tmp_path, quiet=True)
    assert results["epochs"] == 5 and results["best_epoch"] == 3


@pytest.mark.parametrize("tiny, where, stops", [
    (CYCLE, "minicolor.steps.cyclegan.CycleGANStep", (4, 13)),       # 6 batches an epoch
    (replace(DENOISE, crops=2, epochs=3), "minicolor.steps.supervised.SupervisedStep", (5, 25)),     # 12 batches
], ids=["pools of older pictures", "crops and noise"])  # fmt: skip
def test_stopped_runs_of_other_steps_end_the_same(pack, tmp_path, monkeypatch, tiny, where, stops):  # noqa: F811
    """A pool that came back empty would show D other pictures; noise by another seed would show G other questions."""
    whole = tmp_path / "whole"
    fit(tiny, pack, whole, quiet=True)
    module, _, name = where.rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    original = cls.step
    for stop_at in stops:
        broken, calls = tmp_path / f"stopped-{stop_at}", 0

        def step(self, x, y, stop_at=stop_at):
            nonlocal calls
            calls += 1
            if calls == stop_at:
                raise KeyboardInterrupt
            return original(self, x, y)

        monkeypatch.setattr(cls, "step", step)
        with pytest.raises(KeyboardInterrupt):
            fit(tiny, pack, broken, quiet=True, save_minutes=0)
        monkeypatch.setattr(cls, "step", original)
        fit(tiny, pack, broken, quiet=True, resume=True)
        assert_same_run(whole, broken)


def test_what_a_step_keeps_beside_its_weights_is_in_the_checkpoint(pack, tmp_path):  # noqa: F811
    fit(replace(CYCLE, epochs=1), pack, tmp_path, quiet=True)
    extra = checkpoint.load(tmp_path / "last.pt")["extra"]
    assert extra["d_color"]["pictures"].shape == (6, 3, 32, 32) and extra["d_grey"]["pictures"].shape == (6, 1, 32, 32)


def test_training_shows_crops_and_every_epoch_other_noise(pack, tmp_path, monkeypatch):  # noqa: F811
    """Squares of 16 pixels, two of each picture an epoch; clean ones in [0, 1], and under each noise of its own, with sigma."""
    from minicolor.steps.supervised import SupervisedStep

    shown, original = [], SupervisedStep.step
    monkeypatch.setattr(SupervisedStep, "step", lambda self, x, y: shown.append((x, y)) or original(self, x, y))
    fit(replace(DENOISE, crops=2, epochs=2, sigma=0.2), pack, tmp_path, quiet=True)
    clean, noise = torch.cat([y for _, y in shown]), torch.cat([x - y for x, y in shown])
    counts = json.loads((tmp_path / "results.json").read_text())["counts"]
    assert clean.shape == (2 * 2 * counts["train"], 1, 16, 16) and clean.min() >= -1e-6 and clean.max() <= 1 + 1e-6
    assert noise.std().item() == pytest.approx(0.2, rel=0.04)         # 20,000 pixels and more: 4 sigma are 2 %
    assert torch.pdist(noise.flatten(1) / 0.2).min() > 14             # 256 independent pixels: 22.6 apart, give or take 1
