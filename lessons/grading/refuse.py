"""What a student's file may not contain: the library, which holds the answer, and what would reach around the checks.

Read before the file runs (refuse), and again while it runs (guarded), for names put together at run time. This keeps honest
people honest. It is no sandbox: lessons/teachers.md says what gets through.
"""

import ast
import builtins
from collections.abc import Iterator

ALLOWED = ("torch", "numpy", "math", "itertools", "functools", "dataclasses", "typing", "collections", "random", "hashlib",
           "__future__")
KERNEL = (*ALLOWED, "triton")                   # in the lessons K1, K2 ...; there need be none on the machine
OURS = ("minicolor", "kernels", "lessons", "tests")

# functions of Python that an exercise does not need and that fetch, run or change anything by a name made of strings
BARE = {"exec", "eval", "compile", "open", "globals", "locals", "vars", "getattr", "setattr", "delattr", "breakpoint"}
# what torch and numpy carry along and what leads out of them: other modules, frames of the caller, readers and writers of files
REACH = {"sys", "os", "importlib", "builtins", "inspect", "subprocess", "multiprocessing", "threading", "ctypes", "ctypeslib",
         "gc", "pickle", "pathlib", "shutil", "hub", "cpp_extension", "f2py", "tb_frame", "tb_next", "f_back",
         "f_globals", "f_locals", "f_builtins", "gi_frame", "cr_frame", "fromfile", "from_file", "memmap", "open_memmap",
         "save", "savetxt", "savez", "savez_compressed", "tofile", "write_file", "write_array", "dump", "export_chrome_trace",
         "load_library", "loadtxt", "genfromtxt", "DataSource", "get_type_hints", "ForwardRef", "runstring", "import_module",
         "import_ir_module"}
# a class with other special methods could claim to equal whatever it is compared with
SPECIAL = {"__init__", "__post_init__", "__call__", "__len__", "__getitem__", "__iter__", "__next__", "__contains__", "__enter__",
           "__exit__", "__repr__", "__str__", "__name__", "__main__", "__class__", "__doc__", "__all__"}
INNER = {"_replace", "_asdict", "_fields", "_make"}          # of a named tuple: the only names with one _ that are for everybody
BASES = {"object", "Module", "Function", "NamedTuple", "Protocol", "Generic", "Dataset", "Sampler"}


def refuse(tree: ast.Module, allowed: tuple[str, ...] = ALLOWED) -> str | None:
    """-> one sentence that names the first such line, or None where there is none."""
    found = sorted((line, sentence) for line, sentence in _found(tree, allowed))
    return f"line {found[0][0]} {found[0][1]}" if found else None


def _found(tree: ast.Module, allowed: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """(line, what is wrong with it), in no order."""
    bound, modules = _bound(tree), _modules(tree)
    bases, own = BASES | {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}, _own(tree)
    for node in ast.walk(tree):
        for sentence in filter(None, _wrong_with(node, allowed, bound, modules, bases, own)):
            yield node.lineno, sentence


def _wrong_with(node: ast.AST, allowed: tuple[str, ...], bound: set[str], modules: set[str], bases: set[str],
                own: set[str]) -> Iterator[str | None]:
    """bound: names that the file gives to things itself. modules: those it imports. bases: classes that it may derive from.

    own: names that it gives to attributes of its own classes."""
    match node:
        case ast.Import() | ast.ImportFrom():
            yield from (forbidden(name, allowed) for name in _imported(node))
        case ast.Name(id=name) if _special(name) or (name in (BARE | REACH) - bound and isinstance(node.ctx, ast.Load)):
            yield f"uses {name}, which an exercise does not need"
        case ast.Attribute(attr=name) if _special(name) or name.strip("_") in REACH:
            yield f"uses .{name}, which an exercise does not need"
        case ast.Attribute(attr=name) if _inner(name) and not (name in own and getattr(node.value, "id", "") in ("self", "cls")):
            yield f"uses .{name}: a name that begins with _ is for the inside of a library, or of your own class with self"
        case ast.MatchClass(kwd_attrs=names) if any(_special(n) or _inner(n) or n.strip("_") in REACH for n in names):
            yield f"matches {', '.join(names)}, which an exercise does not need"
        case ast.Attribute(ctx=ast.Store() | ast.Del()) if _root(node) in modules:
            yield f"changes {ast.unparse(node)}"
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if _special(name):
            yield f"defines {name}, which an exercise does not need"
        case ast.Constant(value=str() as text) if _special(text):
            yield f"names {text}, which an exercise does not need"
        case ast.ClassDef():
            plain = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]          # Generic[T]
            named = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in plain]
            yield from (f"derives a class from {ast.unparse(base)}, which an exercise does not need"
                        for base, name in zip(plain, named, strict=True) if name not in bases)


def forbidden(name: str, allowed: tuple[str, ...]) -> str | None:
    """A dotted module name -> what is wrong with importing it, or None."""
    first, *rest = name.split(".")
    if first in OURS or not first:
        return f"imports {name}: the answer has to be your own, not the library's"
    if first not in allowed or any(part.strip("_") in REACH or _inner(part) for part in rest):
        return f"imports {name}: an exercise may import only {', '.join(n for n in allowed if n != '__future__')}"
    return None


def guarded(allowed: tuple[str, ...]) -> dict:
    """The builtins of a student's module: without BARE, and with an import that refuses what refuse() refuses."""
    def importing(name, globals=None, locals=None, fromlist=(), level=0):
        if sentence := forbidden("." * level + name, allowed):
            raise ImportError(sentence)
        return builtins.__import__(name, globals, locals, fromlist, level)

    return {name: value for name, value in vars(builtins).items() if name not in BARE} | {"__import__": importing}


def imports(tree: ast.Module) -> list[str]:
    """Module names as they are written, without those of `from module import name`."""
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    return [name for n in nodes for name in ([a.name for a in n.names] if isinstance(n, ast.Import) else [n.module or ""])]


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        return ["." * node.level + (node.module or "")]
    names = [alias.name for alias in node.names]
    return [f"{node.module}.{name}" if name.strip("_") in REACH or _inner(name) else node.module for name in names]


def _special(name: str) -> bool:
    return len(name) > 4 and name.startswith("__") and name.endswith("__") and name not in SPECIAL


def _inner(name: str) -> bool:
    """torch.testing._comparison, random._os: what its authors keep to themselves."""
    return name.startswith("_") and name not in SPECIAL | INNER


def _own(tree: ast.Module) -> set[str]:
    """self._scale = 2, def _step(self): names that a file gives to attributes of its own."""
    stored = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    return stored | _bound(tree)


def _bound(tree: ast.Module) -> set[str]:
    """Names that the file itself gives to something: a parameter called `vars` is not Python's vars()."""
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return stored | {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}


def _modules(tree: ast.Module) -> set[str]:
    """Names under which the file imports something."""
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).split(".")[0] for n in nodes for alias in n.names}


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
