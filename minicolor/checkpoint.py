"""Checkpoints: weights, recipe, versions and random state in one file that runs no code and is never half-written.

Written under a temporary name, synced, then renamed: whoever reads sees the old file or the new one. Read with
weights_only=True, so a file from a stranger can hold tensors and plain values but cannot execute anything.
"""

import os
import pickle
import platform
from pathlib import Path

import torch

import minicolor
from minicolor.errors import BadInput

FORMAT = "minicolor checkpoint 1"


def environment() -> dict[str, str]:
    """What a figure depends on besides the recipe."""
    cuda = torch.cuda.is_available()
    return {
        "minicolor": minicolor.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": str(torch.get_num_threads()),
        "gpu": torch.cuda.get_device_name() if cuda else "none",
    }


def save(path: str | Path, state: dict) -> None:
    """Write `state` (tensors and plain values) atomically. OSError (a full disk) leaves the old file as it was."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as f:
            writer = _Writer(f)
            try:
                torch.save({"format": FORMAT, "environment": environment(), **state}, writer)
            except RuntimeError:
                if writer.failure:  # torch hides the disk's own words in a RuntimeError about its zip writer
                    raise writer.failure from None
                raise
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as e:
        raise type(e)(e.errno, e.strerror, str(path)) from None      # the writer's error does not name the file
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | Path) -> dict:
    """The dict that save() was given, tensors on the CPU. BadInput with one sentence for anything else."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: no such checkpoint; `python -m minicolor.train` makes one")
    with open(path, "rb") as f:
        head = f.read(512)
    if head.lstrip()[:1] == b"<":
        raise BadInput(f"{path}: this is a web page, not a checkpoint; the download went wrong")
    if head[:2] != b"PK":
        kind = "empty" if not head else "not a checkpoint (or an old pickle, which could run code: it is not opened)"
        raise BadInput(f"{path}: the file is {kind}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise BadInput(f"{path}: holds objects that could run code when loaded; only tensors and plain values are "
                       "accepted") from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError):
        raise BadInput(f"{path}: the file is truncated or damaged; copy or download it again") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise BadInput(f"{path}: a PyTorch file, but not a checkpoint of minicolor")
    return state


def random_state() -> dict[str, torch.Tensor]:
    """The generators that dropout draws from."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


class _Writer:
    """A file that remembers why it failed."""

    def __init__(self, file):
        self.file, self.failure = file, None

    def write(self, data):
        try:
            return self.file.write(data)
        except OSError as e:
            self.failure = e
            raise

    def flush(self):
        self.file.flush()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; not every system can open a folder, and then it need not."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
