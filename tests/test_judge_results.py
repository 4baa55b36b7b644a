"""Rates, rankings and lists are what the answers say, by hand; who failed the checks is left out and said so."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicolor.judging.results import results, right, table
from minicolor.judging.results_page import percent, results_page


def row(judge, photo, choice, left, right=None, place=0, seconds=2.0):
    return {"judge": judge, "place": place, "photo": f"p{photo}", "left": f"id{photo}v{left}", "left_version": left,
            "right": None if right is None else f"id{photo}v{right}", "right_version": right, "choice": choice,
            "seconds": seconds, "at": "2025-01-01T00:00:00Z"}


SINGLE = [row("Ana", 1, "real", 0), row("Ana", 2, "colored", 0), row("Ana", 3, "real", 1), row("Ana", 4, "colored", 1),
          row("Ana", 5, "real", 2), row("Ana", 6, "colored", -1),
          row("Ben", 1, "real", 0), row("Ben", 3, "real", 1), row("Ben", 4, "real", 1), row("Ben", 6, "colored", -1)]


def test_singles_by_hand():
    found = results(SINGLE, ["a", "b"], pairs=False)
    assert [(s["of"], s["hits"], s["n"]) for s in found["shares"]] == [("the real pictures", 2, 3), ("a", 3, 4), ("b", 1, 1)]
    assert [(p["photo"], p["of"], p["hits"], p["n"]) for p in found["pictures"] if p["version"]] == [
        ("p3", "a", 2, 2), ("p5", "b", 1, 1), ("p4", "a", 1, 2)]                   # 2 of 2 before 1 of 1
    assert [(j["name"], j["right"], j["told"], j["passed"], j["checks"], j["answers"]) for j in found["judges"]] == [
        ("Ana", 2, 5, 1, 1, 6), ("Ben", 1, 3, 1, 1, 4)]
    # both answered photographs 1 (real, real), 3 (real, real) and 4 (colored, real): observed 2/6, expected 2 * 1 * 5 / 30
    assert found["units"] == 3 and found["alpha"] == pytest.approx(1 - (2 / 6) / (10 / 30))
    assert found["answers"] == 8 and found["left_out"] == 0


PAIRS = [row("Ana", 1, "left", 0, 1), row("Ana", 2, "left", 1, 0), row("Ana", 3, "right", 1, 2), row("Ana", 4, "left", 1, 2),
         row("Ana", 5, "right", 2, 0), row("Ana", 6, "right", -1, 0),
         row("Ben", 1, "left", 1, 0), row("Ben", 6, "left", 0, -1)]


def test_pairs_by_hand():
    found = results(PAIRS, ["a", "b"], pairs=True)
    assert [(s["of"], s["against"], s["hits"], s["n"]) for s in found["shares"]] == [
        ("a", "the real pictures", 2, 3), ("b", "the real pictures", 0, 1), ("b", "a", 1, 2)]
    assert [(p["photo"], p["of"], p["picture"], p["hits"], p["n"]) for p in found["pictures"]] == [
        ("p2", "a", "id2v1", 1, 1), ("p1", "a", "id1v1", 1, 2), ("p5", "b", "id5v2", 0, 1)]
    ana = found["judges"][0]
    assert (ana["right"], ana["told"], ana["passed"], ana["checks"]) == (2, 3, 1, 1)    # of run against run nothing is right
    assert found["units"] == 1                               # photograph 1, with its sides exchanged, and they disagree:
    assert found["alpha"] == pytest.approx(1 - 1 / 1)        # observed 1, expected 2 * 1 * 1 / (2 * 1) = 1


def test_who_fails_the_checks_is_left_out_but_can_be_counted():
    rows = SINGLE + [row("Cat", i, "real", 1) for i in range(7, 27)] + [row("Cat", 30, "real", -1), row("Cat", 31, "colored", -1)]
    found, all_of_them = (results(rows, ["a", "b"], False, everyone) for everyone in (False, True))
    assert found["left_out"] == 1 and found["answers"] == 8 and found["shares"] == results(SINGLE, ["a", "b"], False)["shares"]
    assert all_of_them["left_out"] == 0 and all_of_them["answers"] == 28 and all_of_them["shares"][1]["n"] == 24
    assert [j["attentive"] for j in found["judges"]] == [True, True, False]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.booleans()), max_size=60))
def test_no_answer_is_counted_twice_or_not_at_all(answers):
    rows = [row(f"judge {j}", p, "real" if real else "colored", p % 3) for j, p, real in answers]
    found = results(rows, ["a", "b"], False)
    assert sum(s["n"] for s in found["shares"]) == sum(p["n"] for p in found["pictures"]) == len(rows) == found["answers"]
    assert sum(s["hits"] for s in found["shares"]) == sum(real for _, _, real in answers)
    order = [p["low"] + p["high"] for p in found["pictures"]]
    assert order == sorted(order, reverse=True)


def test_what_is_right():
    assert [right(row("x", 1, choice, version)) for choice, version in
            (("real", 0), ("colored", 0), ("real", 1), ("colored", 1), ("colored", -1))] == [True, False, False, True, True]
    assert [right(row("x", 1, choice, *both)) for choice, both in
            (("left", (0, 1)), ("left", (1, 0)), ("right", (-1, 0)), ("left", (1, 2)))] == [True, False, True, None]


def test_the_csv_has_every_answer():
    lines = list(csv.DictReader(io.StringIO(table(PAIRS, ["a, with comma", "b"]))))
    assert len(lines) == len(PAIRS)
    assert lines[0] == {"judge": "Ana", "place": "1", "photo": "p1", "left": "real", "right": "a, with comma", "choice": "left",
                        "correct": "1", "check": "0", "seconds": "2.00", "at": "2025-01-01T00:00:00Z"}
    assert lines[2]["correct"] == "" and lines[5]["check"] == "1" and lines[5]["left"] == "check"


@pytest.mark.parametrize("rows,pairs", [([], False), ([], True), (SINGLE, False), (PAIRS, True)])
def test_the_page_shows_them_and_escapes_what_people_typed(rows, pairs):
    rows = [{**r, "judge": r["judge"] + "<script>"} for r in rows]
    text = results_page(results(rows, ["<b>a", "b"], pairs), ["<b>a", "b"], pairs, "KEY", False)
    assert "<script>" not in text and "<b>" not in text and "&lt;b&gt;a" in text and "http" not in text
    assert ("Not known yet" in text) == (not rows) and ("no answers yet" in text) == (not rows)


def test_percent():
    assert percent({"hits": 12, "n": 25}) == "48% (12 of 25)" and percent({"hits": 0, "n": 0}) == "no answers yet"
