"""Build for real GPUs without one: every kernel that a test module's launches() launches, as the launcher sets it up.

    python tests/compiled.py test_kernel_lab      prints JSON: a list of what was built, for each of sm_80, sm_90 and sm_100

Triton's driver is replaced by one that has no device and its launch by a compilation; everything before that (the
choice of kernel, block sizes, specialization on alignment) is the library's own code. Facts come from the machine code, by the
disassembler that Triton brings along. A process of its own, since Triton interprets or compiles, not both.
"""

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parent
CAPABILITIES = (80, 90, 100)


def facts(module: str) -> list[dict]:
    """Run this file for a test module; called from the tests."""
    env = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    env["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    done = subprocess.run([sys.executable, __file__, module], env=env, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def build(module: str) -> list[dict]:
    """Every distinct kernel that module.launches() launches -> facts about its machine code, per capability."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.runtime.jit import JITFunction

    from minicolor.kernels import backend

    class NoDevice:
        capability = 0

        def get_current_device(self):
            return self.capability          # a number for each target: Triton keeps what it compiled by device

        def get_current_stream(self, device):
            return 0

        def get_current_target(self):
            return GPUTarget("cuda", self.capability, 32)

    driver, built, run = NoDevice(), {}, JITFunction.run

    def compile_only(self, *args, grid, warmup, **kwargs):
        kernel = run(self, *args, grid=grid, warmup=True, **kwargs)
        built[driver.capability, kernel.hash] = self.__name__, kernel
        return kernel

    triton.runtime.driver.set_active(driver)
    JITFunction.run = compile_only
    backend.why_not = lambda device: None   # there is no GPU, and nobody shall notice
    for driver.capability in CAPABILITIES:
        with backend.using("triton"):
            importlib.import_module(module).launches()
    return [read(kernel, name, capability) for (capability, _), (name, kernel) in built.items()]


def read(kernel, name: str, capability: int) -> dict:
    """What the machine code says: registers, spills, shared memory, and how often each instruction stands in it."""
    import triton

    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        usage, sass = (subprocess.run([tool, flag, file.name], capture_output=True, text=True, check=True).stdout
                       for flag in ("-res-usage", "-sass"))
    code = re.findall(r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ +)?([A-Z][\w.]*)", sass, re.M)
    number = {word: int(n) for word, n in re.findall(r"(\w+):(\d+)", usage)}
    return {
        "name": name, "sm": capability, "registers": number["REG"], "stack": number["STACK"], "shared": kernel.metadata.shared,
        "spills": sum(op.startswith(("LDL", "STL")) for op in code), "instructions": len(code),
        "warps": kernel.metadata.num_warps, "opcodes": Counter(code),
        "signature": {kernel.src.fn.arg_names[i[0] if isinstance(i, tuple) else i] if not isinstance(i, str) else i: str(v)
                      for i, v in kernel.src.constants.items()},
    }


def widths(kernel: dict, memory: str) -> set[int]:
    """Bytes per thread of the kernel's global loads ("LDG", or "LDGSTS" for asynchronous ones) or stores ("STG")."""
    found = set()
    for op in kernel["opcodes"]:
        first, *rest = op.split(".")
        if first == memory:
            bits = next((int(r) for r in rest if r in ("64", "128", "256")), None)
            found.add(bits // 8 if bits else next((int(r[1:]) // 8 for r in rest if r in ("U8", "S8", "U16", "S16")), 4))
    return found


if __name__ == "__main__":
    print(json.dumps(build(sys.argv[1])))
