"""The plan's figures: traffic counted another way, limits where two times are equal, and a page that its JSON still gives."""

import json
import math
from pathlib import Path

import pytest
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from torch import nn, zeros

from minicolor import bench
from minicolor.benches import plan, plan_page, reference
from minicolor.benches.plan import Machine, Traffic, limits, seconds, sent, span
from minicolor.benches.training import ours
from minicolor.errors import BadInput
from minicolor.models import sync_norm

LESSONS = Path(__file__).parents[1] / "lessons"
MEASURED = sorted((LESSONS / "results" / "speed").glob("*.json"))
SMALL = Traffic({"one": 1_000_000}, 4_000_000, 10)
LOADER = 5000.0


def files(folder: Path, device: str = "cpu") -> list[str]:
    """What the three benches write, with figures that are easy to follow."""
    environment = {"processor": "a processor", "gpu": "a card"}
    row = {"recipe": "pix2pix", "size": 256, "base": 64, "batch_size": 4, "device": device, "precision": "float32",
           "our_images_per_second": 2.0, "plain_images_per_second": 1.0, "ratio": 2.0, "ratio_lowest": 1.5, "ratio_highest": 2.5}
    slower = row | {"our_images_per_second": 1.5, "batch_size": 1}
    other = row | {"our_images_per_second": 99.0, "recipe": "dncnn"}
    ways = {"numpy": {"pictures_per_s": 8000.0, "mb_per_s": 1572.9, "ratio": 1.0},
            "memory map": {"pictures_per_s": LOADER, "mb_per_s": 983.0, "ratio": 0.625}}
    data = {"loading": {"device": device, "size": 256, "pictures": 1000, "batch_size": 16, "ways": ways},
            "packing": {"pack_per_s": 100.0, "processes": 2, "bytes_of_a_file": 20_000, "drawn": True},
            "names": {"pictures": 1000, "shards": 8, "bytes_of_one": 500.0, "peak_bytes_of_one": 1000.0,
                      "manifest_bytes_of_one": 200.0, "open_seconds": 0.02, "split_seconds": 0.03, "order_seconds": 0.01}}
    written = {"train": {"train": [slower, row, other]}, "data": data, "scale": {"processes": [], "pictures": []}}
    for name, values in written.items():
        (folder / f"{name}.json").write_text(json.dumps({"environment": environment} | values))
    return [str(folder / f"{name}.json") for name in written]


@pytest.mark.parametrize("recipe, times", [("pix2pix", (1, 1)), ("recolor_wgan", (1, 5)), ("dncnn", (1,))])
def test_traffic_is_what_really_goes_out(recipe, times, monkeypatch):
    """Parameters: the plain loop's. Exchanges: counted as they are made."""
    t, plain = plan.traffic(recipe), reference.LOOPS[recipe](256, 64, "cpu")
    sizes = [sum(p.numel() for p in getattr(plain, n).parameters()) for n in ("g", "d")[: len(times)]]
    assert list(t.parameters.values()) == sizes
    assert t.gradients == 4 * sum(size * n for size, n in zip(sizes, times))

    made = []
    monkeypatch.setattr(dist, "all_reduce", lambda x: made.append(x.numel()))
    monkeypatch.setattr(sync_norm, "world", lambda: 2)               # of whom the other adds nothing
    one, step, _ = ours(recipe, 256, 2, 1, "cpu", "float32")
    for parent in [m for network in step.networks.values() for m in network.modules()]:
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, sync_norm.SyncBatchNormAct.of(child))
    step.step(*one.task().prepare(zeros(2, 3, 256, 256).byte()))
    assert t.exchanges == len(made) > 0 and max(made) < 3000         # small ones


@given(gpus=st.integers(1, 12), parts=st.integers(1, 5))
def test_a_ring_sends_what_the_formula_says(gpus, parts):
    """Gradients in `gpus` pieces, passed on until each piece has been summed by all, then until all have it."""
    size = gpus * parts
    values = [[float(rank + piece) for piece in range(size)] for rank in range(gpus)]
    wanted, out = [sum(column) for column in zip(*values)], [0] * gpus
    for step in range(2 * (gpus - 1)):
        moves = []
        for rank in range(gpus):
            piece = (rank - step) % gpus if step < gpus - 1 else (rank + 1 - (step - gpus + 1)) % gpus
            at = slice(piece * parts, (piece + 1) * parts)
            moves.append((rank, at, values[rank][at]))
            out[rank] += parts
        for rank, at, piece in moves:
            there = values[(rank + 1) % gpus]
            there[at] = [a + b for a, b in zip(there[at], piece)] if step < gpus - 1 else piece
    assert all(v == wanted for v in values)
    assert all(n == pytest.approx(sent(gpus, Traffic({}, size, 0))) for n in out)


@given(gpus=st.sampled_from([1, 2, 8, 9, 64, 256]), batch=st.integers(1, 128), n=st.integers(1_000_000, 10**8))
def test_a_limit_is_where_two_times_are_equal(gpus, batch, n):
    machine = Machine()
    for name, rate in limits(gpus, batch, SMALL, machine, LOADER).items():
        if math.isinf(rate):
            assert gpus == 1 and seconds(n, gpus, 1.0, batch, SMALL, machine, LOADER)[name] == 0
            continue
        for factor in (0.99, 1.01):
            parts = seconds(n, gpus, factor * rate, batch, SMALL, machine, LOADER)
            assert (parts["computation"] > parts[name]) == (factor < 1)


