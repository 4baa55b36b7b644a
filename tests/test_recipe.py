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
    with pytest.raises(BadInput, match="pix2pix"):
        recipes.load(name)


def test_the_reports_own_numbers():
    """From the reports' text, not from our code: A6 III.B has 2500 pictures; C1 6.5 has 100 epochs and flips only."""
    a6, c1 = recipes.load("pix2pix").RECIPE, recipes.load("pix2pix_lab").RECIPE
    assert (a6.pictures, a6.size, a6.target, a6.experiment) == (2500, 256, "rgb", "A6")
    assert (c1.epochs, c1.size, c1.levels, c1.base, c1.target, c1.jitter, c1.flip) == (100, 256, 8, 64, "ab", 1.0, True)
    assert a6.l1_weight == c1.l1_weight == 100


@pytest.mark.parametrize(("size", "levels"), [(256, 8), (128, 7), (96, 5), (64, 6), (224, 5), (512, 8)])
def test_the_unet_is_as_deep_as_the_size_allows(size, levels):
    from contextlib import nullcontext

    small = dataclasses.replace(recipes.load("pix2pix_lab").RECIPE, size=size, base=1)
    assert small.build(nullcontext).networks["generator"].levels == levels
