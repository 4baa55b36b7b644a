"""python -m minicolor.colorize PHOTO|FOLDER OUT --run runs/pix2pix: color photographs at their full resolution."""

import argparse
import os
import sys
from pathlib import Path

from tqdm import tqdm

from minicolor.coloring import Colorizer
from minicolor.data import photos
from minicolor.errors import BadInput, Parser, one_line, out_of_memory
from minicolor.kernels.backend import set_backend
from minicolor.precision import choose_device

WRITABLE = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}


def main(argv: list[str] | None = None) -> None:
    with one_line():
        sys.exit(run(_parser().parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Color what `args` ask for; returns the exit code: 0, or 1 where some files of a folder could not be read."""
    source, out, device = Path(args.photo), Path(args.out), choose_device(args.device)
    set_backend(args.backend)
    jobs = _folder_jobs(source, out) if source.is_dir() else [(source, _target(source, out))]
    for photo, target in jobs:
        if target.exists() and target.resolve() == photo.resolve():
            raise BadInput(f"{target}: the result would replace the photograph itself; name another OUT")
    todo = [(p, t) for p, t in jobs if args.overwrite or not t.exists()]
    if skipped := len(jobs) - len(todo):
        print(f"{skipped} of {len(jobs)} exist already and stay as they are; --overwrite makes them again")
    if not todo:
        return 0
    colorizer = Colorizer(args.run, device)

    failed: list[str] = []
    for photo, target in tqdm(todo, unit=" photos", disable=len(todo) == 1 or not sys.stderr.isatty()):
        try:
            picture = photos.read(photo)
            colored = colorizer(picture.rgb)
            target.parent.mkdir(parents=True, exist_ok=True)
            photos.write(target, colored, picture.exif, args.quality)
        except (BadInput, MemoryError, RuntimeError) as e:
            if not source.is_dir() or not (isinstance(e, BadInput) or out_of_memory(e)):
                raise
            # go on: one bad file must not stop a night's work; a full disk (OSError) would stop every other file too
            failed.append(str(e) if isinstance(e, BadInput) else f"{photo}: not enough memory for its size")
            continue
        for note in picture.notes:
            tqdm.write(f"{photo}: {note}")
    print(f"{len(todo) - len(failed)} colored -> {out if source.is_dir() else todo[0][1]}")
    if failed:
        print(f"{len(failed)} could not be read:", *failed, sep="\n  ", file=sys.stderr)
    return 1 if failed else 0


def _folder_jobs(source: Path, out: Path) -> list[tuple[Path, Path]]:
    """Every photograph below `source`, sorted, with its place in the same tree below `out`."""
    found = []
    for folder, below, names in os.walk(source, onerror=_cannot_list):
        below[:] = [b for b in sorted(below) if not b.startswith(".") and (Path(folder) / b).resolve() != out.resolve()]
        found += [Path(folder) / n for n in names if photos.is_photo(n)]
    if not found:
        raise BadInput(f"{source}: no photographs in this folder; expected {', '.join(sorted(photos.EXTENSIONS))}")
    if out.is_file():
        raise BadInput(f"{out}: a folder was given to color, so OUT must be a folder, and this is a file")
    jobs = {}
    for photo in sorted(found):
        target = _renamed(out / photo.relative_to(source))
        if target in jobs:
            raise BadInput(f"{photo} and {jobs[target]} would both become {target}; rename one of them")
        jobs[target] = photo
    return [(photo, target) for target, photo in jobs.items()]


def _cannot_list(error: OSError):
    raise BadInput(f"{error.filename}: this folder cannot be read ({(error.strerror or str(error)).lower()})")


def _target(photo: Path, out: Path) -> Path:
    """Where one photograph's result goes: OUT itself if it has a picture's suffix, else a folder of that name."""
    if out.suffix.lower() in WRITABLE and not out.is_dir():
        return out
    if out.suffix and not out.is_dir():
        raise BadInput(f"{out}: cannot write {out.suffix} files; expected {', '.join(sorted(WRITABLE))}, or a folder")
    return _renamed(out / photo.name)


def _renamed(path: Path) -> Path:
    """A GIF or BMP comes out as PNG; its whole old name is kept, so that a.gif and a.png do not meet."""
    return path if path.suffix.lower() in WRITABLE else path.with_name(path.name + ".png")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m minicolor.colorize", description=__doc__.split(": ", 1)[1])
    parser.add_argument("photo", metavar="PHOTO|FOLDER", help="a picture file, or a folder of them (with its subfolders)")
    parser.add_argument("out", metavar="OUT", help="a picture file, or the folder for the results")
    parser.add_argument("--run", required=True, metavar="RUN",
                        help="a trained run's folder, such as runs/pix2pix, or a checkpoint file")
    parser.add_argument("--overwrite", action="store_true", help="make results again that exist already")
    parser.add_argument("--quality", type=int, default=95, choices=range(1, 101), metavar="1..100", help="of JPEG and WebP [95]")
    parser.add_argument("--device", metavar="cpu|cuda", help="[cuda where there is one]")
    parser.add_argument("--backend", default="auto", metavar="auto|torch|triton",
                        help="what computes: kernels where they help, PyTorch alone, or kernels alone [auto]")
    return parser


if __name__ == "__main__":
    main()
