"""The data sets of the reports by name: where they are, under which terms, and which folder of each holds the photographs.

    locate("imagenette")              the folder to train on, of a set that is under ~/.cache/minicolor/data/imagenette
    recognise("/data/celeba")         the set that a folder holds, however it came there, or None
    pictures("/data/landscapes")      /data/landscapes/landscape Images/color: the colors, not the grey copies beside them

Nothing here opens a connection: `python -m minicolor.data.download data NAME` does. Some owners want an account or a form first;
such a set has no address but steps, and the same command unpacks the archive that you put into its folder.

sha256 is None where the owner publishes none; then the size and the archive's own checksums are what there is. The digests of
Imagenette and COCO are those that TensorFlow Datasets, among others, recorded.
"""

import difflib
import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from minicolor.errors import BadInput

ARCHIVES = (".zip", ".tgz", ".tar.gz", ".tar")
LOOK_AT = 1000  # entries of a folder that are enough to tell what it holds


@dataclass(frozen=True)
class Set:
    """One data set. `folders`: where its pictures can lie, and `entry`: what is in such a folder (a regular expression)."""

    name: str
    what: str                       # how many pictures of what, and which report used it
    page: str
    terms: str
    folders: tuple[str, ...]
    entry: str
    address: str | None = None      # of the archive; None: `steps` say how to get it
    size: int | None = None         # of the archive, in bytes
    sha256: str | None = None
    steps: tuple[str, ...] = ()     # {folder} is the set's own
    beside: str | None = None       # a folder that must be next to the pictures
    count: int | None = None        # how many entries there must be; None: any

    @property
    def folder(self) -> Path:
        """Where the cache keeps it, whether or not it is there."""
        return cache() / "data" / self.name

    def command(self, folder: Path) -> str:
        """What downloads it into `folder`, or unpacks what was put there."""
        to = "" if folder == self.folder else f" --to {folder}"
        return f"python -m minicolor.data.download data {self.name}{to}"

    def how(self, folder: Path) -> list[str]:
        """What to do to have it in `folder`, step by step."""
        return [step.format(folder=folder, command=self.command(folder)) for step in self.steps or ("run `{command}`",)]


_UNPACK = "run `{command}`, which unpacks it"
_TABLE = [
    Set("imagenette", "9,469 training photographs of ten classes, short side 320 (report E)",
        "https://github.com/fastai/imagenette", "a part of ImageNet: non-commercial research and teaching",
        ("imagenette2-320/train", "imagenette2-160/train", "imagenette2/train"), r"n0\d{7}",
        "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz", 341_663_724,
        "569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c"),
    Set("coco", "118,287 photographs, train2017, 19.3 GB (report C)", "https://cocodataset.org",
        "photographs under Flickr's terms, each with a licence of its own", ("train2017",), r"\d{12}\.jpg",
        "http://images.cocodataset.org/zips/train2017.zip", 19_336_861_798,
        "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929"),
    Set("coco_val", "5,000 photographs, val2017, 0.8 GB: a smaller COCO (report C)", "https://cocodataset.org",
        "photographs under Flickr's terms, each with a licence of its own", ("val2017",), r"\d{12}\.jpg",
        "http://images.cocodataset.org/zips/val2017.zip", 815_585_330,
        "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05"),
    Set("mirflickr25k", "25,000 photographs (report A)", "https://press.liacs.nl/mirflickr",
        "Creative Commons, each photograph with a licence and a photographer of its own, listed inside",
        ("mirflickr",), r"im\d+\.jpg",
        "https://press.liacs.nl/mirflickr/mirflickr25k.v3b/mirflickr25k.zip", 3_069_184_257),
    Set("celeba", "202,599 faces, aligned and cropped (report A)", "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "non-commercial research only, not to be passed on",
        ("img_align_celeba", "img_align_celeba/img_align_celeba"), r"\d{6}\.(jpg|png)",
        steps=("open https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and read its agreement",
               "download img_align_celeba.zip (Align&Cropped Images, from the page's Google Drive)", "put it into {folder}",
               _UNPACK)),
    Set("flickr30k", "31,783 photographs of people and events (report D)", "https://shannon.cs.illinois.edu/DenotationGraph",
        "photographs under Flickr's terms, for non-commercial research and teaching",
        ("flickr30k_images", "flickr30k_images/flickr30k_images", "flickr30k-images"), r"\d+\.jpg",
        steps=("open https://shannon.cs.illinois.edu/DenotationGraph and fill in its form", "download the archive of the images",
               "put it into {folder}", _UNPACK)),
    Set("landscapes", "7,129 landscapes, in color and in grey (reports B, D)",
        "https://www.kaggle.com/datasets/theblackmamba31/landscape-image-colorization", "as stated on its page",
        ("landscape Images/color",), r"\d+\.jpg", beside="gray",
        steps=("log in at kaggle.com and open https://www.kaggle.com/datasets/theblackmamba31/landscape-image-colorization",
               "download the zip", "put it into {folder}", _UNPACK)),
    Set("bsd68", "68 grey test pictures (the DnCNN paper)", "https://github.com/cszn/DnCNN/tree/master/testsets/BSD68",
        "from the Berkeley segmentation data set: non-commercial research and teaching", ("BSD68", "bsd68", "testsets/BSD68"),
        r"test\d{3}\.png", count=68,
        steps=("run `git clone --depth 1 https://github.com/cszn/DnCNN`", "copy its folder testsets/BSD68 into {folder}")),
]
SETS = {which.name: which for which in _TABLE}


