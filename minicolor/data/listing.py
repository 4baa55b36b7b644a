"""What is in a folder or a tar: the pictures, what has to be skipped and why, and how to read one of them.

    with listing("faces.tar", out) as found:      # a folder, or .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz
        file = found.files[0]                     # name 'a/0001.jpg': sorted, relative, with / on every system
        read(found.root, file.name, file.offset, file.bytes)

A tar is read by offsets, so that every process opens it for itself and reads in parallel. A compressed tar has no
offsets; it is unpacked once into a plain tar beside the pack (pictures hardly compress, so that costs about its own
size on disk) and removed afterwards.
"""

import bz2
import contextlib
import gzip
import lzma
import os
import stat
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from minicolor.data.photos import is_photo
from minicolor.errors import BadInput

UNPACKED = ".minicolor-unpacked.tar"  # a name that no user has, because we overwrite and remove it
HIDDEN, MACOS = "hidden", "macOS metadata, not a picture"


@dataclass(frozen=True)
class File:
    """One picture file: `bytes` and `mtime_ns` tell whether it changed since the last run; `offset` only in a tar."""

    name: str
    bytes: int
    mtime_ns: int
    offset: int | None = None


@dataclass
class Listing:
    """`root` is the folder or the plain tar to read from; `stamp` the (bytes, mtime_ns) of a tar, None for a folder."""

    root: str
    stamp: list[int] | None = None
    files: list[File] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (name, reason)
    other: Counter = field(default_factory=Counter)  # suffix -> how many files that are no pictures

    def add(self, file: File) -> None:
        """Sort one regular file into pictures, skipped and other."""
        reason = _hidden(file.name)
        if not is_photo(file.name.split("/")[-1].lstrip("._")):  # the name as it was before it was hidden
            self.other[os.path.splitext(file.name)[1].lower() or "no suffix"] += 1
        elif reason:
            self.skipped.append((file.name, reason))
        else:
            self.files.append(file)

    def finish(self, source: Path) -> "Listing":
        """Sorted, so that the order of the directory plays no part. Raises BadInput where there is no picture."""
        self.files.sort(key=lambda file: file.name)
        self.skipped.sort()
        if not self.files:
            there = ", ".join(f"{n} {suffix}" for suffix, n in self.other.most_common(4))
            there = f" (only {there})" if there else ""
            there += f"; skipped {shown(self.skipped[0][0])}: {self.skipped[0][1]}" if self.skipped else ""
            raise BadInput(f"no pictures in {shown(source)}{there}, expected files such as .jpg, .png, .webp or .tif")
        return self


def shown(name: str | Path) -> str:
    """A name that can be printed: bytes that are no UTF-8 (lone surrogates in Python) appear as \\udcff."""
    return str(name).encode("utf-8", "backslashreplace").decode()


def read(root: str, name: str, offset: int | None, size: int) -> bytes:
    """The bytes of one file. Raises OSError; a tar that became shorter since it was listed gives fewer bytes."""
    with open(os.path.join(root, name) if offset is None else root, "rb") as file:
        if offset is None:
            return file.read()
        file.seek(offset)
        return file.read(size)


def stamp(source: Path) -> list[int] | None:
    """(bytes, mtime_ns) of a tar: unchanged means that nothing in it changed. A folder has no such sign: None."""
    status = source.stat()
    return None if stat.S_ISDIR(status.st_mode) else [status.st_size, status.st_mtime_ns]


@contextlib.contextmanager
def listing(source: Path, out: Path) -> Iterator[Listing]:
    """List `source`; `out` is where a compressed tar may be unpacked, and is left out of a folder that holds it.

    Raises BadInput for a source without pictures, a file that is no tar, and a tar that was cut off.
    """
    if source.is_dir():
        yield _folder(source, out).finish(source)
        return
    mark, plain = stamp(source), out / UNPACKED
    try:
        with open(source, "rb") as file:
            start = file.read(6)
        if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")):
            _unpack(source, plain, start)
            found = _tar(source, plain, mark)
        else:
            found = _tar(source, source, mark)
        yield found.finish(source)
    finally:
        plain.unlink(missing_ok=True)


