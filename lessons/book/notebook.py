"""A lesson's script -> a notebook: jupytext turns cells into cells, nbclient runs them, and what did not change is not run again.

Of its own this file has two things: the docstring, a lesson's first cell, becomes text to read, and the name of a code cell
(`# %% 3. Train`) becomes a heading.
"""

import ast
import hashlib
import os
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output

from minicolor.errors import BadInput

LESSON = re.compile(r"(\d\d|K\d)_\w+")
FIELD = re.compile(r"([A-Z]\w+) {2,}(.+)")


@dataclass(frozen=True)
class Script:
    """lessons/NN_name/ and what the docstring of its lesson.py says."""

    folder: Path
    text: str                   # of lesson.py
    title: str                  # "Lesson 04. Four autoencoders ..."
    reproduces: str             # "report B, B1 to B4"; "" where it reproduces nothing
    fields: dict[str, str]      # Question, Needs, Run, Read ... as written, lines kept; "" has what stands under no name

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def number(self) -> str:
        return self.name.partition("_")[0]


def find(folder: Path) -> list[Script]:
    """All lessons of a folder in the order in which they are read: 00 to 12, then K1 to K3."""
    found = sorted(p for p in folder.glob("*/lesson.py") if LESSON.fullmatch(p.parent.name))
    if not found:
        raise BadInput(f"{folder}: no lesson there; expected folders like 04_autoencoders with a lesson.py")
    return [read(path) for path in found]


def read(path: Path) -> Script:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: expected a script in UTF-8") from None
    cells = jupytext.reads(text, "py:percent").cells
    said = _docstring(cells[0].source) if cells else None
    first, _, rest = (said or path.parent.name).strip().partition("\n")
    title, _, reproduces = (part.strip() for part in re.sub(r" {2,}", "\t", first).partition("\t"))
    fields: dict[str, list[str]] = {"": []}
    name = ""
    for line in rest.splitlines():
        begins = FIELD.fullmatch(line)
        if begins:
            name, line = begins.groups()
            fields[name] = []
        elif line and not line.startswith(" "):
            name = ""
        fields[name].append(line.strip())
    return Script(path.parent, text, title, reproduces.removeprefix("reproduces:").strip(),
                  {name: "\n".join(lines).strip() for name, lines in fields.items()})


def _docstring(source: str) -> str | None:
    """The text, where a cell is nothing but a text."""
    try:
        body = ast.parse(source).body
    except SyntaxError:                                   # what it is shows when the cell runs
        return None
    return ast.get_docstring(ast.Module(body, [])) if len(body) == 1 else None


def head(script: Script) -> str:
    """The docstring in Markdown: title, what it reproduces, question, how to run it, what to read."""
    parts = [f"# {plain(script.title)}"]
    if script.reproduces:
        parts.append(f"*Reproduces {plain(script.reproduces)}.*")
    for name, text in script.fields.items():
        if name == "Run":                                 # a remark behind a command becomes a comment: the line can be pasted
            lines = (re.sub(r" {3,}(?=\S)", "   # ", line, count=1) for line in text.splitlines())
            parts.append("**Run**\n\n```bash\n" + "\n".join(lines) + "\n```")
        elif text:
            parts.append(f"**{name}** {plain(text)}" if name else plain(text))
    return "\n\n".join(parts)


def plain(text: str) -> str:
    """Plain text -> the same in Markdown."""
    return re.sub(r"([*<\\|])", r"\\\1", text)


