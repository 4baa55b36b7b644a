"""Chroma on objects of no one color: exact for answers that are known, and the middle of the four colors is nearly grey."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from minicolor import ambiguous
from minicolor.ambiguous import SEED, chroma_of_ambiguous
from minicolor.data.scenes import AMBIGUOUS, PARTS, draw
from minicolor.tasks.color import Color


def a_run(ab: tuple[float, float]) -> SimpleNamespace:
    """A colorizer whose network answers a, b everywhere."""
    class Network(torch.nn.Module):
        def forward(self, x):
            return torch.tensor(ab, dtype=torch.float32)[None, :, None, None].expand(len(x), 2, *x.shape[2:]) / 110

    network = Network()
    step = SimpleNamespace(network=network, generate=network)
    recipe = SimpleNamespace(size=48, norm_at_test="running", dropout_at_test=False)
    return SimpleNamespace(recipe=recipe, task=Color("ab"), step=step, device="cpu")


def test_a_constant_answer_has_its_own_chroma_everywhere():
    found = chroma_of_ambiguous(a_run((30.0, 40.0)), count=10)
    assert found["chroma"] == pytest.approx(50, abs=0.01) and found["elsewhere"] == pytest.approx(50, abs=0.01)
    assert chroma_of_ambiguous(a_run((0.0, 0.0)), count=10)["chroma"] == pytest.approx(0, abs=1e-4)


def test_the_truth_is_scikit_images_and_the_median_is_dull():
    found, inside = chroma_of_ambiguous(a_run((0.0, 0.0)), count=12), []
    for i in range(12):
        scene = draw(SEED, i, 48)
        where = np.isin(scene.mask, [k for k, part in enumerate(PARTS) if part in AMBIGUOUS])
        inside.append(np.linalg.norm(rgb2lab(scene.rgb)[where][:, 1:], axis=1))
    inside = np.concatenate(inside)
    assert found["pixels"] == len(inside) > 500
    assert found["truth"] == pytest.approx(inside.mean(), abs=0.05)
    assert found["median"] < 0.5 * found["truth"], "what L1 answers is dull"


def test_bad_input_is_one_sentence(capsys):
    for arguments in (["nowhere"], ["nowhere", "--scenes", "0"]):
        with pytest.raises(SystemExit) as end:
            ambiguous.main(arguments)
        assert end.value.code == 2 and capsys.readouterr().err.count("\n") == 1
