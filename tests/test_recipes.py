"""Every recipe: the report's own numbers, a small run from start to page, a colored photograph, and bad flags in one sentence."""

import functools
import math
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from minicolor import checkpoint
from minicolor import recipe as recipes
from minicolor.coloring import Colorizer
from minicolor.data.photos import read
from minicolor.errors import BadInput
from minicolor.fit import fit

NAMES = recipes.names()
GREY = {"classify", "dncnn", "segment", "srgan", "vae_flat", "vae_spatial"}                 # what gives no color
AUTOENCODER = {"size": 160, "epochs": 50, "batch_size": 50, "lr": 1e-3, "pictures": 3000, "flip": False, "jitter": 1}
E = {"pictures": 650, "size": 256, "batch_size": 1, "epochs": 10, "lr": 2e-4, "beta1": 0.5, "l1_weight": 100, "kernel_size": 5,
     "blur": 0.7, "equalize": True, "flip": False}
D = {"size": 256, "pictures": 5589, "min_aspect": 0.5, "max_aspect": 1.5, "convs": 2, "activation": "leaky",
     "output": "sigmoid", "grain": 0, "psnr_weight": 0, "mse_weight": 0}
REPORTED = {                                                    # from the reports' text and tables, by hand
    "ae_plain3": AUTOENCODER | {"experiment": "B1", "levels": 3, "skips": False},
    "ae_plain5": AUTOENCODER | {"experiment": "B2", "levels": 5, "skips": False},
    "ae_skip3": AUTOENCODER | {"experiment": "B3", "levels": 3, "skips": True},
    "ae_skip5": AUTOENCODER | {"experiment": "B4", "levels": 5, "skips": True},
    "cae": {"experiment": "A4", "size": 224, "mse_weight": 1, "l1_weight": 0, "pictures": 2500},
    "classify": {"experiment": "C2", "grey": True},
    "cyclegan": {"experiment": "A12", "lr": 2e-4, "epochs": 200, "decay": 0.5, "pool": 50, "cycle_weight": 10, "blocks": 9},
    "dncnn": {"experiment": "A3", "sigma": 7.65 / 255, "epochs": 200, "pictures": 1300, "size": 256, "residual": True,
              "depth": 17},
    "pix2pix": {"experiment": "A6", "pictures": 2500, "size": 256, "target": "rgb", "l1_weight": 100, "beta1": 0.5},
    "pix2pix_lab": {"experiment": "C1", "epochs": 100, "target": "ab", "levels": 8, "base": 64, "flip": True, "jitter": 1},
    "recolor_lpips": E | {"experiment": "E2", "lpips_weight": 50},
    "recolor_pix2pix": E | {"experiment": "E1", "lpips_weight": 0},
    "recolor_wgan": E | {"experiment": "E3", "lpips_weight": 0, "critic_steps": 5, "penalty_weight": 10, "d_norm": "batch"},
    "recolor_wgan_lpips": E | {"experiment": "E4", "lpips_weight": 50, "critic_steps": 5, "penalty_weight": 10},
    "residual_unet": {"experiment": "A5", "size": 256, "mse_weight": 1, "l1_weight": 0, "base": 32},
    "resnet_unet_gan": {"experiment": "C3", "epochs": 20, "size": 256, "l1_weight": 100},
    "resnet_unet_l1": {"experiment": "C2", "epochs": 20, "size": 256, "init": "resnet18"},
    "segment": {"experiment": "D2"},
    "srgan": {"experiment": "A12", "lr": 1e-4, "blocks": 16, "gan_weight": 1e-3, "crop": 96},
    "superres_fusion": D | {"experiment": "D2", "epochs": 30, "levels": 4, "mae_weight": 1, "ssim_weight": 1},
    "superres_gan": D | {"experiment": "D3", "epochs": 50, "lr": 1e-5, "mae_weight": 150, "ssim_weight": 0, "levels": 5},
    "superres_unet": D | {"experiment": "D1", "epochs": 30, "mae_weight": 1, "ssim_weight": 1, "levels": 5},
    "vae_flat": {"experiment": "A2", "sigma": 7.65 / 255, "spatial": False},
    "vae_spatial": {"experiment": "A2", "sigma": 7.65 / 255, "spatial": True},
}
TINY = {"pictures": 24, "size": 64, "epochs": 1, "batch_size": 4, "norm_pictures": 8}
NARROW = {"base": 4, "d_base": 4, "width": 4, "depth": 3, "narrow": 16, "latent": 4, "blocks": 1, "critic_steps": 2}
AFTER = {                                                       # field -> the run that it names
    "recolor_lpips": ("features", "classify"), "recolor_wgan_lpips": ("features", "classify"),
    "resnet_unet_l1": ("init", "classify"), "resnet_unet_gan": ("init", "resnet_unet_l1"),
    "superres_fusion": ("init", "segment"), "superres_gan": ("init", "superres_unet"),
}


