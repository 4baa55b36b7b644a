"""How sure a share is, and how far judges agree.

    wilson   the interval of Wilson 1927, "Probable inference, the law of succession, and statistical inference":
             (p + z^2 / 2n  +-  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)        never outside [0, 1], good for small n
    alpha    Krippendorff's, for names: 1 - observed / expected disagreement. 1: all agree; 0: as chance would have it; below 0:
             less. Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", part D: judges may have left things out.

Both take answers for independent draws. Those of one judge, or about one picture, are not quite: true intervals are wider.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from statistics import NormalDist


def wilson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of hits / n. Nothing was asked: (0, 1)."""
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n}: expected 0 <= hits <= n")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = hits / n
    center, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (center - half) / (1 + z * z / n), (center + half) / (1 + z * z / n)
    return (0.0 if hits == 0 else low), (1.0 if hits == n else high)         # rounding would miss the exact ends


def alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """units: for each thing that was judged, what the judges said. None where fewer than two said something about the same
    thing, or where only one answer was ever given: then there is nothing to agree about."""
    units = [Counter(unit) for unit in units if len(unit) > 1]
    totals = sum(units, Counter())
    n = totals.total()
    if len(totals) < 2:
        return None
    observed = sum((u.total() ** 2 - sum(c * c for c in u.values())) / (u.total() - 1) for u in units) / n
    expected = (n * n - sum(c * c for c in totals.values())) / (n * (n - 1))
    return 1 - observed / expected
