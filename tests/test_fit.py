"""Training goes on where it was killed and ends bit for bit the same; nothing it saved is ever lost."""

import csv
import json
import math
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from minicolor import checkpoint, recipe
from minicolor.data.pack import in_memory
from minicolor.data.scenes import draw_all
from minicolor.errors import BadInput
from minicolor.fit import fit
from minicolor.recipes.pix2pix_lab import QUICK

TINY = replace(QUICK, size=32, base=4, batch_size=4, epochs=3, pictures=30, jitter=1.1)
FLAGS = ["--quick", "--size", "32", "--base", "4", "--batch-size", "4", "--epochs", "3", "--pictures", "30", "--jitter", "1.1",
         "--device", "cpu"]


@pytest.fixture(scope="module")
def pack():
    return in_memory(draw_all(0, 30, 32, workers=1), [f"scene-0-{i:06d}" for i in range(30)], "drawn scenes, seed 0")


def weights(path) -> dict[str, torch.Tensor]:
    saved = checkpoint.load(path)
    flat = {f"{n}.{k}": v for n, net in saved["networks"].items() for k, v in net.items()}
    for name, optimizer in saved.get("optimizers", {}).items():
        flat |= {f"{name}.{i}.{k}": v for i, s in optimizer["state"].items() for k, v in s.items()}
    return flat


def assert_same_run(a, b):
    wa, wb = weights(a / "last.pt"), weights(b / "last.pt")
    assert wa.keys() == wb.keys() and all(torch.equal(wa[k], wb[k]) for k in wa)
    assert all(torch.equal(x, y) for x, y in zip(weights(a / "best.pt").values(), weights(b / "best.pt").values()))
    timing = ("minutes", "images_per_second")
    logs = [csv.DictReader((run / "log.csv").read_text().splitlines()) for run in (a, b)]
    rows = [[{k: v for k, v in row.items() if k not in timing} for row in log] for log in logs]
    assert rows[0] == rows[1] and len(rows[0]) == 3


def test_a_run_leaves_everything_it_promises(pack, tmp_path):
    results = fit(TINY, pack, tmp_path, quiet=True)
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"last.pt", "best.pt", "log.csv", "split.json", "strips", "strip.png", "results.json", "report.html"}
    assert sorted(p.name for p in (tmp_path / "strips").iterdir()) == [f"epoch_00{i}.png" for i in (1, 2, 3)]
    assert json.loads((tmp_path / "results.json").read_text())["test"] == results["test"]
    assert sum(results["counts"].values()) == 30 and results["epochs"] == 3
    assert all(math.isfinite(v) for v in results["test"].values())
    assert recipe.from_dict(checkpoint.load(tmp_path / "best.pt")["recipe"]) == TINY
    best = min(results["history"], key=lambda row: row["val_ab_rmse"])
    assert results["best_epoch"] == best["epoch"]


def test_stopped_between_epochs_and_in_the_middle_of_one(pack, tmp_path, monkeypatch):
    """KeyboardInterrupt in the middle of a step stands for any stop; save_minutes=0 saves after every batch."""
    whole = tmp_path / "whole"
    fit(replace(TINY, dropout_at_test=True), pack, whole, quiet=True)    # dropout at test draws random numbers as well
    from minicolor.steps.gan import GANStep

    original = GANStep.step
    for stop_at in (1, 4, 6, 7, 13):                                     # 6 batches an epoch, so also on both its edges
        broken, calls = tmp_path / f"stopped-{stop_at}", 0

        def step(self, x, y, stop_at=stop_at):
            nonlocal calls
            calls += 1
            if calls == stop_at:
                raise KeyboardInterrupt
            return original(self, x, y)

        monkeypatch.setattr(GANStep, "step", step)
        with pytest.raises(KeyboardInterrupt):
            fit(replace(TINY, dropout_at_test=True), pack, broken, quiet=True, save_minutes=0)
        monkeypatch.setattr(GANStep, "step", original)
        fit(replace(TINY, dropout_at_test=True), pack, broken, quiet=True, resume=True)
        assert_same_run(whole, broken)


def train(out, *flags):
    command = [sys.executable, "-m", "minicolor.train", "pix2pix_lab", *FLAGS, "--out", str(out), *flags]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=out.parent, text=True)


