"""The rows as tables for a paper."""

import csv
import io

import msgspec
from test_report import row, sample_rows

from cotpress.report.paper import as_csv, as_latex, as_table, paper_table
from cotpress.report.rows import in_order

ROWS = in_order(sample_rows())


def test_every_row_is_a_line_of_csv_with_its_figures():
    lines = list(csv.DictReader(io.StringIO(as_csv(ROWS))))
    assert [(one["method"], float(one["accuracy"])) for one in lines] == [
        (one.method, one.accuracy) for one in ROWS
    ]
    assert [one["ratio"] for one in lines] == [
        "" if one.ratio is None else str(one.ratio) for one in ROWS
    ]


def test_seeds_become_one_line_with_mean_and_standard_deviation():
    runs = [
        msgspec.structs.replace(row(accuracy=accuracy, length=length), seed=seed)
        for seed, (accuracy, length) in enumerate([(0.9, 60.0), (0.8, 70.0), (0.7, 80.0)])
    ]
    table = paper_table(in_order([row("original", None), *runs]))
    line = dict(zip(table.titles, table.lines[-1], strict=True))
    assert line["Runs"] == "3"
    assert line["Accuracy"] == "80.0\u00a0±\u00a010.0\u00a0%"
    assert line["Tokens"] == "70.0\u00a0±\u00a010.0"


def test_models_methods_and_scorers_are_named_only_where_they_differ():
    one, other = row(), msgspec.structs.replace(row(), scorer="another")
    assert {"Model", "Scorer", "Task"}.isdisjoint(paper_table([one]).titles)
    assert "Scorer" in paper_table(in_order([one, other])).titles


def test_latex_escapes_what_latex_reads():
    found = as_latex([row(method="a_b&c", p_value=1e-9)])
    assert r"a\_b\&c" in found
    assert "$<$~0.001" in found
    assert found.count(r" \\") == 2
    body = found.split("\n")[1:]
    assert body[0].startswith(r"\begin{tabular}{l")
    assert body[-2] == r"\end{tabular}"


def test_markdown_has_as_many_cells_in_every_line():
    lines = as_table([row(method="a|b"), *ROWS]).splitlines()
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1
