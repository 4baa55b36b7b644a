"""The source of the book's pages: lessons as notebooks, and Markdown for the index, the results, the library's files."""

import ast
import json
import os
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from lessons.book import further, results
from lessons.book.notebook import Script, plain

FILE = re.compile(r"`?\b((?:minicolor|kernels|lessons/grading)/[\w/]+\.(?:py|cu))\b`?")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"(^```.*?^```)", re.S | re.M)
MORE = {"teachers.md": "teachers", "family_album.md": "family_album", "scale.md": "scale"}      # pages that people wrote

FAILED = "```{{admonition}} This lesson failed\n:class: warning\n\n{}\n```"
INDEX = """# minicolor: the lessons

Color and restore pictures with small networks that you can read. One lesson is one question: write down what you expect,
change one thing, look, and let an assertion say whether it came true. Follow them in order.

Each page is a script of the checkout; `python -m lessons.build{flags}` made this book of them. To run a lesson
yourself, and to have your answer to its exercise graded:

```bash
python lessons/{first}/lesson.py --quick
python lessons/grade.py {number} my_file.py
```

{table}

What came out of the reports' experiments, beside what the reports say, is in the [results](results.md).

The same lessons lie as notebooks in `notebooks/` beside this page. A notebook runs in the folder where it lies, so copy one
into the checkout: there it finds the checkout's packages, and writes its runs and figures into `runs/lessons/` as the script
does. Its flags come from a variable:

```bash
pip install jupyterlab
cp book/notebooks/{first}.ipynb my_copy.ipynb
MINICOLOR_LESSON=--quick jupyter lab my_copy.ipynb
```
"""