def cache() -> Path:
    """Where downloads live, those of minicolor.weights too: $MINICOLOR_CACHE, or ~/.cache/minicolor on every system."""
    return Path(os.environ.get("MINICOLOR_CACHE") or Path.home() / ".cache" / "minicolor").expanduser()


def get(name: str) -> Set:
    """The row of the table. Raises BadInput with the nearest names for an unknown one."""
    if name not in SETS:
        near = difflib.get_close_matches(name, SETS, n=3, cutoff=0.5) or list(SETS)
        raise BadInput(f"there is no data set named {name}; the nearest names are {', '.join(near)}")
    return SETS[name]


def recognise(folder: str | Path) -> Set | None:
    """The set that lies in this folder, in a folder right inside it, or whose pictures' folder this is. None: none of them.

    An archive that is not yet unpacked counts, where it has its usual name and there is nothing else.
    """
    found = _look(Path(folder))
    return found[0] if found else _packed(Path(folder))


def pictures(folder: str | Path) -> Path:
    """The folder to train on: of a known set the one with its photographs (in color, for training), else `folder` itself.

    Raises BadInput for a set that is not yet unpacked.
    """
    found = _look(Path(folder))
    if not found and (packed := _packed(Path(folder))):
        raise BadInput(f"{folder} holds {packed.name}, not yet unpacked: run `{packed.command(Path(folder))}`")
    return found[1] if found else Path(folder)


def find(which: Set, folder: Path) -> Path | None:
    """Where in `folder` the pictures of this one set are; None: they are not."""
    found = _look(folder, [which])
    return found and found[1]


def locate(name: str, folder: Path | None = None) -> Path:
    """The folder to train on, of the set in the cache (or in `folder`). Raises BadInput that says how to get it."""
    which = get(name)
    folder = folder or which.folder
    if found := find(which, folder):
        return found
    steps = which.how(folder)
    how = steps[0] if len(steps) == 1 else "; ".join(f"({i}) {step}" for i, step in enumerate(steps, start=1))
    raise BadInput(f"the data set {name} is not in {folder}: {how}")


def stem(archive: Path) -> str:
    """flickr30k-images.tar.gz -> flickr30k-images."""
    return re.sub(r"\.(zip|tgz|tar\.gz|tar)$", "", archive.name, flags=re.I)


def archives(folder: Path) -> list[Path]:
    """What a user put there to be unpacked."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.name.lower().endswith(ARCHIVES) and not p.name.startswith(".") and p.is_file())


def _look(folder: Path, among: list[Set] = _TABLE) -> tuple[Set, Path] | None:
    """Known names are asked for; nothing is listed but `folder` and what has the right name: data sets have many files."""
    if not folder.is_dir():
        return None
    inside = sorted(p for p in folder.iterdir() if not p.name.startswith(".") and p.is_dir())
    for start in (folder, *inside):
        own = start.resolve().parts
        for which in among:
            for path in which.folders:
                parts = tuple(path.split("/"))
                for i in range(len(parts) + 1):  # the first i parts may be the end of the folder's own path
                    place = start.joinpath(*parts[i:])
                    if own[len(own) - i:] == parts[:i] and _holds(which, place):
                        return which, place
    return None


def _packed(folder: Path) -> Set | None:
    found = archives(folder)
    if not found or any(not p.name.startswith(".") for p in folder.iterdir() if p not in found):
        return None
    names = {path.split("/")[0]: which for which in _TABLE for path in which.folders} | SETS
    return next((names[stem(p)] for p in found if stem(p) in names), None)


def _holds(which: Set, place: Path) -> bool:
    if not place.is_dir() or (which.beside and not (place.parent / which.beside).is_dir()):
        return False
    with os.scandir(place) as entries:
        names = [entry.name for entry in itertools.islice(entries, LOOK_AT)]
    fitting = sum(bool(re.fullmatch(which.entry, name)) for name in names)
    return fitting == which.count if which.count else fitting > 0
