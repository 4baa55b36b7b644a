"""Weighted: the total is the sum of weight * loss, value and slope; the parts come without weights; weight 0 costs nothing."""

import math

import pytest
import torch
from torch.nn import functional as F

from minicolor.losses.weighted import Weighted

A, B = torch.rand(2, 2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_total_is_the_weighted_sum_and_the_parts_are_plain():
    loss = Weighted({"l1": (2.0, F.l1_loss), "mse": (0.5, F.mse_loss)})
    output = A.clone().requires_grad_()
    losses = loss(output, B)
    assert list(losses) == ["l1", "mse"]
    torch.testing.assert_close(losses["l1"], (A - B).abs().mean())
    torch.testing.assert_close(losses["mse"], (A - B).square().mean())
    total = loss.total(losses)
    torch.testing.assert_close(total, 2 * (A - B).abs().mean() + 0.5 * (A - B).square().mean())
    (slope,) = torch.autograd.grad(total, output)
    torch.testing.assert_close(slope, (2 * (A - B).sign() + (A - B)) / A.numel())


def test_output_comes_first_and_truth_second():
    losses = Weighted({"it": (1.0, lambda output, truth: output.sum() - 2 * truth.sum())})(A, B)
    torch.testing.assert_close(losses["it"], A.sum() - 2 * B.sum())


def test_a_term_of_weight_0_is_not_computed():
    def never(output, truth):
        raise AssertionError("computed")

    loss = Weighted({"l1": (1, F.l1_loss), "never": (0.0, never)})
    losses = loss(A, B)
    assert list(losses) == ["l1"] and loss.total(losses) == losses["l1"]


def test_a_changed_dict_changes_nothing():
    terms = {"l1": (1.0, F.l1_loss)}
    loss = Weighted(terms)
    terms["mse"] = (1.0, F.mse_loss)
    assert list(loss(A, B)) == ["l1"]


@pytest.mark.parametrize("terms", [{}, {"l1": (0.0, F.l1_loss)}])
def test_nothing_to_descend_is_refused(terms):
    with pytest.raises(ValueError, match="at least one loss with a weight above 0"):
        Weighted(terms)


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_weights_that_are_none_are_refused(weight):
    with pytest.raises(ValueError, match="the weight of l1 must be a finite number"):
        Weighted({"l1": (weight, F.l1_loss)})
