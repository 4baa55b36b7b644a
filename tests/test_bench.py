"""The benches run, compare like with like, and print the ratio that they measured."""

import importlib
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from test_results import check_bench

from minicolor import bench
from minicolor.benches import clock, kernels
from minicolor.benches.degrade import usual
from minicolor.errors import BadInput
from minicolor.kernels.degrade import degrade
from minicolor.ops.blur import gaussian_weights


def test_all_kernels_on_one_machine_in_one_command(tmp_path, capsys, monkeypatch):
    """The table on the screen is made of the figures in the file, and the file is one that lessons/results/ takes."""
    monkeypatch.setattr(clock, "race", partial(clock.race, seconds=0.01))
    for name in kernels.BENCHES:
        monkeypatch.setattr(importlib.import_module(f"minicolor.benches.{name}"), "race", clock.race)
    bench.main(["all", "--device", "cpu", "--json", str(tmp_path / "b.json")])
    said, r = capsys.readouterr().out, json.loads((tmp_path / "b.json").read_text())
    check_bench(r)
    assert list(bench.KERNELS) == list(kernels.BENCHES), "each has a flag of its own"
    for name in kernels.BENCHES:
        assert kernels.table({name: r[name]}) in said
    line = kernels.table({"lab": [{"what": "w", "size": "s", "ms": 2.0, "gb_per_s": 3.0, "share_of_copy": 0.5,
                                   "times_as_long": {"other": 1.5, "absent": None}}]}).splitlines()[-1]
    assert line == "| w | s | 2.000 | 3 GB/s | 50% | other 1.50 times, absent cannot run here |"


def test_a_bare_checkout_can_measure_its_gpu():
    """With torch, triton and numpy alone: a machine with a good GPU is often somebody else's, with nothing to be installed."""
    absent = ["PIL", "matplotlib", "tqdm", "skimage", "scipy", "kornia", "cv2", "tensorboard"]
    code = (f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
            "import minicolor.bench\n"
            "from minicolor.benches import clock, degrade, kernels, lab, norm, patchgan\n"
            "lab.race = lambda ways, device: dict.fromkeys(ways, 1.0)\n"
            "clock.copy_bandwidth = lambda device: 1.0\n"
            "print(kernels.table({'lab': lab.run('cpu')}))")
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 0 and "uint8 -> L, ab" in done.stdout, done.stderr


def test_the_clock_times_each_way_and_survives_one_that_fails(capsys):
    """A way that sleeps ten times as long is seen to; one that raises is named and gets None, and the others are timed."""
    calls = {"short": 0, "long": 0}

    def sleeping(name, seconds):
        def way():
            calls[name] += 1
            time.sleep(seconds)
        return way

    def broken():
        raise RuntimeError("no compiler here")

    times = clock.race({"short": sleeping("short", 0.002), "long": sleeping("long", 0.02), "broken": broken}, "cpu", seconds=0.1)
    assert times["short"] >= 2 and times["long"] >= 20 and times["long"] > 3 * times["short"] and times["broken"] is None
    assert calls["short"] == calls["long"] >= 6
    assert "broken cannot run here: RuntimeError: no compiler here" in capsys.readouterr().out


def test_rates_and_shares_are_arithmetic(monkeypatch):
    monkeypatch.setattr(clock, "copy_bandwidth", lambda device: 100.0)
    monkeypatch.setattr(clock, "matrix_rate", lambda device, dtype: 8.0)
    moved = clock.row("w", "s", "ours", {"theirs": 6.0, "ours": 2.0}, "cpu", bytes=100_000_000)
    assert moved["gb_per_s"] == pytest.approx(50) and moved["share_of_copy"] == pytest.approx(0.5)
    assert moved["times_as_long"] == {"theirs": 3.0}
    assert clock.row("w", "s", "ours", {"none": None, "ours": 2.0}, "cpu")["times_as_long"] == {"none": None}
    with pytest.raises(BadInput, match="our own way cannot run on cpu"):
        clock.row("w", "s", "ours", {"ours": None}, "cpu")
    assert clock.rotation(1, "cpu") == 1
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(L2_cache_size=50_000_000))
    assert [clock.rotation(n, "cuda") for n in (60_000_000, 200_000_000, 900_000_000)] == [4, 1, 1]    # 200 MB in all
    done = clock.row("w", "s", "ours", {"ours": 2.0}, "cpu", flops=8_000_000_000)
    assert done["tflop_per_s"] == pytest.approx(4) and done["share_of_matrix_rate"] == pytest.approx(0.5)


def test_the_usual_chain_does_what_ours_does():
    """Otherwise the ratio compares different work: without noise both give the same picture, and with it as much noise."""
    u8 = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).permute(0, 3, 1, 2)
    weights = torch.tensor(gaussian_weights(5, 0.7))
    for settings in ({}, {"kernel_size": 5, "sigma": 0.7}, {"kernel_size": 5, "sigma": 0.7, "halve": True}):
        torch.testing.assert_close(usual(u8, weights, **settings), degrade(u8, **settings), atol=1e-6, rtol=0)
    grey = torch.full((1, 3, 256, 256), 128, dtype=torch.uint8)
    for settings in ({"noise": 0.03}, {"grain": 0.05}):
        spreads = [chain.std().item() for chain in (usual(grey, weights, **settings), degrade(grey, **settings))]
        assert spreads[0] == pytest.approx(spreads[1], rel=0.02)         # 65536 samples: 0.3 % each


def test_a_bench_that_fails_leaves_no_empty_file(tmp_path, capsys):
    with pytest.raises(SystemExit) as e:
        bench.main(["lab", "--json", str(tmp_path / "b.json"), "--device", "tpu"])
    assert e.value.code == 2 and "expected cpu or cuda" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags, words", [
    ("train --size big", "--size: 'big', expected a multiple of 32"), ("train --size 48", "a multiple of 32"),
    ("train --batch-size 4 0", "'0', expected a whole number from 1"), ("train --pairs 0", "a whole number from 1"),
    ("train --recipe vae_flat", "invalid choice"), ("scale --pictures 1000,8", "'8', expected a whole number from 32"),
    ("scale --processes 1,,2", "''"), ("data --count -1", "'-1'"), ("plan nowhere.json", "nowhere.json"),
    ("plan x --disk 0", "'0', expected a number above 0"), ("plan x --network nan", "'nan'"), ("plan x --images 1e3", "'1e3'"),
])
def test_a_wrong_flag_is_one_sentence(flags, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        bench.main(flags.split())
    err = capsys.readouterr().err
    assert end.value.code == 2 and err.startswith("error: ") and err.count("\n") == 1 and words in err
