"""Segmentation: the mask is the fourth plane, intersection over union is the confusion matrix's and brute force's."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minicolor.data.scenes import PARTS, draw
from minicolor.data.source import open_scenes
from minicolor.tasks.segment import Segment

MEAN, STD = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))      # ImageNet's, in print


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(np.array(open_scenes(32, 8, 6, "mask").pictures)).permute(0, 3, 1, 2)


def brute_force(a: list[list[int]], b: list[list[int]]) -> float:
    """Sets of places, part by part."""
    places = [{part: {(y, x) for y, row in enumerate(m) for x, p in enumerate(row) if p == part} for part in
               {p for row in m for p in row}} for m in (a, b)]
    shown = places[0].keys() | places[1].keys()
    pairs = [(places[0].get(part, set()), places[1].get(part, set())) for part in shown]
    return sum(len(p & q) / len(p | q) for p, q in pairs) / len(shown)


def confusion(a: np.ndarray, b: np.ndarray, parts: int) -> float:
    """diagonal / (row sum + column sum - diagonal), meaned over parts that occur."""
    matrix = np.bincount(parts * a.ravel() + b.ravel(), minlength=parts**2).reshape(parts, parts)
    right = matrix.diagonal()
    either = matrix.sum(0) + matrix.sum(1) - right
    return (right[either > 0] / either[either > 0]).mean()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 999), parts=st.integers(1, 6), side=st.integers(1, 9))
@example(seed=0, parts=1, side=1)
def test_iou_agrees_with_brute_force_and_the_confusion_matrix(seed, parts, side):
    a, b = torch.randint(0, parts, (2, 3, side, side + 1), generator=torch.Generator().manual_seed(seed))
    mine = Segment(parts).iou(a, b)
    assert mine.shape == (3,)
    for i in range(3):
        assert mine[i].item() == pytest.approx(brute_force(a[i].tolist(), b[i].tolist()), abs=1e-6)
        assert mine[i].item() == pytest.approx(confusion(a[i].numpy(), b[i].numpy(), parts), abs=1e-6)


def test_iou_by_hand():
    a = torch.tensor([[[0, 0], [1, 1]]])
    b = torch.tensor([[[0, 2], [1, 1]]])                                # part 0: 1 of 2; 1: 2 of 2; 2: 0 of 1; 3: not there
    assert Segment(4).iou(a, b).item() == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert Segment(4).iou(a, a).item() == 1 and Segment(4).iou(a, 3 - a).item() == 0


def test_question_and_answer(pictures):
    color = pytest.importorskip("skimage.color", reason="scikit-image, the judge of lightness, is not installed")
    expected = np.stack([draw(6, i, 32).mask for i in range(8)])
    for given_ in (pictures, pictures.float() / 255):
        x, y = Segment(len(PARTS)).prepare(given_)
        assert y.dtype == torch.long and np.array_equal(y.numpy(), expected)
        grey = x * STD + MEAN                                           # before normalization
        torch.testing.assert_close(grey[:, :1].expand(-1, 3, -1, -1), grey, atol=1e-6, rtol=0)
        lightness = color.rgb2lab(pictures[:, :3].permute(0, 2, 3, 1).numpy())[..., 0] / 100
        np.testing.assert_allclose(grey[:, 0], lightness, atol=1e-4)


def test_figures_and_the_most_frequent_part(pictures):
    parts = len(PARTS)
    task = Segment(parts)
    x, y = task.prepare(pictures)
    wrong = (y + (torch.arange(32) < 8).long()) % parts                 # a quarter of every picture
    output = torch.nn.functional.one_hot(wrong, parts).permute(0, 3, 1, 2).float() - 0.5
    figures = task.figures(pictures, x, y, output)
    assert figures["pixel_accuracy"].tolist() == [0.75] * 8
    theirs = [confusion(a, b, parts) for a, b in zip(wrong.numpy(), y.numpy())]
    np.testing.assert_allclose(figures["iou"], theirs, atol=1e-6)
    common = task.common([pictures[:3], pictures[3:]])
    often = np.bincount(y.numpy().ravel()).argmax()
    assert common.item() == often
    naive = task.naive(pictures, x, y, common)
    np.testing.assert_allclose(naive["frequent_iou"], [confusion(np.full_like(b, often), b, parts) for b in y.numpy()], atol=1e-6)
    np.testing.assert_allclose(naive["frequent_pixel_accuracy"], (y.numpy() == often).mean(axis=(1, 2)), atol=1e-6)
    assert task.higher and list(task.to_beat) == ["frequent_iou"] and not hasattr(task, "chroma")


def test_a_strip_shows_each_part_in_a_color_of_its_own(pictures):
    parts = len(PARTS)
    task = Segment(parts)
    x, y = task.prepare(pictures)
    guess = (y + 1) % parts
    seen, made, truth = task.show(pictures, x, y, torch.nn.functional.one_hot(guess, parts).permute(0, 3, 1, 2).float())
    for row in (seen, made, truth):
        assert row.shape == (8, 3, 32, 32) and row.min() > -1e-5 and row.max() < 1 + 1e-5
    torch.testing.assert_close(seen, x * STD + MEAN, atol=1e-5, rtol=0)                # what the network sees
    hues = {}
    for mask, row in ((y, truth), (guess, made)):
        for part, hue in zip(mask.flatten().tolist(), (255 * row).round().permute(0, 2, 3, 1).flatten(0, 2).tolist()):
            assert hues.setdefault(part, tuple(hue)) == tuple(hue)
    assert len(set(hues.values())) == len(hues) > 5
    facts = task.facts({"iou": 0.5, "frequent_iou": 0.1, "pixel_accuracy": 0.75, "frequent_pixel_accuracy": 0.3})
    assert len(facts) == 3 and facts[-1][1] == "75.0%"