def narrow(name: str) -> recipes.Recipe:
    quick = recipes.load(name).QUICK
    return replace(quick, **TINY, **{field: value for field, value in NARROW.items() if hasattr(quick, field)})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """name -> (its run's folder, what fit returned), each trained once, with the run that it needs before it."""
    folder, packs = tmp_path_factory.mktemp("runs"), {}

    @functools.cache
    def run(name):
        recipe = narrow(name)
        if name in AFTER:
            field, before = AFTER[name]
            recipe = replace(recipe, **{field: str(run(before)[0])})
        recipe = recipe.check()
        opened = type(recipe).open                              # the scenes alone, with their masks, or with their labels
        packs[opened] = packs.get(opened) or recipe.open()
        return folder / name, fit(recipe, packs[opened], folder / name, quiet=True)

    return run


def test_the_table_of_reported_numbers_has_every_recipe():
    assert sorted(REPORTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_has_the_reports_own_numbers(name):
    module = recipes.load(name)
    assert {field: getattr(module.RECIPE, field) for field in REPORTED[name]} == REPORTED[name]
    for recipe in (module.RECIPE, module.QUICK):
        assert recipe.check() is recipe and recipe.name == name and recipe.experiment == REPORTED[name]["experiment"]
    assert module.QUICK.source == module.RECIPE.source


@pytest.mark.parametrize("name, network, parameters", [
    ("ae_plain3", "network", 2_958_890), ("ae_plain5", "network", 7_974_698),              # report B's tables, trainable
    ("ae_skip3", "network", 3_257_294), ("ae_skip5", "network", 9_600_206),
    ("cae", "network", 9 * 16 + 16 + 9 * 16 * 8 + 8 + 4 * 8 * 16 + 16 + 4 * 16 * 2 + 2),    # report A's Table I
    ("classify", "network", 11_689_512 - 1000 * 513 + 5 * 513),                             # He et al.'s, with five classes
    ("dncnn", "network", 9 * 64 + 64 + 15 * (9 * 64 * 64 + 2 * 64) + 9 * 64 + 1),            # Zhang et al., 17 layers
])
def test_the_networks_have_the_reports_size(name, network, parameters):
    with torch.device("meta"):
        step = recipes.load(name).RECIPE.build(nullcontext)
    assert sum(p.numel() for p in step.networks[network].parameters()) == parameters


@pytest.mark.parametrize("name", NAMES)
def test_the_full_size_builds(name):
    with torch.device("meta"):
        step = recipes.load(name).RECIPE.build(nullcontext)
    assert all(any(p.requires_grad for p in network.parameters()) for network in step.networks.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_small_run_goes_through(name, trained):
    out, results = trained(name)
    recipe = narrow(name)
    assert (out / "report.html").stat().st_size > 10_000 and "html" in (out / "report.html").read_text()[:40]
    task = recipe.task()
    assert results["judged_by"]["figure"] == task.figure and results["epochs"] == 1
    assert {task.figure, *task.to_beat} <= results["test"].keys()
    assert all(math.isfinite(value) for value in results["test"].values())
    assert all(math.isfinite(value) for row in results["history"] for value in row.values())
    if name in AFTER:
        field, before = AFTER[name]
        assert results["recipe"][field] == str(trained(before)[0])
    if "lpips" in name:                                         # our own features are never called LPIPS
        loss = [key for key in results["history"][0] if key.endswith("features")]
        assert loss and not [key for key in results["history"][0] if "lpips" in key]


@pytest.mark.parametrize("name, network, inside", [
    ("resnet_unet_l1", "network", "body."), ("resnet_unet_gan", "generator", ""),
    ("superres_fusion", "network", "segmenter."), ("superres_gan", "generator", ""),
])
def test_what_init_names_is_where_it_starts(name, network, inside, trained):
    """A new step, begun as fit begins it: what the earlier run learned is in it, and the rest is not from there."""
    before = checkpoint.load(trained(AFTER[name][1])[0] / "best.pt")["networks"]
    step = narrow(name).build(nullcontext)
    fresh = {key: value.clone() for key, value in step.networks[network].state_dict().items()}
    replace(narrow(name), init="a run").begin(step, before)
    (given,) = before.values()
    now = step.networks[network].state_dict()
    taken = {inside + key for key, value in given.items() if inside + key in now and torch.equal(now[inside + key], value)}
    changed = {key for key, value in now.items() if not torch.equal(value, fresh[key])}
    assert changed and all(key.startswith(inside) for key in changed)
    assert changed - taken <= {"body.conv1.weight"} and len(taken) > 10         # that one has one channel now, not three
    assert inside or taken == set(given)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in GREY])
def test_every_run_that_knows_color_colors_a_photograph(name, trained):
    photograph = np.random.default_rng(0).integers(0, 256, (41, 70, 3), np.uint8)
    colored = Colorizer(trained(name)[0])(photograph)
    assert colored.shape == photograph.shape and colored.dtype == np.uint8
    from skimage.color import rgb2lab
    lightness = [rgb2lab(picture)[..., 0] for picture in (photograph, colored)]
    assert np.abs(lightness[0] - lightness[1]).max() < 1         # the photograph's own, but for rounding to bytes


