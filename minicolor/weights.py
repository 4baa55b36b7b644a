"""Weights that other people trained: which file, from where, under which terms, and the checks before it is used.

    fit_into(network, load("resnet18"), "ResNet18")      # a name of the table, or a path to a file of your own

A name is looked for in the cache, ~/.cache/minicolor/weights ($MINICOLOR_CACHE moves it), and its SHA-256 is compared before
anything reads it. Nothing here opens a connection: `python -m minicolor.data.download weights NAME` fetches, or you put the file
there yourself. Files are read with weights_only=True, so a file from a stranger can hold tensors but cannot execute anything.

torchvision, where most of them come from, publishes the first 8 digits of each SHA-256 in the file's name and the size in its
source. There is no official list of whole digests: those of the table were published by several people who measured them on the
official files, and agree with what torchvision says. Where only the first digits of a digest are known, the table may hold those.
"""

import difflib
import hashlib
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from minicolor.data.sets import cache
from minicolor.errors import BadInput

TORCHVISION = "https://download.pytorch.org/models/"
LPIPS = "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/"
BSD = "torchvision, BSD-3-Clause; trained on ImageNet, whose pictures are for non-commercial research and teaching"
HEADS = "LPIPS, BSD-2-Clause; Zhang et al. 2018, arXiv:1801.03924"


@dataclass(frozen=True)
class Weights:
    """One file. address None: nobody serves it. sha256: 64 hex digits, or only the first ones. size in bytes, None: unknown."""

    name: str
    file: str
    address: str | None
    sha256: str
    size: int | None
    licence: str
    purpose: str

    @property
    def how_big(self) -> str:
        """The size for people."""
        if self.size is None:
            return "size unknown"
        return f"{self.size / 1e6:.3g} MB" if self.size >= 1e5 else f"{self.size:,} bytes"

    @property
    def path(self) -> Path:
        """Where the cache keeps it, whether or not it is there."""
        return cache() / "weights" / self.file

    @property
    def command(self) -> str:
        """What downloads it."""
        return f"python -m minicolor.data.download weights {self.name}"


