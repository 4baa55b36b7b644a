"""Unpack an archive from the internet: plain files and folders, nothing outside its folder, and all of it or nothing.

    unpack(Path("data/celeba/img_align_celeba.zip"), Path("data/celeba"))      -> data/celeba/img_align_celeba

Names that lead outside (/etc/x, ../x, C:\\x), links and special files are refused, not skipped: no picture archive has them.
Owners, permissions and times are not taken over. Each file's checksum in a zip or a .gz is compared by Python while it is read.
"""

import io
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tqdm import tqdm

from minicolor.data.listing import shown
from minicolor.data.manifest import sync_folder
from minicolor.data.sets import stem
from minicolor.errors import BadInput

UNFINISHED = ".minicolor-unfinished"  # a name that no user has, because we remove it
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


def unpack(archive: Path, folder: Path, progress: bool = True) -> Path:
    """Unpack a zip or tar into a new folder inside `folder`: the one that the archive holds, else one of the archive's name.

    Nothing is written outside, and nothing but plain files and folders. Raises BadInput for an archive that wants more, that is
    damaged, or whose folder is already there.
    """
    new = folder / UNFINISHED
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        with tqdm(unit=" files", desc=f"unpack {archive.name}", disable=None if progress else True) as bar:
            for name, file in _members(archive):
                parts = _inside(name, archive)
                if parts[0] == "__MACOSX":                  # beside every file that a Mac packed lies one of metadata
                    continue
                target = new.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(target, "wb") as out:
                    while block := _read(file, archive):
                        out.write(block)
                bar.update()
        there = list(new.iterdir())
        if not there:
            raise BadInput(f"{archive}: there are no files in it")
        alone = len(there) == 1 and there[0].is_dir()
        source, target = (there[0], folder / there[0].name) if alone else (new, folder / stem(archive))
        if target.exists():
            raise BadInput(f"{target} is already there, and {archive.name} would be unpacked to it; move it away, or delete it")
        os.rename(source, target)
        sync_folder(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return target


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """(name, open file) of each file, in the archive's order. Folders come with their files."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                for info in packed.infolist():
                    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                        raise _refused(archive, info.filename, "a link or special file")
                    if not info.is_dir():
                        with packed.open(info) as file:
                            yield info.filename, file
        else:
            with tarfile.open(archive, "r:*", errors="surrogateescape") as packed:
                for info in packed:
                    if not info.isreg() and not info.isdir():
                        raise _refused(archive, info.name, "a link or special file")
                    if info.isreg():
                        yield info.name, packed.extractfile(info)
                if type(packed.fileobj) is io.BufferedReader:   # Python ends silently where a plain tar was cut off
                    packed.fileobj.seek(packed.offset)
                    if packed.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                        raise EOFError("it ends too early")
                while packed.fileobj.read(1 << 20):             # a .gz has its checksum at the end, behind the tar's own end
                    pass
    except DAMAGED as e:
        raise e if isinstance(e, BadInput) else _damaged(archive, e) from None


def _read(file: IO[bytes], archive: Path) -> bytes:
    try:  # only the reading: a full disk must not be called a damaged archive
        return file.read(1 << 20)
    except DAMAGED as e:
        raise _damaged(archive, e) from None


def _inside(name: str, archive: Path) -> list[str]:
    """The parts of a name that stays inside. A backslash separates on Windows, so it does here."""
    parts = re.split(r"[/\\]", name)
    if not parts[0] or re.match(r"[A-Za-z]:", name) or ".." in parts or "\0" in name:
        raise _refused(archive, name, "a name that leads outside")
    return [part for part in parts if part not in ("", ".")]


def _refused(archive: Path, name: str, what: str) -> BadInput:
    return BadInput(f"{archive} holds {shown(name)!r}, {what}; expected plain files and folders, so nothing was unpacked")


def _damaged(archive: Path, error: Exception) -> BadInput:
    reason = f"{error} ".splitlines()[0].rstrip(": ") or type(error).__name__
    return BadInput(f"{archive} cannot be unpacked ({reason}); it is damaged or no zip or tar: download it again")