def write(to: Path, root: Path, made: list[tuple[Script, NotebookNode]], flags: str) -> None:
    """All sources of the book, into the empty folder `to`. root: the checkout; lessons/ with its results may lie elsewhere."""
    lessons = made[0][0].folder.parent
    found = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in (lessons / "results").glob("*.json")}
    found = {name: found[name] for name in results.names(found)}
    tested = {name: r for name, r in found.items() if results.is_result(name, r)}
    texts = {MORE[name]: (lessons / name).read_text(encoding="utf-8") for name in MORE if (lessons / name).is_file()}
    links = {f"lessons/{s.name}/lesson.py": f"{s.name}.ipynb" for s, _ in made}
    links |= {f"lessons/{name}": f"{page}.md" for name, page in MORE.items() if page in texts}
    links |= {f"lessons/results/{name}.json": f"results/{name}.json" for name in found}

    sources: dict[str, Path] = {}                          # the library's files that a page names
    for script, nb in made:
        page = nbformat.from_dict(nb)
        page.cells = [*page.cells, new_markdown_cell(exercise(script), id="exercise")]
        if failed := nb.metadata.get("minicolor", {}).get("failed"):
            page.cells.insert(1, new_markdown_cell(FAILED.format(plain(failed)), id="failed"))
        for cell in (c for c in page.cells if c.cell_type == "markdown"):
            cell.source = _link_files(cell.source, root, sources)
        nbformat.write(page, to / f"{script.name}.ipynb")
    for name, text in texts.items():
        (to / f"{name}.md").write_text(_localize(text, links), encoding="utf-8")
    for name, path in sources.items():
        (to / f"{name}.md").parent.mkdir(parents=True, exist_ok=True)
        kind = "cpp" if path.suffix == ".cu" else "python"
        (to / f"{name}.md").write_text(f"---\norphan: true\n---\n\n# {path.relative_to(root).as_posix()}\n\n"
                                       f"~~~~~~{kind}\n{path.read_text(encoding='utf-8')}~~~~~~\n", encoding="utf-8")

    (to / "results").mkdir()
    for name in found:
        (to / "results" / f"{name}.json").write_bytes((lessons / "results" / f"{name}.json").read_bytes())
    chapters = [("results", "Every experiment", results.overview(tested, {s.name: f"{s.name}.ipynb" for s, _ in made}))]
    for letter, title in results.REPORTS.items():
        parts = [_result(name, r, to) for name, r in tested.items() if name[0] == letter]
        chapters.append((f"results_{letter}", f"Report {letter}: {title}", "\n\n".join(parts) or "Not yet run."))
    others = [_result(name, r, to) for name, r in found.items() if name not in tested]
    chapters += [("further", "Further measurements", "\n\n".join(others))] if others else []
    for name, title, text in chapters:
        (to / f"{name}.md").write_text(f"# {title}\n\n{text}\n", encoding="utf-8")

    trees = [("Lessons", [f"{s.number} {_short(s)} <{s.name}>" for s, _ in made]),
             ("Results", [name for name, _, _ in chapters]), ("More", list(texts))]
    shown = "" if flags == "--quick" else f' --flags "{flags}"'
    index = INDEX.format(flags=shown, first=made[0][0].name, number=made[0][0].number, table=_table(made))
    index += "".join(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n```\n"
                     for caption, names in trees if names)
    (to / "index.md").write_text(index, encoding="utf-8")


def _table(made: list[tuple[Script, NotebookNode]]) -> str:
    lines = []
    for script, nb in made:
        said = nb.metadata.get("minicolor", {})
        seconds = said.get("seconds")
        ran = "failed" if said.get("failed") else "not run" if seconds is None else f"{seconds:.0f} s"
        minutes = graded(script).get("MINUTES")
        question = plain(" ".join(script.fields.get("Question", "").split()))
        lines.append([script.number, [f"[{plain(_short(script))}]({script.name}.ipynb)<br>{question}"], script.reproduces, ran,
                      f"{minutes} min" if minutes else ""])
    return "{.lessons}\n" + results.table(["", "lesson", "reproduces", "ran here in", "exercise"], lines)


def _short(script: Script) -> str:
    return re.sub(r"^Lesson \w+[.:] *", "", script.title).removesuffix(".")


def graded(script: Script) -> dict:
    """NAME, TRAINS, MINUTES of checks.py, read and not run: of its answers nothing is shown."""
    path = script.folder / "checks.py"
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []
    except SyntaxError:
        return {}
    return {n.targets[0].id: n.value.value for n in body if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
            and isinstance(n.value, ast.Constant)}


def exercise(script: Script) -> str:
    """The stub with its docstring, and how it is graded; without one, nothing but the end of the lesson."""
    path = script.folder / "exercise.py"
    here = f"lessons/{script.name}"
    if not path.is_file():
        return f"---\n\nThe lesson is `{here}/lesson.py`."
    said = graded(script)
    trains = f" What it trains: {plain(said['TRAINS'])}." if "TRAINS" in said else ""
    minutes = f" About {said['MINUTES']} minutes." if "MINUTES" in said else ""
    return (f"## Exercise {script.number}\n\n"
            f"Copy `{here}/exercise.py`, write the function, and have it graded.{trains}{minutes}\n\n"
            f"~~~~~~python\n{path.read_text(encoding='utf-8').strip()}\n~~~~~~\n\n"
            f"```bash\ncp {here}/exercise.py my_file.py\npython lessons/grade.py {script.number} my_file.py\n```\n\n"
            f"The lesson itself is `{here}/lesson.py`, what the exercise is graded on `{here}/checks.py`.")


def _result(name: str, result: dict, to: Path) -> str:
    if "arms" not in result:
        return further.section(name, result)
    text, figure = results.section(name, result), results.curves(result)
    if figure is None:
        return text
    figure.savefig(to / "results" / f"{name}.png", dpi=110)
    return f"{text}\n\n![{name}: the log over epochs](results/{name}.png)"


def _link_files(text: str, root: Path, sources: dict[str, Path]) -> str:
    """minicolor/ops/lab.py in a text, where there is such a file -> a link to its page; code blocks are left alone."""
    def link(match: re.Match) -> str:
        path = root / match[1]
        if not path.is_file():
            return match[0]
        name = f"source/{match[1].replace('.', '_')}"
        sources[name] = path
        return f"[`{match[1]}`]({name}.md)"

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else FILE.sub(link, part) for part in parts)


def _localize(text: str, links: dict[str, str]) -> str:
    """A page of lessons/: its links to pages of the book lead there, those to other files become their names."""
    def link(match: re.Match) -> str:
        picture, words, target = match.groups()
        if ":" in target or target.startswith("#"):
            return match[0]
        path, _, part = target.partition("#")
        path = os.path.normpath(os.path.join("lessons", path)).replace(os.sep, "/")
        path = next((p for p in (path, f"{path}/lesson.py") if p in links), path)
        if path in links and not picture:
            return f"[{words}]({links[path]}{part and '#' + part})"
        return words if words.strip("`") == path else f"{words} (`{path}`)"

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(link, part) for part in parts)
