"""Figures show what they were given: every line, every picture in its row, every bar."""

import numpy as np
import torch

from minicolor.plots import bars, curves, rows


def test_curves_draw_the_mean_and_the_range():
    figure = curves({"two": np.array([[1.0, 2.0], [3.0, 4.0]]), "one": np.array([5.0, 6.0])}, "loss")
    axes = figure.axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[2, 3], [5, 6]] and list(axes.lines[0].get_xdata()) == [1, 2]
    assert len(axes.collections) == 1 and [t.get_text() for t in axes.get_legend().get_texts()] == ["two", "one"]


def test_rows_hold_their_pictures_and_names():
    grey, rgb = torch.rand(2, 1, 4, 6), torch.rand(3, 3, 4, 6) * 1.5
    figure = rows({"grey": grey, "rgb": rgb})
    assert len(figure.axes) == 6
    shown = [axes.images[0].get_array() if axes.images else None for axes in figure.axes]
    assert shown[2] is None and shown[1].shape == (4, 6, 3)
    np.testing.assert_allclose(shown[1], grey[1].expand(3, -1, -1).permute(1, 2, 0))
    np.testing.assert_allclose(shown[5], rgb[2].clamp(0, 1).permute(1, 2, 0))
    assert [t.get_text() for axes in figure.axes for t in axes.texts] == ["grey", "rgb"]


def test_bars_are_means_with_a_dot_per_seed():
    axes = bars({"a": np.array([1.0, 3.0]), "b": np.array([4.0])}, "dB").axes[0]
    assert [p.get_height() for p in axes.patches] == [2, 4] and [list(line.get_ydata()) for line in axes.lines] == [[1, 3], [4]]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b"]
