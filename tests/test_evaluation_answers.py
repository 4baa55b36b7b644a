"""A run is asked about the pictures that it never trained on, always the same questions, and its answers are its own."""

import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from evaluated import make_run
from PIL import Image

from minicolor import checkpoint
from minicolor.data.scenes import draw_all
from minicolor.errors import BadInput
from minicolor.evaluation.answers import BATCH, Answers
from minicolor.evaluation.figures import METRICS
from minicolor.held_out import answer
from minicolor.recipe import from_dict

RECIPES = ("pix2pix_lab", "dncnn", "classify")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return {name: make_run(out / name, name, pictures=200) for name in RECIPES}


def column(answers, figure):
    """The figure of every answer, by the task's own code or, of pictures, by the metric of that name."""
    of = next((m.of for m in METRICS if m.name == figure), None)
    return torch.cat([batch.figures[figure] if batch.figures else of(*batch.shown[1:]) for batch in answers]).double().numpy()


@pytest.mark.parametrize("name", RECIPES)
def test_it_asks_what_training_asked_at_its_end(runs, name):
    """results.json was written by the training, before this run was a file that had to be opened."""
    answers, test = Answers(runs[name]), json.loads((runs[name] / "results.json").read_text())["test"]
    task = answers.task
    assert column(answers, task.figure).mean() == pytest.approx(test[task.figure], rel=1e-5)
    naive, of = next(iter(task.to_beat)), next((m.of for m in METRICS if m.name == task.figure), None)
    untouched = [b.to_beat[naive] if b.to_beat else of(b.untouched, b.shown[2]) for b in answers]
    assert torch.cat(untouched).mean().item() == pytest.approx(test[naive], rel=1e-5)


def test_only_the_part_that_was_asked_for_is_shown(runs):
    split = json.loads((runs["pix2pix_lab"] / "split.json").read_text())
    seen = {part: Answers(runs["pix2pix_lab"], part) for part in ("train", "val", "test", "all")}
    for part in ("train", "val", "test"):
        assert seen[part].names == split[part] and len(seen[part]) == len(split[part])
    assert len(seen["all"]) == 200
    trained_on = f"{len(split['train'])} of these pictures were trained on"
    assert [trained_on in seen[part].note for part in seen] == [True, False, False, True]
    truth = torch.cat([batch.shown[2] for batch in seen["test"]])
    drawn = draw_all(0, 200, 64, workers=1)
    for picture, name in zip(truth, seen["test"].names):
        expected = drawn[int(name.rpartition("-")[2])]
        np.testing.assert_array_equal((picture * 255).round().byte().permute(1, 2, 0).numpy(), expected)


def test_a_pictures_noise_does_not_depend_on_who_else_is_there(runs):
    whole, some = Answers(runs["dncnn"]), Answers(runs["dncnn"], pictures=3)
    of = dict(zip(whole.names, column(whole, "psnr")))
    assert len(some) == 3 and set(some.names) < set(whole.names)
    np.testing.assert_allclose(column(some, "psnr"), [of[name] for name in some.names], rtol=1e-5)
    fewest = sorted(zip(whole.keys, whole.names))[:3]
    assert set(some.names) == {name for _, name in fewest}, "a fair draw: by hash, not by name"


@pytest.mark.parametrize("dropout", [False, True])
def test_a_batch_can_be_asked_for_again(tmp_path, dropout):
    run = make_run(tmp_path / "run", "pix2pix_lab", pictures=200, dropout_at_test=dropout)
    answers = Answers(run, "all", pictures=2 * BATCH + 1)               # the picture left over joins the batch before
    batches = list(answers)
    assert [len(b.shown[0]) for b in batches] == [BATCH, BATCH + 1] and answers.batches == 2
    for i in (1, 0):
        torch.rand(7)                                                   # whatever else draws random numbers
        assert torch.equal(answers.batch(i).shown[1], batches[i].shown[1])
    x, _ = answers.task.prepare(batches[0].shown[2])
    twice = [answer(answers.step, answers.recipe, x) for _ in range(2)]
    assert torch.equal(*twice) is not dropout, "only dropout draws"


def test_pictures_of_ones_own(runs, tmp_path, monkeypatch):
    """A folder that the run was not trained on: its test part, or all of it, whatever the training's own limit was."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i, rgb in enumerate(draw_all(7, 40, 70, workers=1)):
        Image.fromarray(rgb).save(tmp_path / "photos" / f"{i:02d}.png")
    whole = Answers(runs["pix2pix_lab"], "all", data="photos")
    assert len(whole) == 40 and whole.pack.size == 64 and "not known" in whole.note
    part = Answers(runs["pix2pix_lab"], "test", data="photos")
    assert 0 < len(part) < 20 and set(part.names) < set(whole.names) and part.note == ""
    own = {name for p in ("train", "val", "test") for name in Answers(runs["pix2pix_lab"], p, data="photos").names}
    assert own == set(whole.names)
    for i in range(2, 40):
        (tmp_path / "photos" / f"{i:02d}.png").unlink()
    assert len(Answers(runs["pix2pix_lab"], "all", data="photos")) == 2, "nothing needs to be split"
    assert next(iter(Answers(runs["pix2pix_lab"], "all", data="photos"))).untouched is not None


def test_drawn_scenes_are_other_pictures_too(tmp_path, monkeypatch):
    """A run on photographs, asked about scenes, must not answer about its own photographs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i, rgb in enumerate(draw_all(7, 40, 70, workers=1)):
        Image.fromarray(rgb).save(tmp_path / "photos" / f"{i:02d}.png")
    run = make_run(tmp_path / "run", "pix2pix_lab", data="photos", pictures=30)
    assert Answers(run).pack.source.endswith("(30 of 40)") and Answers(run, data="scenes").pack.source == "drawn scenes, seed 0"


def test_a_checkpoint_without_its_split_is_split_by_the_pictures_bytes(runs, tmp_path):
    alone = tmp_path / "best.pt"
    alone.write_bytes((runs["pix2pix_lab"] / "best.pt").read_bytes())
    answers = Answers(alone)
    assert answers.names == Answers(runs["pix2pix_lab"]).names and "split anew" in answers.note and answers.part == "test"


def test_what_cannot_be_evaluated_is_said_in_one_sentence(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no checkpoint")
    broken = checkpoint.load(runs["pix2pix_lab"] / "best.pt")
    step = from_dict(broken["recipe"]).build(nullcontext)
    state = {n: {k: torch.full_like(v, torch.nan) if v.is_floating_point() else v for k, v in net.state_dict().items()}
             for n, net in step.networks.items()}
    checkpoint.save(tmp_path / "nan.pt", broken | {"networks": state})
    for run, given, words in (
        (tmp_path / "nowhere", {}, "nowhere"),
        (tmp_path / "empty", {}, "no best.pt in this folder"),
        (tmp_path / "text", {}, "text"),
        (runs["pix2pix_lab"], {"part": "tests"}, "--split tests: expected train, val, test or all"),
        (runs["pix2pix_lab"], {"data": "no_such_folder"}, "no_such_folder: no such folder"),
        (tmp_path / "nan.pt", {}, "not finite"),
    ):
        with pytest.raises(BadInput, match=words) as e:
            list(Answers(run, **given))
        assert "\n" not in str(e.value)
