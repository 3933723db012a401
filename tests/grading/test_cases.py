"""Answers and the verdict each deserves, by kind: what may
never be right, and what must be. Written by hand.

Rows marked `open` are known to be graded wrongly: whoever mends
the grader takes the mark away.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("math_verify")

from cotpress.grading import load

ROWS = [
    json.loads(line)
    for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").split("\n")
    if line
]


OPEN = pytest.mark.xfail(strict=True, reason="known to be graded wrongly")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            row,
            id=f"{row['kind']}: {row['text']} for {row['reference']}",
            marks=[OPEN] if row.get("open") else [],
        )
        for row in ROWS
    ],
)
def test_the_verdict_is_the_one_that_the_answer_deserves(row: dict[str, Any]) -> None:
    assert load(row["grader"])(row["text"], row["reference"]).correct == row["right"]


def test_every_kind_has_wrong_answers_that_look_right_and_right_ones_that_look_wrong() -> None:
    kinds = {row["kind"] for row in ROWS}
    assert all(
        {row["right"] for row in ROWS if row["kind"] == kind} == {True, False} for kind in kinds
    )


def test_the_table_is_large_and_half_of_it_are_wrong_answers() -> None:
    wrong = sum(not row["right"] for row in ROWS)
    assert len(ROWS) >= 600
    assert min(Counter(row["kind"] for row in ROWS).values()) >= 25
    assert 0.4 <= wrong / len(ROWS) <= 0.6


def test_no_answer_stands_in_the_table_twice() -> None:
    seen = Counter((row["grader"], row["text"], row["reference"]) for row in ROWS)
    assert [row for row, times in seen.items() if times > 1] == []


def test_hardly_any_row_is_open_and_none_of_them_is_a_wrong_answer_called_right() -> None:
    still_open = [row for row in ROWS if row.get("open")]
    assert all(row["right"] for row in still_open)
    assert len(still_open) <= len(ROWS) / 100
