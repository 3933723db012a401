"""docs/make_choose.py: the figure of docs/results.md says what its first table says."""

import importlib
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("plotly")
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_choose")


def page(*rows: str) -> str:
    return "\n".join(["before", "BEGIN", "|---|---|---|---|---|", *rows, "", "| a | b |"])


def test_a_row_without_a_name_belongs_to_the_arm_above_it(made) -> None:
    table = page(
        "| untouched | – | – | 267.8 | 99.7 [98.1, 99.9] |",
        "| **`shortest`**: the shortest right | round 1 | 3 | 119.8 | 85.0 [82.5, 87.2] |",
        "| | round 2 | 3 | **97.8** | **89.6** [87.4, 91.4] (90.3, 85.7, 92.7) |",
        "| `budget-cut`: by length | 100 | 1 | 197.4–197.8 | 97.3 [94.8, 98.6]; at 200 97.0 |",
    ).replace("BEGIN", made.BEGIN)
    assert list(made.rows(table)) == [
        ("untouched", made.Point(267.8, 99.7, 98.1, 99.9, "–")),
        ("shortest", made.Point(119.8, 85.0, 82.5, 87.2, "round 1")),
        ("shortest", made.Point(97.8, 89.6, 87.4, 91.4, "round 2")),
        ("budget-cut", made.Point(pytest.approx(197.6), 97.3, 94.8, 98.6, "100")),
    ]


def test_every_arm_that_is_drawn_stands_in_the_table(made) -> None:
    drawn = made.figure(made.PAGE.read_text(encoding="utf-8"))
    assert len(drawn.data) == len(made.KINDS)
    assert [one.name for one in drawn.data if not len(one.x)] == []


def test_a_page_without_the_table_is_refused(made) -> None:
    with pytest.raises(ValueError, match="no table"):
        list(made.rows("nothing"))
