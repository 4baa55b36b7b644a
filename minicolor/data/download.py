"""Downloads: the only file of minicolor that opens a connection, and only when it is asked to.

    python -m minicolor.data.download --list                       what there is, where it goes, under which terms
    python -m minicolor.data.download weights resnet18 lpips_alex
    python -m minicolor.data.download data imagenette [--to FOLDER]

A file grows under NAME.part and gets its own name only when its size and SHA-256 are right. A download that was cut off goes on
where it ended, after a kill too, as long as the server can do that. A data set is unpacked into a hidden folder beside its place
and then renamed: it is there as a whole or not at all. The archive that was downloaded is removed afterwards; one that you put
into the folder stays, and is unpacked without any connection.
"""

import http.client
import os
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from tqdm import tqdm

from minicolor import weights
from minicolor.data import sets
from minicolor.data.listing import shown
from minicolor.data.manifest import sync_folder
from minicolor.data.unpack import unpack
from minicolor.errors import BadInput, Parser, one_line

TIMEOUT = 30                # seconds without a byte
WAITS = (1, 2, 5)           # seconds before another try; the count starts again when the file grew
BLOCK = 1 << 18
PART = ".part"


class _Interrupted(Exception):
    """The connection failed in a way that another try may mend."""


def download(address: str, path: str | Path, sha256: str | None = None, size: int | None = None, progress: bool = True) -> Path:
    """Fetch `address` to `path`, and return it. A right file that is already there is left alone, a wrong one refused.

    sha256 may be its first digits. Raises BadInput with one sentence for no connection, a wrong address, a web page instead of
    the file, a wrong size or checksum; OSError for a full disk. What came so far stays in NAME.part, unless it proved wrong.
    """
    path = Path(path)
    part = path.with_name(path.name + PART)
    if path.exists():
        if wrong := _wrong(path, sha256, size):
            raise BadInput(f"{path} is already there and {wrong}; move it away, or delete it")
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    failures, longest = 0, -1
    while True:
        try:
            _fetch(address, part, size, progress)
            break
        except _Interrupted as e:
            held = part.stat().st_size if part.exists() else 0
            failures = 0 if held > longest >= 0 else failures + 1
            longest = max(longest, held)
            if failures > len(WAITS):
                kept = f"; the first {held:,} bytes are kept, and the same command goes on from there" if held else ""
                raise BadInput(f"{address}: {e}{kept}") from None
            wait = WAITS[max(failures, 1) - 1]
            if progress:
                print(f"{address}: {e}; trying again in {wait} s", file=sys.stderr)
            time.sleep(wait)
    if wrong := _wrong(part, sha256, size):
        part.unlink()
        raise BadInput(f"{address}: what came {wrong}; it was thrown away: try again, and if it stays so, the file has changed")
    os.replace(part, path)
    sync_folder(path.parent)
    return path


def _wrong(path: Path, sha256: str | None, size: int | None) -> str | None:
    held = path.stat().st_size
    if size not in (None, held):
        return f"has {held:,} bytes, expected {size:,}"
    found = weights.digest(path) if sha256 else ""
    return f"has SHA-256 {found[:12]}..., expected {sha256[:12]}..." if sha256 and not found.startswith(sha256) else None


def _fetch(address: str, part: Path, size: int | None, progress: bool) -> None:
    """One connection: make `part` whole, or longer. Raises _Interrupted where another try can help, BadInput where not."""
    held = part.stat().st_size if part.exists() else 0
    if held and held == size:
        return
    with _open(address, held if size is None or held < size else 0) as response:
        whole = re.fullmatch(rf"bytes {held}-\d+/(\d+)", response.headers.get("Content-Range", ""))
        goes_on = response.status == 206 and whole is not None
        length = response.headers.get("Content-Length", "")
        total = int(whole[1]) if goes_on else int(length) if length.isdigit() else None
        if response.status not in (200, 206) or (response.status == 206 and not goes_on):
            part.unlink(missing_ok=True)                    # the server's idea of what we have is not ours
            raise _Interrupted("the server sends another part than was asked for")
        if None not in (size, total) and size != total:
            raise BadInput(f"{address}: the server has {total:,} bytes, expected {size:,}: it is another file")
        block = _read(response)
        start = b"" if goes_on else block.lstrip()[:14].lower()
        if response.headers.get_content_type() == "text/html" or start.startswith((b"<!doctype html", b"<html")):
            raise BadInput(f"{address}: the server sends a web page instead of the file; open the address to see what it says")
        bar = tqdm(total=total, initial=held if goes_on else 0, unit="B", unit_scale=True, unit_divisor=1000,
                   desc=part.name.removesuffix(PART), disable=None if progress else True)
        with bar, open(part, "ab" if goes_on else "wb") as file:
            while block:
                _write(file, block, part)
                bar.update(len(block))
                block = _read(response)
            _write(file, b"", part)                         # now it is on the disk
            came = file.tell()
    if came < (expected := total or size or 0):
        raise _Interrupted(f"the connection broke off after {came:,} of {expected:,} bytes")


