"""python -m lessons.build: every lesson as an executed notebook, and all of them as a book of HTML pages with the results.

    python -m lessons.build                        into book/: open book/index.html; minutes, since the lessons run with --quick
    python -m lessons.build --only 00,04           runs these; other pages keep what they showed, if their lesson is the same
    python -m lessons.build --no-run               runs nothing: seconds
    python -m lessons.build --flags "--small --data FOLDER --seeds 3 --features squeeze-keras"

A script is the source of each lesson: jupytext makes it a notebook, nbclient runs it, Sphinx with myst-nb makes the pages
(why these: lessons/book/site.py). A lesson that fails keeps its page, with the error; the command then ends with exit code 1.
What did not change since it ran (the lesson, the library, the flags) is not run again. Pages load nothing from the internet.
"""

import argparse
import importlib.util
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from minicolor.errors import BadInput, Parser, one_line

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))     # `python lessons/build.py` looks for packages in lessons/
NEEDED = {"jupytext": "jupytext", "nbclient": "nbclient", "nbformat": "nbformat", "ipykernel": "ipykernel", "sphinx": "sphinx",
          "myst_nb": "myst-nb", "furo": "furo"}  # fmt: skip
MARK = ".minicolor-book"                                  # in a book's folder: the files that the last build wrote


def main(argv: list[str] | None = None) -> None:
    with one_line():
        args = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
        missing = [package for module, package in NEEDED.items() if not importlib.util.find_spec(module)]
        if missing:
            raise BadInput(f"the book needs {', '.join(missing)}: pip install -e \".[lessons]\"")
        out, folder = Path(args.out), Path(args.lessons)
        if out.exists() and (not out.is_dir() or any(out.iterdir()) and not (out / MARK).is_file()):
            raise BadInput(f"--out {out}: there is something else there, and a book would overwrite it; choose an empty folder")
        if args.jobs < 1 or args.minutes < 0:
            raise BadInput("--jobs: expected at least 1; --minutes: expected 0 (no limit) or more")
        sys.exit(build(folder, out, args))


def build(folder: Path, out: Path, args: argparse.Namespace) -> int:
    """-> the exit code: 1 where a lesson failed."""
    from lessons.book import notebook, pages, site

    scripts = notebook.find(folder)
    chosen = [] if args.no_run else _chosen(scripts, args.only)
    if chosen:
        _check(args.flags)
    runner = notebook.Runner(ROOT, args.flags, args.minutes, notebook.library(ROOT))
    paths = {s.name: out / "notebooks" / f"{s.name}.ipynb" for s in scripts}
    have = {s.name: notebook.kept(s, paths[s.name]) for s in scripts}
    to_run = [s for s in chosen if args.force or not runner.fresh(have[s.name])]
    out.mkdir(parents=True, exist_ok=True)
    mark = out / MARK
    mark.touch()
    failed = _run(runner, to_run, paths, have, args.jobs)

    made = [(s, have[s.name] or notebook.notebook(s)) for s in scripts]
    with tempfile.TemporaryDirectory(prefix="minicolor-book-") as work:
        source = Path(work) / "source"
        source.mkdir()
        pages.write(source, ROOT, made, args.flags)
        html, warnings = site.html(source, Path(work))
        for s, nb in made:
            if have[s.name] is None:
                notebook.write(nb, html / "notebooks" / f"{s.name}.ipynb")
        new = {p.relative_to(html).as_posix() for p in html.rglob("*") if p.is_file()}
        new |= {p.relative_to(out).as_posix() for p in paths.values()}
        for name in set(mark.read_text(encoding="utf-8").splitlines()) - new:
            (out / name).unlink(missing_ok=True)
        mark.write_text("\n".join(sorted(new)) + "\n", encoding="utf-8")
        shutil.copytree(html, out, dirs_exist_ok=True)
    for line in warnings:
        print(f"warning: {line}", file=sys.stderr)
    for sentence in failed:
        print(f"error: {sentence}", file=sys.stderr)
    count = sum(name.endswith(".html") for name in new)
    print(f"{out / 'index.html'}: {count} pages, {len(scripts)} lessons, of which {len(to_run)} run now")
    return 1 if failed else 0


def _run(runner, scripts: list, paths: dict, have: dict, jobs: int) -> list[str]:
    """Run them, `jobs` at a time, into `have`. -> a sentence for each that failed. Ctrl-C ends their processes, too."""
    failed = []
    pool = ThreadPoolExecutor(jobs)
    try:
        for script, nb in zip(scripts, pool.map(lambda s: runner.run(s, paths[s.name]), scripts)):
            have[script.name] = nb
            said = nb.metadata["minicolor"]
            print(f"{script.name}: {'failed' if said['failed'] else 'done'}, {said['seconds']:.0f} s", flush=True)
            failed += [said["failed"]] if said["failed"] else []
    except BaseException:
        runner.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return failed


def _chosen(scripts: list, only: str | None) -> list:
    numbers = [s.number for s in scripts]
    wanted = numbers if only is None else only.split(",")
    unknown = [n for n in wanted if n not in numbers]
    if unknown:
        raise BadInput(f"--only {only}: there is no lesson {', '.join(map(repr, unknown))}; there are {', '.join(numbers)}")
    return [s for s in scripts if s.number in wanted]


def _check(flags: str) -> None:
    """The lessons' flags are wrong for all of them, or for none: say so once, before the first runs."""
    from minicolor.lesson import begin

    begin("NAME", flags.split())


def _joined(argv: list[str]) -> list[str]:
    """--flags "--quick": argparse would take --quick for a flag of its own."""
    at = argv.index("--flags") if "--flags" in argv[:-1] else None
    return argv if at is None else [*argv[:at], f"--flags={argv[at + 1]}", *argv[at + 2:]]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m lessons.build", description=__doc__.split(": ", 1)[1], allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=str(ROOT / "book"), metavar="FOLDER", help="[book]; empty, or a book built before")
    parser.add_argument("--lessons", default=str(ROOT / "lessons"), metavar="FOLDER", help="[lessons]")
    parser.add_argument("--only", metavar="00,04", help="run these alone")
    parser.add_argument("--no-run", action="store_true", help="run none: what ran before is shown, the others have no outputs")
    parser.add_argument("--force", action="store_true", help="run also what has not changed (networks already trained in "
                                                             "runs/lessons/ are read, not trained again)")
    parser.add_argument("--flags", default="--quick", help="the lessons' own [--quick]")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="lessons at a time [1]")
    parser.add_argument("--minutes", type=float, default=0, metavar="N", help="longest that one cell may take [no limit]")
    return parser


if __name__ == "__main__":
    main()
