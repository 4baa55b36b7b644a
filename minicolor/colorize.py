"""python -m minicolor.colorize PHOTO|FOLDER OUT --run runs/mine: old photographs cleaned, colored and enlarged.

The stages, each on if its flag is there: crop to the picture, denoise, color, double the resolution. A folder comes out as the
same tree; what is done is skipped, so a stopped run goes on when it is started again. OUT/manifest.jsonl tells what was made
from what, and what could not be. Several processes share a folder (the -- keeps torchrun from taking --run for its own):

    torchrun --nproc-per-node 2 -m -- minicolor.colorize FOLDER OUT --run runs/mine

The exit code is 1 where photographs of a folder have no result; under torchrun it is 0, as a 1 would end the other processes.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from minicolor.archive import page, work
from minicolor.archive.jobs import FORMATS, WRITABLE, jobs, renamed, same
from minicolor.data import photos
from minicolor.data.listing import shown
from minicolor.errors import BadInput, Parser, one_line
from minicolor.kernels.backend import set_backend
from minicolor.precision import choose_device
from minicolor.restoring.pipeline import Pipeline
from minicolor.restoring.sheet import contact_sheet


def main(argv: list[str] | None = None) -> None:
    with one_line():
        sys.exit(run(_parser().parse_args(argv)))


def run(args: argparse.Namespace) -> int:
    """Do what `args` ask for; returns the exit code: 0, or 1 where some files of a folder have no result (under torchrun 0)."""
    source, out, device = Path(args.photo), Path(args.out), _device(args.device)
    set_backend(args.backend)
    runs = {"run": args.run, "denoise": args.denoise, "enlarge": args.enlarge}
    how = {"crop": args.crop, "size": args.size, "saturation": args.saturation, "strength": args.strength}

    def load() -> Pipeline:
        return Pipeline(**runs, **how, device=device)

    if source.is_dir():
        return _folder(source, out, args, work.settings(runs, **how, quality=args.quality), load)
    if work.world()[0] == 0:                                    # of several processes the first does it
        _one(source, out, args, load)
    return 0


def _folder(source: Path, out: Path, args: argparse.Namespace, settings: dict, load: Callable) -> int:
    if args.sizes:
        raise BadInput("--sizes: a contact sheet shows one photograph; give a file instead of a folder")
    todo, bad = jobs(source, out, args.format)
    rank, count = work.world()
    bad = [(name, f"{shown(source / name)}: {reason}") for name, reason in bad]
    listed = [sentence for _, sentence in bad]                  # every process knows them, the first says so
    failed = listed * (rank == 0) + work.work(todo, out, settings, load, args.overwrite, args.quality, bad)
    if args.page and work.write_page(todo, out, listed):        # whichever process comes last
        print(f"look at {shown(out / page.NAME)}")
    if failed:
        print(f"{len(failed)} without a result:", *failed, sep="\n  ", file=sys.stderr)
    return 1 if failed and count == 1 else 0


def _one(photo: Path, out: Path, args: argparse.Namespace, load: Callable) -> None:
    target = _target(photo, out, args.format)
    if args.sizes and target != out:                            # in a folder the photograph's name is its result's
        target = target.with_name(f"{target.stem}-sizes{target.suffix}")
    if same(photo, target):
        raise BadInput(f"{shown(target)}: the result would replace the photograph itself; name another OUT")
    if os.path.isdir(target):
        raise BadInput(f"{shown(target)}: a folder has the name of the result; name another OUT")
    if target.exists() and not args.overwrite:
        print(f"{shown(target)} exists already and stays as it is; --overwrite makes it again")
        return
    pipeline = load()
    if args.sizes:
        if not pipeline.colorizer:
            raise BadInput("--sizes compares colors; expected a run that colors (--run)")
        sheet = contact_sheet(pipeline.colorizer, pipeline.prepared(photos.read(photo))[0], args.sizes, args.saturation)
        target.parent.mkdir(parents=True, exist_ok=True)
        photos.write(target, sheet, quality=args.quality)
        print(f"sizes {', '.join(map(str, args.sizes))} side by side -> {shown(target)}")
        return
    about = work.one(photo, target, pipeline, args.quality, target)
    for note in about["notes"]:
        print(f"{shown(photo)}: {note}")
    print(f"1 done -> {shown(target)}")
    if args.page:
        look = target.with_name(f"{target.stem}-{page.NAME}")   # of its own: a whole archive's page may stand beside it
        page.write(look, [page.Pair(photo.name, photo, target, about["part"], about["notes"])])
        print(f"look at {shown(look)}")


def _target(photo: Path, out: Path, form: str | None) -> Path:
    """Where one photograph's result goes: OUT itself if it has a picture's suffix, else a folder of that name."""
    if not out.suffix or out.is_dir():
        return out / renamed(photo.name, form)
    suffix = out.suffix.lower()
    if suffix not in WRITABLE:
        raise BadInput(f"{shown(out)}: cannot write such files; expected {', '.join(sorted(WRITABLE))}, or a folder")
    if form and suffix not in FORMATS[form]:
        raise BadInput(f"{shown(out)}: is no name for --format {form}; expected one ending in {' or '.join(FORMATS[form])}")
    return out


def _device(wanted: str | None) -> str:
    """The device asked for; of several processes on one machine each takes a card of its own, as long as there are any."""
    device = choose_device(wanted)
    if device == "cuda" and work.world()[1] > 1:
        return choose_device(f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}")
    return device


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers with commas, such as 192,256,384, got {text!r}") from None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m minicolor.colorize", description=__doc__.split(": ", 1)[1],
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("photo", metavar="PHOTO|FOLDER", help="a picture file, or a folder of them (with its subfolders)")
    add("out", metavar="OUT", help="a picture file, or the folder for the results")
    add("--run", metavar="RUN", help="colors: a trained run's folder, such as runs/resnet_unet_gan, or a checkpoint file")
    add("--denoise", metavar="RUN", help="removes noise first: a run of dncnn")
    add("--enlarge", metavar="RUN", help="doubles the resolution last: a run of srgan")
    add("--crop", action="store_true", help="cut off the border of a scan first")
    add("--strength", type=float, default=1.0, metavar="0..1", help="of the denoising [1]")
    add("--size", type=int, metavar="N", help="the shorter side, in pixels, at which color is guessed [what the run learned]")
    add("--sizes", type=_sizes, metavar="N,N,...", help="write a contact sheet of one photograph to choose --size from")
    add("--saturation", type=float, default=1.0, metavar="S", help="of the colors: 0 is grey, 1 as guessed, 2 twice as much [1]")
    add("--format", choices=FORMATS, metavar="|".join(FORMATS), help="of the results [each photograph's own]")
    add("--quality", type=int, default=95, choices=range(1, 101), metavar="1..100", help="of JPEG and WebP [95]")
    add("--overwrite", action="store_true", help="replace results of other settings, and what something else made")
    add("--page", action="store_true", help=f"write [NAME-]{page.NAME} beside the results: a slider on each picture")
    add("--device", metavar="cpu|cuda", help="[cuda where there is one]")
    add("--backend", default="auto", metavar="auto|torch|triton",
        help="what computes: kernels where they help, PyTorch alone, or kernels alone [auto]")
    return parser


if __name__ == "__main__":
    main()