def test_seconds_by_hand():
    machine = Machine(gpus=4, memory=1e9, disk=1e9, copy=10e9, inside=100e9, network=8e9, delay=1e-3)
    parts = seconds(1_000_000, 8, 100, 10, SMALL, machine, LOADER)   # two machines, 12,500 updates
    assert parts == pytest.approx({"computation": 1250, "exchanges": 125, "network": 12_500 * 1.75 * 4e6 / 8e9,
                                   "disk": 196_608e6 / 2e9, "copy": 196_608e6 / 80e9, "loader": 25})
    assert span(parts) == (1375, pytest.approx(sum(parts.values())), "computation")
    inside = seconds(1_000_000, 4, 100, 10, SMALL, machine, LOADER)
    assert inside["network"] == pytest.approx(25_000 * 1.5 * 4e6 / 100e9)
    few = seconds(2_500, 1, 100, 10, SMALL, machine, LOADER)         # 492 MB: less than half of the GPU's memory
    assert few == {"computation": 25, "exchanges": 0, "network": 0, "disk": 0, "copy": 0, "loader": 0}
    assert seconds(2_600, 1, 100, 10, SMALL, machine, LOADER)["disk"] > 0
    assert span({"computation": 1, "exchanges": 2, "network": 2.5, "disk": 0})[::2] == (3, "exchanges")
    assert span({"computation": 1, "exchanges": 2, "network": 3.5, "disk": 0})[::2] == (3.5, "network")


@pytest.mark.skipif(not MEASURED, reason="no lessons/results/speed/*.json")
def test_the_page_is_what_the_results_give():
    """Else: python -m minicolor.bench plan lessons/results/speed/*.json --page lessons/scale.md"""
    text = plan_page.text(plan.run(plan.read(MEASURED), Machine(), (100, 1000, 10_000), 16))
    page = (LESSONS / "scale.md").read_text("utf-8")
    assert page.partition(plan_page.BEGIN)[2].partition(plan_page.END)[0].strip() == text


def test_the_door_writes_tables_into_a_page(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{plan_page.BEGIN}\nold\n{plan_page.END}\nafter\n")
    flags = ["--images", "50", "--batch-size", "8", "--network", "25", "--json", str(tmp_path / "p.json")]
    command = ["plan", *files(tmp_path), *flags]
    bench.main([*command, "--page", str(page)])
    said, r = capsys.readouterr().out, json.loads((tmp_path / "p.json").read_text())["plan"]
    assert page.read_text() == f"before\n{plan_page.BEGIN}\n\n{said.strip()}\n\n{plan_page.END}\nafter\n"
    assert [c["rate"] for c in r["columns"]] == [2.0, 50.0] and r["columns"][0]["batch"] == 4    # the fastest of pix2pix
    assert "| 25 GB/s | ASSUMED |" in said and "50 images/s, ASSUMED, batch 8" in said
    one, eight, many = (e for e in r["epochs"] if e["pictures"] == 200_000)
    assert one["least"][0] == 100_000 and "28 h" in said             # 200,000 pictures at 2 a second
    assert many["network_bytes"] == pytest.approx(200_000 / (8 * 256) * 2 * 255 / 256 * r["traffic"]["gradients"])
    crawl = r["data"][-1]
    assert crawl["bytes"] == 19_660_800_000_000 and crawl["files"] == 197 and crawl["start_seconds"] == pytest.approx(5000)
    assert crawl["packing_seconds"] == 1e6 and crawl["names_peak_bytes"] == 1e11 and not crawl["resident"]
    assert r["named_pictures"] == 125_000_000                        # 1 TB for 8 processes of 1000 bytes a picture
    page.write_text("no marks")
    with pytest.raises(SystemExit):
        bench.main([*command, "--page", str(page)])
    assert "expected a page with the lines" in capsys.readouterr().err and page.read_text() == "no marks"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_gpu_that_nobody_measured_is_said_not_to_be(tmp_path, device):
    text = plan_page.text(plan.run(plan.read(files(tmp_path, device)), Machine(), (100,), 16))
    assert ("| a GPU | any | not measured |" in text) == (device == "cpu")
    assert ("| a card | pix2pix | 4 |" in text) == (device == "cuda") and f"measured: {device}, batch 4" in text


def test_what_is_no_result_is_refused(tmp_path):
    train, data, scale = files(tmp_path)
    for wrong, words in (([train, scale], "bench data --json FILE writes it"), ([data], "no train in"),
                         ([str(LESSONS / "scale.md")], "is not what python -m minicolor.bench --json writes")):
        with pytest.raises(BadInput, match=words):
            plan.read(wrong)
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(BadInput, match="list.json is not what"):
        plan.read([str(tmp_path / "list.json")])


def test_units():
    assert [plan_page.duration(s) for s in (3e-5, 0.25, 1, 119, 121, 7199, 7201, 172_801, 1e9)] == [
        "30 µs", "250 ms", "1 s", "119 s", "2 min", "120 min", "2 h", "2 days", "32 years"]
    assert [plan_page.size(n) for n in (196, 196_608, 39.32e9, 19.66e12, 2e15)] == [
        "196 bytes", "197 kB", "39.3 GB", "19.7 TB", "2 PB"]
