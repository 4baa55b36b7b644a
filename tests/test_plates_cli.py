"""`python -m minicolor.plates FOLDER RUN...` as one types it: a table, sheets, JSON, and plain errors."""

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2lab
from test_plates import plate_of, scene, what_all_show

from minicolor import checkpoint, plates
from minicolor.data.plates import balance
from minicolor.evaluation.true_color import answers, mean_ab, measured
from minicolor.recipe import to_dict
from minicolor.recipes import dncnn, pix2pix_lab

ROWS = ["left grey", "mean color", "color", "true color", "the plate"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Untrained little networks: what they answer means nothing, but it has to be measured."""
    made = {}
    small = {"color": replace(pix2pix_lab.QUICK, size=32, base=4), "clean": replace(dncnn.QUICK, depth=3, width=8)}
    for name, recipe in small.items():
        torch.manual_seed(0)
        networks = {n: net.state_dict() for n, net in recipe.build(contextlib.nullcontext).networks.items()}
        made[name] = tmp_path_factory.mktemp("runs") / name
        made[name].mkdir()
        checkpoint.save(made[name] / "best.pt", {"recipe": to_dict(recipe), "networks": networks})
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "glass").mkdir()
    for i in (0, 1, 2):
        Image.fromarray(plate_of(scene(i), (4, -3), (-6, 2))).save(tmp_path / "glass" / f"{i}.png")
    Image.fromarray(scene(3)).save(tmp_path / "glass" / "no plate.png")
    return tmp_path


def test_table_sheets_and_json(folder, runs, capsys):
    plates.main(["glass", str(runs["color"]), "--out", "look", "--json", "figures.json", "--device", "cpu"])
    printed = capsys.readouterr().out
    assert "3 plates, 1 left out; balance white" in printed and "left out: no plate.png: its exposures agree" in printed
    assert all(f"\n{name} " in printed for name in ROWS) and "ab-RMSE" in printed
    kept = json.loads((folder / "figures.json").read_text())
    assert (kept["n"], kept["plates"], list(kept["left_out"])) == (3, ["0.png", "1.png", "2.png"], ["no plate.png"])
    assert list(kept["values"]) == list(kept["summaries"]) == ROWS
    for who, of in kept["values"].items():
        for name, column in of.items():
            s = kept["summaries"][who][name]
            assert s["mean"] == pytest.approx(np.mean(column)) and s["low"] <= s["mean"] <= s["high"] and s["n"] == 3
    means = {who: {name: s["mean"] for name, s in of.items()} for who, of in kept["summaries"].items()}
    assert means["left grey"]["colorfulness"] == pytest.approx(0, abs=1e-6)
    assert {means["the plate"][k] for k in ("ab_rmse", "no_cast", "ciede2000")} == {0}
    assert 0 < means["true color"]["ab_rmse"] < means["left grey"]["ab_rmse"] / 2
    assert f"{means['color']['ab_rmse']:.2f}" in printed
    assert Image.open(folder / "look" / "plates_1.jpg").width > 5 * 200
    assert [p.name for p in (folder / "look").iterdir()] == ["plates_1.jpg"]


def test_figures_are_of_the_plates_that_were_made(folder):
    """Left grey by scikit-image, from the scenes themselves; and the mean color is that of the other plates alone."""
    plates.main(["glass", "--json", "figures.json"])
    values = json.loads((folder / "figures.json").read_text())["values"]
    truths = [balance(what_all_show(scene(i), (4, -3), (-6, 2))) for i in (0, 1, 2)]
    for i, truth in enumerate(truths):
        true = rgb2lab(truth)[..., 1:]
        assert values["left grey"]["ab_rmse"][i] == pytest.approx(np.sqrt((true**2).mean()), abs=0.02)   # white points differ
        others = torch.cat([mean_ab(t) for j, t in enumerate(truths) if j != i]).mean(dim=0, keepdim=True)
        of = measured(answers(truth, others, {})["mean color"], truth)
        assert {name: column[i] for name, column in values["mean color"].items()} == pytest.approx(of)


def test_denoised_first_balanced_otherwise_and_without_one(folder, runs, capsys):
    """Denoising changes what is colored and not the truth; another balance changes the truth and not what is colored."""
    kept = {}
    for name, flags in (("plain", []), ("clean", ["--denoise", str(runs["clean"])]), ("grey", ["--balance", "grey"])):
        plates.main(["glass", str(runs["color"]), "--json", f"{name}.json", "--without", "1.png", *flags])
        kept[name] = json.loads((folder / f"{name}.json").read_text())
        assert kept[name]["plates"] == ["0.png", "2.png"]
    printed = capsys.readouterr().out
    assert "2 plates, 2 left out; balance white; denoised by" in printed and "2 plates, 2 left out; balance grey" in printed
    assert (kept["clean"]["denoise"], kept["grey"]["balance"]) == (str(runs["clean"]), "grey")
    plain, clean, grey = ({who: of["colorfulness"] for who, of in kept[name]["values"].items()} for name in kept)
    assert plain["the plate"] == clean["the plate"] != grey["the plate"]
    assert plain["color"] == grey["color"] != clean["color"]


def test_bad_input_is_one_sentence(folder, runs, capsys):
    color, clean = str(runs["color"]), str(runs["clean"])
    (folder / "file").write_text("x")
    (folder / "empty").mkdir()
    for arguments, words in (
        ([], "FOLDER"), (["nowhere"], "nowhere"), (["empty"], "no pictures"), (["glass", "gone"], "gone"),
        (["glass", clean], "gives no color"), (["glass", "--denoise", color], "removes noise"),
        (["glass", "--without", "x.png"], "x.png"), (["glass", "--without", "0.png", "1.png"], "1 usable plates"),
        (["glass", "--balance", "sepia"], "sepia"), (["glass", "--out", "file"], "is a file"),
        (["glass", "--device", "abacus"], "abacus"), (["glass", "--json", "no/folder.json"], "no"),
    ):  # fmt: skip
        with pytest.raises(SystemExit) as end:
            plates.main(arguments)
        said = capsys.readouterr().err
        assert end.value.code == 2 and said.count("\n") == 1 and words in said, (arguments, said)
