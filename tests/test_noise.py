"""Philox is the published one; its noise is normal, uncorrelated, and a function of (seed, id, row, column) alone."""

import numpy as np
import pytest
import torch
from scipy import stats

from minicolor.errors import BadInput
from minicolor.ops.noise import WORD, gaussian_noise, normals, philox

# Random123 (the authors' own code), tests/kat_vectors, lines "philox4x32 10": counter, key, result. The third is digits of pi.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((WORD,) * 4, (WORD, WORD), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]
N = 160_000       # of samples() below


def samples(seed: int = 2026) -> np.ndarray:
    return gaussian_noise(10, 100, 160, seed).numpy()


def uncorrelated(a: np.ndarray, b: np.ndarray) -> bool:
    """Of n independent pairs, r is nearly normal with standard deviation 1 / sqrt(n); 4 of them is one case in 16000."""
    return abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / np.sqrt(a.size)


@pytest.mark.parametrize("counter, key, expected", KNOWN)
def test_known_answers(counter, key, expected):
    words = philox(tuple(torch.tensor([w]) for w in counter), key)
    assert tuple(w.item() for w in words) == expected


def test_all_four_words_and_both_keys_matter():
    base = [torch.tensor([5])] * 4
    seen = {tuple(w.item() for w in philox(tuple(base), (1, 2)))}
    for i in range(4):
        changed = [w ^ (1 << 31) if i == j else w for j, w in enumerate(base)]
        seen.add(tuple(w.item() for w in philox(tuple(changed), (1, 2))))
    seen |= {tuple(w.item() for w in philox(tuple(base), key)) for key in ((1 ^ 1 << 31, 2), (1, 2 ^ 1 << 31))}
    assert len(seen) == 7


def test_is_normal():
    z = samples().ravel()
    assert z.size == N and stats.kstest(z, "norm").pvalue > 0.01 and stats.jarque_bera(z).pvalue > 0.01
    assert abs(z.mean()) < 4 / np.sqrt(N) and abs(z.var() - 1) < 4 * np.sqrt(2 / N)      # 4 standard errors each
    assert abs(stats.kurtosis(z)) < 4 * np.sqrt(24 / N) and abs(stats.skew(z)) < 4 * np.sqrt(6 / N)
    for i in range(4):                                                                  # each of a draw's four alone
        assert stats.kstest(samples()[..., i::4].ravel(), "norm").pvalue > 0.01


def test_is_uncorrelated_everywhere():
    z = samples()
    for step in (1, 2, 3, 4, 8):
        assert uncorrelated(z[..., step:], z[..., :-step]) and uncorrelated(z[..., step:] ** 2, z[..., :-step] ** 2), step
    assert uncorrelated(z[:, :, 1:], z[:, :, :-1]) and uncorrelated(z[:, :, 1:, 1:], z[:, :, :-1, :-1])
    assert uncorrelated(z[1:], z[:-1]) and uncorrelated(z[1:] ** 2, z[:-1] ** 2)        # pictures of consecutive ids
    for other in (2027, 2026 + 2**32, 2026 ^ 2**63):                                    # seeds that share most bits
        assert uncorrelated(z, samples(other)), other


def test_tails_are_as_long_as_normal_ones():
    words = [torch.tensor([w]) for w in (0, 0, 2**32 - 1, 2**31)]
    a, b, c, d = (z.item() for z in normals(tuple(words)))
    assert (a, b) == pytest.approx((np.sqrt(-2 * np.log(2.0**-33)), 0)) and a > 6.7     # never log(0)
    assert abs(c) < 3e-5 and abs(d) < 3e-5                                              # the smallest radius there is
    z = np.abs(gaussian_noise(40, 300, 300, seed=3).numpy())
    for level in (2, 3, 4):
        expected = z.size * 2 * stats.norm.sf(level)
        assert abs((z > level).sum() - expected) < 4 * np.sqrt(expected), level


def test_all_quarters_of_the_circle_are_reached():
    a = torch.tensor([2**31] * 4)
    for angle, signs in ((2**29, (1, 1)), (2**30 + 2**29, (-1, 1)), (2**31 + 2**29, (-1, -1)), (2**32 - 2**29, (1, -1))):
        x, y, *_ = normals((a[:1], torch.tensor([angle]), a[:1], a[:1]))
        assert (x.sign().item(), y.sign().item()) == signs


def test_depends_on_seed_id_row_and_column_alone():
    ids = torch.tensor([5, -1, 2**40 + 5, 0])
    whole = gaussian_noise(4, 20, 21, 9, ids)
    assert torch.equal(gaussian_noise(4, 7, 10, 9, ids), whole[:, :, :7, :10])           # not on the size
    assert torch.equal(gaussian_noise(2, 20, 21, 9, ids[2:]), whole[2:])                 # not on the batch
    assert torch.equal(gaussian_noise(6, 4, 4, 9)[5:], whole[:1, :, :4, :4])             # ids are 0 .. n - 1 otherwise
    assert not torch.isclose(whole[0], whole[2]).any(), "the high word of an id matters"
    assert gaussian_noise(0, 4, 4, 9).shape == (0, 1, 4, 4)
    assert whole.unique().numel() == whole.numel()


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, None])
def test_refuses_a_seed_that_is_none(seed):
    with pytest.raises(BadInput, match="argument seed: expected a whole number from 0 to"):
        gaussian_noise(1, 4, 4, seed)


@pytest.mark.parametrize("ids", [torch.zeros(3, dtype=torch.int64), torch.zeros(2), torch.zeros(2, dtype=torch.int32),
                                 torch.zeros(2, 1, dtype=torch.int64), [0, 1]])
def test_refuses_ids_that_are_none(ids):
    with pytest.raises(BadInput, match=r"argument ids: expected int64 \(2,\)"):
        gaussian_noise(2, 4, 4, 0, ids)
