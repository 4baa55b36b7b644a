"""A named set is found in any layout its owners gave it, the right folder is trained on, a missing one says how to get it."""

import re
from pathlib import Path

import pytest

from minicolor.data import sets
from minicolor.errors import BadInput

# what each archive unpacks to: (folder as the owners name it, files to put there, what shall be trained on)
LAYOUTS = [
    ("imagenette", ["imagenette2-320/train/n01440764/a.JPEG", "imagenette2-320/val/n01440764/b.JPEG"], "imagenette2-320/train"),
    ("imagenette", ["imagenette2-160/train/n03888257/a.JPEG"], "imagenette2-160/train"),
    ("imagenette", ["imagenette2/train/n03888257/a.JPEG", "imagenette2/noisy_imagenette.csv"], "imagenette2/train"),
    ("coco", ["train2017/000000000009.jpg", "val2017/000000000139.jpg", "annotations/x.json"], "train2017"),
    ("coco_val", ["val2017/000000000139.jpg"], "val2017"),
    ("mirflickr25k", ["mirflickr/im1.jpg", "mirflickr/im25000.jpg", "mirflickr/doc/readme.txt"], "mirflickr"),
    ("celeba", ["img_align_celeba/000001.jpg"], "img_align_celeba"),
    ("celeba", ["img_align_celeba/img_align_celeba/000001.jpg", "list_attr_celeba.csv"], "img_align_celeba/img_align_celeba"),
    ("flickr30k", ["flickr30k_images/1000092795.jpg"], "flickr30k_images"),
    ("flickr30k", ["flickr30k_images/flickr30k_images/1000092795.jpg", "flickr30k_images/results.csv"],
     "flickr30k_images/flickr30k_images"),
    ("flickr30k", ["flickr30k-images/1000092795.jpg"], "flickr30k-images"),
    ("landscapes", ["landscape Images/color/0.jpg", "landscape Images/gray/0.jpg"], "landscape Images/color"),
    ("bsd68", [f"BSD68/test{i:03}.png" for i in range(1, 69)], "BSD68"),
    ("bsd68", [f"testsets/BSD68/test{i:03}.png" for i in range(1, 69)] + ["testsets/Set12/01.png"], "testsets/BSD68"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICOLOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(folder: Path, files: list[str]) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize("wrapped", ["", "archive/"])
@pytest.mark.parametrize(("name", "files", "train"), LAYOUTS)
def test_each_layout_is_recognised_and_gives_the_folder_to_train_on(tmp_path, cache, name, files, train, wrapped):
    folder = fill(tmp_path / "somewhere", [wrapped + file for file in files])
    assert sets.recognise(folder) is sets.SETS[name] and sets.pictures(str(folder)) == folder / (wrapped + train)
    fill(cache / "data" / name, [wrapped + file for file in files])
    assert sets.locate(name) == cache / "data" / name / (wrapped + train)


@pytest.mark.parametrize(("name", "files", "train"), LAYOUTS)
def test_pointing_right_at_the_pictures_or_above_is_the_same(tmp_path, name, files, train):
    fill(tmp_path, files)
    place = tmp_path / train
    while place != tmp_path:
        assert sets.recognise(place) is sets.SETS[name] and sets.pictures(place) == tmp_path / train
        place = place.parent


def test_pointing_right_at_the_pictures_works_from_inside(tmp_path, monkeypatch):
    monkeypatch.chdir(fill(tmp_path, LAYOUTS[0][1]) / "imagenette2-320")
    assert sets.pictures(".") == Path("train")
    monkeypatch.chdir("train")
    assert sets.recognise(".").name == "imagenette" and sets.pictures(".").resolve() == tmp_path / "imagenette2-320" / "train"


@pytest.mark.parametrize("files", [
    ["holiday/1.jpg"], ["train/n01440764/a.JPEG"], ["train2017/beach.jpg"], ["img_align_celeba/list.txt"],
    ["landscape Images/color/0.jpg"], ["BSD68/test001.png"], [f"BSD68/test{i:03}.png" for i in range(1, 70)], ["readme.txt"],
    ["landscape Images/gray/0.jpg"], [".hidden/train2017/000000000009.jpg"], ["a/b/train2017/000000000009.jpg"],
])  # fmt: skip
def test_a_users_own_pictures_are_their_own(tmp_path, files):
    folder = fill(tmp_path / "own", files)
    assert sets.recognise(folder) is None and sets.pictures(folder) == folder


def test_what_is_not_there_is_nothing(tmp_path):
    assert sets.recognise(tmp_path / "no") is None and sets.pictures(tmp_path / "no") == tmp_path / "no"
    (tmp_path / "file").write_bytes(b"")
    assert sets.recognise(tmp_path / "file") is None


@pytest.mark.parametrize(("archive", "name"), [
    ("img_align_celeba.zip", "celeba"), ("imagenette2-320.tgz", "imagenette"), ("train2017.zip", "coco"),
    ("mirflickr25k.zip", "mirflickr25k"), ("flickr30k-images.tar.gz", "flickr30k"), ("landscapes.zip", "landscapes"),
])  # fmt: skip
def test_an_archive_that_is_not_unpacked_is_recognised_but_not_trained_on(tmp_path, archive, name):
    folder = fill(tmp_path / "own", [archive])
    assert sets.recognise(folder) is sets.SETS[name]
    with pytest.raises(BadInput, match=f"not yet unpacked: run `python -m minicolor.data.download data {name} --to ") as e:
        sets.pictures(folder)
    assert str(folder) in str(e.value)
    fill(folder, ["holiday.jpg"])                                   # an archive among pictures is nobody's data set
    assert sets.recognise(folder) is None and sets.pictures(folder) == folder


@pytest.mark.parametrize("name", sets.SETS)
def test_a_missing_set_says_how_to_get_it_in_one_sentence(cache, name):
    with pytest.raises(BadInput) as e:
        sets.locate(name)
    text, which = str(e.value), sets.SETS[name]
    assert "\n" not in text and "{" not in text and str(cache / "data" / name) in text
    if which.address:
        assert f"run `python -m minicolor.data.download data {name}`" in text
    else:
        assert all(f"({i})" in text for i in range(1, len(which.steps) + 1)) and "https://" in text


def test_a_half_set_is_not_there(cache):
    fill(cache / "data" / "landscapes", ["landscape Images/color/0.jpg"])
    with pytest.raises(BadInput, match="landscapes is not in"):
        sets.locate("landscapes")


@pytest.mark.parametrize(("name", "said"), [
    ("imagenet", "nearest names are imagenette"), ("celebA", "celeba"), ("xyz", "imagenette, coco"),
])  # fmt: skip
def test_an_unknown_name_gets_the_nearest(name, said):
    with pytest.raises(BadInput, match=said):
        sets.locate(name)


def test_the_table_is_complete():
    assert {"imagenette", "coco", "celeba", "flickr30k", "landscapes", "mirflickr25k", "bsd68"} <= set(sets.SETS)
    for name, which in sets.SETS.items():
        assert name == which.name and which.what and which.terms and which.page.startswith("https://") and re.compile(which.entry)
        assert bool(which.address) != bool(which.steps), name
        assert which.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", which.sha256)
        if which.address:
            assert which.size > 0 and which.address.endswith(sets.ARCHIVES)


def test_names_of_archives_without_their_endings():
    for name in ("a.zip", "a.TGZ", "a.tar.gz", "a.tar"):
        assert sets.stem(Path("x") / name) == "a"
    assert sets.stem(Path("a.b.zip")) == "a.b"


def test_real_bsd68_is_recognised(real_pictures):
    if not (real_pictures / "bsd68").is_dir():
        pytest.skip("no bsd68 there")
    assert sets.recognise(real_pictures / "bsd68").name == "bsd68"
    assert sets.pictures(real_pictures / "bsd68") == real_pictures / "bsd68"
