"""The benches run, compare like with like, and print the ratio that they measured."""

import json

import pytest
import torch

from minicolor import bench
from minicolor.benches import memory, packing, training


def test_train_prints_a_ratio_of_two_steps(capsys, tmp_path):
    with pytest.raises(SystemExit) as e:
        bench.main(["train", "--size", "big"])
    assert e.value.code == 2 and capsys.readouterr().err.count("\n") == 1
    flags = ["--size", "32", "--batch-size", "2", "--pairs", "2", "--device", "cpu"]
    bench.main(["--json", str(tmp_path / "b.json"), "train", *flags])
    said, r = capsys.readouterr().out, json.loads((tmp_path / "b.json").read_text())["train"]
    assert f"{r['ratio']:.2f}" in said and "plain float32 loop" in said
    assert r["ratio_lowest"] <= r["ratio"] <= r["ratio_highest"] and r["our_images_per_second"] > 0


def test_both_steps_train_the_same_networks():
    """A ratio between two different networks would say nothing: the parameter counts of both pairs must agree."""
    torch.manual_seed(0)
    plain = training.plain_step(32, 4, "cpu")
    torch.manual_seed(0)
    ours = training.our_step(32, 4, "cpu", "float32")
    plain_g, plain_d = (c.cell_contents for c in plain.__closure__ if isinstance(c.cell_contents, torch.nn.Module)
                        and not isinstance(c.cell_contents, (torch.nn.BCEWithLogitsLoss, torch.nn.L1Loss)))
    step = next(c.cell_contents for c in ours.__closure__ if hasattr(c.cell_contents, "networks"))
    sizes = sorted(sum(p.numel() for p in n.parameters()) for n in (plain_g, plain_d))
    assert sizes == sorted(sum(p.numel() for p in n.parameters()) for n in step.networks.values())


def test_memory_bench_reports_both_sizes():
    peaks = memory.run(counts=(100, 400), size=32)
    assert list(peaks) == [100, 400] and all(m > 10 for m in peaks.values())


def test_packing_bench_packs_what_bare_pillow_decodes():
    r = packing.run(count=20, size=32, rounds=1)
    assert r["pictures"] == 20 and r["ratio"] == pytest.approx(r["pack_per_s"] / r["bare_pillow_per_s"], rel=1e-6)
