"""Gaussian noise that can be had again.     source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011

An ordinary generator is a state that each draw changes: who draws first matters. A counter-based one is a cipher: random
numbers are the encrypted counter (here: which pixel of which picture), and the seed is the key. So each pixel's
noise depends on (seed, picture's id, row, column) and on nothing else: not on the batch it came in, nor on the device.

Philox4x32-10: a counter of four 32-bit words and a key of two go through ten rounds and become four random words. Two of
them make two normal numbers (Box and Muller 1958), so one draw serves four neighboring pixels of a row.
"""

import math

import torch
from torch import Tensor

from minicolor.errors import BadInput

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)       # of words 0 and 2; both pairs of constants are the paper's
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)         # the golden ratio and sqrt(3) - 1, in 32 bits
WORD = 0xFFFFFFFF


def philox(counter: tuple[Tensor, ...], key: tuple[int, int]) -> tuple[Tensor, ...]:
    """Four int64 tensors with values below 2^32, and two such numbers -> four such tensors of random words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        low, high = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]     # 64 bits; int64 may wrap around, its bits stay right
        c0, c1, c2, c3 = ((high >> 32) & WORD) ^ c1 ^ k0, high & WORD, ((low >> 32) & WORD) ^ c3 ^ k1, low & WORD
        k0, k1 = (k0 + KEY_STEPS[0]) & WORD, (k1 + KEY_STEPS[1]) & WORD
    return c0, c1, c2, c3


def normals(words: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Four tensors of random words -> four of standard normal numbers, float32; computed in float64."""
    return *_box_muller(words[0], words[1]), *_box_muller(words[2], words[3])


def _box_muller(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """A radius and an angle make a point of a round Gaussian cloud; both of its coordinates are normal."""
    radius = (-2 * torch.log((a.double() + 0.5) / 2**32)).sqrt()     # + 0.5: never log(0); at most 6.76
    angle = torch.where(b < 2**31, b, b - 2**32).double() * (math.pi / 2**31)   # the word as a signed one: -pi .. pi
    return (radius * angle.cos()).float(), (radius * angle.sin()).float()


def gaussian_noise(n: int, height: int, width: int, seed: int, ids: Tensor | None = None, device=None) -> Tensor:
    """-> (n, 1, height, width) of standard normal numbers, float32.

    seed: 0 .. 2^64 - 1. ids: (n,) int64, the pictures' own numbers, 0 .. n - 1 where not given; device: that of ids.
    Pixel (y, x) takes number x % 4 of the draw with the counter (x // 4, y, id's low word, id's high word).
    BadInput for other arguments.
    """
    check_noise(n, seed, ids)
    device = torch.device(device if device is not None else ids.device if ids is not None else "cpu")
    ids = torch.arange(n, device=device) if ids is None else ids.to(device)
    quads = torch.arange(-(-width // 4), device=device)
    rows = torch.arange(height, device=device)[:, None]
    ids = ids[:, None, None]
    counter = torch.broadcast_tensors(quads, rows, ids & WORD, (ids >> 32) & WORD)       # each (n, height, quads)
    four = normals(philox(counter, (seed & WORD, seed >> 32)))
    return torch.stack(four, dim=-1).flatten(2)[:, None, :, :width]                      # a row is cut off at its width


def check_noise(n: int, seed: int, ids: Tensor | None) -> None:
    """BadInput where these cannot choose the noise of n pictures."""
    if type(seed) is not int or not 0 <= seed < 2**64:
        raise BadInput(f"argument seed: expected a whole number from 0 to 2^64 - 1, not {seed!r}")
    if ids is not None and not (isinstance(ids, Tensor) and ids.dtype == torch.int64 and ids.shape == (n,)):
        shown = f"{ids.dtype} {tuple(ids.shape)}" if isinstance(ids, Tensor) else repr(ids)
        raise BadInput(f"argument ids: expected int64 ({n},), a number for each picture, not {shown}")
