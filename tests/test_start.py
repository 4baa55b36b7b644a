"""--init: a run starts from the networks it names and at random elsewhere; what does not fit is one sentence."""

import copy
import re
import tempfile
from dataclasses import replace

import pytest
import torch
from test_fit import TINY, pack  # noqa: F401 - the thirty scenes of 32 pixels

from minicolor import checkpoint, recipe
from minicolor.data.pack import in_memory
from minicolor.data.scenes import draw_all
from minicolor.errors import BadInput
from minicolor.fit import fit
from minicolor.start import ready

DENOISE = replace(recipe.load("dncnn").QUICK, size=32, crop=0, crops=1, width=4, depth=3, batch_size=4, epochs=1, pictures=30)


def begun(tiny, init) -> dict[str, dict]:
    """The networks that a run with --init starts from: what its step holds when it is shown its first batch."""
    class Begun(Exception):
        pass

    def look(step, x, y):
        raise Begun({name: copy.deepcopy(network.state_dict()) for name, network in step.networks.items()})

    with tempfile.TemporaryDirectory() as out, pytest.MonkeyPatch.context() as patch, pytest.raises(Begun) as e:
        patch.setattr("minicolor.steps.gan.GANStep.step", look)
        small = in_memory(draw_all(0, 10, 32, workers=1), [f"{i}" for i in range(10)], "ten")
        fit(replace(tiny, init=str(init)).check(), small, out, quiet=True)
    return e.value.args[0]


def equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


def test_init_takes_over_the_networks_of_another_run(pack, tmp_path):  # noqa: F811
    """Those of the same name, from its best epoch; --seed says where all others start, as without --init."""
    fit(replace(TINY, epochs=1), pack, tmp_path / "before", quiet=True)
    trained = checkpoint.load(tmp_path / "before" / "best.pt")["networks"]
    for init in (tmp_path / "before", tmp_path / "before" / "best.pt"):
        started = begun(replace(TINY, seed=5), init)
        assert all(equal(started[name], trained[name]) for name in ("generator", "discriminator"))
    fresh = begun(replace(TINY, seed=5), "")
    assert not equal(fresh["generator"], trained["generator"])
    saved = checkpoint.load(tmp_path / "before" / "best.pt")
    checkpoint.save(tmp_path / "half.pt", saved | {"networks": {"generator": trained["generator"]}})
    started = begun(replace(TINY, seed=5), tmp_path / "half.pt")
    assert equal(started["generator"], trained["generator"]) and equal(started["discriminator"], fresh["discriminator"])


def test_init_takes_a_plain_file_of_weights_for_the_network_that_is_kept(tmp_path):
    fresh = begun(replace(TINY, seed=6), "")
    torch.save(fresh["generator"], tmp_path / "weights.pth")
    started, other = begun(replace(TINY, seed=5), tmp_path / "weights.pth"), begun(replace(TINY, seed=5), "")
    assert equal(started["generator"], fresh["generator"]) and equal(started["discriminator"], other["discriminator"])


def test_a_begun_run_goes_on_with_its_own_weights_and_not_with_init(pack, tmp_path, monkeypatch):  # noqa: F811
    before, run = tmp_path / "before", replace(TINY, epochs=1, init=str(tmp_path / "before"), seed=5)
    fit(replace(TINY, epochs=1), pack, before, quiet=True)
    fit(run, pack, tmp_path / "run", quiet=True)
    monkeypatch.setattr(type(run), "begin", lambda *_: pytest.fail("a resumed run was begun again"))
    for file in before.glob("*.pt"):
        file.unlink()                                                # and it does not need the other run any longer
    fit(replace(run, epochs=2), pack, tmp_path / "run", quiet=True, resume=True)


@pytest.mark.parametrize("init, expected", [
    ("wide", r"--init .*wide \(generator\): .*of another network"),
    ("denoise", r"--init .*denoise \(generator\): .*of another network"),
    ("nowhere", "nowhere"), ("empty", "empty"), ("text.pt", "text.pt"),
])  # fmt: skip
def test_init_from_what_does_not_fit_is_one_sentence(pack, tmp_path, init, expected):  # noqa: F811
    if init == "wide":
        fit(replace(TINY, epochs=1, base=8), pack, tmp_path / "wide", quiet=True)
    elif init == "denoise":
        fit(replace(DENOISE, epochs=1), pack, tmp_path / "denoise", quiet=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(BadInput, match=expected) as e:
        fit(replace(TINY, init=str(tmp_path / init)), pack, tmp_path / "run", quiet=True)
    assert "\n" not in str(e.value) and not list((tmp_path / "run").glob("*.pt"))


def test_a_run_that_is_still_to_come_is_asked_for_before_any_work(tmp_path):
    """With the command that makes it, where its folder is called like a recipe."""
    command = f"train it first: python -m minicolor.train classify --out {tmp_path / 'classify'}"
    with pytest.raises(BadInput, match=re.escape(command)):
        ready(replace(TINY, init=str(tmp_path / "classify")))
    with pytest.raises(BadInput, match="no such run, no such file, and none of the weights .*resnet18") as e:
        ready(replace(TINY, init="resnet81"))
    assert "train it first" not in str(e.value)
