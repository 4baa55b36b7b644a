"""Held-out figures are means over pictures, whatever the batches, and both baselines are what scikit-image says."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.color import lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from minicolor.data.loader import Loader
from minicolor.data.pack import in_memory
from minicolor.data.pairs import prepare
from minicolor.held_out import SEED, answer, baselines, evaluate, samples, settle
from minicolor.ops.lab import lab_to_rgb, rgb_to_lab
from minicolor.ops.noise import gaussian_noise
from minicolor.recipe import load
from minicolor.tasks.color import Color
from minicolor.tasks.denoise import Denoise

RECIPE = load("pix2pix_lab").QUICK


def a_pack(count: int, seed: int = 0, side: int = 8):
    """Coarse pictures of very different colorfulness: equal ones would hide a wrong mean."""
    rng = np.random.default_rng(seed)
    grey, colored = rng.integers(0, 256, (2, count, side, side, 3))
    vivid = np.linspace(0.05, 0.6, count)[:, None, None, None]
    mixed = (1 - vivid) * grey.mean(-1, keepdims=True) + vivid * colored
    return in_memory(mixed.round().astype(np.uint8), [f"{i:03d}" for i in range(count)], "test")


class Answers:
    """A step object whose network answers with what it is told, (N, C, S, S), picture by picture in list order."""

    def __init__(self, answers: torch.Tensor):
        self.network, self.answers, self.at = nn.Identity(), answers, 0

    def generate(self, x):
        out = self.answers[self.at : self.at + len(x)]
        self.at += len(x)
        return out


def truth(pack) -> torch.Tensor:
    return torch.from_numpy(pack.pictures[list(pack.rows)]).permute(0, 3, 1, 2).float() / 255


def ordered(pack, batch_size: int) -> Loader:
    return Loader(pack, range(len(pack)), batch_size, shuffle=False)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                              # scikit-image warns of what it clips
        return np.stack([lab2rgb(picture) for picture in lab])


def hasler(rgb: np.ndarray) -> float:
    r, g, b = np.moveaxis(255 * rgb, -1, 0)
    rg, yb = r - g, (r + g) / 2 - b
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


@pytest.mark.parametrize("target", ["ab", "rgb"])
def test_the_truth_scores_as_the_truth(target):
    pack = a_pack(5)
    rgb = truth(pack)
    recipe = load("pix2pix_lab" if target == "ab" else "pix2pix").QUICK
    figures = evaluate(Answers(prepare(rgb, target)[1]), recipe, ordered(pack, 2))
    assert figures["ab_rmse"] < 0.01 and figures["psnr"] > 80         # Lab and back in float32: errors of 1e-5
    expected = np.mean([hasler(p) for p in rgb.permute(0, 2, 3, 1).double().numpy()])
    assert figures["colorfulness"] == pytest.approx(expected, abs=0.01)


@settings(deadline=None, max_examples=15)
@given(count=st.integers(1, 11), batch_size=st.integers(1, 12), seed=st.integers(0, 99))
def test_a_mean_over_pictures_does_not_depend_on_the_batches(count, batch_size, seed):
    pack = a_pack(count, seed)
    answers = torch.rand(count, 2, 8, 8, generator=torch.Generator().manual_seed(seed)) * 0.4 - 0.2
    one, many = (evaluate(Answers(answers), RECIPE, ordered(pack, size)) for size in (1, batch_size))
    assert one == pytest.approx(many, rel=1e-5) and set(one) == {"ab_rmse", "psnr", "colorfulness"}


def test_figures_by_hand():
    pack, count = a_pack(4), 4
    rgb = truth(pack).permute(0, 2, 3, 1).double().numpy()
    guess = torch.rand(count, 2, 8, 8, generator=torch.Generator().manual_seed(1)) * 0.2 - 0.1
    figures = evaluate(Answers(guess), RECIPE, ordered(pack, 3))
    lab = rgb2lab(rgb)
    lab[..., 1:] = 110 * guess.permute(0, 2, 3, 1).numpy()
    made = to_rgb(lab)
    off = (rgb2lab(made) - rgb2lab(rgb))[..., 1:]
    # 0.05: Lab within 0.01 there and back, more where scikit-image clips at the edge of the gamut
    assert figures["ab_rmse"] == pytest.approx(np.mean((off**2).mean((1, 2, 3)) ** 0.5), abs=0.05)
    expected = np.mean([peak_signal_noise_ratio(t, m, data_range=1) for t, m in zip(rgb, made)])
    assert figures["psnr"] == pytest.approx(expected, abs=0.05)
    assert figures["colorfulness"] == pytest.approx(np.mean([hasler(m) for m in made]), abs=0.05)


@pytest.mark.parametrize("batch_size, at_most", [(2, 1000), (5, 1000), (2, 4), (3, 6)])
def test_baselines_by_hand(batch_size, at_most):
    train, held = a_pack(6, seed=1), a_pack(5, seed=2)
    found = baselines(RECIPE, ordered(train, batch_size), ordered(held, 2), at_most)
    rgb = truth(held).permute(0, 2, 3, 1).double().numpy()
    mean = rgb2lab(truth(train).permute(0, 2, 3, 1).double().numpy()[:at_most])[..., 1:].mean((0, 1, 2))

    def off(ab) -> float:
        lab = rgb2lab(rgb)
        lab[..., 1:] = ab
        return np.mean(((rgb2lab(to_rgb(lab)) - rgb2lab(rgb))[..., 1:] ** 2).mean((1, 2, 3)) ** 0.5)

    assert set(found) == {"grey_ab_rmse", "mean_ab_rmse", "true_colorfulness"}
    assert found["grey_ab_rmse"] == pytest.approx(off(0), abs=0.05)
    assert found["mean_ab_rmse"] == pytest.approx(off(mean), abs=0.05)
    assert found["true_colorfulness"] == pytest.approx(np.mean([hasler(p) for p in rgb]), abs=0.01)


def test_the_mean_baseline_is_exact_where_all_pictures_have_one_color():
    red, blue = (in_memory(np.broadcast_to(np.array(c, np.uint8), (3, 8, 8, 3)), list("abc"), "test")
                 for c in ((150, 90, 90), (90, 90, 150)))
    assert baselines(RECIPE, ordered(red, 2), ordered(red, 2))["mean_ab_rmse"] < 0.01
    red_to_blue = np.subtract(*(rgb2lab(truth(pack)[0, :, 0, 0].numpy()[None, None])[0, 0, 1:] for pack in (red, blue)))
    found = baselines(RECIPE, ordered(red, 2), ordered(blue, 2))["mean_ab_rmse"]
    assert found == pytest.approx((red_to_blue**2).mean() ** 0.5, abs=0.02)


class Norm:
    """A network of one norm and one dropout, to see in which mode it is asked."""

    def __init__(self):
        self.network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Tanh())

    def generate(self, x):
        return self.network(x)


def a_recipe(task=None, **fields) -> SimpleNamespace:
    """What held_out.py asks of a recipe, and nothing else."""
    return SimpleNamespace(task=lambda: task or Color("ab"), seed=0, **fields)


def color(step, recipe, rgb: torch.Tensor) -> torch.Tensor:
    """What the network makes of pictures: the middle row of a strip."""
    return samples(step, recipe, rgb)[1]


@pytest.mark.parametrize("norm", ["running", "batch"])
@pytest.mark.parametrize("dropout", [False, True])
def test_the_recipe_decides_the_mode_and_training_goes_on_as_before(norm, dropout):
    step = Norm()
    network = step.network.train()
    asked = []
    network.register_forward_hook(lambda m, *_: asked.append((m[1].training, m[1].track_running_stats, m[2].training)))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    recipe = a_recipe(norm_at_test=norm, dropout_at_test=dropout)
    out = answer(step, recipe, prepare(truth(a_pack(3)), "ab")[0])
    assert out.shape == (3, 2, 8, 8) and out.min() >= -1 and out.max() <= 1 and not out.requires_grad
    assert asked == [(norm == "batch", norm == "running", dropout)] * (3 if norm == "batch" else 1)
    assert all(m.training for m in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("norm", ["running", "batch"])
def test_a_picture_is_colored_alike_whatever_stands_beside_it(norm):
    step, rgb = Norm(), truth(a_pack(3))
    recipe = a_recipe(norm_at_test=norm, dropout_at_test=False)
    together = color(step, recipe, rgb)
    torch.testing.assert_close(together, torch.cat([color(step, recipe, one) for one in rgb.split(1)]))


def test_settling_takes_the_norms_over_the_first_training_pictures():
    """By hand: the 1x1 convolution of the first four pictures' L, its mean and variance batch by batch, averaged."""
    step, pack = Norm(), a_pack(6)
    conv, norm = step.network[0], step.network[1]
    settle(step, a_recipe(norm_at_test="running", norm_pictures=4, batch_size=2), ordered(pack, 3))
    seen = conv(prepare(truth(pack)[:4], "ab")[0])
    torch.testing.assert_close(norm.running_mean, torch.stack([b.mean((0, 2, 3)) for b in seen.split(2)]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([b.var((0, 2, 3)) for b in seen.split(2)]).mean(0))
    for off in ({"norm_at_test": "batch", "norm_pictures": 4}, {"norm_at_test": "running", "norm_pictures": 0}):
        before = norm.running_mean.clone()
        settle(step, a_recipe(batch_size=2, **off), ordered(a_pack(6, seed=9), 3))
        assert torch.equal(norm.running_mean, before)


def test_the_answer_depends_on_the_lightness_alone():
    """What is scored must not have seen the color: a picture and its grey twin are colored alike."""
    step, rgb = Norm(), truth(a_pack(3))
    lab = rgb_to_lab(rgb)
    grey = lab_to_rgb(torch.cat([lab[:, :1], torch.zeros_like(lab[:, 1:])], 1))
    torch.testing.assert_close(color(step, RECIPE, grey), color(step, RECIPE, rgb), atol=1e-4, rtol=0)


def test_a_strips_rows_are_what_it_sees_what_it_makes_of_it_and_the_truth():
    pack = a_pack(3)
    sees, makes, true = samples(Answers(prepare(truth(pack), "ab")[1]), RECIPE, truth(pack))
    assert sees.shape == (3, 3, 8, 8) and torch.equal(true, truth(pack))
    torch.testing.assert_close(makes, true, atol=1e-4, rtol=0)       # told the truth, it shows the truth; Lab and back in float32
    lab = rgb2lab(true.permute(0, 2, 3, 1).double().numpy())
    lab[..., 1:] = 0
    np.testing.assert_allclose(sees.permute(0, 2, 3, 1), to_rgb(lab), atol=2e-3)      # its own lightness, as the eye sees it


class Repeats:
    """A network that gives back what it is shown, and remembers it."""

    def __init__(self):
        self.network, self.seen = nn.Identity(), []

    def generate(self, x):
        self.seen.append(x)
        return x


NOISY = a_recipe(Denoise(0.1), norm_at_test="running", dropout_at_test=False, norm_pictures=5, batch_size=2)


@settings(deadline=None, max_examples=15)
@given(count=st.integers(1, 11), batch_size=st.integers(1, 12))
@example(count=11, batch_size=5)                                     # the last one joins the batch before
def test_the_noise_of_held_out_pictures_does_not_depend_on_the_batches(count, batch_size):
    pack, one, many = a_pack(count), Repeats(), Repeats()
    figures = [evaluate(step, NOISY, ordered(pack, size)) for step, size in ((one, 1), (many, batch_size))]
    assert torch.equal(torch.cat(one.seen), torch.cat(many.seen))    # bit for bit what each picture had alone
    assert figures[0] == pytest.approx(figures[1], rel=1e-12)
    naive = [baselines(NOISY, ordered(pack, 2), ordered(pack, size)) for size in (1, batch_size)]
    assert naive[0] == pytest.approx(naive[1], rel=1e-12)


def test_held_out_noise_is_each_pictures_own_and_the_figures_are_its_psnr():
    """Pictures that are equal must not get equal noise; whoever gives back what it sees scores what leaving it noisy scores."""
    flat = in_memory(np.full((5, 8, 8, 3), 128, np.uint8), list("abcde"), "test")
    figures = evaluate(step := Repeats(), NOISY, ordered(flat, 2))
    noise = torch.cat(step.seen) - 128 / 255
    torch.testing.assert_close(noise, 0.1 * gaussian_noise(5, 8, 8, SEED), atol=1e-6, rtol=0)
    assert len({picture.numpy().tobytes() for picture in noise}) == 5
    assert figures == pytest.approx({"psnr": (-10 * (noise**2).mean((1, 2, 3)).log10()).mean().item()}, abs=1e-3)
    assert baselines(NOISY, ordered(flat, 3), ordered(flat, 3))["noisy_psnr"] == pytest.approx(figures["psnr"])


def test_settling_spreads_over_the_list_and_gives_each_picture_noise_of_its_own():
    shades = np.arange(10, dtype=np.uint8)[:, None, None, None] * 20 + np.zeros((10, 8, 8, 3), np.uint8)
    settle(step := Repeats(), NOISY, ordered(in_memory(shades, list("abcdefghij"), "test"), 3))
    clean = torch.tensor([0, 40, 80, 120, 160]) / 255                # every second one
    noise = (torch.cat(step.seen) - clean[:, None, None, None]) / 0.1
    assert noise.abs().max() < 5.5 and torch.pdist(noise.flatten(1)).min() > 5       # 64 independent pixels: about 11 apart
