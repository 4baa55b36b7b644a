"""Features that come in pieces have the mean and the covariance of the whole, in float64 and in constant memory."""

import weakref

import numpy as np
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from minicolor.metrics.fid import Statistics, statistics
from minicolor.models.resnet18 import ResNet18


def given_all(*pieces) -> Statistics:
    s = Statistics("any", "none")
    for x in pieces:
        s.add(torch.as_tensor(x))
    return s


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 60), d=st.integers(1, 6), cuts=st.lists(st.integers(0, 60), max_size=5),
       offset=st.sampled_from([0.0, 1e6]))
@example(seed=0, n=2, d=1, cuts=[1], offset=1e6)                              # pieces of one picture
def test_pieces_in_any_order_and_streams_that_merge_are_the_whole(seed, n, d, cuts, offset):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + offset
    pieces = [p for p in np.split(x, sorted(min(c, n) for c in cuts)) if len(p)]
    first, second = given_all(*pieces[::2]), given_all(*pieces[1::2])
    first.merge(second)
    empty = Statistics("any", "none")
    empty.merge(first)                                                        # into nothing, and then nothing into it
    empty.merge(Statistics("any", "none"))
    for s in (given_all(*pieces), given_all(*pieces[::-1]), first, empty):
        assert s.count == n and s.mean.dtype == s.covariance.dtype == torch.float64
        np.testing.assert_allclose(s.mean.numpy(), x.mean(0), rtol=1e-12, atol=1e-12)
        # 1e6 from zero, where squares have 12 digits before the point: the point is that nothing is squared there
        np.testing.assert_allclose(s.covariance.numpy(), np.cov(x, rowvar=False).reshape(d, d), rtol=1e-8, atol=1e-7)
    assert len(pieces) < 2 or second.count == sum(len(p) for p in pieces[1::2]), "merging has changed what was merged"


def test_float32_far_from_zero_keeps_a_small_spread():
    """In float32 1000 +- 0.01 squared has no digit of its spread left; E[x^2] - E[x]^2 would be noise, or below 0."""
    x = 1000 + 0.01 * torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    found, expected = given_all(*x.split(7)).covariance, np.cov(x.double().numpy(), rowvar=False)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-13)


def test_memory_is_constant():
    """Of a long stream only the newest piece is alive, and what is kept has D + D^2 numbers."""
    alive, most = weakref.WeakSet(), 0

    def stream():
        nonlocal most
        for seed in range(60):
            batch = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
            alive.add(batch)
            most = max(most, len(alive))
            yield batch
            del batch

    s = statistics(ResNet18(classes=None, base=2), stream(), "random")
    held = [v for v in vars(s).values() if isinstance(v, torch.Tensor)]
    assert s.count == 120 and most <= 2 and sum(v.untyped_storage().nbytes() for v in held) == 8 * (16 + 16**2)


def test_gradients_and_inference_mode_leave_nothing_behind():
    x = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        s = given_all(x[:3].clone(), x[3:].double())
    s.add(x.clone().requires_grad_())
    s.merge(s)                                                                # even with itself
    assert s.count == 24 and not s.mean.requires_grad and not s.scatter.requires_grad
    np.testing.assert_allclose(s.covariance.numpy(), np.cov(x.repeat(4, 1).double().numpy(), rowvar=False), rtol=1e-10)


def test_pictures_become_8_bits_then_the_bodys_features_and_their_sizes_are_noted():
    """ImageNet's normalization by hand; the values of the pictures lie between those of 8 bits."""
    torch.manual_seed(0)
    network = ResNet18(classes=None, base=2)
    x = F.interpolate(torch.rand(6, 3, 5, 4), (40, 32), mode="bicubic").clamp(0, 1)
    found = statistics(network, x.split(4), "random")
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        seen = network.eval().stages(((255 * x).round() / 255 - mean) / std).layer4.mean(dim=(2, 3)).double().numpy()
    np.testing.assert_allclose(found.mean.numpy(), seen.mean(0), rtol=1e-4)                      # float32 in other batches
    np.testing.assert_allclose(found.covariance.numpy(), np.cov(seen, rowvar=False), rtol=1e-3, atol=1e-4 * seen.var())
    fine, rounded = (statistics(network, [v], "random") for v in (x, (255 * x).round() / 255))
    assert torch.equal(fine.mean, rounded.mean) and torch.equal(fine.covariance, rounded.covariance)
    assert found.sizes == {(40, 32)} and statistics(network, [x, x[..., :20]], "random").sizes == {(40, 32), (40, 20)}
