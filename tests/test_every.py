"""One command trains every recipe, in an order in which the stages find each other, and its table is what the runs say."""

import json
from dataclasses import replace

import pytest

from minicolor import every as module
from minicolor import recipe
from minicolor.errors import BadInput
from minicolor.every import every, line

SMALL = ("classify", "resnet_unet_l1", "resnet_unet_gan", "recolor_lpips", "cae")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Five recipes in tiny, one of which cannot work; the others are told apart by name only."""
    out = tmp_path_factory.mktemp("every")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "names", lambda: sorted([*SMALL, "residual_unet"]))
        load = recipe.load

        def tiny(name):
            quick = load(name).QUICK
            narrow = {"base": 8} if name in ("classify", "resnet_unet_l1", "resnet_unet_gan") else {}
            if name == "residual_unet":
                narrow = {"size": 33}
            return type("Module", (), {"QUICK": replace(quick, **narrow)})

        patch.setattr(recipe, "load", tiny)
        rows = every(out, given={"pictures": 24, "epochs": 1, "batch_size": 4, "precision": "float32"}, quiet=True)
    return {row["recipe"]: row for row in rows}, out


def test_every_recipe_is_a_row_in_an_order_that_works(table):
    rows, out = table
    assert list(rows)[:2] == ["classify", "resnet_unet_l1"] and set(rows) == {*SMALL, "residual_unet"}
    assert json.loads((out / "table.json").read_text())["rows"] == list(rows.values())


def test_stages_start_from_each_other(table):
    rows, out = table
    settings = {name: json.loads((out / name / "results.json").read_text())["recipe"] for name in SMALL}
    assert settings["resnet_unet_l1"]["init"] == str(out / "classify")
    assert settings["resnet_unet_gan"]["init"] == str(out / "resnet_unet_l1")
    assert settings["recolor_lpips"]["features"] == str(out / "classify")


def test_a_row_says_what_its_run_says(table):
    rows, out = table
    for name in SMALL:
        row, results = rows[name], json.loads((out / name / "results.json").read_text())
        assert row["value"] == results["test"][row["figure"]]
        beaten = row["value"] > row["to_beat"] if row["figure"] == "accuracy" else row["value"] < row["to_beat"]
        assert row["better"] is beaten and 0 < row["minutes"] < 10
        assert row["loss_last"] == results["history"][-1][row["loss"]] and not row["loss"].startswith(("d_", "c_", "g_gan"))
        assert name in line(row) and row["to_beat_is"] in line(row)


def test_what_fails_is_a_row_too_and_stops_nobody(table):
    rows, _ = table
    assert "--size 33: expected" in rows["residual_unet"]["error"] and "failed" in line(rows["residual_unet"])


def test_a_finished_run_is_read_and_other_settings_are_refused(table):
    rows, out = table
    one = recipe.from_dict(json.loads((out / "cae" / "results.json").read_text())["recipe"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fit", lambda *_, **__: pytest.fail("it is all there"))
        assert module._row(one, out / "cae", "cpu") == rows["cae"]
        with pytest.raises(BadInput, match="other settings"):
            module._row(replace(one, lr=0.5), out / "cae", "cpu")


def test_minutes_of_a_stopped_run_are_added_up(table, tmp_path, monkeypatch):
    _, out = table
    one = recipe.from_dict(json.loads((out / "cae" / "results.json").read_text())["recipe"])
    now = 0.0

    def stopped(*_, **__):
        nonlocal now
        now += 120
        raise KeyboardInterrupt

    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    monkeypatch.setattr(module, "fit", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            module._row(one, tmp_path / "cae", "cpu")
    assert json.loads((tmp_path / "cae" / "row.json").read_text())["minutes"] == 4