def notebook(script: Script) -> NotebookNode:
    """Not yet run."""
    nb = jupytext.reads(script.text, "py:percent")
    cells = []
    for i, cell in enumerate(nb.cells):
        if i == 0 and cell.cell_type == "code" and _docstring(cell.source) is not None:
            cell = new_markdown_cell(head(script))
        elif cell.cell_type == "code" and cell.metadata.get("title"):
            cells.append(new_markdown_cell(f"## {plain(cell.metadata.pop('title'))}"))
        if cell.source.strip():
            cells.append(cell)
    if not cells or not cells[0].source.startswith("# "):
        cells.insert(0, new_markdown_cell(f"# {plain(script.title)}"))
    for i, cell in enumerate(cells):
        cell.id = f"cell-{i}"                             # not random: the same lesson makes the same notebook
    nb.cells = cells
    nb.metadata = NotebookNode(kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"})
    return nb


def write(nb: NotebookNode, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, path)


def library(root: Path) -> str:
    """One hash over the sources that lessons use, their names and what is in them. Lessons K1 to K3 use the grader's, too."""
    folders = (root / name for name in ("minicolor", "kernels", "lessons/grading"))
    files = sorted(p for folder in folders for kind in ("*.py", "*.cu") for p in folder.rglob(kind))
    each = [(p.relative_to(root).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]
    return hashlib.sha256(repr(each).encode()).hexdigest()


def kept(script: Script, path: Path) -> NotebookNode | None:
    """The notebook of an earlier build, where the lesson's text is still the same."""
    try:
        nb = nbformat.read(path, as_version=4)
        return nb if nb.metadata["minicolor"]["lesson"] == _hash(script) else None
    except (OSError, ValueError, KeyError, nbformat.ValidationError):
        return None


def _hash(script: Script) -> str:
    return hashlib.sha256(script.text.encode()).hexdigest()


class _ThisPython(KernelSpecManager):
    """The Python that builds the book, whatever other kernels a person has installed under the name python3."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


class Runner:
    """Runs notebooks, each in a process of its own; stop() ends them all, from any thread."""

    def __init__(self, root: Path, flags: str, minutes: float, sources: str):
        self.root, self.flags, self.minutes, self.sources = root, flags, minutes, sources
        self.seconds = max(1, round(minutes * 60)) if minutes else None                # for one cell; None: no limit
        self.managers: list[AsyncKernelManager] = []
        self.stopped = False

    def run(self, script: Script, path: Path) -> NotebookNode:
        """Run one and write it to `path`. nb.metadata["minicolor"]["failed"] is "" or a sentence."""
        with tempfile.TemporaryDirectory(prefix="minicolor-") as room:                 # files to talk through: no open ports
            how = {"transport": "ipc", "connection_file": f"{room}/kernel.json"} if os.name == "posix" else {}
            return self._run(script, path, AsyncKernelManager(kernel_spec_manager=_ThisPython(), **how))

    def _run(self, script: Script, path: Path, manager: AsyncKernelManager) -> NotebookNode:
        nb, began, failed = notebook(script), time.monotonic(), ""
        self.managers.append(manager)
        at: list[NotebookNode] = []

        def begin(cell: NotebookNode, cell_index: int) -> None:
            at.append(cell)
            if self.stopped:
                raise KeyboardInterrupt

        client = NotebookClient(
            nb, km=manager, resources={"metadata": {"path": str(self.root)}}, coalesce_streams=True,
            timeout=self.seconds, on_cell_start=begin,
            extra_arguments=["--InteractiveShell.ast_node_interactivity=none"],        # as a script: shown is what is printed
        )
        client.owns_km = True                                                          # it ends the process, however this ends
        try:
            if not self.stopped:
                client.execute(env={**os.environ, "MINICOLOR_LESSON": self.flags})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as e:
            what = _words(e, self.minutes)
            lines = at[-1].source.strip().splitlines() if at else [""]
            failed = f"{script.name}: the cell that ends in `{lines[-1].strip()}` failed: {what}"
            if at and not isinstance(e, CellExecutionError):
                at[-1].outputs.append(new_output("error", ename=type(e).__name__, evalue=what, traceback=[what]))
        if self.stopped:
            raise KeyboardInterrupt
        nb.metadata["minicolor"] = {"lesson": _hash(script), "flags": self.flags, "library": self.sources, "failed": failed,
                                    "seconds": round(time.monotonic() - began, 1)}
        write(nb, path)
        return nb

    def fresh(self, nb: NotebookNode | None) -> bool:
        """Whether running it again could change nothing."""
        said = nb.metadata["minicolor"] if nb else {}
        return bool(said) and (said["flags"], said["library"], said["failed"]) == (self.flags, self.sources, "")

    def stop(self) -> None:
        self.stopped = True
        for manager in self.managers:
            if manager.has_kernel:
                if manager.provisioner.pgid:              # its own group, so what it started ends with it
                    os.killpg(manager.provisioner.pgid, signal.SIGKILL)
                else:
                    os.kill(manager.provisioner.pid, signal.SIGTERM)


def _words(e: Exception, minutes: float) -> str:
    if isinstance(e, CellExecutionError):
        return " ".join(f"{e.ename}: {e.evalue}".split())
    if isinstance(e, CellTimeoutError):
        return f"it took longer than {minutes:g} minutes"
    return "its process ended, perhaps for want of memory"