def _open(address: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "minicolor", "Accept-Encoding": "identity"}
    headers |= {"Range": f"bytes={start}-"} if start else {}
    try:
        return urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as e:
        with e:
            if e.code == 416 and start:                     # nothing after `start`: this is not the file we began
                return _open(address, 0)
            if e.code in (408, 429) or e.code >= 500:
                raise _Interrupted(f"the server answers {e.code} {e.reason}") from None
            raise BadInput(f"{address}: the server answers {e.code} {e.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as e:
        raise _Interrupted(f"no connection ({_reason(e)})") from None


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(BLOCK)
    except (http.client.HTTPException, OSError) as e:       # only the reading: a full disk is no reason for another try
        raise _Interrupted(f"the connection broke off ({_reason(e)})") from None


def _write(file: IO[bytes], block: bytes, path: Path) -> None:
    try:
        file.write(block)
        file.flush()
        if not block:
            os.fsync(file.fileno())
    except OSError as e:
        raise type(e)(e.errno, e.strerror, str(path)) from None  # the system's error does not name the file


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return (getattr(reason, "strerror", None) or str(reason) or type(reason).__name__).lower()


def get_weights(name: str, progress: bool = True) -> Path:
    """Download weights by their name in minicolor.weights, and return where they are."""
    which = weights.get(name)
    if which.address is None:
        return weights.find(name)                           # there, or it says what to do
    return download(which.address, which.path, which.sha256, which.size, progress)


def get_data(name: str, folder: str | Path | None = None, progress: bool = True) -> Path:
    """Download or unpack a data set by its name in minicolor.data.sets; returns the folder to train on."""
    which = sets.get(name)
    folder = Path(folder).expanduser() if folder else which.folder
    if found := sets.find(which, folder):
        return found
    archives, fetched = sets.archives(folder), None
    if which.address:
        archive = folder / which.address.rsplit("/", 1)[1]
        fetched = None if archive.exists() else archive
        archives = [download(which.address, archive, which.sha256, which.size, progress)]
    elif not archives:
        folder.mkdir(parents=True, exist_ok=True)           # so that there is a place to put it
        sets.locate(name, folder)                           # raises, with the steps
    for archive in archives:
        unpack(archive, folder, progress)
    if fetched:
        fetched.unlink()
    if found := sets.find(which, folder):
        return found
    names = ", ".join(archive.name for archive in archives)
    raise BadInput(f"{folder}: {names} is unpacked there, but holds no {which.folders[0]}: it is another archive than {name}")


def _list() -> None:
    print(f"weights, in {weights.cache() / 'weights'}:")
    for which in weights.WEIGHTS.values():
        state = "there" if which.path.is_file() else "missing" if which.address else "missing, and nobody serves it"
        print(f"  {which.name} ({which.how_big}, {state}): {which.purpose}\n      {which.licence}")
    print(f"\ndata sets, in {sets.cache() / 'data'}:")
    for kind in sets.SETS.values():
        there = sets.find(kind, kind.folder)
        print(f"  {kind.name} ({'there' if there else 'missing'}): {kind.what}\n      {kind.page}: {kind.terms}")
        for number, step in enumerate(() if there else kind.how(kind.folder), start=1):
            print(f"      {number}. {step}")


def main() -> None:
    parser = Parser(prog="python -m minicolor.data.download", description="Download weights and data sets, checksums compared.")
    parser.add_argument("--list", action="store_true", help="what there is, where it goes, under which terms")
    kinds = parser.add_subparsers(dest="kind", title="what", metavar="{weights,data}")
    kind = kinds.add_parser("weights", help="weights that other people trained")
    kind.add_argument("names", nargs="+", metavar="NAME", help=", ".join(weights.WEIGHTS))
    kind = kinds.add_parser("data", help="a data set of the reports")
    kind.add_argument("name", metavar="NAME", help=", ".join(sets.SETS))
    kind.add_argument("--to", metavar="FOLDER", help="instead of ~/.cache/minicolor/data/NAME")
    with one_line():
        args = parser.parse_args()
        if args.list:
            _list()
        elif args.kind == "weights":
            for which in [weights.get(name) for name in args.names]:    # all names are looked at before the first is fetched
                print(shown(get_weights(which.name)))
        elif args.kind == "data":
            which = sets.get(args.name)
            print(f"{which.name}: {which.terms} ({which.page})", file=sys.stderr)
            print(shown(get_data(args.name, args.to)))
        else:
            raise BadInput("expected weights NAME, data NAME or --list; --help shows more")


if __name__ == "__main__":
    main()