def test_killed_at_random_moments(tmp_path):
    """SIGKILL gives no chance to clean up: the kill may come before the first save, in a save, or in a rename."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    began = time.monotonic()
    assert train(whole).wait() == 0
    length = time.monotonic() - began
    seed, kills = time.time_ns(), 0
    moments = random.Random(seed)
    print(f"kills at moments drawn with seed {seed}")
    for i in range(4):
        process = train(killed, "--resume", "--save-minutes", "0")
        try:
            process.wait(timeout=moments.uniform(0.2, 0.6 if i == 0 else 1.0) * length)
            break                                                        # it was done before the kill came
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    last = train(killed, "--resume")
    _, err = last.communicate()
    assert last.returncode == 0, err
    assert kills > 0
    assert_same_run(whole, killed)
    assert not list(killed.glob(".*.tmp"))                               # what a kill left half-written is gone


def test_a_run_is_never_overwritten(pack, tmp_path):
    fit(replace(TINY, epochs=1), pack, tmp_path, quiet=True)
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(BadInput, match="already holds a run.*--resume"):
        fit(TINY, pack, tmp_path, quiet=True)
    other = in_memory(draw_all(1, 30, 32, workers=1), [f"other-{i}" for i in range(30)], "other scenes")
    with pytest.raises(BadInput, match="other pictures"):
        fit(TINY, other, tmp_path, resume=True, quiet=True)
    assert (tmp_path / "last.pt").read_bytes() == before


def test_stops_at_the_first_loss_that_is_not_finite(pack, tmp_path):
    fit(replace(TINY, epochs=1), pack, tmp_path, quiet=True)
    before = (tmp_path / "last.pt").read_bytes()
    from minicolor.steps.gan import GANStep

    class Poisoned(GANStep):
        def step(self, x, y):
            return super().step(x, y) | {"g_l1": torch.tensor(float("nan"))}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minicolor.recipes.pix2pix.GANStep", Poisoned)
        with pytest.raises(BadInput, match=r"loss g_l1 is nan in epoch 2, batch 1; .*last\.pt is the last good"):
            fit(TINY, pack, tmp_path, resume=True, quiet=True)
    assert (tmp_path / "last.pt").read_bytes() == before


def test_weights_that_broke_after_a_fine_loss_replace_nothing(pack, tmp_path):
    from minicolor.steps.gan import GANStep

    class BreaksLater(GANStep):
        def step(self, x, y):
            losses = super().step(x, y)
            self.networks["generator"].down[0].weight.data[0, 0, 0, 0] = float("inf")
            return losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minicolor.recipes.pix2pix.GANStep", BreaksLater)
        with pytest.raises(BadInput, match="g_l1|generator's weights down.0.weight are not finite|g_gan"):
            fit(TINY, pack, tmp_path, quiet=True, save_minutes=0)
    assert not (tmp_path / "last.pt").exists()


def test_early_stopping_waits_for_patience(pack, tmp_path):
    """A step size of almost nothing never gets better after a while, so patience 1 must end it long before 50 epochs."""
    results = fit(replace(TINY, epochs=50, lr=1e-12, patience=1), pack, tmp_path, quiet=True)
    assert results["epochs"] < 50 and results["epochs"] == results["best_epoch"] + 1


def test_the_best_checkpoint_is_the_one_that_scores(pack, tmp_path):
    """results.json's figure is recomputed from best.pt by hand: colors, Lab, numpy."""
    from skimage.color import rgb2lab

    from minicolor.coloring import Colorizer
    from minicolor.data.split import split

    results = fit(TINY, pack, tmp_path, quiet=True)
    colorizer, figures = Colorizer(tmp_path), []
    for i in split(pack.keys, TINY.seed)["test"]:
        truth = np.asarray(pack.pictures[pack.rows[i]])
        error = rgb2lab(colorizer(truth))[..., 1:] - rgb2lab(truth)[..., 1:]
        figures.append(np.sqrt((error**2).mean()))
    # colorize rounds to 8 bits, and its batches hold one picture: the figures agree to that rounding
    assert results["test"]["ab_rmse"] == pytest.approx(np.mean(figures), abs=0.15)
