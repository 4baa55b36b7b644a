"""The bench of whole photographs measures real work: files in, files out, memory that is there, and shares that add up."""

import json
import sys

import numpy as np
import pytest
from PIL import Image
from restoring_runs import COLOR, DENOISE, saved

from minicolor import bench
from minicolor.benches import colorize
from minicolor.restoring.pipeline import Pipeline


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return str(saved(COLOR, folder / "color")), str(saved(DENOISE, folder / "denoise"))


def test_the_door_prints_what_it_writes(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(colorize, "SMALL", 0)                        # once each
    command = ["colorize", "--megapixels", "1", "--run", runs[0], "--denoise", runs[1], "--device", "cpu"]
    bench.main([*command, "--json", str(tmp_path / "b.json")])
    said, lines = capsys.readouterr().out, json.loads((tmp_path / "b.json").read_text())["colorize"]
    assert [(r["megapixels"], r["bits"]) for r in lines] == [(1, 8), (1, 16)]
    for r in lines:
        assert colorize.table([r]) in said
        assert list(r["parts"]) == ["read", "grey", "denoise", "color", "write"]
        assert 0.5 * r["seconds"] < sum(r["parts"].values()) <= r["seconds"] * 1.001
        assert 0 < r["share_of_networks"] < (r["parts"]["denoise"] + r["parts"]["color"]) / r["seconds"] + 0.001
        assert r["pictures_per_second"] == pytest.approx(1 / r["seconds"])
        assert 50 < r["peak_mib"] < 2048                             # torch alone is more than the one


def test_memory_is_seen(runs, tmp_path, monkeypatch):
    """A process that is known to take 300 MiB is seen to take them."""
    code = "import numpy as np, time, sys; x = np.ones(300 << 20, np.uint8); time.sleep(0.3); print('{}')"
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}"\n')
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert 300 < colorize._measured(tmp_path / "x", {}, "cpu", 1)["peak_mib"] < 400


def test_pictures_are_as_large_as_they_say(tmp_path):
    for deep in (False, True):
        with Image.open(colorize._drawn(tmp_path, 1, deep)) as im:
            assert im.width * im.height == pytest.approx(1e6, rel=0.01) and im.width > im.height
            assert np.asarray(im).std() > 20


def test_time_in_the_networks_is_counted_and_the_hooks_go(runs):
    pipeline = Pipeline(run=runs[0])
    network = pipeline.colorizer.step.network
    with colorize._in_networks(pipeline) as spent:
        assert spent == [0.0]
        pipeline.colorizer.ab(np.zeros((40, 40), np.uint16))
        assert spent[0] > 0
    assert not network._forward_hooks and not network._forward_pre_hooks


@pytest.mark.parametrize("flags", [["--megapixels", "0"], ["--megapixels", "a"], ["--megapixels", ""], ["--run", "nowhere"]])
def test_bad_input_is_one_sentence(flags, capsys):
    with pytest.raises(SystemExit) as end:
        bench.main(["colorize", "--megapixels", "1", "--device", "cpu", *flags])
    err = capsys.readouterr().err
    assert end.value.code == 2 and err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err
