"""Classification: labels come from the fourth plane, grey has three equal channels, accuracy is a share counted by hand."""

import numpy as np
import pytest
import torch

from minicolor.data.scenes import CLASSES, draw
from minicolor.data.source import open_scenes
from minicolor.tasks.classify import BAR, HUES, Classify

MEAN, STD = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))      # ImageNet's, in print


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(np.array(open_scenes(32, 12, 5, "label").pictures)).permute(0, 3, 1, 2)


def test_the_label_is_the_scenes_own(pictures):
    expected = [draw(5, i, 32).label for i in range(12)]
    for given in (pictures, pictures.float() / 255, pictures.flip(-1)):                    # as bytes, jittered, mirrored
        _, y = Classify().prepare(given)
        assert y.tolist() == expected and y.dtype == torch.long
    assert len(set(expected)) > 2 and max(expected) < len(CLASSES) == len(HUES)


@pytest.mark.parametrize("label", range(5))
def test_the_label_survives_interpolation(label):
    """What jitter leaves of a constant plane is constant but for rounding."""
    for rounding in (1 - 1e-6, 1 + 1e-6):
        plane = torch.full((1, 1, 8, 8), label / 255) * rounding
        assert Classify().prepare(torch.cat([torch.rand(1, 3, 8, 8), plane], 1))[1].item() == label


def test_a_grey_picture_is_lightness_in_three_equal_channels(pictures):
    color = pytest.importorskip("skimage.color", reason="scikit-image, the judge of lightness, is not installed")
    x, _ = Classify(grey=True).prepare(pictures)
    grey = x * STD + MEAN                                                                 # before normalization
    torch.testing.assert_close(grey[:, :1].expand(-1, 3, -1, -1), grey, atol=1e-6, rtol=0)
    lightness = color.rgb2lab(pictures[:, :3].permute(0, 2, 3, 1).numpy())[..., 0] / 100
    np.testing.assert_allclose(grey[:, 0], lightness, atol=1e-4)


def test_in_color_the_normalization_is_torchvisions(pictures):
    x, _ = Classify(grey=False).prepare(pictures)
    torch.testing.assert_close(x, (pictures[:, :3].float() / 255 - MEAN) / STD)


def test_accuracy_and_the_most_frequent_class_by_hand(pictures):
    task = Classify()
    x, y = task.prepare(pictures)
    labels = y.tolist()
    guesses = [(label + (i % 3 == 0)) % 5 for i, label in enumerate(labels)]               # every third one is wrong
    accuracy = task.figures(pictures, x, y, torch.nn.functional.one_hot(torch.tensor(guesses), 5).float())["accuracy"]
    assert accuracy.tolist() == [float(i % 3 != 0) for i in range(12)]
    common = task.common([pictures[:5], pictures[5:]])
    often = max(set(labels), key=lambda label: (labels.count(label), -label))
    assert common.item() == often
    assert task.naive(pictures, x, y, common)["frequent_accuracy"].sum().item() == labels.count(often)
    assert task.higher and list(task.to_beat) == ["frequent_accuracy"] and not hasattr(task, "chroma")


@pytest.mark.parametrize("grey", [True, False])
def test_a_strip_shows_what_it_sees_and_the_class_as_a_bar_of_color(pictures, grey):
    task = Classify(grey)
    x, y = task.prepare(pictures)
    output = torch.nn.functional.one_hot((y + 1) % 5, 5).float()
    seen, made, truth = task.show(pictures, x, y, output)
    given = x * STD + MEAN                                                                # before normalization
    for row in (seen, made, truth):
        assert row.shape == (12, 3, 32, 32) and row.min() > -1e-5 and row.max() < 1 + 1e-5
        torch.testing.assert_close(row[:, :, :-BAR], given[:, :, :-BAR], atol=1e-5, rtol=0)
    torch.testing.assert_close(seen, given, atol=1e-5, rtol=0)
    for i, label in enumerate(y.tolist()):
        for row, shown in ((made, (label + 1) % 5), (truth, label)):
            bar = (row[i, :, -BAR:] * 255).round().flatten(1)
            assert torch.equal(bar, torch.tensor(HUES[shown])[:, None].float().expand_as(bar))
    assert len(set(HUES)) == len(HUES) and len(task.facts({"accuracy": 0.5, "frequent_accuracy": 0.25})) == 2
