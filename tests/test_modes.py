"""at_test does what it says to norms and dropout, updates nothing, and leaves everything as it was, errors included."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minicolor.models.modes import at_test, settling

X = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(0)) * 3 + 1


def a_network() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Sequential(nn.BatchNorm2d(2)), nn.Dropout(0.5))
    norm = network[0][0]
    for values in (norm.weight.data, norm.bias.data, norm.running_mean):
        values.normal_()
    norm.running_var.uniform_(0.5, 2)
    norm.num_batches_tracked.fill_(7)
    return network.train()


def modes(network: nn.Module) -> list:
    return [(type(m).__name__, m.training, getattr(m, "track_running_stats", None)) for m in network.modules()]


def expected(norm: nn.BatchNorm2d, kind: str, x: torch.Tensor) -> torch.Tensor:
    if kind == "batch":
        return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False, eps=norm.eps)


@pytest.mark.parametrize("kind", ["running", "batch"])
def test_the_norms_use_the_statistics_asked_for(kind):
    network = a_network()
    with at_test(network, kind) as same:
        assert same is network
        torch.testing.assert_close(network(X), expected(network[0][0], kind, X))
    assert (expected(network[0][0], "batch", X) - expected(network[0][0], "running", X)).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["running", "batch"])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_nothing_is_updated_and_all_is_as_before(kind, dropout, training):
    network = a_network().train(training)
    network[1].train(not training)                                   # modes may be mixed: a frozen norm, for example
    state, before = copy.deepcopy(network.state_dict()), modes(network)
    with at_test(network, kind, dropout):
        network(X)
    assert modes(network) == before
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name
    network.train()(X)
    assert network[0][0].num_batches_tracked == 8, "afterwards the statistics are no longer followed"
    assert not torch.equal(network[0][0].running_mean, state["0.0.running_mean"])


@pytest.mark.parametrize("kind", ["running", "batch"])
@pytest.mark.parametrize("training", [False, True])
def test_dropout_is_on_or_off_as_asked(kind, training):
    network = a_network().train(training)
    plain = expected(network[0][0], kind, X)
    with at_test(network, kind, dropout=False):
        torch.testing.assert_close(network(X), plain)
    with at_test(network, kind, dropout=True):
        torch.manual_seed(3)
        out = network(X)
        torch.manual_seed(3)
        torch.testing.assert_close(out, F.dropout(plain, 0.5, training=True))


def test_the_default_gives_one_picture_the_same_answer_in_any_company():
    network = a_network()
    with at_test(network):
        alone, together = network(X[:1]), network(X)[:1]
        torch.testing.assert_close(alone, together)
    with at_test(network, "batch"):
        assert (network(X[:1]) - network(X)[:1]).abs().max() > 0.01


@pytest.mark.parametrize("kind", ["running", "batch"])
def test_modes_come_back_after_an_error(kind):
    network = a_network()
    before = modes(network)
    with pytest.raises(RuntimeError, match="out of memory"), at_test(network, kind, dropout=True):
        raise RuntimeError("out of memory")
    assert modes(network) == before


@pytest.mark.parametrize("inner", ["running", "batch"])
def test_one_inside_another(inner):
    """"After: everything as before" also where before was at_test: else the outer one begins to update statistics."""
    network = a_network()
    state = copy.deepcopy(network.state_dict())
    with at_test(network, "batch"):
        between = modes(network)
        with at_test(network, inner):
            network(X)
        assert modes(network) == between
        network(X)
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_gradients_pass():
    network, x = a_network(), X.clone().requires_grad_()
    with at_test(network, "batch"):
        network(x).square().sum().backward()
    assert x.grad.isfinite().all() and network[0][0].weight.grad.any()


def test_settled_norms_are_plain_averages_without_dropout():
    """Two batches: the mean of their means and of their variances, the second norm behind a dropout that must be off."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5), nn.BatchNorm2d(2, affine=False)).train()
    network(X + 100)                                                 # running averages far away: nothing of them may stay
    batches = [X, 2 * X + 1]
    with settling(network):
        for batch in batches:
            network(batch)
    first, second = network[0], network[2]
    torch.testing.assert_close(first.running_mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0))
    torch.testing.assert_close(first.running_var, torch.stack([b.var((0, 2, 3)) for b in batches]).mean(0))
    torch.testing.assert_close(second.running_mean, torch.zeros(2), atol=1e-6, rtol=0)      # it sees normalized values
    torch.testing.assert_close(second.running_var, torch.ones(2) * 48 / 47, atol=1e-3, rtol=0)   # sample variance, n = 48
    assert all(m.training for m in network.modules()) and first.momentum == second.momentum == 0.1
