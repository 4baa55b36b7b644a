"""The Wasserstein losses: signs, means, and a trained critic whose loss is minus the distance that scipy computes."""

import pytest
import torch

from minicolor.losses.wasserstein import critic_loss, generator_loss


def test_figures_known_without_a_computer():
    on_real, on_fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0, 4.0])  # means 2 and 1; batches may differ in size
    assert critic_loss(on_real, on_fake).item() == -1
    assert generator_loss(on_fake).item() == -1
    assert critic_loss(on_fake, on_real).item() == 1


def test_the_slopes_say_who_goes_up():
    on_real, on_fake = torch.randn(2, 1, 3, 3, requires_grad=True), torch.randn(2, 1, 3, 3, requires_grad=True)
    up, down = torch.autograd.grad(critic_loss(on_real, on_fake), [on_real, on_fake])
    torch.testing.assert_close(up, torch.full_like(up, -1 / 18))             # descent raises the scores of real pictures
    torch.testing.assert_close(down, torch.full_like(down, 1 / 18))          # and lowers those of generated ones
    (slope,) = torch.autograd.grad(generator_loss(on_fake), [on_fake])
    torch.testing.assert_close(slope, torch.full_like(slope, -1 / 18))       # which the generator raises


def test_with_the_best_critic_it_is_minus_the_distance():
    """Two clouds on a line, one left of the other: the best critic of slope <= 1 is -x where the real ones are left."""
    stats = pytest.importorskip("scipy.stats")
    generator = torch.Generator().manual_seed(0)
    real = torch.rand(200, generator=generator, dtype=torch.float64)
    fake = 2 + 3 * torch.rand(300, generator=generator, dtype=torch.float64)
    expected = stats.wasserstein_distance(real.numpy(), fake.numpy())
    assert -critic_loss(-real, -fake).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (4, 1, 30, 30), (7,)])
def test_a_shift_of_all_scores_changes_nothing_for_the_critic(shape):
    generator = torch.Generator().manual_seed(1)
    on_real, on_fake = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    loss = critic_loss(on_real, on_fake)
    assert loss.shape == generator_loss(on_fake).shape == ()
    torch.testing.assert_close(critic_loss(on_real + 5, on_fake + 5), loss)
