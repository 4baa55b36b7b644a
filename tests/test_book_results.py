"""The results' tables and curves are those of the files, every experiment has its row, and no text breaks a table."""

from booked import result

from lessons.book import results


def test_the_results_table_says_what_came_out():
    tested = {"A1": result("A1"), "A10": result("A10", 1)}
    text = results.overview(tested, {"00_first": "00_first.ipynb"})
    assert "2 of 36 experiments" in text and "| A2 | two variational autoencoders as denoisers | not yet run |" in text
    row = next(line for line in text.splitlines() if "[A1]" in line)
    assert row == ("| [A1](results_A.md#a1) | the level of the noise | small, faces, 3 seeds | 1 of 2 | It follows \\*little\\*. "
                   "| [00](00_first.ipynb) |")
    part = results.section("A1", tested["A1"])
    for said in ("which \\<sigma>?", "standing in for celeba", "n = 7", "| plain | 2.333 (1 to 4) |", "| PSNR | 23.45 |",
                 "| models, other | words |", "- skips \\| win: held (1 against 2)", "**Verdict** It follows \\*little\\*.", "–"):
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


def test_figures_in_rows_where_there_are_many():
    arms = {"one": {"figures": {f"f{i}": {"mean": float(i), "low": 0.0, "high": 9.0, "values": [float(i)]} for i in range(9)}}}
    assert results.measured(arms).splitlines()[0] == "|  | one |" and "| f8 | 8 |" in results.measured(arms)