_TABLE = [
    Weights("resnet18", "resnet18-f37072fd.pth", TORCHVISION + "resnet18-f37072fd.pth",
            "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec", 46_830_571, BSD,
            "body of report C's second generator"),
    Weights("mobilenet_v3_large", "mobilenet_v3_large-8738ca79.pth", TORCHVISION + "mobilenet_v3_large-8738ca79.pth",
            "8738ca797c879b547d18bbd15da5736ff2557b2036a9af72225393ca61759a04", 22_139_423, BSD,
            "ImageNet classifier and body of DeepLabV3 (torchvision's IMAGENET1K_V1)"),
    Weights("deeplabv3_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
            TORCHVISION + "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
            "fc3c493d68e89cc31ef488c803d5d7dd2f3190fb570598faa49fef69be8e5e70", 44_356_159,
            "torchvision, BSD-3-Clause; trained on COCO, whose photographs are under Flickr's terms",
            "segmentation into the 21 classes of Pascal VOC (trained on COCO)"),
    Weights("alexnet", "alexnet-owt-7be5be79.pth", TORCHVISION + "alexnet-owt-7be5be79.pth",
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02", 244_408_911, BSD, "backbone of LPIPS (alex)"),
    Weights("vgg16", "vgg16-397923af.pth", TORCHVISION + "vgg16-397923af.pth",
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0", 553_433_881, BSD,
            "backbone of LPIPS (vgg), perceptual loss"),
    Weights("squeezenet1_1", "squeezenet1_1-b8a52dc0.pth", TORCHVISION + "squeezenet1_1-b8a52dc0.pth",
            "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b", 4_958_839, BSD, "backbone of LPIPS (squeeze)"),
    Weights("squeezenet1_1_keras", "squeezenet1_1_features_imagenet_from_keras.pth", None,
            "6e34f8792c977a643739c17b28ebd2858da14ce1ffe0af54ff13c9614b2fe3bb", 2_907_765, "not stated",
            "features of an ImageNet SqueezeNet converted from a Keras model (squeeze-keras): a stand-in, to which the LPIPS "
            "heads were not fitted, so its values are never reference LPIPS"),
    Weights("lpips_alex", "lpips_v0.1_alex.pth", LPIPS + "alex.pth",
            "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0", 6_009, HEADS, "head of LPIPS (alex)"),
    Weights("lpips_vgg", "lpips_v0.1_vgg.pth", LPIPS + "vgg.pth",
            "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868", 7_289, HEADS, "head of LPIPS (vgg)"),
    Weights("lpips_squeeze", "lpips_v0.1_squeeze.pth", LPIPS + "squeeze.pth",
            "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76", 10_811, HEADS, "head of LPIPS (squeeze)"),
    Weights("inception_fid", "pt_inception-2015-12-05-6726825d.pth",
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
            "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2", 95_628_359,
            "pytorch-fid, Apache-2.0; converted from TensorFlow's Inception of 2015, Apache-2.0, trained on ImageNet",
            "Inception of FID: not torchvision's inception_v3, whose FID is another number"),
]
WEIGHTS = {weights.name: weights for weights in _TABLE}
_verified: set[tuple] = set()  # (path, bytes, mtime): 550 MB need not be hashed for every network of a process


def get(name: str) -> Weights:
    """The row of the table. Raises BadInput with the nearest names for an unknown one."""
    if name not in WEIGHTS:
        near = difflib.get_close_matches(name, WEIGHTS, n=3, cutoff=0.5) or list(WEIGHTS)
        raise BadInput(f"there are no weights named {name}, and no such file; the nearest names are {', '.join(near)}")
    return WEIGHTS[name]


def find(name_or_path: str | Path) -> Path:
    """A path to an existing file as it is; a name of the table as the cached file, once its checksum was compared."""
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if path.is_dir() and str(name_or_path) not in WEIGHTS:
        raise BadInput(f"{path} is a folder, expected a file of weights or one of {', '.join(WEIGHTS)}")
    if str(name_or_path) not in WEIGHTS and (path.suffix or len(path.parts) > 1):
        raise BadInput(f"{path}: no such file of weights")
    weights = get(str(name_or_path))
    if not weights.path.is_file():
        if weights.address is None:
            raise BadInput(f"the weights {weights.name} are missing and nobody serves them: put {weights.file} "
                           f"({weights.how_big}) at {weights.path}")
        raise BadInput(f"the weights {weights.name} are missing: run `{weights.command}`, or put {weights.file} "
                       f"({weights.how_big}, from {weights.address}) at {weights.path}")
    verify(weights)
    return weights.path


def verify(weights: Weights) -> None:
    """Raises BadInput unless the cached file is the published one."""
    path, status = weights.path, weights.path.stat()
    mark = (path, status.st_size, status.st_mtime_ns)
    if mark in _verified:
        return
    _refuse_page(path)
    again = f"delete it and run `{weights.command}`" if weights.address else "copy it again"
    if weights.size not in (None, status.st_size):
        raise BadInput(f"{path} has {status.st_size:,} bytes, expected {weights.size:,}: it is cut off or another file; {again}")
    found = digest(path)
    if not found.startswith(weights.sha256):
        raise BadInput(f"{path} has SHA-256 {found[:12]}..., expected {weights.sha256[:12]}...: it is damaged or another file; "
                       f"{again}")
    _verified.add(mark)


def digest(path: Path) -> str:
    """SHA-256 of a file of any size, 64 hex digits."""
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def load(name_or_path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU. Raises BadInput with one sentence for anything but a dict of tensors.

    Reads PyTorch's zip format and the pickles before 1.6; not the tar files before 0.1.10, which only running their code opens.
    """
    path = find(name_or_path)
    _refuse_page(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's page about a strange file, before our sentence
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        if "GLOBAL" in str(e) or "reduce" in str(e):
            raise BadInput(f"{path}: holds objects that could run code when loaded; only tensors are accepted: save "
                           "network.state_dict(), not the network") from None
        raise BadInput(f"{path}: not weights that PyTorch wrote, or a bare pickle, which could run code: not opened") from None
    except MemoryError:
        raise
    except Exception as e:  # a damaged pickle can fail in any way
        if "legacy .tar" in str(e) or "TorchScript" in str(e):
            raise BadInput(f"{path}: not a saved state_dict(): TorchScript, a tar of an old PyTorch, which only running its code "
                           "would open, or damaged") from None
        raise BadInput(f"{path}: the file is truncated or damaged; copy or download it again") from None
    if not isinstance(state, dict):
        raise BadInput(f"{path}: expected tensors by name (a state_dict), found a {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise BadInput(f"{path}: expected tensors by name (a state_dict), found {name!r}: {type(value).__name__}")
    if not state:
        raise BadInput(f"{path}: holds no weights at all")
    return dict(state)


def fit_into(network: nn.Module, state: dict[str, Tensor], what: str) -> None:
    """network.load_state_dict(state), strict. BadInput names the first entry that is missing, misshapen or unexpected,
    and then the network is as it was. `what` begins the sentence: "resnet18-f37072fd.pth" or "the generator".

    Only num_batches_tracked may be missing, a counter that files from before PyTorch 0.4.1 do not have.
    """
    own = network.state_dict()
    held = f"holds {len(state)} entries" + (f" that begin with {_entry(state, next(iter(state)))}" if state else "")
    for name, value in own.items():
        if name not in state and not name.endswith("num_batches_tracked"):
            raise BadInput(f"{what}: {held}, expected {_entry(own, name)}: weights of another network")
        if name in state and state[name].shape != value.shape:
            raise BadInput(f"{what}: holds {_entry(state, name)}, expected {tuple(value.shape)}: weights of another network")
    extra = next((name for name in state if name not in own), None)
    if extra is not None:
        raise BadInput(f"{what}: {held}, and the network has no {_entry(state, extra)}: weights of another network")
    network.load_state_dict(dict(state))


def _entry(state: dict[str, Tensor], name: str) -> str:
    return f"{name} {tuple(state[name].shape)}"


def _refuse_page(path: Path) -> None:
    with open(path, "rb") as file:
        head = file.read(512)
    if not head:
        raise BadInput(f"{path}: the file is empty; delete it and download it again")
    if head.lstrip()[:1] == b"<":
        raise BadInput(f"{path}: this is a web page, not weights; the download went wrong: delete it and download it again")
