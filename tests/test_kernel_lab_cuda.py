"""lab.cu says what the twin says: arithmetic and packing tested on the CPU, machine code without spills, the rest on a GPU."""

import re
import shutil
import subprocess

import numpy as np
import pytest
import torch

from minicolor.errors import BadInput
from minicolor.kernels import lab_cuda
from minicolor.kernels.lab import rgb_to_units, units_to_rgb_u8
from minicolor.kernels.lab_bytes import light
from minicolor.ops import lab_units as twin
from minicolor.ops.lab import FROM_RELATIVE, TO_RELATIVE

needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc on this machine")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")

# What a GPU's threads would do, one after the other: the same functions of lab.cu, compiled for the CPU.
MAIN = """
#include "lab.cu"
#include <cstdio>
#include <cstdlib>

template <class T> T* read(size_t count) {
    T* memory = static_cast<T*>(aligned_alloc(16, (count * sizeof(T) + 15) / 16 * 16));
    if (fread(memory, sizeof(T), count, stdin) != count) exit(1);
    return memory;
}

int main(int, char** argument) {
    bool back = argument[1][0] == 'b', words = argument[1][1] == 'w';
    int64_t n = atoll(argument[2]), pixels = atoll(argument[3]);
    Matrix matrix;
    float* numbers = read<float>(9);
    for (int i = 0; i < 9; i++) matrix.m[i] = numbers[i];
    if (back) {
        float* l = read<float>(n * pixels);
        float* ab = read<float>(2 * n * pixels);
        uint8_t* rgb = static_cast<uint8_t*>(calloc(3 * n * pixels + 8, 1));
        for (int64_t picture = 0; picture < n; picture++)
            for (int64_t i = 0; (words ? 8 : 1) * i < pixels; i++)
                words ? bytes_at<8>(picture, i, l, ab, matrix, rgb, pixels) : bytes_at<1>(picture, i, l, ab, matrix, rgb, pixels);
        fwrite(rgb, 1, 3 * n * pixels, stdout);
    } else {
        float* light = read<float>(256);
        uint8_t* rgb = read<uint8_t>(3 * n * pixels);
        float* out = static_cast<float*>(aligned_alloc(16, (12 * n * pixels + 15) / 16 * 16));
        float* ab = static_cast<float*>(aligned_alloc(16, (8 * n * pixels + 15) / 16 * 16));
        for (int64_t picture = 0; picture < n; picture++)
            for (int64_t i = 0; (words ? 4 : 1) * i < pixels; i++)
                words ? units_at<4>(picture, i, rgb, light, matrix, out, ab, pixels)
                      : units_at<1>(picture, i, rgb, light, matrix, out, ab, pixels);
        fwrite(out, 4, n * pixels, stdout);
        fwrite(ab, 4, 2 * n * pixels, stdout);
    }
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab_cu")
    (folder / "main.cu").write_text(MAIN)
    subprocess.run(["nvcc", "-O1", "-I", lab_cuda.SOURCE.parent, "-o", folder / "lab", folder / "main.cu"], check=True)

    def run(what: str, shape, *arrays) -> bytes:
        n, _, height, width = shape
        given = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)
        return subprocess.run([folder / "lab", what, str(n), str(height * width)], input=given, capture_output=True,
                              check=True).stdout

    return run


def pictures(n: int, height: int, width: int) -> torch.Tensor:
    """Noise, with both ends, the knee of the curve (10, 11) and of the cube root (~ 23) in all mixtures at the front."""
    u8 = torch.randint(0, 256, (n, height, width, 3), generator=torch.Generator().manual_seed(0)).byte()
    ends = torch.cartesian_prod(*[torch.tensor([0, 1, 10, 11, 22, 23, 255], dtype=torch.uint8)] * 3)
    flat = u8.view(-1, 3)
    flat[: len(ends)] = ends[: len(flat)]
    return u8.permute(0, 3, 1, 2)


SHAPES = pytest.mark.parametrize("words, shape", [("w", (2, 16, 24)), ("w", (3, 1, 8)), ("n", (2, 9, 21)), ("n", (1, 1, 1))])


@needs_nvcc
@SHAPES
def test_bytes_to_units_on_the_cpu(program, words, shape):
    rgb = pictures(*shape)
    n, pixels = shape[0], shape[1] * shape[2]
    out = np.frombuffer(program("u" + words, rgb.shape, np.array(TO_RELATIVE, np.float32), light(torch.device("cpu")).numpy(),
                                rgb.permute(0, 2, 3, 1).numpy()), np.float32)
    l, ab = twin.rgb_to_units(rgb.double() / 255)
    # float32 differences of values near 1, times 500 / 110: a few 1e-7
    np.testing.assert_allclose(out[: n * pixels].reshape(l.shape), l.numpy(), atol=2e-6)
    np.testing.assert_allclose(out[n * pixels :].reshape(ab.shape), ab.numpy(), atol=2e-6)


@needs_nvcc
@SHAPES
def test_units_to_bytes_on_the_cpu(program, words, shape):
    """Inside the gamut, where every byte comes back, and far outside of it."""
    for scale in (1.0, 1.7):
        l, ab = twin.rgb_to_units(pictures(*shape))
        ab = ab * scale
        out = program("b" + words, l.shape, np.array(FROM_RELATIVE, np.float32), l.numpy(), ab.numpy())
        u8 = np.frombuffer(out, np.uint8).reshape(shape[0], shape[1], shape[2], 3).transpose(0, 3, 1, 2).astype(int)
        exact = twin.units_to_rgb(l.double(), ab.double()).numpy() * 255
        assert np.abs(u8 - exact).max() < 0.5 + 0.005            # the nearest byte; 0.005: float32 near black's steep curve


@needs_nvcc
@pytest.mark.parametrize("sm", [80, 90, 100])
def test_machine_code(sm, tmp_path):
    """No spills; pictures move in 8 bytes and more; only the table, and the kernels for odd sizes, read less at once."""
    command = ["nvcc", "-cubin", f"-arch=sm_{sm}", *lab_cuda.FLAGS, "-Xptxas", "-v", "-o", tmp_path / "lab.cubin"]
    built = subprocess.run([*command, lab_cuda.SOURCE], capture_output=True, text=True)
    if "is not defined for option" in built.stderr or "Unsupported gpu architecture" in built.stderr:
        pytest.skip(f"this nvcc does not know sm_{sm}")
    assert built.returncode == 0, built.stderr
    spills = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", built.stderr)
    assert len(spills) == 4 and set(spills) == {("0", "0", "0")}

    disassembler = shutil.which("cuobjdump") or triton_disassembler()
    sass = subprocess.run([disassembler, "-sass", tmp_path / "lab.cubin"], capture_output=True, text=True, check=True).stdout
    moves = {}
    for function in sass.split("Function : ")[1:]:
        name = re.match(r"_Z\d+([a-z_]+)ILi(\d)E", function)
        moves[name[1], int(name[2])] = re.findall(r"\b((?:LDG|STG)\.E[\w.]*)", function)
    table = 12                                                   # 4 pixels, 3 channels
    to_units, to_bytes = moves["bytes_to_units", 4], moves["units_to_bytes", 8]
    assert sorted(widths(to_units, "LDG")) == [4] * table + [8] * 2 and widths(to_units, "STG") == [16] * 3
    assert widths(to_bytes, "LDG") == [16] * 6 and widths(to_bytes, "STG") == [8] * 3


def triton_disassembler() -> str:
    triton = pytest.importorskip("triton")
    return triton.__path__[0] + "/backends/nvidia/bin/cuobjdump"


def widths(moves: list[str], memory: str) -> list[int]:
    """Bytes per thread of each load or store."""
    bits = [re.search(r"\.(64|128)\b", m) for m in moves if m.startswith(memory)]
    return [int(b[1]) // 8 if b else 4 for b in bits]


def test_a_cpu_and_what_lab_cu_does_not_have_are_said_in_a_sentence():
    rgb = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    with pytest.raises(BadInput, match="needs an NVIDIA GPU"):
        rgb_to_units(rgb, backend="cuda")
    with pytest.raises(BadInput, match="needs an NVIDIA GPU"):
        units_to_rgb_u8(torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4), backend="cuda")
    for call in (lambda: rgb_to_units(rgb, "rgb", backend="cuda"), lambda: rgb_to_units(rgb.float(), backend="cuda"),
                 lambda: units_to_rgb_u8(torch.zeros(1, 1, 4, 4).double(), torch.zeros(1, 2, 4, 4).double(), backend="cuda")):
        with pytest.raises(BadInput, match="triton or torch"):
            call()


def test_a_missing_compiler_is_said_in_a_sentence(monkeypatch):
    def no_nvcc(*args, **kwargs):
        raise OSError("CUDA_HOME environment variable is not set.\nMore lines")

    monkeypatch.setattr("torch.utils.cpp_extension.load", no_nvcc)
    lab_cuda.library.cache_clear()
    with pytest.raises(BadInput, match="needs nvcc and ninja: CUDA_HOME environment variable is not set.$"):
        lab_cuda.library()


@needs_nvcc
@needs_gpu
@SHAPES
def test_on_the_gpu(words, shape):
    rgb = pictures(*shape).cuda()
    for mine, theirs in zip(rgb_to_units(rgb, backend="cuda"), twin.rgb_to_units(rgb)):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)          # lg2.approx and ex2.approx: 2^-22 each
    l, ab = twin.rgb_to_units(rgb)
    assert torch.equal(units_to_rgb_u8(l, ab, backend="cuda"), rgb)
    assert units_to_rgb_u8(l[:0], ab[:0], backend="cuda").shape == (0, 3, *shape[1:])
    part = rgb[..., 1:]                                                      # not a run of bytes
    torch.testing.assert_close(rgb_to_units(part, backend="cuda")[0], twin.rgb_to_units(part)[0], atol=1e-5, rtol=0)