def _hidden(name: str) -> str | None:
    parts = name.split("/")
    if "__MACOSX" in parts or parts[-1].startswith("._"):
        return MACOS
    return HIDDEN if any(part.startswith(".") and part not in (".", "..") for part in parts) else None


def _folder(source: Path, out: Path) -> Listing:
    found, out_id, out_path = Listing(str(source)), _identity(out), os.path.realpath(out)
    todo = [("", (_identity(source),))]  # (name of a folder, the identities of the folders above and itself)
    while todo:
        folder, above = todo.pop()
        try:
            with os.scandir(os.path.join(source, folder)) as entries:
                entries = list(entries)
        except OSError as e:
            found.skipped.append((folder or ".", f"folder cannot be read: {(e.strerror or str(e)).lower()}"))
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            try:
                status = entry.stat()  # follows links: data sets are often folders of links
            except OSError as e:  # a link to nothing, or to itself
                if is_photo(name):
                    found.skipped.append((name, f"cannot be read: {(e.strerror or str(e)).lower()}"))
                continue
            if stat.S_ISDIR(status.st_mode):
                identity = (status.st_dev, status.st_ino) if status.st_ino else _identity(Path(entry.path))
                if identity in above:
                    found.skipped.append((name, "a link back to a folder that holds it"))
                elif reason := _hidden(name):
                    found.skipped.append((name, f"{reason} (folder)"))
                elif identity != out_id and os.path.realpath(entry.path) != out_path:  # may have been made just now
                    todo.append((name, (*above, identity)))
            elif stat.S_ISREG(status.st_mode):
                found.add(File(name, status.st_size, status.st_mtime_ns))
            elif is_photo(name):
                found.skipped.append((name, "not a regular file"))  # reading a pipe would wait for ever
    return found


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _unpack(source: Path, plain: Path, start: bytes) -> None:
    opener = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}[start[:2]]
    with open(plain, "wb") as target, opener(source, "rb") as packed:
        while True:
            try:  # only the reading: a full disk while writing must not be called a damaged tar
                block = packed.read(1 << 20)
            except (EOFError, OSError, zlib.error, lzma.LZMAError) as e:
                what = f"{shown(source)} is damaged or was cut off ({e})"
                raise BadInput(f"{what}; expected a whole compressed tar") from None
            if not block:
                return
            target.write(block)


def _tar(source: Path, plain: Path, mark: list[int]) -> Listing:
    found, members = Listing(str(plain), mark), {}
    try:
        with tarfile.open(plain, "r:", errors="surrogateescape") as tar:
            for member in tar:
                members[member.name] = member  # a name that comes twice: the later one, as tar itself would unpack
            end = tar.offset
    except (tarfile.TarError, EOFError) as e:
        what = f"{shown(source)} cannot be read as a tar ({e})"
        raise BadInput(f"{what}; expected a folder of pictures or a whole tar") from None
    with open(plain, "rb") as file:  # Python stops silently at a cut or spoilt header; a whole tar closes with zeros
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise BadInput(f"{shown(source)} is damaged or was cut off after {end} bytes; expected a whole tar")
    top = _top(members)
    for member in members.values():
        name = member.name.removeprefix("./").removeprefix(top)
        if member.isreg() and not member.issparse():
            found.add(File(name, member.size, mark[1], member.offset_data))
        elif not member.isdir() and is_photo(name):
            found.skipped.append((name, "a link or special file inside the tar"))
    return found


def _top(members: dict[str, tarfile.TarInfo]) -> str:
    """`tar cf faces.tar faces` puts faces/ before every name; without it, folder and tar have the same names."""
    names = [n for n in members if not n.startswith(("._", "__MACOSX"))]
    tops = {name.split("/")[0] for name in names}
    alone = len(tops) == 1 and tops != {"."} and all("/" in name or members[name].isdir() for name in names)
    return f"{tops.pop()}/" if alone else ""
