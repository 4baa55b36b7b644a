"""A recipe says what it is, survives a checkpoint unchanged, and refuses what no training could use."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicolor import recipe as recipes
from minicolor.errors import BadInput

ALL = [(name, which) for name in recipes.names() for which in ("RECIPE", "QUICK")]


@pytest.mark.parametrize(("name", "which"), ALL)
def test_every_recipe_is_valid_and_survives_json(name, which):
    recipe = getattr(recipes.load(name), which)
    assert recipe.check() is recipe
    assert recipes.from_dict(json.loads(json.dumps(recipes.to_dict(recipe)))) == recipe


@pytest.mark.parametrize(("name", "which"), ALL)
def test_every_field_is_explained(name, which):
    recipe = getattr(recipes.load(name), which)
    explained = recipes.comments(recipe)
    assert [f.name for f in dataclasses.fields(recipe) if not explained.get(f.name)] == []


@given(st.text(max_size=12).filter(lambda name: name not in recipes.names()))
def test_any_other_name_is_refused_with_suggestions(name):
    with pytest.raises(BadInput, match="--list") as e:
        recipes.load(name)
    suggested = str(e.value).rpartition("did you mean ")[2].partition("?")[0].split(" or ")
    assert suggested and set(suggested) <= set(recipes.names())


@pytest.mark.parametrize(("name", "meant"), [("pix2pics", "pix2pix"), ("dncn", "dncnn"), ("cycle_gan", "cyclegan"),
                                             ("sr-gan", "srgan")])
def test_a_slip_of_the_finger_is_understood(name, meant):
    with pytest.raises(BadInput, match=f"did you mean .*{meant}"):
        recipes.load(name)


def test_crops_fit_into_the_pictures():
    quick = recipes.load("dncnn").QUICK
    for fields in ({"crop": 0}, {"crop": 16}, {"crop": quick.size}, {"crop": 40, "crops": 3}):
        dataclasses.replace(quick, **{"crops": 1} | fields).check()
    for field, fields in (("crop", {"crop": 14}), ("crop", {"crop": -16}), ("crop", {"crop": quick.size + 2}),
                          ("crop", {"crop": 41}), ("crops", {"crop": 40, "crops": 0}), ("crops", {"crop": 0, "crops": 2})):
        with pytest.raises(BadInput, match=f"^--{field} {fields[field]}: expected"):
            dataclasses.replace(quick, **{"crops": 1} | fields).check()


def test_the_reports_own_numbers():
    """From the reports' text, not from our code: A6 III.B has 2500 pictures; C1 6.5 has 100 epochs and flips only."""
    a6, c1 = recipes.load("pix2pix").RECIPE, recipes.load("pix2pix_lab").RECIPE
    assert (a6.pictures, a6.size, a6.target, a6.experiment) == (2500, 256, "rgb", "A6")
    assert (c1.epochs, c1.size, c1.levels, c1.base, c1.target, c1.jitter, c1.flip) == (100, 256, 8, 64, "ab", 1.0, True)
    assert a6.l1_weight == c1.l1_weight == 100


@pytest.mark.parametrize(("size", "crop", "levels"), [
    (256, 0, 8), (128, 0, 7), (96, 0, 5), (64, 0, 6), (224, 0, 5), (512, 0, 8),
    (256, 128, 7), (256, 96, 5), (224, 128, 5), (64, 64, 6),
])  # fmt: skip
def test_the_unet_is_as_deep_as_the_size_allows(size, crop, levels):
    """It is trained on the crops and used on the whole pictures: both must be halved so often."""
    from contextlib import nullcontext

    small = dataclasses.replace(recipes.load("pix2pix_lab").RECIPE, size=size, crop=crop, base=1).check()
    assert small.build(nullcontext).networks["generator"].levels == levels
