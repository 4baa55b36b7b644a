"""What the answers say: the share of colored pictures that passed for real, with its interval, per run and per picture.

    one by one   fooling rate of a run = times its picture was called real / times it was shown;   real pictures' own rate
                 beside it: judges who cannot tell give both the same
    pairs        fooling rate of a run = times it was taken for more real than the real one / times they met;   50%: no one
                 can tell.   For two runs: how often the second was taken

Judges who failed more than a quarter of their attention checks are left out (their answers stay in the file and in the CSV).
One by one, every check is wrongly colored: who always says "colored" passes them, and the table of judges remarks on it.
Pictures are ordered by the middle of Wilson's interval: one lucky answer does not outrank nine of ten.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from minicolor.judging.agreement import alpha, wilson
from minicolor.judging.plan import REAL, WRONG

CONSTANT = 8           # answers, all of them the same, that are remarked on
PASSES = 0.75          # share of the checks that a judge whose answers count has answered right

Share = dict           # of, against, hits, n, low, high


def results(rows: list[dict], runs: list[str], pairs: bool, everyone: bool = False) -> dict:
    """rows: Answers.rows(). everyone: count the inattentive too. -> shares, pictures (ranked), judges, alpha, units, answers."""
    by_judge = defaultdict(list)
    for row in rows:
        by_judge[row["judge"]].append(row)
    judges = [_judge(name, theirs) for name, theirs in by_judge.items()]
    out = {judge["name"] for judge in judges if not (everyone or judge["attentive"])}
    counted = [row for row in rows if not is_check(row) and row["judge"] not in out]

    shares, pictures, units = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in counted:
        if pairs:
            (one, _), (other, picture) = sorted([(row["left_version"], row["left"]), (row["right_version"], row["right"])])
            hit = taken(row) == other
            if one == REAL:
                pictures[row["photo"], other, picture].append(hit)
        else:
            one, other, picture, hit = None, row["left_version"], row["left"], row["choice"] == "real"
            pictures[row["photo"], other, picture].append(hit)
        shares[other, one].append(hit)
        units[row["photo"], one, other].append(hit)
    names = ["the real pictures", *runs]
    meant = [(run, REAL) for run in range(1, len(runs) + 1)] if pairs else [(run, None) for run in range(len(runs) + 1)]
    meant += [(b, a) for a in range(1, len(runs) + 1) for b in range(a + 1, len(runs) + 1)] if pairs else []
    ranked = [{"photo": photo, "version": version, "of": names[version], "picture": picture, **share(hits)}
              for (photo, version, picture), hits in pictures.items()]
    return {
        "shares": [{"of": names[of], "against": None if against is None else names[against], **share(shares[of, against])}
                   for of, against in meant],
        "pictures": sorted(ranked, key=lambda one: (-one["low"] - one["high"], one["photo"])),
        "judges": judges, "left_out": len(out), "answers": len(counted), "alpha": alpha(units.values()),
        "units": sum(len(unit) > 1 for unit in units.values()),
    }


def share(hits: Iterable[bool]) -> Share:
    """How many of how many, and Wilson's interval."""
    hits = list(hits)
    low, high = wilson(sum(hits), len(hits))
    return {"hits": sum(hits), "n": len(hits), "low": low, "high": high}


def is_check(row: dict) -> bool:
    return WRONG in (row["left_version"], row["right_version"])


def taken(row: dict) -> int:
    """Of a pair: the version that was taken for more real."""
    return row[f"{row['choice']}_version"]


def right(row: dict) -> bool | None:
    """Whether the answer is true. None: two runs met, and there is no truth about that."""
    if row["right_version"] is None:
        return (row["choice"] == "real") == (row["left_version"] == REAL)
    if REAL not in (row["left_version"], row["right_version"]):
        return None
    return taken(row) == REAL


def table(rows: list[dict], runs: list[str]) -> str:
    """CSV, one line for each answer."""
    names = {None: "", REAL: "real", WRONG: "check"} | dict(enumerate(runs, start=1))
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["judge", "place", "photo", "left", "right", "choice", "correct", "check", "seconds", "at"])
    for row in rows:
        out.writerow([row["judge"], row["place"] + 1, row["photo"], names[row["left_version"]], names[row["right_version"]],
                      row["choice"], {None: "", True: 1, False: 0}[right(row)], int(is_check(row)),
                      "" if row["seconds"] is None else f"{row['seconds']:.2f}", row["at"]])
    return text.getvalue()


def _judge(name: str, rows: list[dict]) -> dict:
    passed = [right(row) for row in rows if is_check(row)]
    told = [right(row) for row in rows if not is_check(row) and right(row) is not None]
    seconds = [row["seconds"] for row in rows if row["seconds"] is not None]
    same = len(rows) >= CONSTANT and len({row["choice"] for row in rows}) == 1
    return {"name": name, "answers": len(rows), "right": sum(told), "told": len(told), "passed": sum(passed),
            "checks": len(passed), "attentive": sum(passed) >= PASSES * len(passed), "same": same,
            "seconds": median(seconds) if seconds else None}
