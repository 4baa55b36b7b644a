"""uint8 pictures <-> network units: the kernels of kernels/lab.py that read and write files' three bytes a pixel.

Three bytes do not divide into words, and a GPU wants words. Reading, a thread has 4 pixels: 12 bytes, cut out of two words of 8
bytes. Writing, it has 8 pixels: 24 bytes, three words. Neither fits where H * W lacks the factor 8, or where a slice of a
batch begins at an odd address: there STEP is 1 and every byte goes alone.
"""

import functools

import torch
from torch import Tensor

from minicolor.kernels.backend import tl, triton
from minicolor.kernels.lab_device import clip, cube, encode, launch, place, read_roots, step_of, store_units, to_light, to_xyz
from minicolor.ops.srgb import srgb_to_linear


@triton.jit
def _byte(x0, x1, x2, place):
    """Byte 0..11 of three 32-bit words. Every thread holds the same four places, so all but one shift is folded away."""
    word = tl.where(place < 4, x0, tl.where(place < 8, x1, x2))
    return (word >> (place % 4 * 8)) & 255


@triton.jit
def _bytes_to_units(rgb, light, l, out, steps, blocks, AB: tl.constexpr, STEP: tl.constexpr, BLOCK: tl.constexpr):
    pixels = steps * STEP                        # H * W; as a product, so that the compiler knows it has the factor 8
    picture, first, left = place(pixels, blocks, BLOCK)
    quad = tl.arange(0, BLOCK // 4)[:, None]     # a thread has 4 pixels: 12 bytes in, and 16 out for every plane
    k = tl.arange(0, 4)[None, :]
    at = 4 * quad + k
    inside = at < left
    if STEP == 8:                                # rgb counts 8 bytes: two of its words hold any quad, and one half too many
        words = rgb + (picture * pixels + first) * 3 // 8 + quad * 3 // 2
        w0 = tl.load(words, mask=4 * quad < left, other=0)
        w1 = tl.load(words + 1, mask=4 * quad < left, other=0)
        odd = quad % 2 == 1
        x0 = tl.where(odd, w0 >> 32, w0).to(tl.int32)
        x1 = tl.where(odd, w1, w0 >> 32).to(tl.int32)
        x2 = tl.where(odd, w1 >> 32, w1).to(tl.int32)
        r, g, b = _byte(x0, x1, x2, 3 * k), _byte(x0, x1, x2, 3 * k + 1), _byte(x0, x1, x2, 3 * k + 2)
    else:                                        # byte by byte: any number of pixels, any start
        rgb += (picture * pixels + first) * 3
        r = tl.load(rgb + 3 * at, mask=inside, other=0).to(tl.int32)
        g = tl.load(rgb + 3 * at + 1, mask=inside, other=0).to(tl.int32)
        b = tl.load(rgb + 3 * at + 2, mask=inside, other=0).to(tl.int32)
    x, y, z = to_xyz(tl.load(light + r), tl.load(light + g), tl.load(light + b))
    store_units(l, out, picture, first, pixels, at, inside, x, y, z,
                 r * (2 / 255) - 1, g * (2 / 255) - 1, b * (2 / 255) - 1, AB)


@triton.jit
def _colors(l, ab, picture, first, pixels, at, inside):
    """-> r, g, b of 0..255 at these pixels."""
    fx, fy, fz = read_roots(l, ab, picture, first, pixels, at, inside)
    r, g, b = to_light(cube(fx), cube(fy), cube(fz))
    r, g, b = clip(encode(r)) * 255 + 0.5, clip(encode(g)) * 255 + 0.5, clip(encode(b)) * 255 + 0.5
    return r.to(tl.int32), g.to(tl.int32), b.to(tl.int32)


@triton.jit
def _word(r, g, b, k, WORD: tl.constexpr):
    """Word 0, 1 or 2 of the 12 bytes of four pixels: each byte moved to its place, and all added up."""
    r = tl.where(3 * k // 4 == WORD, r << 3 * k % 4 * 8, 0)
    g = tl.where((3 * k + 1) // 4 == WORD, g << (3 * k + 1) % 4 * 8, 0)
    b = tl.where((3 * k + 2) // 4 == WORD, b << (3 * k + 2) % 4 * 8, 0)
    return tl.sum(r + g + b, axis=1).to(tl.int64) & 0xFFFFFFFF


@triton.jit
def _units_to_bytes(l, ab, rgb, steps, blocks, STEP: tl.constexpr, BLOCK: tl.constexpr):
    pixels = steps * STEP
    picture, first, left = place(pixels, blocks, BLOCK)
    rgb += (picture * pixels + first) * 3 // STEP
    if STEP == 8:                                # a thread has 8 pixels: two quads, and three words of 8 bytes for them
        group, k = tl.arange(0, BLOCK // 8), tl.arange(0, 4)[None, :]
        at = 8 * group[:, None] + k
        r, g, b = _colors(l, ab, picture, first, pixels, at, at < left)
        r2, g2, b2 = _colors(l, ab, picture, first, pixels, at + 4, at + 4 < left)
        inside = 8 * group < left
        tl.store(rgb + 3 * group, _word(r, g, b, k, 0) | _word(r, g, b, k, 1) << 32, mask=inside)
        tl.store(rgb + 3 * group + 1, _word(r, g, b, k, 2) | _word(r2, g2, b2, k, 0) << 32, mask=inside)
        tl.store(rgb + 3 * group + 2, _word(r2, g2, b2, k, 1) | _word(r2, g2, b2, k, 2) << 32, mask=inside)
    else:
        at = tl.arange(0, BLOCK)
        r, g, b = _colors(l, ab, picture, first, pixels, at, at < left)
        tl.store(rgb + 3 * at, r.to(tl.uint8), mask=at < left)
        tl.store(rgb + 3 * at + 1, g.to(tl.uint8), mask=at < left)
        tl.store(rgb + 3 * at + 2, b.to(tl.uint8), mask=at < left)


@functools.cache
def light(device: torch.device) -> Tensor:
    """(256,) float32: the linear light of every byte, from float64."""
    return srgb_to_linear(torch.arange(256, dtype=torch.float64) / 255).float().to(device)


def bytes_to_units(rgb: Tensor, target: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W) uint8 of any strides; free of a copy where it is (N, H, W, 3) in memory, as the loader's batches are."""
    pixels = rgb.permute(0, 2, 3, 1).contiguous()
    n, _, height, width = rgb.shape
    l = torch.empty(n, 1, height, width, dtype=dtype, device=rgb.device)
    out = torch.empty(n, 2 if target == "ab" else 3, height, width, dtype=dtype, device=rgb.device)
    whole_words = pixels.data_ptr() % 8 == 0 and pixels.storage_offset() % 8 == 0
    eight = step_of(rgb) if whole_words else 1                              # a slice may begin anywhere
    memory = pixels.view(-1).view(torch.int64) if eight == 8 else pixels
    launch(_bytes_to_units, rgb, memory, light(rgb.device), l, out, step=eight, AB=target == "ab")
    return l, out


def units_to_bytes(l: Tensor, ab: Tensor) -> Tensor:
    """Contiguous L (N, 1, H, W) and ab (N, 2, H, W) -> (N, 3, H, W) uint8 over memory (N, H, W, 3)."""
    n, _, height, width = l.shape
    rgb = torch.empty(n, height, width, 3, dtype=torch.uint8, device=l.device)
    memory = rgb.view(-1).view(torch.int64) if step_of(l) == 8 else rgb
    launch(_units_to_bytes, l, l, ab, memory, step=step_of(l), block=1024)  # 8 pixels for each of 128 threads
    return rgb.permute(0, 3, 1, 2)
