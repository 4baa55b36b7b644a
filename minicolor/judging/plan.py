"""Which pictures a judge is shown, and in which order.

Every judge sees every photograph once, in one version (or, with pairs, in two side by side): who has seen the real one would
know the colored one for what it is. A version is 0, the real photograph, or 1, 2, ... for a run's coloring of it.

    one by one   half of what a judge sees is real, the other half is shared out among the runs
    pairs        every two versions meet, real and run as well as run and run, each as often on the left as on the right

Which version of a photograph comes is a Latin square: judges come in twos that see the same (so that their agreement can be
measured from two judges on), and each next two see every photograph in its next version. The order is random within blocks
of about BLOCK, each of them balanced, so that it hardly matters where a judge stops.

Some photographs are set aside to see whether a judge looks at all: they are shown in the version WRONG, striped in all hues.
"""

from itertools import permutations
from random import Random

REAL, WRONG = 0, -1
BLOCK = 8                # of two, one could tell the second from the first
FEWEST = 8               # with fewer photographs none is spared for checks

Question = tuple[int, tuple[int, ...]]      # photograph, versions from left to right


def versions(runs: int, pairs: bool) -> list[tuple[int, ...]]:
    """What can be shown of a photograph; each is shown equally often."""
    if pairs:
        return list(permutations(range(runs + 1), 2))
    return [shown for run in range(1, runs + 1) for shown in ((REAL,), (run,))]


def checks(photos: int) -> range:
    """The photographs that are set aside: one in ten, but two at least."""
    return range(max(2, round(photos / 10)) if photos >= FEWEST else 0)


def questions(photos: int, runs: int, pairs: bool, judge: int, rng: Random) -> list[Question]:
    """All that judge number 0, 1, 2, ... will be asked, in order. Photographs are numbered in an order that means nothing."""
    slots, aside = versions(runs, pairs), checks(photos)
    waiting = [[] for _ in slots]
    for photo in range(len(aside), photos):
        slot = (photo + judge // 2) % len(slots)
        waiting[slot].append((photo, slots[slot]))
    for group in waiting:
        rng.shuffle(group)
    out, each = [], -(-BLOCK // len(slots))
    while any(waiting):
        block = [question for group in waiting for question in group[:each]]
        rng.shuffle(block)
        out, waiting = out + block, [group[each:] for group in waiting]
    return _with_checks(out, aside, pairs, rng)


def _with_checks(out: list[Question], aside: range, pairs: bool, rng: Random) -> list[Question]:
    """One check in each stretch of the way, at a random place of it, never at the very beginning."""
    edges = [round(len(out) * i / max(1, len(aside))) for i in range(len(aside) + 1)]
    places = [rng.randint(max(1, low), max(1, high - 1)) for low, high in zip(edges, edges[1:])]
    for place, photo in sorted(zip(places, aside), reverse=True):       # from the end: earlier places stay what they are
        shown = rng.sample((REAL, WRONG), 2) if pairs else (WRONG,)
        out.insert(place, (photo, tuple(shown)))
    return out
