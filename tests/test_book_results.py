"""The results' tables and curves are those of the files, every experiment has its row, and no text breaks a table."""

import json

import pytest
from booked import ROOT, result

from lessons.book import further, pages, results

FILES = sorted((ROOT / "lessons" / "results").glob("*.json"))


def test_the_results_table_says_what_came_out():
    tested = {"A1": result("A1"), "A10": result("A10", 1)}
    text = results.overview(tested, {"00_first": "00_first.ipynb"})
    assert "2 of 36 experiments" in text and "| A2 | two variational autoencoders as denoisers | not yet run |" in text
    row = next(line for line in text.splitlines() if "[A1]" in line)
    assert row == ("| [A1](results_A.md#a1) | the level of the noise | small, faces, 3 seeds | 1 of 2 | It follows \\*little\\*. "
                   "| [00](00_first.ipynb) |")
    part = results.section("A1", tested["A1"])
    for said in ("which \\<sigma>?", "standing in for celeba", "n = 7", "| plain | 2.333 (1 to 4) |", "| PSNR | 23.45 |",
                 "| models, other | words |", "- skips \\| win: held, 1 against 2", "**Verdict** It follows \\*little\\*.", "–"):
        assert said in part, said
    assert "**Measured**" in part and "| plain | 1 |" in results.section("A10", tested["A10"])
    assert results.is_result("A1", tested["A1"]) and not results.is_result("A1_cpu", tested["A1"])
    assert results.names(["A10.json", "x/bench.json", "A2.json"]) == ["A2", "A10", "bench"]


def test_curves_are_those_of_the_file():
    figure = results.curves(result("A1"))
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["validation: psnr", "mse"]
    assert list(figure.axes[1].lines[0].get_ydata()) == [3, 2, 1] and len(figure.axes[1].lines) == 1
    assert results.curves({"arms": {"drawn": {"figures": {}}}}) is None


def test_numbers_in_a_table():
    assert [results.cell(x) for x in (13861.4, 0.9999949, 0.98765, 1.0, 2.1441e-05, 12, None)] == [
        "13861", "0.999995", "0.9877", "1", "2.144e-05", "12", "–"]


def test_figures_in_rows_where_there_are_many():
    arms = {"one": {"figures": {f"f{i}": {"mean": float(i), "low": 0.0, "high": 9.0, "values": [float(i)]} for i in range(9)}}}
    arms["one"]["figures"]["f8"] |= {"low": 8.0, "high": 8.0}                      # all seeds agree, or there is one
    text = results.measured(arms)
    assert text.splitlines()[0] == "|  | one |" and "| f8 | 8 |" in text and "| f7 | 7 (0 to 9) |" in text
    assert results.measured({f"arm{i}": arms["one"] for i in range(9)}).splitlines()[0].startswith("|  | f0 | f1 |")


def test_of_many_figures_those_that_matter_come_first_and_the_page_says_where_all_are():
    made = result("A1")
    names = ["vif", "filter_r2", "untouched_psnr", "psnr", "grey_ab_rmse", "features_x", "psnr_as_reported", "ab_rmse", "mse"]
    figure = made["arms"]["drawn"]["figures"]["mae"] | {"mean": 2.0}
    made["arms"] = {"one": {"figures": dict.fromkeys(names, figure)}}
    assert results.shown(made["arms"]) == ["ab_rmse", "psnr", "mse", "features_x", "grey_ab_rmse", "vif", "filter_r2",
                                           "untouched_psnr", "psnr_as_reported"]
    assert "All " not in results.section("A1", made)
    made["arms"]["one"]["figures"] |= {f"untouched_{i}": figure for i in range(20)}
    assert results.shown(made["arms"]) == ["ab_rmse", "psnr", "mse", "features_x", "grey_ab_rmse", "filter_r2"]
    assert "All 29 figures: [lessons/results/A1.json](results/A1.json)" in results.section("A1", made)


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_each_committed_file_with_figures_has_a_table_of_them(path, tmp_path):
    """Every arm, figure, way and row of the file has its line, with a number from the file in it."""
    r = json.loads(path.read_text(encoding="utf-8"))
    (tmp_path / "results").mkdir()
    text = pages._result(path.stem, r, tmp_path)
    cells = {cell.strip() for line in text.splitlines() if line.startswith("| ") for cell in line.strip("|").split(" | ")}
    said = []
    for arm, values in r.get("arms", {}).items():
        said += [arm, *(results.spread(values["figures"][f]) for f in results.shown(r["arms"]) if f in values["figures"])]
    for f in r.get("figures", {}).values():
        said += [f["title"], results.spread(f)]
    for way, found in r.get("summaries", {}).items():
        said += [way, *map(results.spread, found.values())]
    for row in r.get("rows", []) + r.get("metrics", []):
        said += [results.cell(v) for v in row.values() if isinstance(v, float)]
    assert said, "none of the schemas that the book knows"
    assert not set(map(results.cell, said)) - cells


def test_a_file_of_no_known_schema_is_still_listed():
    assert further.section("x", {"device": "a GPU"}) == "## x\n\na GPU. [x.json](results/x.json)"
    text = further.section("x", {"rows": [{"what": "MSE", "ms": {"sewar": 4.284}, "each": [1, 2]}, {"what": "a", "more": 1}]})
    assert "| what | ms | more |" in text and "| MSE | sewar 4.284 | – |" in text
