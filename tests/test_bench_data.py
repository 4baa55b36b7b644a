"""`bench data`: packing, loading and memory are measured on real work, and pictures stay out of a process's own memory."""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minicolor import bench
from minicolor.benches import loading, memory, packing
from minicolor.data.loader import Loader
from minicolor.data.shards import open_shards

SIDE, ROOT = 32, Path(__file__).parents[1]


def test_pictures_stay_in_the_map():
    """"Constant": 6000 more pictures of 3 KiB, 18 MiB, add less than a quarter of that to the process's own memory.

    What is added are their names and keys, under 1 KiB each however large the pictures are, and the allocator's leftovers.
    """
    peaks = memory.run(counts=(500, 6500), size=SIDE)
    assert list(peaks) == [500, 6500] and all(m > 50 for m in peaks.values())
    assert peaks[6500] - peaks[500] < 6000 * 3 * SIDE**2 / 2**20 / 4


def test_private_memory_is_what_this_process_holds():
    """In a process of its own: this one may give memory of earlier tests back meanwhile."""
    code = ("import numpy as np; from minicolor.benches.memory import private_mib as held\n"
            "before = held(); x = np.ones(64 << 20, np.uint8); print(held() - before)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert 60 < float(done.stdout) < 70


def test_names_cost_what_a_list_of_them_does():
    """A key of 64 letters and a name of 25 are 200 bytes as Python's strings with their places, whatever the allocator adds."""
    n = memory.names(20_000)
    assert n["pictures"] == 20_000 and 200 < n["bytes_of_one"] < n["peak_bytes_of_one"] < 10_000
    assert 64 + 25 < n["manifest_bytes_of_one"] < 400 and min(n[f"{what}_seconds"] for what in ("open", "split", "order")) > 0


def test_the_pack_of_names_is_a_pack(tmp_path):
    memory._make(tmp_path, 50, 1)
    pack = open_shards(tmp_path)
    assert len(pack) == 50 and len(set(pack.keys)) == 50 and {len(key) for key in pack.keys} == {64}


def test_loading_is_timed_way_by_way():
    r = loading.run(size=32, count=64, rounds=2)
    assert {"numpy", "resident", "memory map", "shards"} <= set(r["ways"]) and r["device"] == "cpu"
    for way in r["ways"].values():
        assert way["mb_per_s"] == pytest.approx(way["pictures_per_s"] * 3 * 32 * 32 / 1e6) and way["ratio"] > 0
    assert r["ways"]["numpy"]["ratio"] == 1
    said = loading.text(r)
    assert all(name in said and f"{w['pictures_per_s']:.0f} pictures/s" in said for name, w in r["ways"].items())


def test_a_slow_way_has_a_small_ratio(monkeypatch):
    monkeypatch.setattr(loading, "_epoch", lambda loader, number: time.sleep(0.2))
    r = loading.run(size=32, count=64, rounds=1)["ways"]             # 64 small pictures take numpy less than a millisecond
    assert all(r[name]["ratio"] < 0.5 and r[name]["pictures_per_s"] < 64 / 0.2 for name in ("resident", "memory map", "shards"))


def test_every_way_reads_the_same_pictures(tmp_path):
    """Otherwise the ratios compare different work; and the noise is really there, each picture another."""
    whole = loading.noise(tmp_path / "a.npy", 37, 8)
    cut = dataclasses.replace(whole, pictures=loading._shards(whole.pictures, tmp_path))
    assert len({p.tobytes() for p in whole.pictures}) == 37 and whole.pictures.std() > 70
    epochs = [[batch for _, batch in Loader(pack, range(37), 5, resident=kept).epoch(3)]
              for pack, kept in ((whole, True), (whole, False), (cut, False))]
    for batches in zip(*epochs, strict=True):
        assert all((b == batches[0]).all() for b in batches)


def test_a_bare_read_reads_every_row():
    seen = []

    class Watched:
        def __len__(self):
            return 10

        def __getitem__(self, rows):
            seen.extend(rows)

    loading._bare(Watched(), 0, 4)
    assert sorted(seen) == list(range(10)) and seen != sorted(seen)


def test_packing_packs_what_bare_pillow_decodes():
    r = packing.run(count=20, size=32, rounds=1)
    assert r["pictures"] == 20 and r["ratio"] == pytest.approx(r["pack_per_s"] / r["bare_pillow_per_s"], rel=1e-6)
    assert r["drawn"] and 2_000 < r["bytes_of_a_file"] < 196_608     # 256x256 in JPEG: less than its pixels


def test_the_door_prints_what_it_writes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(memory, "run", lambda: {1000: 100.0, 50_000: 110.5})
    monkeypatch.setattr(memory, "names", lambda: {"pictures": 9, "shards": 8, "bytes_of_one": 700.0, "peak_bytes_of_one": 1200.0,
                                                  "manifest_bytes_of_one": 209.0, "open_seconds": 1.5, "split_seconds": 2.5,
                                                  "order_seconds": 3.5})
    bench.main(["data", "--count", "20", "--size", "32", "--device", "cpu", "--json", str(tmp_path / "b.json")])
    said, r = capsys.readouterr().out, json.loads((tmp_path / "b.json").read_text())
    assert r["private_memory_mib"] == {"1000": 100.0, "50000": 110.5} and "110.5 MiB" in said
    assert r["names"]["pictures"] == 9 and "700 bytes" in said and "2.5 s to split" in said
    assert f"{r['packing']['ratio']:8.2f}  (median of 3 pairs" in said and loading.text(r["loading"]) in said
