"""cycle_loss is the mean absolute difference, with its slope; pictures of two shapes are refused, not stretched."""

import pytest
import torch

from minicolor.losses.cycle import cycle_loss


def test_it_is_the_mean_absolute_difference():
    torch.manual_seed(0)
    a, back = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5, requires_grad=True)
    loss = cycle_loss(a, back)
    loss.backward()
    by_hand = sum(abs(p - q) for p, q in zip(a.flatten().tolist(), back.flatten().tolist())) / 120
    assert loss.shape == () and loss.item() == pytest.approx(by_hand, abs=1e-6)
    torch.testing.assert_close(back.grad, (back - a).sign() / 120)
    assert cycle_loss(a, a) == 0


def test_it_does_not_depend_on_the_pictures_size():
    a, back = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.25)
    assert cycle_loss(a, back) == cycle_loss(a.repeat(3, 1, 8, 8), back.repeat(3, 1, 8, 8)) == 0.25


def test_two_shapes_are_refused():
    with pytest.raises(ValueError, match=r"one shape, not \(2, 1, 4, 4\) with \(2, 3, 4, 4\)"):
        cycle_loss(torch.zeros(2, 1, 4, 4), torch.zeros(2, 3, 4, 4))