def test_a_real_photograph_too(trained, real_pictures):
    paths = sorted((real_pictures / "landscapes").rglob("*.jpg"))
    if not paths:
        pytest.skip("no landscapes in ../shared/data")
    photograph = read(paths[0]).rgb[:41, :70]
    assert Colorizer(trained("superres_unet")[0])(photograph).shape == photograph.shape


@pytest.mark.parametrize("name", sorted(GREY))
def test_runs_without_color_are_refused_in_one_sentence(name, trained):
    with pytest.raises(BadInput, match=f"a run of {name}, which gives no color") as e:
        Colorizer(trained(name)[0])
    assert "\n" not in str(e.value)


E_BAD = {"kernel_size": 4, "blur": 0.0, "d_norm": "layer", "levels": 1, "init_std": 0.0, "l1_weight": -1.0, "lpips_weight": -1.0,
         "beta1": 1.0, "base": 0, "d_base": 0}
D_BAD = {"levels": 9, "convs": 4, "activation": "gelu", "output": "tanh", "ssim_weight": -1.0, "kernel_size": 33, "blur": -1.0,
         "grain": 2.0, "clip_limit": -1.0, "max_aspect": 0.4, "base": 0}
BAD = {
    "ae_plain3": {"levels": 4, "narrow": 3}, "cae": {"l1_weight": -1.0, "mse_weight": 0.0, "size": 66, "crop": 18},
    "ae_skip5": {"levels": 6, "crop": 48}, "ae_plain5": {"narrow": 0}, "ae_skip3": {"levels": 0, "narrow": 32},
    "classify": {"base": 0, "data": "photographs"}, "residual_unet": {"base": 0, "size": 72, "mse_weight": -1.0},
    "cyclegan": {"batch_size": 1, "pool": -1, "blocks": 0, "cycle_weight": -1.0, "identity_weight": -1.0, "beta1": -0.1,
                 "crop": 20},
    "dncnn": {"sigma": 25.0, "depth": 1, "width": 0, "crop": 41}, "pix2pix": {"target": "xyz", "levels": 1, "crop": 100},
    "pix2pix_lab": {"target": "", "beta1": 1.0, "l1_weight": math.inf}, "recolor_pix2pix": E_BAD, "recolor_lpips": E_BAD,
    "recolor_wgan": E_BAD | {"critic_steps": 0, "penalty_weight": -1.0}, "recolor_wgan_lpips": {"penalty_weight": math.nan},
    "resnet_unet_l1": {"base": 5, "crop": 48}, "resnet_unet_gan": {"base": 2, "d_base": 0, "l1_weight": -1.0, "beta1": 2.0},
    "segment": {"data": "photographs", "jitter": 1.1, "batch_size": 1, "norm_at_test": "batch"},
    "srgan": {"scale": 3, "blocks": 0, "mse_weight": 0.0, "gan_weight": -1.0, "crop": 40, "beta1": 1.0},
    "superres_unet": D_BAD, "superres_fusion": D_BAD | {"classes": 1, "init": ""},
    "superres_gan": D_BAD | {"mae_weight": -1.0, "beta1": 1.0, "d_base": 0},
    "vae_flat": {"sigma": 0.0, "latent": 0, "base": 0, "beta": -1.0, "crop": 32}, "vae_spatial": {"sigma": math.nan, "crop": 40},
}


@pytest.mark.parametrize("name, field, value", [(name, *item) for name in NAMES for item in BAD[name].items()])
def test_a_bad_flag_is_named_in_one_sentence(name, field, value):
    with pytest.raises(BadInput) as e:
        replace(recipes.load(name).QUICK, **{field: value}).check()
    text = str(e.value)
    assert text.startswith(f"--{field.replace('_', '-')} {value}: expected ") and "\n" not in text


def test_fields_that_are_bad_together():
    wgan, unet = recipes.load("recolor_wgan").RECIPE, recipes.load("superres_unet").QUICK
    with pytest.raises(BadInput, match="--d-norm batch: expected instance or none where --batch-size is above 1"):
        replace(wgan, batch_size=2).check()
    with pytest.raises(BadInput, match="--mae-weight 0.0: expected above 0"):                # nothing left to learn from
        replace(unet, mae_weight=0.0, ssim_weight=0.0).check()
    replace(unet, mae_weight=0.0, ssim_weight=0.0, mse_weight=1.0).check()
    gan = replace(narrow("superres_gan"), mae_weight=0.0).check()                             # its discriminator is left
    step = gan.build(nullcontext)
    assert "l1" not in " ".join(step.step(*gan.task().prepare(torch.rand(2, 3, 64, 64))))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("vae_flat", "classify", "segment")])
def test_a_crop_that_check_takes_can_be_trained_on(name):
    side = next(c for c in range(16, 65) if _fine(replace(narrow(name), crop=c)))
    recipe = replace(narrow(name), crop=side, batch_size=2).check()
    losses = recipe.build(nullcontext).step(*recipe.task().prepare(torch.rand(2, 3, side, side)))
    assert all(loss.isfinite() for loss in losses.values())


def _fine(recipe) -> bool:
    try:
        return bool(recipe.check())
    except BadInput:
        return False
