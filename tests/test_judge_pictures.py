"""What is judged: pictures that no run was trained on, real and colored in one size and format, real ones to the last bit."""

import io
import json
import os
import shutil

import numpy as np
import pytest
import torch
from judged import make_run
from PIL import Image
from skimage.color import rgb2lab

from minicolor import checkpoint
from minicolor.coloring import Colorizer
from minicolor.data.scenes import draw
from minicolor.errors import BadInput
from minicolor.judging.pictures import Gallery, wrong
from minicolor.judging.plan import REAL, WRONG
from minicolor.recipe import to_dict
from minicolor.recipes import dncnn


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of the same pictures and split, and one of twice the size."""
    room = tmp_path_factory.mktemp("runs")
    return {"a": make_run(room / "a"), "b": make_run(room / "b", 1), "large": make_run(room / "large", size=64)}


def pixels(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG" and image.mode == "RGB" and not image.info
    return np.asarray(image)


def number(name: str) -> int:
    return int(name.rsplit("-", 1)[1])


def test_one_run(runs):
    gallery, colorizer = Gallery([runs["a"]], 1000), Colorizer(runs["a"])
    parts = json.loads((runs["a"] / "split.json").read_text())
    assert sorted(gallery.names) == sorted(parts["test"]) and not set(gallery.names) & {*parts["train"], *parts["val"]}
    for i, name in enumerate(gallery.names):
        (_, real), (_, colored) = versions = list(gallery.photo(i, check=False))
        assert [version for version, _ in versions] == [REAL, 1]
        truth = draw(0, number(name), 32).rgb
        np.testing.assert_array_equal(pixels(real), truth)
        np.testing.assert_array_equal(pixels(colored), colorizer(truth))


def test_no_length_of_a_file_says_what_it_is(runs):
    """Compressed, a drawing with its few colors would be shorter than its coloring with many."""
    gallery = Gallery([runs["a"], runs["b"]], 6)
    assert len({len(data) for i in range(6) for _, data in gallery.photo(i, check=i < 2)}) == 1


def test_of_real_photographs_nothing_but_the_color_differs(real_pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (folder := tmp_path / "photos").mkdir()
    for path in sorted((real_pictures / "landscapes").glob("*.jpg"))[:60]:
        shutil.copy(path, folder)
    gallery = Gallery([make_run(tmp_path / "run", data=str(folder), size=64)], 4)
    assert len(gallery.names) > 2
    for i in range(len(gallery.names)):
        real, colored = (pixels(data) for _, data in gallery.photo(i, check=False))
        off = np.abs(rgb2lab(real) - rgb2lab(colored))
        assert off[..., 0].max() < 0.4 and off[..., 1:].max() > 5    # half of one of 255 levels is up to 0.2 of L


def test_the_order_says_nothing_and_fewer_are_the_first_of_it(runs):
    names = Gallery([runs["a"]], 1000).names
    assert names != sorted(names) and Gallery([runs["a"]], 3).names == names[:3]


def test_runs_are_compared_on_the_same_pictures_in_the_largest_size(runs):
    gallery = Gallery([runs["a"], runs["b"], runs["large"]], 4)
    for i, name in enumerate(gallery.names):
        shown = dict(gallery.photo(i, check=False))
        assert list(shown) == [REAL, 1, 2, 3] and {pixels(data).shape for data in shown.values()} == {(64, 64, 3)}
        np.testing.assert_array_equal(pixels(shown[REAL]), draw(0, number(name), 64).rgb)
        assert len(set(shown.values())) == 4


def test_checks_are_the_real_picture_and_one_that_nobody_takes_for_it(runs):
    """Strong color of every hue from left to right, even on a grey picture; the lightness is the picture's own."""
    shown = dict(Gallery([runs["a"]], 1).photo(0, check=True))
    assert list(shown) == [REAL, WRONG]
    grey = np.random.default_rng(0).integers(100, 150, (48, 96, 1), np.uint8).repeat(3, axis=2)
    before, lab = rgb2lab(grey), rgb2lab(wrong(grey))
    chroma = np.linalg.norm(lab[..., 1:], axis=-1)
    hue = np.arctan2(lab[..., 2], lab[..., 1]).mean(0) % (2 * np.pi)
    assert np.abs(lab[..., 0] - before[..., 0]).max() < 1 and chroma.mean() > 30
    assert len(np.unique((hue * 4 / np.pi).astype(int))) == 8               # every eighth of the circle


def test_a_fourth_plane_is_not_shown(runs):
    gallery = Gallery([runs["a"]], 1)
    real = dict(gallery.photo(0, False))[REAL]
    pack = gallery.pack
    object.__setattr__(pack, "pictures", np.concatenate([pack.pictures, pack.pictures[..., :1]], axis=-1))
    assert dict(gallery.photo(0, False))[REAL] == real


def test_runs_without_a_common_picture(runs, tmp_path):
    stranger = make_run(tmp_path / "stranger", pictures=30)      # another draw: its split is of another pack
    text = json.loads((stranger / "split.json").read_text())
    used = set(json.loads((runs["a"] / "split.json").read_text())["test"])
    spare = [name for name in text["train"] if name not in used][:2]
    text["train"] = [name for name in [*text["train"], *text["test"]] if name not in spare]
    text["test"] = spare
    (stranger / "split.json").write_text(json.dumps(text))
    with pytest.raises(BadInput, match="no picture is in the test part of every one"):
        Gallery([runs["a"], stranger], 10)


def test_what_is_no_run_for_this(tmp_path, runs):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"no best\.pt"):
        Gallery([str(tmp_path / "empty")], 10)

    alone = tmp_path / "alone.pt"
    alone.write_bytes((runs["a"] / "best.pt").read_bytes())
    with pytest.raises(BadInput, match=r"split\.json"):
        Gallery([str(alone)], 10)

    torch.manual_seed(0)
    recipe = dncnn.QUICK
    networks = {name: net.state_dict() for name, net in recipe.build(lambda: None).networks.items()}
    checkpoint.save(tmp_path / "best.pt", {"recipe": to_dict(recipe), "networks": networks})
    with pytest.raises(BadInput, match="gives no color"):
        Gallery([str(tmp_path)], 10)


def test_photographs_in_a_folder_whatever_their_names_are_and_wherever_they_move(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)                                  # packs/ is made where one stands
    (folder := tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):                                          # bytes that are no text are no reason to stop
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / os.fsdecode(b"%d\xff.png" % i))
    run = make_run(tmp_path / "run", data=str(folder))
    before = Gallery([run], 10)
    assert before.names and all(name.encode() for name in before.names)
    folder.rename(tmp_path / "moved")
    assert Gallery([run], 10, data=str(tmp_path / "moved")).names == before.names
    with pytest.raises(BadInput, match="photos"):
        Gallery([run], 10)
    with pytest.raises(BadInput, match="no such folder"):
        Gallery([runs["a"]], 10, data=str(tmp_path / "nowhere"))
