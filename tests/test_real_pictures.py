"""Real old photographs, paintings and plate scans are read whole; a real album packs, splits and colors."""

import contextlib
from dataclasses import replace

import pytest
from PIL import Image

from minicolor import checkpoint
from minicolor.coloring import Colorizer
from minicolor.data import photos
from minicolor.data.pack import pack
from minicolor.data.split import split
from minicolor.recipe import to_dict
from minicolor.recipes.pix2pix_lab import QUICK


@pytest.mark.parametrize("folder", ["historical", "paintings", "set12"])
def test_every_file_is_read_in_its_size(real_pictures, folder):
    files = sorted(p for p in (real_pictures / folder).iterdir() if photos.is_photo(p.name))
    assert files
    for path in files:
        with Image.open(path) as im:                               # none of them is rotated by EXIF
            assert photos.read(path).rgb.shape == (im.height, im.width, 3), path.name


def test_old_photographs_color_at_full_resolution(real_pictures, tmp_path):
    recipe = replace(QUICK, size=64, base=4)                       # untrained: this is about sizes, not about beauty
    networks = {n: net.state_dict() for n, net in recipe.build(contextlib.nullcontext).networks.items()}
    checkpoint.save(tmp_path / "best.pt", {"recipe": to_dict(recipe), "networks": networks})
    colorizer = Colorizer(tmp_path)
    for path in sorted((real_pictures / "historical").iterdir())[:4]:
        rgb = photos.read(path).rgb
        assert colorizer(rgb).shape == rgb.shape


def test_an_album_packs_whole_and_splits(real_pictures, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for path in sorted((real_pictures / "landscapes").iterdir())[:100]:
        (album / path.name).write_bytes(path.read_bytes())
    packed = pack(album, tmp_path / "pack", size=64, progress=False)
    assert len(packed) == 100 and packed.skipped == ()
    parts = split(packed.keys)
    assert sorted(sum(parts.values(), [])) == list(range(100)) and 65 < len(parts["train"]) < 92
