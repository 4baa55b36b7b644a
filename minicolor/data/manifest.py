"""The two texts beside the pixels of a pack: `manifest.json` when it is finished, `journal.jsonl` until then.

    entry      {"name", "row", "bytes", "mtime_ns", "width", "height", "sha256"}  or, instead of the last three,
               {"reason"}: a picture that could not be read, or whose width/height was not asked for. Its row is black;
               mtime_ns null = try again next time.
    journal    a head {"format", "source", "size", ...}, then lines of entries whose pixels are on the disk
    manifest   the head, the hash and all entries, sorted by name; its presence means complete

Both are replaced atomically or appended to, so a kill at any moment leaves a whole manifest or a journal whose last
line may be torn; a torn line is work to be done again, nothing else.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from minicolor.data.listing import shown
from minicolor.errors import BadInput

PICTURES, MANIFEST, JOURNAL, NEW = "pictures.npy", "manifest.json", "journal.jsonl", ".new"
FORMAT, VERSION = "minicolor pack", 1
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def digest(names: Iterable[str], keys: Iterable[str], size: int) -> str:
    """What a pack holds, in 64 hex digits: sha256 over the sorted (name, key) lines and the size of the pictures."""
    lines = sorted(f"{name}\0{key}\n" for name, key in zip(names, keys))  # \0: the one character no name can hold
    return hashlib.sha256(f"{size}\n{''.join(lines)}".encode("utf-8", "surrogateescape")).hexdigest()


def head(source: str, size: int, stamp: list[int] | None, aspect: tuple[float, float] | None = None) -> dict:
    """What a finished and an unfinished pack have in common. stamp: (bytes, mtime_ns) of a tar, None for a folder.

    aspect: the lowest and highest width/height that was taken. It stands there only if it was asked for.
    """
    chosen = {} if aspect is None else {"aspect": list(aspect)}
    return {"format": FORMAT, "version": VERSION, "source": source, "size": size, **chosen, "stamp": stamp}


def write_manifest(folder: Path, head: dict, entries: list[dict], listed: list[tuple[str, str]]) -> None:
    """`listed`: what the listing of the source skipped (hidden files and the like), without an entry of its own."""
    good = sorted((e for e in entries if "reason" not in e), key=lambda e: e["name"])
    bad = [e for e in entries if "reason" in e] + [{"name": name, "reason": reason} for name, reason in listed]
    content = digest((e["name"] for e in good), (e["sha256"] for e in good), head["size"])
    lines = [json.dumps(key) + ": " + json.dumps(value) for key, value in {**head, "hash": content}.items()]
    for title, part in ("pictures", good), ("skipped", sorted(bad, key=lambda e: e["name"])):
        lines.append(f'"{title}": [' + ",".join("\n" + json.dumps(entry) for entry in part) + "]")  # a line each: grep
    replace(folder / MANIFEST, "{" + ",\n".join(lines) + "}\n")


def read_manifest(folder: Path) -> dict | None:
    """The manifest, or None where there is none. Raises BadInput for one that is broken or not ours."""
    try:
        text = (folder / MANIFEST).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as e:
        raise BadInput(f"{shown(folder / MANIFEST)} cannot be read: {e}") from None
    ours, broken = True, True
    try:
        found = json.loads(text)
        ours = found["format"] == FORMAT and found["version"] == VERSION
        good, size = found["pictures"], found["size"]
        content = digest((e["name"] for e in good), (e["sha256"] for e in good), size)
        broken = content != found["hash"] or [e["name"] for e in good] != sorted(e["name"] for e in good)
        broken = broken or len({e["row"] for e in good}) != len(good) or any(e["row"] < 0 for e in good)
        _ = found["source"], found["stamp"], [(e["name"], e["reason"]) for e in found["skipped"]]
        _ = [float(ratio) for ratio in found.get("aspect", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        broken = True
    if not ours:
        raise BadInput(f"{shown(folder / MANIFEST)} is no manifest of a {FORMAT}, version {VERSION}")
    if broken:
        raise BadInput(f"{shown(folder / MANIFEST)} is broken; delete the folder and pack again")
    return found


def read_journal(folder: Path) -> tuple[dict, list[dict]] | None:
    """(head, entries) of an unfinished pack, or None where there is none. Of entries with one name the last counts."""
    try:
        text = (folder / JOURNAL).read_text("ascii", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    entries, parts = {}, []
    with contextlib.suppress(ValueError):  # a torn line ends the journal: what it told of is done again
        for line in text.splitlines():
            parts.append(json.loads(line))
    if not parts or not isinstance(parts[0], dict) or parts[0].get("format") != FORMAT:
        raise BadInput(f"{shown(folder / JOURNAL)} is no journal of a {FORMAT}; delete the folder and pack again")
    for part in parts[1:]:
        entries.update((entry["name"], entry) for entry in part)
    return parts[0], list(entries.values())


def write_journal(folder: Path, head: dict, entries: list[dict]) -> None:
    """A new journal that already holds `entries`; also how a finished pack is opened for an update."""
    replace(folder / JOURNAL, json.dumps(head) + "\n" + json.dumps(entries) + "\n")


def append(journal, array, entries: list[dict]) -> None:
    """Note `entries` as finished, once their pixels are on the disk. fsync also covers what the workers wrote."""
    if entries:
        os.fsync(array.fileno())
        journal.write(json.dumps(entries) + "\n")
        journal.flush()
        os.fsync(journal.fileno())


def replace(path: Path, text: str) -> None:
    """Write a whole file or nothing: a reader, or the next run after a power cut, sees the old text or the new one.

    Two processes may write the same file, so each has a temporary name of its own; a kill leaves it, hidden and ending in NEW.
    """
    new = path.with_name(f".{path.name[:32]}-{os.getpid()}-{secrets.token_hex(4)}{NEW}")
    try:
        with open(new, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A file that was created, renamed or removed is safe from a power cut only after its folder was synced too."""
    with contextlib.suppress(OSError):  # Windows cannot open a folder, and needs no such thing
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
