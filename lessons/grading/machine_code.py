"""What the compiler makes of a lesson's kernel for an H100 or H200, which need not be here; the disassembler comes with Triton.

    machine_code("K3_convolution", "convolve", x_ptr="*bf16", ..., M="i32", C=128)
        -> {"registers": ..., "spills": ..., "instructions": ..., "opcodes": {"FFMA": ..., ...}} or a sentence: why not

In a process of its own, since Triton either compiles or interprets. That process does not run the lesson: it takes the functions
under @triton.jit, their constants and the library's imports out of the lesson's file.
"""

import ast
import collections
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LESSONS = Path(__file__).parents[1]
SECONDS = 60


def machine_code(lesson: str, kernel: str, **arguments: str | int) -> dict | str:
    """arguments, all of the kernel's in order: a type as Triton writes it ("*fp32", "i32"), or the value of a constant.

    Arrays are taken to begin at a multiple of 16 bytes, as PyTorch's do, and numbers to be multiples of 16.
    """
    if not importlib.util.find_spec("triton"):
        return "Triton is not installed, so there is no compiler"
    order = json.dumps([str(LESSONS / lesson / "lesson.py"), kernel, arguments])
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    env["PYTHONPATH"] = os.pathsep.join([str(LESSONS.parent), env.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    try:
        done = subprocess.run([sys.executable, "-m", "lessons.grading.machine_code", order], env=env, capture_output=True,
                              text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"it took longer than {SECONDS} seconds"
    if done.returncode:
        return f"this Triton cannot: {(done.stderr.strip() or 'no reason given').splitlines()[-1][:200]}"
    return json.loads(done.stdout.splitlines()[-1])


def build(file: str, kernel: str, arguments: dict) -> dict:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "kernels_of_a_lesson.py"
        module.write_text(kernels_of(Path(file).read_text(encoding="utf-8")), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(module.stem, module)
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        constants = {name: value for name, value in arguments.items() if not isinstance(value, str)}
        signature = {name: value if isinstance(value, str) else "constexpr" for name, value in arguments.items()}
        aligned = {(n,): [["tt.divisibility", 16]] for n, t in enumerate(signature.values()) if t[0] in "*i"}
        source = ASTSource(getattr(loaded, kernel), signature, constants, aligned)
        compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32))
        cubin = Path(folder) / "kernel.cubin"
        cubin.write_bytes(compiled.asm["cubin"])
        tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
        usage, code = (subprocess.run([tool, flag, cubin], capture_output=True, text=True, check=True).stdout
                       for flag in ("-res-usage", "-sass"))
    opcodes = re.findall(r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ +)?([A-Z]\w*)", code, re.M)
    return {"registers": int(re.search(r"REG:(\d+)", usage)[1]), "spills": sum(op in ("LDL", "STL") for op in opcodes),
            "instructions": len(opcodes), "opcodes": collections.Counter(opcodes)}


def kernels_of(lesson: str) -> str:
    """The lines of a lesson that its kernels need."""
    def needed(node: ast.stmt) -> bool:
        if isinstance(node, ast.ImportFrom):
            return node.module.startswith(("minicolor.kernels.backend", "minicolor.ops"))
        if isinstance(node, ast.FunctionDef):
            return any("triton.jit" in ast.unparse(d) for d in node.decorator_list)
        return isinstance(node, ast.Assign) and "constant(" in ast.unparse(node)
    return "\n\n".join(ast.unparse(node) for node in ast.parse(lesson).body if needed(node))


if __name__ == "__main__":
    print(json.dumps(build(*json.loads(sys.argv[1]))))
