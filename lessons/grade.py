"""Grade an exercise.

    python lessons/grade.py 04                              the lesson's own exercise.py
    python lessons/grade.py 04 my_file.py [--json]          a file of your own
    python lessons/grade.py 04 --class FOLDER [--jobs N]    everybody's: FOLDER/*.py and FOLDER/<student>/exercise.py
    python lessons/grade.py 04 --answers                    what the library's and the known wrong answers get

A student's file runs in a process of its own, with limits of time and memory. lessons/teachers.md says what is refused, how
hidden checks are added, and what this does not protect from.
"""

import importlib.util
import os
import random
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))     # `python lessons/grade.py` looks for packages in lessons/

from lessons.grading.report import as_dict, as_json, as_text
from lessons.grading.sheet import LESSONS, find, hidden_file
from lessons.grading.watch import Report, grade
from lessons.grading.whole_class import grade_all, handed_in, table, whatever_happens, write_csv
from minicolor.errors import BadInput, Parser, one_line


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    if not importlib.util.find_spec("hypothesis"):
        raise BadInput("grading needs one more package: pip install hypothesis")
    folder = find(args.lesson, Path(os.environ.get("MINICOLOR_LESSONS", LESSONS)))
    hidden = hidden_file(folder, Path(args.hidden)) if args.hidden else None
    seed = random.randrange(10**6) if args.seed is None else args.seed
    if args.answers:
        if not __debug__:                               # a student's file runs in a process that is started without
            raise BadInput("--answers: python -O and PYTHONOPTIMIZE turn the checks' assertions off; run it without")
        from lessons.grading.answers import what_they_get  # not above: nothing else here needs PyTorch

        print(what_they_get(folder, hidden, seed))
    elif args.class_:
        whole_class(args, folder, seed, hidden)
    else:
        report = grade(folder, existing(Path(args.file) if args.file else folder / "exercise.py"), seed, hidden)
        print(as_json(as_dict(report)) if args.json else as_text(report, args.prints))


def whole_class(args, folder: Path, seed: int, hidden: Path | None) -> None:
    """Prints the table; the CSV file grows by a line with every student."""
    students = handed_in(Path(args.class_), folder.name)
    to = Path(args.csv or Path(args.class_) / f"grades_{folder.name.split('_')[0]}.csv")

    def one(path: Path) -> Report:
        return whatever_happens(path, folder.name, seed, lambda: grade(folder, path, seed, hidden))

    def after(reports: dict[str, Report]) -> None:
        write_csv(to, reports)
        if sys.stderr.isatty():
            print(f"{len(reports)} of {len(students)}", end="\r", file=sys.stderr, flush=True)

    reports = grade_all(students, one, args.jobs or 1, after)
    if args.json:
        of_all = {student: as_dict(report) for student, report in reports.items()}
        print(as_json({"lesson": folder.name, "seed": seed, "students": of_all}))
    else:
        print(f"{folder.name}   --seed {seed}\n{table(reports)}\nwritten: {to}")


def arguments(argv: list[str] | None):
    parser = Parser(prog="python lessons/grade.py", description="Grade an exercise.", allow_abbrev=False)
    parser.add_argument("lesson", help="its number: 04, K1")
    parser.add_argument("file", nargs="?", help="the student's [the lesson's own exercise.py]")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--prints", action="store_true", help="show what the file printed, not only the first lines of it")
    parser.add_argument("--hidden", metavar="DIR", help="with checks of your own: DIR/04.py")
    parser.add_argument("--seed", type=int, metavar="N", help="the inputs of the report that names this seed [new ones]")
    parser.add_argument("--class", dest="class_", metavar="FOLDER", help="everybody's files: a table and FOLDER/grades_04.csv")
    parser.add_argument("--csv", metavar="FILE", help="with --class: write that file instead")
    parser.add_argument("--jobs", type=int, metavar="N", help="with --class: so many students at a time [1]")
    parser.add_argument("--answers", action="store_true", help="grade the library's own answer and the known wrong ones")
    args = parser.parse_args(argv)
    if args.file and (args.class_ or args.answers):
        raise BadInput(f"{args.file}: a file has no place beside {'--class' if args.class_ else '--answers'}")
    for option, given in (("--csv", args.csv), ("--jobs", args.jobs is not None)):
        if given and not args.class_:
            raise BadInput(f"{option} goes with --class FOLDER")
    for option, given, other, there in (("--class", args.class_, "--answers", args.answers),
                                        ("--json", args.json, "--answers", args.answers),
                                        ("--prints", args.prints, "--answers", args.answers),
                                        ("--prints", args.prints, "--class", args.class_),
                                        ("--prints", args.prints, "--json", args.json)):
        if given and there:
            raise BadInput(f"{option} has no place beside {other}")
    if args.jobs is not None and args.jobs < 1:
        raise BadInput(f"--jobs {args.jobs}: expected at least 1")
    if args.seed is not None and args.seed < 0:
        raise BadInput(f"--seed {args.seed}: expected 0 or more")
    return args


def existing(path: Path) -> Path:
    if not path.is_file():
        raise BadInput(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    return path


if __name__ == "__main__":
    with one_line():
        main()
